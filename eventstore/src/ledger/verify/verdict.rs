//! What a verification comes to.

use crate::Position;
use crate::ledger::{BadNote, Hash};

/// The outcome of a verification.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// Everything agrees with everything.
    Sound(Report),
    /// Something stored is not what was written.
    Tampered {
        /// The first bad position.
        position: Position,
        /// What is wrong there.
        what: String,
    },
    /// The log agrees with itself, and is another than the one that was signed.
    Forked {
        /// The size that was signed.
        size: u64,
        /// The root that was signed.
        signed: Hash,
        /// The root that the log had at that size.
        found: Hash,
    },
    /// A checkpoint is not signed by the expected key, or not rightly.
    BadSignature(BadNote),
    /// The log ends before what was signed: its end was cut off, or it was rolled back.
    Incomplete {
        /// The size that was signed.
        signed: u64,
        /// The size that is there.
        found: u64,
    },
    /// The log has entries and no checkpoint, though the first is stored with the first entry.
    Unsigned {
        /// How many entries there are.
        size: u64,
    },
}

/// A sound log.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Report {
    /// How many entries were hashed.
    pub size: u64,
    /// Their root.
    pub root: Hash,
    /// How many full tiles were compared.
    pub tiles: u64,
    /// How many tags were compared.
    pub tags: u64,
    /// How many signed checkpoints the log extends.
    pub checkpoints: u64,
}
