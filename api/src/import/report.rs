//! What an import tells of itself.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::Label;
use waymark_domain::customer::event::Money;
use waymark_domain::pipeline::Ending;
use waymark_projections::BilingualText;
use waymark_projections::board::MoneyReport;

use super::source::Detected;

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
    /// The row as a spreadsheet counts, from 1; the header is row 1. It differs from the line where fields have line breaks.
    pub row: u64,
    /// The sheet, of a workbook.
    pub sheet: Option<String>,
    /// The parameter that names the column, such as `time`, or the field that it is put into.
    pub field: String,
    /// The column, as the header names it.
    pub column: Option<String>,
    /// What stands there, at most 80 characters.
    pub value: Option<String>,
    /// A stable code.
    pub code: String,
    /// What is wrong.
    #[schema(value_type = BilingualText)]
    pub message: Label,
    /// How to mend it.
    #[schema(value_type = BilingualText)]
    pub how_to_fix: Label,
}

/// How many rows are bad in the same way.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Problems {
    /// The code that the rows have in common.
    #[schema(example = "ambiguous-date")]
    pub code: String,
    /// The parameter or field.
    #[schema(example = "time")]
    pub field: String,
    /// How many rows there are.
    pub count: u64,
    /// The first of them, as a spreadsheet counts.
    pub first_row: u64,
    /// What is wrong with that one.
    #[schema(value_type = BilingualText)]
    pub message: Label,
    /// How to mend it.
    #[schema(value_type = BilingualText)]
    pub how_to_fix: Label,
}

/// A row of the file as it would be imported.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Sample {
    /// The row, as a spreadsheet counts.
    pub row: u64,
    /// The case.
    pub case: String,
    /// The stage that it enters.
    pub stage: String,
    /// When it does.
    pub effective_at: DateTime<Utc>,
    /// Who did it; empty where nobody is named.
    pub actor: String,
    /// What the customer is called; null where no column says it.
    pub name: Option<String>,
    /// Whose it is, as `rep:li` or `pool:KEY`; null where nobody is named.
    #[schema(example = "rep:li")]
    pub owner: Option<String>,
    /// What the deal may be worth; null where no column says it.
    #[schema(value_type = Option<MoneyReport>)]
    pub amount: Option<Money>,
    /// Whether it `creates` the customer, `moves` it, `changes` what is known of it beside, or is `refused`.
    #[schema(example = "creates")]
    pub outcome: &'static str,
}

/// What an import did.
#[derive(Debug, Clone, Default, Serialize, ToSchema)]
pub struct Report {
    /// The import's id: its events have it as `correlationid`.
    pub import: Uuid,
    /// The pipeline's key.
    pub pipeline: String,
    /// Whether the pipeline was made from the file.
    pub pipeline_created: bool,
    /// Whether the pipeline, which permits any move, got statuses of the file in a next version.
    pub pipeline_extended: bool,
    /// What statuses that end were taken for, in the order of the file, where the pipeline was made from it: won, lost, or
    /// closed, which no win rate counts. `guessed` where their names told it.
    #[schema(value_type = Vec<Object>, example = json!([{"status": "Closed Won", "type": "won", "guessed": true}]))]
    pub endings: Vec<Ending>,
    /// Where names told how statuses end: why, and how to say otherwise.
    #[schema(value_type = Option<BilingualText>)]
    pub how_endings_were_told: Option<Label>,
    /// Rows in the file that have anything in them, beside the header; of a wide file one for each filled column of times.
    /// They are the sum of `taken`, `known` and `skipped`.
    pub rows: u64,
    /// Rows that were imported.
    pub taken: u64,
    /// Rows that an earlier import had brought already.
    pub known: u64,
    /// Customers registered.
    pub cases: u64,
    /// Customers that were there and got what is new in the file.
    pub cases_updated: u64,
    /// Customers that an earlier run of the same import had registered, or of which nothing in the file is new.
    pub cases_already_imported: u64,
    /// Events appended.
    pub events: u64,
    /// Rows that repeated the status before them.
    pub repeats: u64,
    /// Rows left out because they were bad.
    pub skipped: u64,
    /// How many rows were bad in which way, the most frequent first.
    pub problems: Vec<Problems>,
    /// The first thousand bad rows, in the order of the file.
    pub bad_rows: Vec<BadRow>,
    /// The position of the log afterwards.
    pub position: u64,
    /// Whether this is a preview, and nothing was written: the other figures tell what would be.
    pub preview: bool,
    /// What the file turned out to be.
    pub detected: Detected,
    /// The zone in which times without an offset were read.
    #[schema(example = "Asia/Shanghai")]
    pub zone: String,
    /// In a preview, the first rows as they would be.
    pub samples: Vec<Sample>,
}

/// Why statuses of a new pipeline were taken for won or lost, and how to say otherwise.
pub(super) fn how_endings_are_told() -> Label {
    Label::new(
        "新建销售流程时，未指明的状态按常用名称（如 成交、赢单、流失、输单）判断成交与流失。与实际不符时，请用 won、lost 指明；won 留空值则一概不按名称判断。",
        "In a new pipeline usual names, such as won, closed won or lost, tell which statuses are won and lost. Where that is \
         wrong, name them by won and lost; an empty won takes none by its name.",
    )
}

/// Sums bad rows by what is wrong with them, the most frequent first.
pub(super) fn sum_up(bad: &[BadRow]) -> Vec<Problems> {
    let mut sums: BTreeMap<(&str, &str), Problems> = BTreeMap::new();
    for row in bad {
        let sum = sums.entry((&row.code, &row.field)).or_insert_with(|| Problems {
            code: row.code.clone(),
            field: row.field.clone(),
            count: 0,
            first_row: row.row,
            message: row.message.clone(),
            how_to_fix: row.how_to_fix.clone(),
        });
        sum.count += 1;
    }
    let mut sums: Vec<Problems> = sums.into_values().collect();
    sums.sort_by_key(|sum| (std::cmp::Reverse(sum.count), sum.first_row));
    sums
}

/// A value as a report shows it.
pub(super) fn shortened(text: &str) -> String {
    const MOST: usize = 80;
    if text.chars().count() <= MOST {
        return text.to_owned();
    }
    text.chars().take(MOST - 1).chain(['…']).collect()
}
