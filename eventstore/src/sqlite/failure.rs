//! Why the database did not do what was asked, by what is known of the disk afterwards.

use std::fmt::Display;

use crate::{Position, StoreError};

/// Why a write did not happen, by what is known of the disk afterwards.
#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing was written.
    Unchanged(StoreError),
    /// Nothing was written; another process held the lock.
    Busy(String),
    /// Nothing was written; there was no room for it.
    Full(String),
    /// Nobody knows what was written.
    Unknown(String),
}

impl Failure {
    pub(super) fn damaged(position: Position, what: &str) -> Self {
        Self::Unchanged(StoreError::Damaged { position, what: what.to_owned() })
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Unchanged(error)
    }
}

impl From<sqlx::Error> for Failure {
    /// An error before the commit: the transaction is rolled back. The disk is in doubt only when SQLite itself
    /// found it failing (an input/output error, a damaged file) or the store contradicts itself (a constraint).
    fn from(error: sqlx::Error) -> Self {
        const BUSY: [u32; 2] = [5, 6];
        const FULL: u32 = 13;
        const HARMLESS: [u32; 3] = [4, 7, 9];
        let extended = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
        match extended.map(|code| code & 0xff) {
            Some(code) if BUSY.contains(&code) => Self::Busy(error.to_string()),
            Some(FULL) => Self::Full(error.to_string()),
            Some(code) if HARMLESS.contains(&code) => Self::Unchanged(unavailable(error)),
            _ => Self::Unknown(error.to_string()),
        }
    }
}

pub(super) fn unavailable(error: impl Display) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

/// Why a read failed: where SQLite finds the file damaged, at a position that is not known here, nobody is helped by trying
/// again.
pub(super) fn unread(error: sqlx::Error) -> StoreError {
    /// `SQLITE_CORRUPT` and `SQLITE_NOTADB`.
    const DAMAGED: [u32; 2] = [11, 26];
    let extended = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    match extended.map(|code| code & 0xff) {
        Some(code) if DAMAGED.contains(&code) => StoreError::Damaged { position: 0, what: error.to_string() },
        _ => unavailable(error),
    }
}
