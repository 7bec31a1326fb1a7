//! Asks witnesses to cosign the logs' heads: C2SP tlog-witness, from the side of the log.
//!
//! What a witness cosigned stands in the note from then on, inside the database and outside of it. A witness that has seen a
//! larger log, or another one, says so; nothing is cosigned then, and the server log has it.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use parking_lot::Mutex;
use tokio_util::sync::CancellationToken;
use waymark_eventstore::ledger::consistency_proof;
use waymark_eventstore::{Position, TenantId};

use crate::checkpoint_signer::{CheckpointSigner, CheckpointSignerError, SignedHead};
use crate::config::WitnessTarget;
use crate::outbound::client::{Client, Reach, Reply, SendError};

/// How often heads are shown to witnesses.
const EVERY: Duration = Duration::from_secs(60);
/// How often one head is shown to one witness: once in vain to learn what it has seen, and once more where that moved.
const ATTEMPTS: u32 = 3;

/// Shows heads to witnesses.
pub(crate) struct Cosigning {
    signer: Arc<CheckpointSigner>,
    witnesses: Vec<WitnessTarget>,
    client: Client,
    /// The size that each witness saw last of each log, as far as this process knows.
    seen: Mutex<HashMap<(TenantId, String), u64>>,
    /// Up to where each log was when each witness had cosigned it: one that stands still is not shown again.
    shown: Mutex<HashMap<(TenantId, String), Position>>,
}

/// Why a witness did not cosign.
#[derive(Debug, thiserror::Error)]
enum NotCosigned {
    #[error(transparent)]
    Signer(#[from] CheckpointSignerError),
    #[error(transparent)]
    Unreached(#[from] SendError),
    #[error(
        "it has seen {seen} entries, and the log has {size}: the database was rolled back, or another one is served"
    )]
    Shorter { seen: u64, size: u64 },
    #[error("the log is not the one that it has seen: status {0}")]
    Refused(u16),
    #[error("it answered with something other than its cosignature")]
    Unreadable,
}

impl Cosigning {
    /// Shows the heads that this signer signs to these witnesses.
    pub(crate) fn new(signer: Arc<CheckpointSigner>, witnesses: Vec<WitnessTarget>, client: Client) -> Self {
        Self { signer, witnesses, client, seen: Mutex::default(), shown: Mutex::default() }
    }

    /// Shows every head that moved to every witness, from time to time, until the token is cancelled.
    pub(crate) async fn run(&self, stop: CancellationToken) {
        if self.witnesses.is_empty() {
            return;
        }
        self.recall().await;
        loop {
            if stop.run_until_cancelled(self.show_all()).await.is_none() {
                return;
            }
            // A head that was just signed is shown at once.
            let again = tokio::time::timeout(EVERY, self.signer.signed());
            if stop.run_until_cancelled(again).await.is_none() {
                return;
            }
        }
    }

    /// Leaves alone what all witnesses cosigned before this process began.
    async fn recall(&self) {
        match self.signer.cosigned(&self.witnesses).await {
            Ok(cosigned) => {
                let mut shown = self.shown.lock();
                for (tenant, end) in cosigned {
                    shown.extend(self.witnesses.iter().map(|witness| ((tenant, witness.url.clone()), end)));
                }
            }
            Err(error) => tracing::debug!(%error, "every head is shown again"),
        }
    }

    async fn show_all(&self) {
        for (tenant, position) in self.signer.store().known_heads() {
            for witness in &self.witnesses {
                let place = (tenant, witness.url.clone());
                if self.shown.lock().get(&place).is_some_and(|shown| *shown >= position) {
                    continue;
                }
                match self.show(tenant, witness).await {
                    Ok(()) => drop(self.shown.lock().insert(place, position)),
                    Err(error) => {
                        tracing::error!(%error, %tenant, witness = witness.verifier.name(), "a witness did not cosign");
                    }
                }
            }
        }
    }

    /// Shows a log's head to a witness, unless it cosigned it before.
    async fn show(&self, tenant: TenantId, witness: &WitnessTarget) -> Result<(), NotCosigned> {
        let head = self.signer.sign_head(tenant).await?;
        let text = head.checkpoint.to_text();
        if head.checkpoint.size == 0 || witness.verifier.find(&text, &head.note).is_some() {
            return Ok(());
        }
        let place = (tenant, witness.url.clone());
        for _ in 0..ATTEMPTS {
            let old = self.seen.lock().get(&place).copied().unwrap_or(0);
            if old > head.checkpoint.size {
                return Err(NotCosigned::Shorter { seen: old, size: head.checkpoint.size });
            }
            let Reply { status, body, .. } = self.send(tenant, witness, &head, old).await?;
            let body = String::from_utf8_lossy(&body);
            match status {
                200 => {
                    let (_, line) = witness.verifier.find(&text, &body).ok_or(NotCosigned::Unreadable)?;
                    self.signer.add_cosignature(tenant, head.checkpoint.size, line).await?;
                    self.seen.lock().insert(place, head.checkpoint.size);
                    return Ok(());
                }
                409 => {
                    let seen: u64 = body.trim_end().parse().map_err(|_| NotCosigned::Unreadable)?;
                    // That it saw this size, and still refuses it, means that it saw another tree.
                    if seen == old {
                        return Err(NotCosigned::Refused(status));
                    }
                    self.seen.lock().insert(place.clone(), seen);
                }
                other => return Err(NotCosigned::Refused(other)),
            }
        }
        Err(NotCosigned::Unreadable)
    }

    async fn send(
        &self,
        tenant: TenantId,
        witness: &WitnessTarget,
        head: &SignedHead,
        old: u64,
    ) -> Result<Reply, NotCosigned> {
        let proof = consistency_proof(self.signer.store(), tenant, old, head.checkpoint.size).await;
        let proof = proof.map_err(CheckpointSignerError::from)?;
        let lines: String = proof.iter().map(|hash| format!("{}\n", BASE64_STANDARD.encode(hash))).collect();
        let body = format!("old {old}\n{lines}\n{}", head.note).into_bytes();
        // The operator named it, so it may be anywhere.
        Ok(self.client.post(&witness.target, Reach::Anywhere, &[], body).await?)
    }
}
