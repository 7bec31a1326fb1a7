//! Reading a history of status changes from a CSV file.
//!
//! A file is read whole before anything is written: a bad row is named by its line, and nothing of the file is
//! imported unless bad rows may be skipped. Every row then goes through the same decision as a person's
//! command, with the licence of an import (any time back, repeats, no permission but the importer's). A case is
//! one append with a receipt, so an import that was interrupted goes on where it stopped when it is run again.

mod read;
mod run;

use serde::Serialize;
use utoipa::ToSchema;
use waymark_domain::Label;
use waymark_domain::pipeline::{Ending, Endings};
use waymark_projections::BilingualText;

pub use run::run;

/// Which column of the file is what.
#[derive(Debug, Clone, Default)]
pub struct Mapping {
    /// The pipeline's key. A new key makes a pipeline of the file's statuses.
    pub pipeline: String,
    /// The column that names the customer; it becomes the `external_id`.
    pub case: String,
    /// The column with the status.
    pub status: String,
    /// The column with the instant of the change.
    pub time: String,
    /// The column with the person who made it.
    pub actor: Option<String>,
    /// How the statuses end in a new pipeline.
    pub endings: Endings,
    /// Whether bad rows are left out instead of refusing the file.
    pub skip_bad: bool,
}

/// How far an import has come.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
pub struct Progress {
    /// What is being done.
    pub phase: Phase,
    /// Rows done in it.
    pub done: u64,
    /// Rows to do in it; zero while unknown.
    pub total: u64,
}

/// The steps of an import.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Phase {
    /// Reading the file.
    Reading,
    /// Deciding every row without writing.
    Checking,
    /// Appending to the log.
    Writing,
}

/// A row that cannot be imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct BadRow {
    /// The line of the file on which the row begins, from 1; the header is line 1.
    pub line: u64,
    /// The column.
    pub field: String,
    /// A stable code.
    pub code: String,
    /// What is wrong.
    #[schema(value_type = BilingualText)]
    pub message: Label,
}

/// What an import did.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Report {
    /// The pipeline's key.
    pub pipeline: String,
    /// Whether the pipeline was made from the file.
    pub pipeline_created: bool,
    /// What statuses that end were taken for, in the order of the file, where the pipeline was made from it: won, lost, or
    /// closed, which no win rate counts. `guessed` where only `final` named them.
    #[schema(value_type = Vec<Object>, example = json!([{"status": "Closed Won", "type": "won", "guessed": true}]))]
    pub endings: Vec<Ending>,
    /// Rows in the file.
    pub rows: u64,
    /// Customers registered.
    pub cases: u64,
    /// Customers that an earlier run of the same import had registered.
    pub cases_already_imported: u64,
    /// Events appended.
    pub events: u64,
    /// Rows that repeated the status before them.
    pub repeats: u64,
    /// Rows left out because they were bad.
    pub skipped: u64,
    /// The first thousand of them, in the order of the file.
    pub bad_rows: Vec<BadRow>,
    /// The position of the log afterwards.
    pub position: u64,
}

/// Why nothing was imported.
#[derive(Debug, thiserror::Error)]
pub enum ImportError {
    /// The file is not CSV, or not UTF-8.
    #[error("line {line}: {why}")]
    NotCsv {
        /// The line.
        line: u64,
        /// Why.
        why: String,
    },
    /// The file has no such column.
    #[error("the file has no column {column:?}; it has {}", .found.join(", "))]
    NoColumn {
        /// Which part of the mapping names it: `case`, `status`, `time`, `actor`.
        parameter: &'static str,
        /// The column named.
        column: String,
        /// The columns there are.
        found: Vec<String>,
    },
    /// The file has more statuses than a pipeline has stages.
    #[error(
        "line {line}: the file has more than {most} different statuses, and a pipeline has at most {most} stages; is the \
         status column the right one?"
    )]
    TooManyStatuses {
        /// The line with the first that is too many.
        line: u64,
        /// How many a pipeline has at most.
        most: usize,
    },
    /// The names of the statuses are too long for the definition of a pipeline.
    #[error(
        "the names of the {count} statuses are too long: the pipeline made of them would have {bytes} bytes, and a definition \
         has at most {most}"
    )]
    StatusesTooLong {
        /// How many statuses there are.
        count: usize,
        /// How many bytes the definition would have.
        bytes: usize,
        /// How many it may have.
        most: usize,
    },
    /// The file has no rows.
    #[error("the file has no rows")]
    Empty,
    /// A parameter is not well-formed.
    #[error("{parameter}: {}", .message.en)]
    BadParameter {
        /// Which.
        parameter: &'static str,
        /// Why.
        message: Label,
    },
    /// Rows are bad, and were not to be skipped.
    #[error("{total} bad rows, the first on line {}", .rows.first().map_or(0, |row| row.line))]
    BadRows {
        /// The first of them, at most 100.
        rows: Vec<BadRow>,
        /// How many there are.
        total: u64,
    },
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// The log did not take it.
    #[error(transparent)]
    App(#[from] crate::app::AppError),
}
