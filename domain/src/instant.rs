//! Instants as clients and files write them.

use chrono::{DateTime, Datelike, NaiveDateTime, SecondsFormat, SubsecRound, Timelike, Utc};

use crate::Label;

/// Why a text is no instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum InvalidInstant {
    /// It is not RFC 3339, or has no offset, or lies outside the years 1970 to 9999.
    #[error("expected an RFC 3339 instant with an offset, between 1970 and 9999")]
    Malformed,
    /// Its second is 60. The time that is kept here has no leap seconds: the same instant would be read as the next second
    /// in one place and shown as :60 in another.
    #[error(
        "second 60 is not accepted: leap seconds are not kept, write second 59 or the second that follows"
    )]
    LeapSecond,
}

impl InvalidInstant {
    /// What is wrong, for people.
    pub fn label(self) -> Label {
        match self {
            Self::Malformed => Label::new(
                "应为带时区偏移的 RFC 3339 时间，年份在 1970 至 9999 之间。",
                "Must be an RFC 3339 timestamp with a time zone offset, between the years 1970 and 9999.",
            ),
            Self::LeapSecond => Label::new(
                "不接受第 60 秒：系统不记录闰秒，请写第 59 秒或其后一秒。",
                "Second 60 is not accepted: leap seconds are not recorded. Use second 59 or the following second.",
            ),
        }
    }
}

/// The instant that an RFC 3339 text names, with any offset; finer digits than microseconds are cut.
///
/// # Errors
/// [`InvalidInstant`] saying what is wrong.
pub fn parse(text: &str) -> Result<DateTime<Utc>, InvalidInstant> {
    let read = DateTime::parse_from_rfc3339(text).map_err(|_| InvalidInstant::Malformed)?;
    if is_leap_second(&read.naive_local()) {
        return Err(InvalidInstant::LeapSecond);
    }
    let instant = read.with_timezone(&Utc).trunc_subsecs(6);
    if (1970..=9999).contains(&instant.year()) { Ok(instant) } else { Err(InvalidInstant::Malformed) }
}

/// An instant in the one spelling that answers have: RFC 3339 in UTC, ending in `Z`, with no more digits than it needs.
pub fn text(at: DateTime<Utc>) -> String {
    at.to_rfc3339_opts(SecondsFormat::AutoSi, true)
}

/// Whether a time that was read had the second 60: it is held as second 59 with more than a second of fraction.
pub fn is_leap_second(read: &NaiveDateTime) -> bool {
    read.nanosecond() >= 1_000_000_000
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_instant_may_have_any_offset_and_is_cut_to_microseconds() {
        let east = parse("2026-03-01T09:30:00.1234567+08:00");
        assert_eq!(east, parse("2026-03-01T01:30:00.123456Z"));
        assert!(east.is_ok());
    }

    #[test]
    fn second_sixty_is_refused_by_name_on_any_day_and_with_any_fraction() {
        for text in [
            "2016-12-31T23:59:60Z",
            "2017-01-01T07:59:60+08:00",
            "2026-06-30T12:34:60Z",
            "2015-06-30T23:59:60.999999Z",
            "2015-06-30t23:59:60.5z",
        ] {
            assert_eq!(parse(text), Err(InvalidInstant::LeapSecond), "{text}");
        }
        assert!(parse("2016-12-31T23:59:59.999999Z").is_ok());
        assert_eq!(parse("2016-12-31T23:59:61Z"), Err(InvalidInstant::Malformed));
    }
}
