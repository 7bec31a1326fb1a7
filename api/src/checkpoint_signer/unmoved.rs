//! Logs that stand where they were signed last: that is told by the notes beside the database and the heads that this process knows, and
//! the log is not asked.

use std::collections::HashMap;

use waymark_eventstore::ledger::{Checkpoint, open_by_any};
use waymark_eventstore::{Position, TenantId};

use super::{CheckpointSigner, CheckpointSignerError, origin};
use crate::config::WitnessTarget;
use crate::note_file::Notes;

impl CheckpointSigner {
    /// Refuses a database that ends before what was signed.
    ///
    /// # Errors
    /// [`CheckpointSignerError::RolledBack`]; or the file or the log cannot be read.
    pub async fn refuse_rollback(&self) -> Result<(), CheckpointSignerError> {
        let ends: HashMap<TenantId, Position> = self.store.known_heads().into_iter().collect();
        for (tenant, note) in self.read()? {
            let tenant = TenantId(tenant);
            // Mostly the key is here; where it is not, the log tells of it.
            let signed = match open_by_any(&self.keys.in_file(tenant, &origin(tenant)), &note) {
                Ok(known) => known.size,
                Err(_) => self.open(tenant, &note).await?.size,
            };
            if ends.get(&tenant).is_some_and(|end| *end >= signed) {
                continue;
            }
            let found = self.store.head(tenant).await?.position;
            if found < signed {
                return Err(CheckpointSignerError::RolledBack { tenant, signed, found });
            }
        }
        Ok(())
    }

    /// The note on a log that ends here, if it was signed here by the installation's key and by no other one of its own. Then its key was
    /// never changed, as any later one would have signed as well, and nothing must be signed or forgotten.
    pub(super) async fn unmoved<'n>(
        &self,
        tenant: TenantId,
        end: Position,
        notes: &'n Notes,
    ) -> Option<(Checkpoint, &'n str)> {
        let (name, note) = (origin(tenant), notes.get(&tenant.0)?);
        // There may be many, and a signature takes a while to check.
        tokio::task::yield_now().await;
        let signature = format!("\u{2014} {name} ");
        let is_alone = note.lines().filter(|line| line.starts_with(&signature)).count() == 1;
        let known = self.keys.first(&name).open(note).ok().filter(|known| is_alone && known.size == end)?;
        Some((known, note))
    }

    /// The logs that end where these witnesses have cosigned them, as far as is known here without asking any.
    pub(crate) async fn cosigned(
        &self,
        witnesses: &[WitnessTarget],
    ) -> Result<Vec<(TenantId, Position)>, CheckpointSignerError> {
        let (notes, mut cosigned) = (self.read()?, Vec::new());
        for (tenant, end) in self.store.known_heads() {
            if let Some((known, note)) = self.unmoved(tenant, end, &notes).await {
                let text = known.to_text();
                if witnesses.iter().all(|witness| witness.verifier.find(&text, note).is_some()) {
                    cosigned.push((tenant, end));
                }
            }
        }
        Ok(cosigned)
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use serde_json::json;

    use super::*;
    use crate::domain::Role;
    use crate::http::testing::Bench;

    async fn is_signed(bench: &Bench, end: Position) -> bool {
        let signer = bench.signer();
        signer.unmoved(bench.tenant(), end, &signer.read().unwrap()).await.is_some()
    }

    #[tokio::test]
    async fn a_log_is_left_alone_where_it_was_signed_by_the_first_key_alone() {
        let bench = Bench::new().await;
        let admin = bench.key("admin:root", &[Role::Admin]).await;
        let head = async || bench.app().store.head(bench.tenant()).await.unwrap().position;
        let before = head().await;
        assert!(!is_signed(&bench, before).await, "nothing is signed yet");
        bench.signer().sign_heads().await.unwrap();
        assert!(is_signed(&bench, before).await);
        assert!(!is_signed(&bench, before + 1).await, "it has moved");
        let body = json!({"reason": "Yearly rotation", "overlap_seconds": 60});
        let call = bench.call(Method::POST, "/v1/audit/keys/rotations").key(&admin);
        assert!(call.json(&body).send().await.status.is_success());
        bench.signer().sign_heads().await.unwrap();
        assert!(!is_signed(&bench, head().await).await, "two keys sign it");
        bench.later(1);
        bench.key("admin:second", &[Role::Admin]).await;
        bench.signer().sign_heads().await.unwrap();
        assert!(!is_signed(&bench, head().await).await, "another key signs it");
        bench.signer().refuse_rollback().await.unwrap();
    }
}
