//! Reads rows, and says where the log is damaged when one does not hold what was written.

use bytes::Bytes;
use chrono::{DateTime, Utc};
use sqlx::sqlite::{Sqlite, SqliteRow};
use sqlx::{Row, TypeInfo, ValueRef};
use uuid::Uuid;

use super::failure::unavailable;
use crate::batch::LogHead;
use crate::ledger::{Frontier, Hash};
use crate::vault::WrappedKey;
use crate::{Entry, Position, Receipt, StoreError, instant};

/// A column of the type that is written there: any value may stand in any column of SQLite.
pub(super) fn get<'r, T>(row: &'r SqliteRow, column: &str) -> Result<T, StoreError>
where
    T: sqlx::Decode<'r, Sqlite> + sqlx::Type<Sqlite>,
{
    row.try_get(column).map_err(|_| damaged(row, column))
}

pub(super) fn natural(row: &SqliteRow, column: &str) -> Result<u64, StoreError> {
    u64::try_from(get::<i64>(row, column)?).map_err(|_| damaged(row, column))
}

pub(super) fn uuid(row: &SqliteRow, column: &str) -> Result<Uuid, StoreError> {
    Uuid::from_slice(blob(row, column)?).map_err(|_| damaged(row, column))
}

pub(super) fn hash(row: &SqliteRow, column: &str) -> Result<Hash, StoreError> {
    blob(row, column)?.try_into().map_err(|_| damaged(row, column))
}

pub(super) fn instant(row: &SqliteRow, column: &str) -> Result<DateTime<Utc>, StoreError> {
    let micros: i64 = get(row, column)?;
    instant::from_micros(micros).ok_or_else(|| damaged(row, column))
}

pub(super) fn entry(row: &SqliteRow) -> Result<Entry, StoreError> {
    Ok(Entry {
        position: natural(row, "position")?,
        recorded_at: instant(row, "recorded_at")?,
        bytes: Bytes::copy_from_slice(blob(row, "entry")?),
    })
}

/// Entries that stand in one row: their bytes one after the other, and `[position, instant, length]` of each.
pub(super) fn entries(row: &SqliteRow) -> Result<Vec<Entry>, StoreError> {
    let labels: &str = row.try_get("labels").map_err(unavailable)?;
    let labels: Vec<(Position, i64, usize)> = serde_json::from_str(labels).map_err(unavailable)?;
    let bytes: Option<&[u8]> = row.try_get("entries").map_err(unavailable)?;
    let mut rest = Bytes::copy_from_slice(bytes.unwrap_or_default());
    let mut entries = Vec::with_capacity(labels.len());
    for (position, recorded_at, length) in labels {
        let damaged = |what: &str| StoreError::Damaged { position, what: what.to_owned() };
        if length > rest.len() {
            return Err(damaged("unreadable entry"));
        }
        let recorded_at =
            instant::from_micros(recorded_at).ok_or_else(|| damaged("unreadable recorded_at"))?;
        entries.push(Entry { position, recorded_at, bytes: rest.split_to(length) });
    }
    Ok(entries)
}

pub(super) fn head(row: &SqliteRow) -> Result<LogHead, StoreError> {
    let recorded_at: Option<i64> = get(row, "recorded_at")?;
    let frontier = Frontier::from_bytes(natural(row, "position")?, blob(row, "frontier")?);
    Ok(LogHead {
        recorded_at: recorded_at.and_then(instant::from_micros),
        frontier: frontier.ok_or_else(|| damaged(row, "frontier"))?,
        erasures: natural(row, "erasures")?,
    })
}

pub(super) fn receipt(row: &SqliteRow) -> Result<Receipt, StoreError> {
    Ok(Receipt {
        digest: hash(row, "digest")?,
        outcome: blob(row, "outcome")?.to_vec(),
        first_position: natural(row, "first_position")?,
        count: get(row, "count")?,
        recorded_at: instant(row, "recorded_at")?,
    })
}

pub(super) fn data_key(row: &SqliteRow) -> Result<WrappedKey, StoreError> {
    Ok(WrappedKey {
        key_id: uuid(row, "key_id")?,
        subject: uuid(row, "subject")?,
        wrapped: blob(row, "wrapped")?.to_vec(),
        destroyed: flag(row, "destroyed")?,
    })
}

/// Bytes that stand there as bytes: the same bytes as a text are another value, which no key would find.
pub(super) fn blob<'r>(row: &'r SqliteRow, column: &str) -> Result<&'r [u8], StoreError> {
    let raw = row.try_get_raw(column).map_err(|_| damaged(row, column))?;
    if raw.type_info().name() != "BLOB" {
        return Err(damaged(row, column));
    }
    get(row, column)
}

fn flag(row: &SqliteRow, column: &str) -> Result<bool, StoreError> {
    match get::<i64>(row, column)? {
        0 => Ok(false),
        1 => Ok(true),
        _ => Err(damaged(row, column)),
    }
}

fn damaged(row: &SqliteRow, column: &str) -> StoreError {
    let position: i64 = row.try_get("position").unwrap_or_default();
    StoreError::Damaged {
        position: position.try_into().unwrap_or_default(),
        what: format!("unreadable {column}"),
    }
}
