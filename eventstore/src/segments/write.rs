//! Writes segments, counts them, looks at them, copies them.

use std::path::{Path, PathBuf};

use bytes::Bytes;
use sha2::{Digest as _, Sha256};

use super::folder::{Existing, FolderLock, blocking, keep, note_path, segment_path};
use super::read::{expected, read_file};
use super::segment::{BadSegment, Segment};
use super::{SegmentFault, SegmentFolder};
use crate::ledger::{Hash, LedgerStore, TILE_WIDTH};
use crate::{Position, StoreError, TenantId};

/// A segment that is on disk, and was read back from there.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrittenSegment {
    /// Which tile of the log: its entries begin at position 256 × tile + 1.
    pub tile: u64,
    /// The Merkle root over its entries: a hash of the log's tree.
    pub root: Hash,
    /// The length of the file.
    pub bytes: u64,
    /// The SHA-256 of the file.
    pub sha256: Hash,
}

/// How many tiles of a log, from the first one on, are cold. A log whose entries are all in the database has none.
///
/// # Errors
/// When the store cannot be read.
pub async fn cold_tiles(store: &dyn LedgerStore, tenant: TenantId) -> Result<u64, StoreError> {
    let position = store.head(tenant).await?.position;
    cold_tiles_up_to(store, tenant, position).await
}

/// As [`cold_tiles`], of a log that ends there at least. One that has no full tile is not asked.
pub(super) async fn cold_tiles_up_to(
    store: &dyn LedgerStore,
    tenant: TenantId,
    position: Position,
) -> Result<u64, StoreError> {
    let Some(folder) = store.segments() else { return Ok(0) };
    let tiles = position / TILE_WIDTH;
    let (mut cold, mut end) = (folder.known_cold(tenant).min(tiles), tiles);
    // Mostly nothing has changed.
    if cold < end && !store.is_cold(tenant, cold * TILE_WIDTH + 1).await? {
        end = cold;
    }
    while cold < end {
        let middle = cold + (end - cold) / 2;
        match store.is_cold(tenant, middle * TILE_WIDTH + 1).await? {
            true => cold = middle + 1,
            false => end = middle,
        }
    }
    folder.learn_cold(tenant, cold);
    Ok(cold)
}

/// Writes the segment of a full tile, durably, and reads it back from its file. The log is not changed: the entries leave it with the
/// append that says so ([`crate::Append::archived`]).
///
/// # Errors
/// [`StoreError::Damaged`] when the entries in the database are not those of the tile; [`StoreError::Segment`] when what is read back
/// is not what was written; [`StoreError::Unavailable`] when the folder cannot be written.
pub async fn write_segment(
    store: &dyn LedgerStore,
    _: &FolderLock,
    tenant: TenantId,
    tile: u64,
) -> Result<WrittenSegment, StoreError> {
    let folder = folder_of(store)?;
    let first = tile * TILE_WIDTH;
    let expected = expected(store, (tenant, tile)).await?;
    let records = store.records(tenant, first, TILE_WIDTH as u32).await?;
    let damaged = |BadSegment { place, what }| StoreError::Damaged { position: first + place + 1, what };
    let too_long = || BadSegment { place: 0, what: "an entry is longer than an entry can be".to_owned() };
    let file = Segment::bytes(records.iter().map(|record| &record.entry.bytes[..]));
    let file = file.ok_or_else(too_long).map_err(damaged)?;
    Segment::read(&expected, file.clone()).map_err(damaged)?;
    keep_segment(folder.root()?, tenant, tile, file).await?;
    let read = read_file(folder, store, (tenant, tile)).await?;
    let file = Segment::bytes(read.entries()).ok_or_else(too_long).map_err(damaged)?;
    let sha256 = Sha256::digest(&file).into();
    Ok(WrittenSegment { tile, root: expected.root(), bytes: file.len() as u64, sha256 })
}

/// Reads every segment of a log from its file, and returns how many there are and the faults that were found.
///
/// # Errors
/// When the store cannot be read.
pub async fn check_segments(
    store: &dyn LedgerStore,
    tenant: TenantId,
) -> Result<(u64, Vec<SegmentFault>), StoreError> {
    let cold = cold_tiles(store, tenant).await?;
    let mut faults = Vec::new();
    for tile in 0..cold {
        match read_file(folder_of(store)?, store, (tenant, tile)).await {
            Ok(_) => {}
            Err(StoreError::Segment(fault)) => faults.push(fault),
            Err(error) => return Err(error),
        }
    }
    Ok((cold, faults))
}

/// Copies the segments of every log into another folder, each read and compared with the log, and the notes over them. Returns how
/// many there are.
///
/// # Errors
/// [`StoreError::Segment`] when one cannot be read; [`StoreError::Unavailable`] when the folder cannot be written.
pub async fn copy_segments(store: &dyn LedgerStore, to: &Path) -> Result<u64, StoreError> {
    let mut copied = 0;
    for tenant in store.logs().await? {
        let cold = cold_tiles(store, tenant).await?;
        for tile in 0..cold {
            let read = read_file(folder_of(store)?, store, (tenant, tile)).await?;
            let file = Segment::bytes(read.entries());
            let file = file.ok_or_else(|| StoreError::Invalid("an entry is too long".to_owned()))?;
            keep_segment(to, tenant, tile, file).await?;
            copied += 1;
        }
        if cold > 0 {
            let (root, from) = (to.to_path_buf(), note_path(folder_of(store)?.root()?, tenant));
            let note = note_path(to, tenant);
            let copy = move || match from.exists() {
                true => keep(&root, &note, &std::fs::read(from)?, Existing::Replaced),
                false => Ok(()),
            };
            blocking(copy).await?;
        }
    }
    Ok(copied)
}

async fn keep_segment(root: &Path, tenant: TenantId, tile: u64, file: Bytes) -> Result<(), StoreError> {
    let (root, path): (PathBuf, PathBuf) = (root.to_path_buf(), segment_path(root, tenant, tile));
    blocking(move || keep(&root, &path, &file, Existing::Refused)).await
}

fn folder_of(store: &dyn LedgerStore) -> Result<&SegmentFolder, StoreError> {
    store.segments().ok_or_else(|| StoreError::Invalid("this log keeps no segments".to_owned()))
}

/// The positions of these tiles, as [`crate::Append::archived`] takes them.
#[must_use]
pub fn positions_of(tiles: std::ops::Range<u64>) -> std::ops::RangeInclusive<Position> {
    tiles.start * TILE_WIDTH + 1..=tiles.end * TILE_WIDTH
}
