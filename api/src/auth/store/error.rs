//! How the tables fail.

use crate::projections::ProjectionError;

/// Why the tables could not be read or written.
#[derive(Debug, thiserror::Error)]
pub enum AdminError {
    /// The database did not do what was asked.
    #[error("the administration tables: {0}")]
    Database(#[from] ProjectionError),
    /// What is stored there is not what was written.
    #[error("the administration tables hold an unknown {what}: {word}")]
    Damaged {
        /// What was read.
        what: &'static str,
        /// The word that is not one.
        word: String,
    },
}
