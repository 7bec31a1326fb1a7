//! Cold entries whose bytes left the database for files.

use serde::{Deserialize, Serialize};

/// The bytes of the oldest entries are in files now, out of the database.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct SegmentsArchived {
    /// The position of the first of these entries.
    pub from: u64,
    /// The position of the last.
    pub to: u64,
    /// The root of the log's tree up to that position, in hexadecimal.
    pub root: String,
    /// How old every entry had to be, in seconds.
    pub older_than_seconds: u64,
    /// The files, in order: 256 entries each.
    pub segments: Vec<Segment>,
}

/// A file with 256 entries.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Segment {
    /// Its place among all, from 0: its entries begin at position 256 × tile + 1.
    pub tile: u64,
    /// The Merkle root over its entries, in hexadecimal.
    pub root: String,
    /// Its length in bytes.
    pub bytes: u64,
    /// Its SHA-256, in hexadecimal.
    pub sha256: String,
}
