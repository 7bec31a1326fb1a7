//! Moves the oldest entries of a tenant's log out of the database into segments: `waymark archive`.
//!
//! A run of tiles at a time: each segment is written durably and read back, and compared with the log's tree; then one transaction
//! takes the bytes out of the database and records that it did. What a crash leaves: before the transaction, files beside entries that
//! are still in the database, which the next run finds to be right; after it, everything but the note beside the files, which the
//! next run writes.

use chrono::TimeDelta;
use waymark_domain::company::event::{Segment, SegmentsArchived};
use waymark_eventstore::ledger::{LedgerStore, TILE_WIDTH, root_at};
use waymark_eventstore::segments::{FolderLock, WrittenSegment, cold_tiles, positions_of, write_segment};
use waymark_eventstore::{Position, StoreError, TenantId};

use crate::app::AppError;
use crate::audit::hex;
use crate::checkpoint_signer::CheckpointSignerError;
use crate::installation::Installation;
use crate::operator::operator;

/// How many tiles leave the database in one transaction: appends wait for as long as that takes.
const RUN: u64 = 16;

/// Why entries stay in the database. What left it before did so in order.
#[derive(Debug, thiserror::Error)]
pub(crate) enum ArchiveError {
    /// The log or the folder failed.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The event could not be recorded.
    #[error(transparent)]
    App(#[from] AppError),
    /// What was signed of the log is not what it is, or it cannot be signed.
    #[error(transparent)]
    Signer(#[from] CheckpointSignerError),
    /// The tree is not the one that was signed.
    #[error(
        "the tree of the log is not the one that was signed at size {0}; look into it with `waymark verify`"
    )]
    Forked(Position),
}

/// What was done.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub(crate) struct ArchiveReport {
    /// How many entries left the database now.
    pub(crate) archived: u64,
    /// How many entries are in files altogether: the first ones of the log.
    pub(crate) cold: u64,
    /// How many bytes the files have that were written now.
    pub(crate) bytes: u64,
}

/// Moves every full tile whose entries are older than an age, and which the signed head has.
///
/// # Errors
/// [`ArchiveError`]; run again, it goes on.
pub(crate) async fn archive(
    at: &Installation,
    lock: &FolderLock,
    tenant: TenantId,
    older_than: TimeDelta,
    progress: &(dyn Fn(u64, u64) + Send + Sync),
) -> Result<ArchiveReport, ArchiveError> {
    let store: &dyn LedgerStore = &*at.store;
    let head = at.checkpoint_signer.sign_head(tenant).await?.checkpoint;
    if root_at(store, tenant, head.size).await? != head.root {
        return Err(ArchiveError::Forked(head.size));
    }
    let old = store.position_at(tenant, (at.app.clock)() - older_than).await?;
    let (before, end) = (cold_tiles(store, tenant).await?, old.min(head.size) / TILE_WIDTH);
    let (mut cold, mut bytes) = (before, 0);
    let caller = at.system_caller(tenant, &operator());
    while cold < end {
        let run = cold..(cold + RUN).min(end);
        let mut segments = Vec::new();
        for tile in run.clone() {
            segments.push(write_segment(store, lock, tenant, tile).await?);
            progress(tile + 1 - before, end - before);
        }
        bytes += segments.iter().map(|segment| segment.bytes).sum::<u64>();
        let positions = positions_of(run.clone());
        let archived = SegmentsArchived {
            from: *positions.start(),
            to: *positions.end(),
            root: hex(&root_at(store, tenant, *positions.end()).await?),
            older_than_seconds: older_than.num_seconds().unsigned_abs(),
            segments: segments.iter().map(told).collect(),
        };
        at.app.record_archived(&caller, archived).await?;
        cold = run.end;
    }
    if cold > 0 {
        keep_note(at, lock, tenant, cold * TILE_WIDTH).await?;
    }
    let archived = cold.saturating_sub(before) * TILE_WIDTH;
    Ok(ArchiveReport { archived, cold: cold * TILE_WIDTH, bytes })
}

/// Signs the tree of what is in files, for those who have the files alone.
async fn keep_note(
    at: &Installation,
    lock: &FolderLock,
    tenant: TenantId,
    size: Position,
) -> Result<(), ArchiveError> {
    let root = root_at(&*at.store, tenant, size).await?;
    let note = at.checkpoint_signer.sign_earlier(tenant, size, root).await?.note;
    match at.store.segments() {
        Some(folder) => Ok(folder.keep_note(lock, tenant, note).await?),
        None => Ok(()),
    }
}

fn told(segment: &WrittenSegment) -> Segment {
    let WrittenSegment { tile, root, bytes, sha256 } = segment;
    Segment { tile: *tile, root: hex(root), bytes: *bytes, sha256: hex(sha256) }
}
