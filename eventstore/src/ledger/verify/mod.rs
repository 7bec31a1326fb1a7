//! Checks a whole log against everything that is stored or was ever signed about it.

mod blind_tags;
mod data_keys;
mod receipts;
mod side;
mod tags;
#[cfg(test)]
mod tests;
mod verdict;
mod walk;

use crate::{Position, StoreError, TenantId};

use super::succession::KeyChain;
use super::{BadNote, Checkpoint, LedgerStore, Succession, Verifier};
pub use blind_tags::{BlindKeys, BlindOpener, BlindTags, blind_tags_of};
pub use data_keys::DataKeys;
pub use receipts::Receipts;
pub use side::{Fault, SideCheck};
pub use verdict::{Report, Verdict};
use walk::Walk;

/// What is believed beforehand.
#[derive(Debug, Clone, Default)]
pub struct Trust {
    /// Keys that sign this log's checkpoints, or did: each is believed. Without any no signature is looked at.
    pub keys: Vec<Verifier>,
    /// The changes of the key that the log has recorded, in its order: by them further keys are believed.
    pub successions: Vec<Succession>,
    /// Signed notes kept elsewhere. They reveal a database that was rolled back to an older copy of itself.
    pub notes: Vec<String>,
    /// Random bytes that nobody knew before: tags are summed under them, so that no two sums can be made equal.
    pub seed: [u8; 32],
    /// Whether the log's first checkpoint is stored with its first entry: then a log without any was tampered with.
    pub signed_from_the_first: bool,
}

/// As [`verify_with`], without any table beside the log.
///
/// # Errors
/// Only when the store cannot be read; whatever is found is a [`Verdict`].
pub async fn verify(
    store: &dyn LedgerStore,
    tenant: TenantId,
    trust: &Trust,
    progress: &mut (dyn FnMut(Position, Position) + Send),
) -> Result<Verdict, StoreError> {
    verify_with(store, tenant, trust, &mut [], progress).await
}

/// Hashes every entry of a tenant's log again and compares all that is stored about it: positions without a gap,
/// instants that never decrease, rows that agree with their entries, tags in both directions, tiles in both directions,
/// frontier, root, every stored checkpoint and those kept elsewhere, and the tables that `sides` compare. Each entry is
/// read once. `progress` hears (positions done, positions in all) page by page. Appends may go on meanwhile: the log is
/// checked as far as it reached at the beginning. Nothing is written.
///
/// # Errors
/// Only when the store cannot be read; whatever is found is a [`Verdict`].
pub async fn verify_with(
    store: &dyn LedgerStore,
    tenant: TenantId,
    trust: &Trust,
    sides: &mut [Box<dyn SideCheck>],
    progress: &mut (dyn FnMut(Position, Position) + Send),
) -> Result<Verdict, StoreError> {
    // The checkpoints before the head: none of them can be of a larger log than the head.
    let notes = match Notes::of(store, tenant, trust).await {
        Err(StoreError::Damaged { position, what }) => return Ok(Verdict::Tampered { position, what }),
        read => read?,
    };
    let head = match store.stored_head(tenant).await {
        Err(StoreError::Damaged { position, what }) => return Ok(Verdict::Tampered { position, what }),
        read => read?,
    };
    let mut walk = Walk::new(store, tenant, head, notes.good, trust.seed);
    if let Some(Fault { position, what }) = walk.run(sides, progress).await? {
        return Ok(Verdict::Tampered { position, what });
    }
    if let Some(bad) = notes.bad {
        return Ok(Verdict::BadSignature(bad));
    }
    let verdict = walk.verdict();
    let is_unsigned = trust.signed_from_the_first
        && notes.stored == 0
        && matches!(&verdict, Verdict::Sound(report) if report.size > 0)
        // The log may have begun, with its first checkpoint, after they were read.
        && store.latest_checkpoint(tenant).await?.is_none();
    match verdict {
        Verdict::Sound(report) if is_unsigned => Ok(Verdict::Unsigned { size: report.size }),
        verdict => Ok(verdict),
    }
}

/// The signed notes to hold the log to: every stored one and those kept elsewhere.
struct Notes {
    good: Vec<Checkpoint>,
    /// Why the first that proves nothing does not.
    bad: Option<BadNote>,
    /// How many are stored.
    stored: usize,
}

impl Notes {
    async fn of(store: &dyn LedgerStore, tenant: TenantId, trust: &Trust) -> Result<Self, StoreError> {
        let stored = store.checkpoints(tenant).await?;
        let mut notes = Self { good: Vec::new(), bad: None, stored: stored.len() };
        if trust.keys.is_empty() {
            return Ok(notes);
        }
        let chain = KeyChain::new(&trust.keys, &trust.successions, &stored);
        for (size, note) in &stored {
            notes.take(chain.open_stored(*size, note).and_then(|checkpoint| {
                match checkpoint.size == *size {
                    true => Ok(checkpoint),
                    false => Err(BadNote::OtherSize),
                }
            }));
        }
        for note in &trust.notes {
            notes.take(chain.open(note));
        }
        notes.good.sort_by_key(|checkpoint| checkpoint.size);
        Ok(notes)
    }

    fn take(&mut self, opened: Result<Checkpoint, BadNote>) {
        match opened {
            Ok(checkpoint) => self.good.push(checkpoint),
            Err(bad) => self.bad = self.bad.or(Some(bad)),
        }
    }
}
