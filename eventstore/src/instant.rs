//! Instants as the log writes them: whole microseconds in tables, RFC 3339 with six digits in entries.

use chrono::{DateTime, SubsecRound, TimeZone, Utc};

/// The instant without what a microsecond cannot hold, so that tables and entries never disagree.
pub(crate) fn truncated(instant: DateTime<Utc>) -> DateTime<Utc> {
    instant.trunc_subsecs(6)
}

/// Microseconds since 1970-01-01T00:00:00Z.
pub(crate) fn to_micros(instant: DateTime<Utc>) -> i64 {
    instant.timestamp_micros()
}

/// The instant of so many microseconds since 1970; `None` outside chrono's range, which no entry reaches.
pub(crate) fn from_micros(micros: i64) -> Option<DateTime<Utc>> {
    Utc.timestamp_micros(micros).single()
}

/// RFC 3339, UTC, always six fraction digits and `Z`: one instant has one spelling.
pub(crate) fn to_text(instant: DateTime<Utc>) -> String {
    instant.format("%Y-%m-%dT%H:%M:%S%.6fZ").to_string()
}
