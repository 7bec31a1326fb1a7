//! An entry as a verifier reads it: strictly, so that it says the same to every reader.

use chrono::{DateTime, SecondsFormat, Utc};
use serde_json::Value;
use uuid::Uuid;
use waymark_eventstore::{MAX_ENTRY_BYTES, Position};

use crate::http::strict::parse;
use crate::signing_keys::ROTATED;

/// What an entry says of itself.
pub(super) struct ReadEntry {
    pub(super) id: Uuid,
    pub(super) position: Position,
    pub(super) recorded_at: DateTime<Utc>,
    /// Whether the log is signed by another key from it on.
    pub(super) changes_key: bool,
}

/// What an entry says of itself, and the whole of it; none where it has not the form of one.
pub(super) fn read_entry(bytes: &[u8]) -> Option<(ReadEntry, Value)> {
    if bytes.len() > MAX_ENTRY_BYTES || bytes.contains(&b'\n') {
        return None;
    }
    let entry = parse(bytes).ok()?;
    let text = |name: &str| entry.get(name)?.as_str();
    let number = |name: &str| entry.get(name)?.as_u64().filter(|number| is_number(*number));
    let (_subject, _actor, _time) = (text("subject")?, text("actor")?, text("time")?);
    let (_version, _data) = (number("typeversion")?, entry.get("data")?.as_object()?);
    let read = ReadEntry {
        id: canonical_id(text("id")?)?,
        position: number("position")?,
        recorded_at: canonical_instant(text("recordedat")?)?,
        changes_key: text("type")? == ROTATED,
    };
    Some((read, entry))
}

/// Numbers are from 1 and below 2^63.
fn is_number(number: u64) -> bool {
    (1..=i64::MAX as u64).contains(&number)
}

/// An id in its one spelling.
fn canonical_id(text: &str) -> Option<Uuid> {
    text.parse().ok().filter(|id: &Uuid| id.to_string() == text)
}

/// An instant in its one spelling, of which there was or will be one: no leap second, and no year 0.
fn canonical_instant(text: &str) -> Option<DateTime<Utc>> {
    let instant = DateTime::parse_from_rfc3339(text).ok()?.to_utc();
    let is_canonical = instant.to_rfc3339_opts(SecondsFormat::Micros, true) == text;
    let is_leap = instant.timestamp_subsec_nanos() >= 1_000_000_000;
    (is_canonical && !is_leap && !text.starts_with("0000")).then_some(instant)
}
