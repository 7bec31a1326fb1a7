//! What can go wrong with a read model, by what the caller can do about it.

use sqlx::error::DatabaseError;
use sqlx::sqlite::SqliteError;
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
    /// The read model answers nothing at the moment: it is being folded from the beginning, for want of rows that tell what
    /// is in the log.
    #[error(
        "the projection {projection} is being folded from the beginning and stands at position {position}"
    )]
    NotServing {
        /// Its name.
        projection: &'static str,
        /// How far it has come.
        position: Position,
    },
    /// The database file is damaged; nothing that it holds can be believed.
    #[error("the database file is damaged: {0}")]
    Damaged(String),
    /// The read model is being folded from the beginning already, by this process or another one.
    #[error("a rebuild of this projection is running")]
    RebuildRunning,
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
        if is_damage(&error) { Self::Damaged(error.to_string()) } else { Self::Database(error.to_string()) }
    }
}

/// Whether SQLite has found that a file is not what it wrote: a damaged page, no database at all, a page that ends before
/// its time, a table that is gone.
fn is_damage(error: &sqlx::Error) -> bool {
    const CORRUPT: u32 = 11;
    const NOT_A_DATABASE: u32 = 26;
    const SHORT_READ: u32 = 522;
    let sqlite = |error: &dyn DatabaseError| error.try_downcast_ref::<SqliteError>().is_some();
    let Some(error) = error.as_database_error().filter(|error| sqlite(*error)) else { return false };
    let code = error.code().and_then(|code| code.parse::<u32>().ok()).unwrap_or_default();
    matches!(code & 0xff, CORRUPT | NOT_A_DATABASE)
        || code == SHORT_READ
        || error.message().starts_with("no such table")
}

/// What the functions of this crate answer with.
pub(crate) type Result<T> = std::result::Result<T, ProjectionError>;
