//! How the tables fail.

use crate::eventstore::StoreError;
use crate::projections::ProjectionError;

/// Why messages could not be kept, read or made.
#[derive(Debug, thiserror::Error)]
pub enum OutboundError {
    /// The database did not do what was asked.
    #[error("the tables of messages: {0}")]
    Database(#[from] ProjectionError),
    /// The log did not.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// What is stored there is not what was written.
    #[error("the tables of messages hold an unknown {what}: {word}")]
    Damaged {
        /// What was read.
        what: &'static str,
        /// The word that is not one.
        word: String,
    },
    /// The service could not say what it is about.
    #[error(transparent)]
    App(#[from] crate::app::AppError),
}

pub(super) type Result<T> = std::result::Result<T, OutboundError>;
