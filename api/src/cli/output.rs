//! Output for people and programs.

#![expect(clippy::print_stderr, reason = "the one place that writes to the terminal")]

use std::fmt::Display;
use std::io::Write as _;
use std::path::PathBuf;

use clap::{Args, ValueEnum};
use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};
use serde::Serialize;

use super::Failure;
use super::records::{csv, lines};

/// How an answer is written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Format {
    /// A table for people.
    Table,
    /// One JSON document.
    Json,
    /// JSON, a line for each of its items.
    Ndjson,
    /// CSV, a row for each of its items; what an item holds of lists is JSON.
    Csv,
}

impl Format {
    /// The word for it.
    pub(crate) fn as_str(self) -> &'static str {
        match self {
            Self::Table => "table",
            Self::Json => "json",
            Self::Ndjson => "ndjson",
            Self::Csv => "csv",
        }
    }
}

/// A number with what it counts: `1 row`, `2 rows`.
pub(crate) fn counted<N: Copy + Display + PartialEq + From<u8>>(number: N, one: &str, more: &str) -> String {
    let what = if number == N::from(1) { one } else { more };
    format!("{number} {what}")
}

/// Where an answer goes, and how it is written.
#[derive(Debug, Args)]
pub(crate) struct OutputArgs {
    /// The format; a table on the terminal and JSON in a file when absent.
    #[arg(long, value_enum)]
    format: Option<Format>,
    /// Print JSON: `--format json`.
    #[arg(long, conflicts_with = "format")]
    json: bool,
    /// The file to write; standard output without it.
    #[arg(long, short)]
    output: Option<PathBuf>,
}

impl OutputArgs {
    /// How an answer is written.
    pub(crate) fn format(&self) -> Format {
        let unsaid = if self.json || self.output.is_some() { Format::Json } else { Format::Table };
        self.format.unwrap_or(unsaid)
    }

    /// Writes an answer: all of it, its items, or the table that people read.
    pub(crate) fn write<T: Serialize>(
        &self,
        answer: &impl Serialize,
        items: &[T],
        table: impl FnOnce() -> String,
    ) -> Result<(), Failure> {
        let text = match self.format() {
            Format::Table => table(),
            Format::Json => serde_json::to_string_pretty(answer)? + "\n",
            Format::Ndjson => lines(items)?,
            Format::Csv => csv(items)?,
        };
        let Some(path) = &self.output else {
            for line in text.lines() {
                print(line);
            }
            return Ok(());
        };
        std::fs::write(path, text).map_err(|error| Failure::from(format!("{}: {error}", path.display())))
    }
}

/// A line of the answer.
pub(crate) fn say(line: &str) {
    print(line);
}

/// Writes a line. Where nothing is read any more, as after `| head`, there is nothing left to say.
fn print(line: &str) {
    if writeln!(std::io::stdout(), "{line}").is_err() {
        std::process::exit(0);
    }
}

/// A line beside the answer, for people.
pub(crate) fn remark(line: &str) {
    eprintln!("{line}");
}

/// Why it failed.
pub(crate) fn complain(message: &str) {
    eprintln!("waymark: {message}");
}

/// The answer for programs: one JSON document.
pub(crate) fn json(value: &impl Serialize) -> Result<(), serde_json::Error> {
    print(&serde_json::to_string_pretty(value)?);
    Ok(())
}

/// Prints a two-column table.
pub(crate) fn table(rows: &[(&str, String)]) {
    for line in table_text(rows).lines() {
        print(line);
    }
}

/// A two-column table.
pub(crate) fn table_text(rows: &[(&str, String)]) -> String {
    let width = rows.iter().map(|(name, _)| name.len()).max().unwrap_or_default();
    rows.iter().map(|(name, value)| format!("{name:width$}  {value}\n")).collect()
}

/// A progress bar on stderr; silent where stderr is no terminal.
pub(crate) fn bar() -> ProgressBar {
    let bar = ProgressBar::with_draw_target(Some(0), ProgressDrawTarget::stderr_with_hz(5));
    let style =
        ProgressStyle::with_template("{msg:10} {wide_bar} {human_pos}/{human_len} {per_sec} eta {eta}");
    bar.set_style(style.unwrap_or_else(|_| ProgressStyle::default_bar()));
    bar
}

/// Moves a bar to where a long work has come.
pub(crate) fn moving(bar: &ProgressBar) -> impl Fn(u64, u64) + Send + Sync + use<> {
    let bar = bar.clone();
    move |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    }
}
