//! Cold entries in files: whole tiles of a log whose bytes left the database for a folder.
//!
//! A *segment* is 256 entries in the form in which C2SP tlog-tiles serves them, at the path that they have there:
//! `<folder>/<tenant>/tile/entries/x001/234`. Rows of cold entries stay, with id, type, instant and leaf hash, and so do tags,
//! tiles and receipts: appending, conditions and proofs need no file. In the place of the entry's bytes stands `STUB`, and every reader
//! takes them from the segment.
//!
//! The tile of leaf hashes in the database says what a segment must hold, to the last byte: none is taken for what it should be
//! without being hashed. Segments leave in order, from the first on, so that what is cold is the beginning of the log.
//!
//! What a crash leaves, step by step. While a segment is written: a file that nothing refers to, under another name or complete, and
//! the entries in the database; it is written again, or found to be what it should be. After that, during the append that empties the
//! rows: all of it or nothing. So at no moment are there bytes in neither place.

mod check;
mod fault;
mod folder;
mod read;
mod segment;
mod write;

use std::ops::RangeInclusive;

use crate::{Entry, Position, StoreError};

pub use check::{look_at_all_segments, look_at_new_segments, read_next_segments, segment_faults};
pub use fault::SegmentFault;
pub use folder::{FolderLock, SegmentFolder};
pub(crate) use read::fill;
pub use write::{WrittenSegment, check_segments, cold_tiles, copy_segments, positions_of, write_segment};

/// What stands in the row of an entry whose bytes are in a segment: an object without members, which is no entry.
const STUB: &[u8] = b"{}";

/// Whether the bytes of an entry, as its row has them, are in a segment.
pub(crate) fn is_stub(entry: &Entry) -> bool {
    entry.bytes == STUB
}

/// Insists that the rows of all entries whose bytes are in segments were emptied.
///
/// # Errors
/// [`StoreError::Damaged`] when there are fewer rows than entries.
pub(crate) fn all_emptied(positions: &RangeInclusive<Position>, rows: u64) -> Result<(), StoreError> {
    if rows == positions.end() - positions.start() + 1 {
        return Ok(());
    }
    Err(StoreError::Damaged { position: *positions.start(), what: "entries are missing".to_owned() })
}
