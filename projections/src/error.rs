//! What can go wrong with a read model, by what the caller can do about it.

use waymark_eventstore::{Position, StoreError};

/// Why a read model did not do what was asked.
#[derive(Debug, Clone, thiserror::Error)]
pub enum ProjectionError {
    /// The log could not be read.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The database failed; what a read model had not committed is folded again.
    #[error("the database failed: {0}")]
    Database(String),
    /// No read model has that name.
    #[error("there is no projection named {0}")]
    UnknownProjection(String),
    /// The read model has not yet come as far as asked.
    #[error("the projection stands at position {position}")]
    Behind {
        /// How far it has come.
        position: Position,
    },
    /// The read model has stopped: going on would skip something. It goes on by itself once the cause is gone.
    #[error("paused at position {position}: {cause}")]
    Paused {
        /// The entry that it cannot take.
        position: Position,
        /// Why not.
        cause: String,
    },
    /// A rebuild met an event that cannot be folded. The former rows go on serving.
    #[error("the event at position {position} cannot be folded: {cause}")]
    Poison {
        /// The event.
        position: Position,
        /// Why not.
        cause: String,
    },
    /// Another process has taken over this read model; nothing was written.
    #[error("another process has taken over this projection")]
    Fenced,
    /// Nothing is parked at that position.
    #[error("nothing is parked at position {0}")]
    NotParked(Position),
    /// A cursor that this program did not give out.
    #[error("not a cursor of this list")]
    BadCursor,
}

impl From<sqlx::Error> for ProjectionError {
    fn from(error: sqlx::Error) -> Self {
        Self::Database(error.to_string())
    }
}

/// What the functions of this crate answer with.
pub(crate) type Result<T> = std::result::Result<T, ProjectionError>;
