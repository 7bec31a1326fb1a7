//! Instants as clients write them.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Deserializer, de::Error};
use utoipa::ToSchema;

use crate::domain::instant;

/// An RFC 3339 timestamp with any offset, within the years 1970 to 9999; precision beyond microseconds is truncated.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ToSchema)]
#[schema(value_type = String, format = DateTime, example = "2026-03-01T09:30:00+08:00")]
pub struct Instant(pub DateTime<Utc>);

impl Instant {
    /// The instant in a text, if it is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        instant::parse(text).ok().map(Self)
    }
}

impl<'de> Deserialize<'de> for Instant {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = String::deserialize(deserializer)?;
        instant::parse(&text).map(Self).map_err(D::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::Instant;

    #[test]
    fn an_instant_may_have_any_offset() {
        let east = Instant::parse("2026-03-01T09:30:00+08:00");
        assert_eq!(east, Instant::parse("2026-03-01T01:30:00Z"));
        assert!(east.is_some());
    }

    #[test]
    fn what_is_no_instant_or_out_of_range_is_refused() {
        for text in [
            "",
            "now",
            "2026-03-01",
            "2026-03-01T09:30:00",
            "2026-13-01T00:00:00Z",
            "2026-02-30T00:00:00Z",
            "1969-12-31T23:59:59Z",
            "10000-01-01T00:00:00Z",
            "9999-12-31T23:59:59-01:00",
            "2026-03-01T25:00:00Z",
            "1772323200",
            "2016-12-31T23:59:60Z",
            "2026-06-30T12:34:60+08:00",
        ] {
            assert_eq!(Instant::parse(text), None, "{text}");
        }
    }
}
