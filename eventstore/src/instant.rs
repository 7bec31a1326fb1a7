//! Instants as the log writes them: whole microseconds in tables, RFC 3339 with six digits in entries.

use std::fmt;
use std::ops::Range;

use chrono::{DateTime, NaiveDate, SecondsFormat, SubsecRound, TimeZone, Utc};
use serde::Deserializer;
use serde::de::{self, Visitor};

/// The instant without what a microsecond cannot hold, so that tables and entries never disagree.
pub(crate) fn truncated(instant: DateTime<Utc>) -> DateTime<Utc> {
    instant.trunc_subsecs(6)
}

/// Microseconds since 1970-01-01T00:00:00Z.
pub(crate) fn to_micros(instant: DateTime<Utc>) -> i64 {
    instant.timestamp_micros()
}

/// The instant of a number of microseconds since 1970; `None` outside chrono's range, which no entry reaches.
pub(crate) fn from_micros(micros: i64) -> Option<DateTime<Utc>> {
    Utc.timestamp_micros(micros).single()
}

/// RFC 3339, UTC, always six fraction digits and `Z`: one instant has one spelling.
pub(crate) fn to_text(instant: DateTime<Utc>) -> String {
    instant.to_rfc3339_opts(SecondsFormat::Micros, true)
}

/// Reads an instant of an entry. The spelling of [`to_text`] is read by its places, any other by the library.
pub(crate) fn read<'de, D: Deserializer<'de>>(source: D) -> Result<DateTime<Utc>, D::Error> {
    struct Text;
    impl Visitor<'_> for Text {
        type Value = DateTime<Utc>;

        fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            f.write_str("an instant such as 2026-01-01T00:00:00.000000Z")
        }

        fn visit_str<E: de::Error>(self, text: &str) -> Result<DateTime<Utc>, E> {
            spelled(text.as_bytes()).map_or_else(|| text.parse().map_err(E::custom), Ok)
        }
    }
    source.deserialize_str(Text)
}

/// `2026-01-01T00:00:00.000000Z`, digit by digit; `None` for whatever is not spelled so.
fn spelled(text: &[u8]) -> Option<DateTime<Utc>> {
    const PLACES: [(usize, u8); 7] =
        [(4, b'-'), (7, b'-'), (10, b'T'), (13, b':'), (16, b':'), (19, b'.'), (26, b'Z')];
    if text.len() != 27 || PLACES.iter().any(|(place, mark)| text[*place] != *mark) {
        return None;
    }
    let number = |range: Range<usize>| {
        let digit =
            |known: u32, digit: &u8| digit.is_ascii_digit().then(|| known * 10 + u32::from(digit - b'0'));
        text[range].iter().try_fold(0, digit)
    };
    let date = NaiveDate::from_ymd_opt(number(0..4)?.try_into().ok()?, number(5..7)?, number(8..10)?)?;
    let time = date.and_hms_micro_opt(number(11..13)?, number(14..16)?, number(17..19)?, number(20..26)?)?;
    Some(time.and_utc())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn an_instant_of_the_log_is_read_as_the_library_reads_it(micros in -62_135_596_800_000_000_i64..253_402_300_799_999_999) {
            let instant = from_micros(micros).unwrap();
            let text = to_text(instant);
            prop_assert_eq!(&text, &instant.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string());
            prop_assert_eq!(spelled(text.as_bytes()), Some(instant));
        }

        #[test]
        fn what_is_spelled_otherwise_is_left_to_the_library(text in "[0-9]{4}-[0-9]{2}-[0-9]{2}[T ][0-9]{2}:[0-9]{2}:[0-9]{2}[.:][0-9]{6}[Z0-9]") {
            if let Some(instant) = spelled(text.as_bytes()) {
                prop_assert_eq!(text.parse(), Ok(instant));
            }
        }
    }
}
