//! What all formats of tables have in common: columns with types, and cells.

use std::fmt::Write as _;

use chrono::{DateTime, Datelike as _, SecondsFormat, Timelike as _, Utc};
use rust_decimal::Decimal;
use uuid::Uuid;

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
    /// A text that is an id, spelled out only where it is written.
    Id(Uuid),
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
            Self::Id(id) => out.push_str(id.hyphenated().encode_lower(&mut Uuid::encode_buffer())),
            Self::Integer(number) => {
                let _ = write!(out, "{number}");
            }
            Self::Number(number) => {
                let _ = write!(out, "{number}");
            }
            Self::Amount(amount) => {
                let _ = write!(out, "{amount}");
            }
            Self::Instant(micros) => write_instant(*micros, out),
            Self::Boolean(value) => out.push_str(if *value { "true" } else { "false" }),
        }
    }
}

/// An instant with six digits of fraction and `Z`: readers that guess the shape of a column from its first rows would take
/// another one for text.
pub(super) fn instant_text(micros: i64) -> String {
    let mut text = String::new();
    write_instant(micros, &mut text);
    text
}

fn write_instant(micros: i64, out: &mut String) {
    let at = DateTime::from_timestamp_micros(micros).unwrap_or_default();
    let year = u32::try_from(at.year()).ok().filter(|year| *year <= 9999);
    let Some(year) = year else {
        // Such years have a sign.
        return out.push_str(&at.to_rfc3339_opts(SecondsFormat::Micros, true));
    };
    // Digit by digit: there are two in each row, and chrono's own way takes a tenth of the time of a row.
    let mut text = *b"0000-00-00T00:00:00.000000Z";
    let parts = [
        (0..4, year),
        (5..7, at.month()),
        (8..10, at.day()),
        (11..13, at.hour()),
        (14..16, at.minute()),
        (17..19, at.second()),
        (20..26, at.timestamp_subsec_micros()),
    ];
    for (places, mut part) in parts {
        for digit in text[places].iter_mut().rev() {
            *digit = b'0' + (part % 10) as u8;
            part /= 10;
        }
    }
    out.push_str(std::str::from_utf8(&text).unwrap_or_default());
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn instants_and_ids_are_spelled_as_everywhere_else() {
        for text in [
            "1970-01-01T00:00:00.000000Z",
            "2026-11-03T14:05:06.000007Z",
            "2024-02-29T23:59:59.999999Z",
            "1969-12-31T23:59:59.500000Z",
            "9999-12-31T00:00:00.000000Z",
            "0001-01-01T00:00:00.120000Z",
        ] {
            assert_eq!(instant_text(text.parse::<DateTime<Utc>>().unwrap().timestamp_micros()), text);
        }
        assert_eq!(instant_text(253_402_300_800_000_000), "+10000-01-01T00:00:00.000000Z");
        let mut text = String::new();
        Cell::Id(Uuid::from_u128(0x0190_B2A4_0000_7000_8000_0000_0000_000A)).write(&mut text);
        assert_eq!(text, "0190b2a4-0000-7000-8000-00000000000a");
    }
}
