//! What all formats of tables have in common: columns with types, and cells.

use chrono::{DateTime, SecondsFormat, Utc};
use rust_decimal::Decimal;

/// What a column holds. Every column may be empty in a row.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum ColumnType {
    /// Text, codes and telephones among it.
    Text,
    /// A whole number.
    Integer,
    /// A number with a fraction.
    Number,
    /// An amount of money: decimal, at most six digits of fraction.
    Amount,
    /// An instant to the microsecond, in UTC.
    Instant,
    /// True or false.
    Boolean,
}

/// A column.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Column {
    pub(super) name: &'static str,
    pub(super) kind: ColumnType,
}

/// Declares columns, each with its type.
pub(super) const fn column(name: &'static str, kind: ColumnType) -> Column {
    Column { name, kind }
}

/// What stands in a row of a column.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Cell {
    Empty,
    Text(String),
    Integer(i64),
    Number(f64),
    Amount(Decimal),
    /// Microseconds since 1970.
    Instant(i64),
    Boolean(bool),
}

impl Cell {
    /// A text, or nothing.
    pub(super) fn text(text: Option<impl Into<String>>) -> Self {
        text.map_or(Self::Empty, |text| Self::Text(text.into()))
    }

    /// A position, a version or a count.
    pub(super) fn count(count: impl TryInto<i64>) -> Self {
        count.try_into().map_or(Self::Empty, Self::Integer)
    }

    /// An instant of chrono's.
    pub(super) fn instant(at: DateTime<Utc>) -> Self {
        Self::Instant(at.timestamp_micros())
    }

    /// As a text, in the one spelling that all text formats have.
    pub(super) fn write(&self, out: &mut String) {
        match self {
            Self::Empty => {}
            Self::Text(text) => out.push_str(text),
            Self::Integer(number) => out.push_str(&number.to_string()),
            Self::Number(number) => out.push_str(&number.to_string()),
            Self::Amount(amount) => out.push_str(&amount.to_string()),
            Self::Instant(micros) => out.push_str(&instant_text(*micros)),
            Self::Boolean(value) => out.push_str(if *value { "true" } else { "false" }),
        }
    }
}

/// An instant with six digits of fraction and `Z`: readers that guess the shape of a column from its first rows would take
/// another one for text.
pub(super) fn instant_text(micros: i64) -> String {
    DateTime::from_timestamp_micros(micros).unwrap_or_default().to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// A format of tables. Each method appends what can be sent to `out`.
pub(super) trait TableWriter: Send {
    /// What comes before the rows.
    fn begin(&mut self, columns: &[Column], out: &mut Vec<u8>) -> Result<(), String>;
    /// A row.
    fn row(&mut self, cells: &[Cell], out: &mut Vec<u8>) -> Result<(), String>;
    /// What comes after them.
    fn end(&mut self, out: &mut Vec<u8>) -> Result<(), String>;
    /// A file with what follows that.
    fn rest(&mut self) -> Option<std::fs::File> {
        None
    }
}
