//! Why the database did not do what was asked, by what is known of it afterwards.
//!
//! Errors are distinguished by SQLSTATE alone: texts are translated, and names of constraints are not always sent.

use std::fmt::Display;

use sqlx::postgres::{PgDatabaseError, PgSeverity};

use crate::{Position, StoreError};

const UNIQUE_VIOLATION: &str = "23505";

#[derive(Debug)]
pub(super) enum Failure {
    /// Nothing was written, and trying again would not help.
    Unchanged(StoreError),
    /// Nothing was written: a row of such a key is there already.
    UniqueViolation(String),
    /// Nothing was written: the transaction lost against another one, and may be tried again.
    Retryable(String),
    /// Nothing was written, as the commit had not been asked for: the connection is gone.
    Lost(String),
    /// The commit was asked for and its answer did not arrive: nobody knows, until somebody looks.
    InDoubt(String),
}

impl Failure {
    pub(super) fn damaged(position: Position, what: &str) -> Self {
        Self::Unchanged(StoreError::Damaged { position, what: what.to_owned() })
    }

    /// An error in answer to `COMMIT`. When the server says that the transaction failed, it did; when it says that it
    /// ends the connection, or says nothing, it may have committed before.
    pub(super) fn at_commit(error: sqlx::Error) -> Self {
        /// `statement_completion_unknown`
        const UNKNOWN: &str = "40003";
        let said = postgres(&error).map(|said| (said.severity(), said.code()));
        match said {
            Some((PgSeverity::Error, code)) if code != UNKNOWN => Self::from(error),
            _ => Self::InDoubt(error.to_string()),
        }
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Unchanged(error)
    }
}

impl From<sqlx::Error> for Failure {
    /// An error before the commit: the transaction is rolled back, by the server or with its connection.
    fn from(error: sqlx::Error) -> Self {
        let what = error.to_string();
        match (&error, postgres(&error).map(PgDatabaseError::code)) {
            (_, Some(code)) if is_conflict(code) => Self::Retryable(what),
            (_, Some(UNIQUE_VIOLATION)) => Self::UniqueViolation(what),
            (_, Some(code)) if is_damage(code) => Self::damaged(0, &what),
            (_, Some(code)) if is_farewell(code) => Self::Lost(what),
            (
                sqlx::Error::Io(_)
                | sqlx::Error::Tls(_)
                | sqlx::Error::Protocol(_)
                | sqlx::Error::WorkerCrashed
                | sqlx::Error::BeginFailed,
                _,
            ) => Self::Lost(what),
            _ => Self::Unchanged(StoreError::Unavailable(what)),
        }
    }
}

/// `serialization_failure` and `deadlock_detected`.
fn is_conflict(code: &str) -> bool {
    matches!(code, "40001" | "40P01")
}

/// `data_corrupted` and `index_corrupted`.
fn is_damage(code: &str) -> bool {
    matches!(code, "XX001" | "XX002")
}

/// The server ends the connection, is not ready for one, or takes no writes (any more: another one does): connection
/// exceptions, shutdowns, timeouts of idle sessions and transactions, `too_many_connections`, a server that only reads.
fn is_farewell(code: &str) -> bool {
    code.starts_with("08")
        || matches!(code, "57P01" | "57P02" | "57P03" | "57P05" | "25P03" | "53300" | "25006")
}

fn postgres(error: &sqlx::Error) -> Option<&PgDatabaseError> {
    error.as_database_error()?.try_downcast_ref::<PgDatabaseError>()
}

pub(super) fn unavailable(error: impl Display) -> StoreError {
    StoreError::Unavailable(error.to_string())
}
