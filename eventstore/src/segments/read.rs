//! Reads cold entries through their segments.

use std::io;
use std::sync::Arc;

use bytes::Bytes;

use super::folder::{Place, blocking};
use super::segment::{BadSegment, Segment};
use super::{SegmentFault, SegmentFolder, is_stub};
use crate::ledger::{LedgerStore, TILE_WIDTH, Tile};
use crate::{Entry, Position, StoreError, TenantId};

/// What is said of a segment without a file.
pub(super) const NOT_THERE: &str = "it is not there";

/// Puts the bytes of cold entries into them.
///
/// # Errors
/// [`StoreError::Segment`] where a segment is not there, or not what it should be; errors of the store.
pub(crate) async fn fill(
    folder: &SegmentFolder,
    store: &dyn LedgerStore,
    tenant: TenantId,
    entries: &mut [Entry],
) -> Result<(), StoreError> {
    let mut last: Option<(u64, Arc<Segment>)> = None;
    for entry in entries.iter_mut().filter(|entry| is_stub(entry) && entry.position > 0) {
        let (tile, place) = ((entry.position - 1) / TILE_WIDTH, (entry.position - 1) % TILE_WIDTH);
        let segment = match last.take().filter(|(known, _)| *known == tile) {
            Some((_, segment)) => segment,
            None => {
                let read = segment(folder, store, (tenant, tile)).await;
                read.map_err(|error| at_the_earliest(entry.position, error))?
            }
        };
        if let Some(bytes) = segment.entry(place) {
            entry.bytes = bytes.clone();
        }
        last = Some((tile, segment));
    }
    Ok(())
}

/// The segment of an entry whose bytes have left the database, from memory or its file.
async fn segment(
    folder: &SegmentFolder,
    store: &dyn LedgerStore,
    place: Place,
) -> Result<Arc<Segment>, StoreError> {
    if let Some(held) = folder.held(place) {
        return Ok(held);
    }
    let segment = Arc::new(read_file(folder, store, place).await?);
    folder.hold(place, &segment);
    Ok(segment)
}

/// A segment from its file, whatever is in memory.
pub(super) async fn read_file(
    folder: &SegmentFolder,
    store: &dyn LedgerStore,
    place: Place,
) -> Result<Segment, StoreError> {
    let expected = expected(store, place).await?;
    let read = match folder.path(place) {
        Some(path) => blocking(move || Ok(std::fs::read(path))).await?,
        None => Err(io::Error::other("no folder of segments is named")),
    };
    let bad = |what: String| BadSegment { place: 0, what };
    let found = match read {
        Ok(bytes) => Segment::read(&expected, Bytes::from(bytes)),
        Err(error) if error.kind() == io::ErrorKind::NotFound => Err(bad(NOT_THERE.to_owned())),
        Err(error) => Err(bad(error.to_string())),
    };
    folder.noted(place, found).map_err(StoreError::Segment)
}

/// A fault as it concerns an entry: what comes before that is not asked for, and may not be in a segment at all.
fn at_the_earliest(first: Position, error: StoreError) -> StoreError {
    match error {
        StoreError::Segment(fault) => {
            StoreError::Segment(SegmentFault { position: fault.position.max(first), ..fault })
        }
        StoreError::Damaged { position, what } => StoreError::Damaged { position: position.max(first), what },
        error => error,
    }
}

/// The hashes that the entries of a segment must have.
pub(super) async fn expected(store: &dyn LedgerStore, (tenant, tile): Place) -> Result<Tile, StoreError> {
    let missing = || StoreError::Damaged {
        position: tile * TILE_WIDTH + 1,
        what: format!("tile {tile} of level 0 is missing"),
    };
    store.tile(tenant, 0, tile).await?.ok_or_else(missing)
}
