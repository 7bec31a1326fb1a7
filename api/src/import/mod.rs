//! Reading customers and the history of their status changes from files as people have them.
//!
//! A file is read whole before anything is written: a bad row is named as the spreadsheet counts it, and nothing of the file is
//! imported unless bad rows may be skipped. Every row then goes through the same decision as a person's
//! command, with the licence of an import (any time back, repeats, no permission but the importer's). A case is
//! one append with a receipt, so an import that was interrupted goes on where it stopped when it is run again; a longer file
//! of the same cases adds what is new in it.

mod amount;
mod charset;
mod columns;
mod decide;
mod describe;
mod details;
#[cfg(test)]
mod forms;
mod header;
mod job;
mod locate;
mod look;
mod names;
mod pipeline;
mod read;
mod report;
mod row_fault;
mod run;
mod source;
mod time;
mod undo;
mod workbook;
mod write;

use std::collections::BTreeMap;

use chrono::format::{Item, StrftimeItems};
use chrono_tz::Tz;
use encoding_rs::Encoding;
use waymark_domain::Label;
use waymark_domain::pipeline::{Endings, Pipeline};
use waymark_eventstore::TenantId;

use crate::app::{App, AppError};

pub use details::Detail;
pub use look::{Look, look};
pub use report::{BadRow, Phase, Problems, Progress, Report, Sample};
pub use run::run;
pub use source::Detected;
pub use time::TimeRules;
pub use undo::{KeptCustomer, UndoReport, undo};

/// The limit of rows that are shown as they would be.
pub const MOST_SAMPLES: usize = 10;

/// Which column of the file is what, and how the file is read.
#[derive(Debug, Clone, Default)]
pub struct Mapping {
    /// The pipeline's key. A new key makes a pipeline of the file's statuses.
    pub pipeline: String,
    /// The column that names the customer; it becomes the `external_id`.
    pub case: String,
    /// The column with the status.
    pub status: Option<String>,
    /// The column with the instant of the change.
    pub time: Option<String>,
    /// Of a file with a row a case: columns with the time at which it entered a status, and that status.
    pub entered: Vec<(String, String)>,
    /// The column with the person who made it.
    pub actor: Option<String>,
    /// The columns with what else is known of the customers.
    pub details: BTreeMap<Detail, String>,
    /// Custom fields and their columns.
    pub fields: Vec<(String, String)>,
    /// How the statuses end in a new pipeline.
    pub endings: Endings,
    /// Whether bad rows are left out instead of refusing the file.
    pub skip_bad: bool,
    /// How the file is written.
    pub format: Format,
    /// Whether cases that are customers already get what is new in the file. Where nothing is said, those that an import
    /// brought do.
    pub update: Option<bool>,
    /// Whether nothing is written, and the report tells what would be.
    pub preview: bool,
    /// Whether rows are customers without a history, rather than changes.
    pub without_history: bool,
}

impl Mapping {
    /// The columns that it names. The currency may be one that no column is called by.
    fn columns(&self) -> Vec<&str> {
        let one = [Some(&self.case), self.status.as_ref(), self.time.as_ref(), self.actor.as_ref()];
        let one = one.into_iter().flatten().chain(self.details.values());
        let listed = self.entered.iter().map(|(column, _)| column);
        let fields = self.fields.iter().map(|(_, column)| column);
        one.chain(listed).chain(fields).map(String::as_str).collect()
    }
}

/// How a file is written, where that is declared and not told by what it holds.
#[derive(Debug, Clone, Default)]
pub struct Format {
    /// The encoding of its characters.
    pub encoding: Option<&'static Encoding>,
    /// The sheet of a workbook.
    pub sheet: Option<String>,
    /// How times are read.
    pub time: TimeRules,
}

impl Format {
    /// The encoding of a name.
    ///
    /// # Errors
    /// [`ImportError::BadParameter`] when there is none of that name.
    pub fn encoding(name: &str) -> Result<&'static Encoding, ImportError> {
        charset::by_name(name).ok_or_else(|| ImportError::BadParameter {
            parameter: "encoding",
            message: Label::new(
                format!("未知的编码“{name}”，例如 utf-8、gb18030、utf-16le、latin1。"),
                format!("Unknown encoding {name:?}; such as utf-8, gb18030, utf-16le, latin1."),
            ),
        })
    }

    /// A shape of times in the notation of `strftime`.
    ///
    /// # Errors
    /// [`ImportError::BadParameter`] when it has a sign that means nothing.
    pub fn time_format(text: String) -> Result<String, ImportError> {
        if !text.trim().is_empty() && StrftimeItems::new(&text).all(|item| item != Item::Error) {
            return Ok(text);
        }
        Err(ImportError::BadParameter {
            parameter: "time_format",
            message: Label::new(
                format!("“{text}”不是时间写法，例如 %d/%m/%Y %H:%M（日/月/年 时:分）。"),
                format!(
                    "{text:?} is no shape of times; such as %d/%m/%Y %H:%M (day/month/year hour:minute)."
                ),
            ),
        })
    }
}

impl App {
    /// The zone of times that name no offset, where nothing else is declared: that of the default pool of the pipeline, or of
    /// one that would be made.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn import_zone(&self, tenant: TenantId, pipeline: &str) -> Result<Tz, AppError> {
        let latest = self.pipelines.latest(tenant).await?;
        let zone = |pipeline: &Pipeline| pipeline.default_pool().map(|pool| pool.timezone);
        let known = latest.get(pipeline).and_then(|pipeline| zone(pipeline));
        Ok(known.or_else(|| zone(&Pipeline::any_move(pipeline, &[], &Endings::default()))).unwrap_or(Tz::UTC))
    }
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
        /// Which part of the mapping names it, such as `case` or `status`.
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
    /// The file is a workbook that cannot be read.
    #[error("the workbook cannot be read: {}; save it as .xlsx or as CSV", .0.en)]
    NotWorkbook(Label),
    /// The workbook has no such sheet.
    #[error("the workbook has no sheet {sheet:?}; it has {}", .found.join(", "))]
    NoSheet {
        /// The sheet named.
        sheet: String,
        /// The sheets there are.
        found: Vec<String>,
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
        /// How many there are of each kind.
        problems: Vec<Problems>,
        /// How many there are.
        total: u64,
    },
    /// The file cannot be read.
    #[error("the file cannot be read: {0}")]
    Io(#[from] std::io::Error),
    /// The log did not take it.
    #[error(transparent)]
    App(#[from] AppError),
}
