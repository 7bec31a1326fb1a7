//! Reads rows, and says where the log is damaged when one does not hold what was written.

use chrono::{DateTime, Utc};
use sqlx::Row;
use sqlx::postgres::{PgRow, Postgres};
use uuid::Uuid;

use super::unavailable;
use crate::batch::LogHead;
use crate::ledger::{Frontier, Hash};
use crate::vault::WrappedKey;
use crate::{Entry, Position, Receipt, StoreError, instant};

pub(super) fn get<'r, T>(row: &'r PgRow, column: &str) -> Result<T, StoreError>
where
    T: sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres>,
{
    row.try_get(column).map_err(unavailable)
}

pub(super) fn natural(row: &PgRow, column: &str) -> Result<u64, StoreError> {
    u64::try_from(get::<i64>(row, column)?).map_err(|_| damaged(row, column))
}

pub(super) fn hash(row: &PgRow, column: &str) -> Result<Hash, StoreError> {
    get::<&[u8]>(row, column)?.try_into().map_err(|_| damaged(row, column))
}

pub(super) fn instant(row: &PgRow, column: &str) -> Result<DateTime<Utc>, StoreError> {
    instant::from_micros(get(row, column)?).ok_or_else(|| damaged(row, column))
}

pub(super) fn entry(row: &PgRow) -> Result<Entry, StoreError> {
    Ok(Entry {
        position: natural(row, "position")?,
        recorded_at: instant(row, "recorded_at")?,
        bytes: get::<Vec<u8>>(row, "entry")?.into(),
    })
}

pub(super) fn head(row: &PgRow) -> Result<LogHead, StoreError> {
    let recorded_at: Option<i64> = get(row, "recorded_at")?;
    let frontier = Frontier::from_bytes(natural(row, "position")?, get(row, "frontier")?);
    Ok(LogHead {
        recorded_at: recorded_at.and_then(instant::from_micros),
        frontier: frontier.ok_or_else(|| damaged(row, "frontier"))?,
        erasures: natural(row, "erasures")?,
    })
}

pub(super) fn receipt(row: &PgRow) -> Result<Receipt, StoreError> {
    Ok(Receipt {
        digest: hash(row, "fixed")?,
        outcome: get(row, "bytes")?,
        first_position: natural(row, "position")?,
        count: u32::try_from(natural(row, "number")?).map_err(|_| damaged(row, "number"))?,
        recorded_at: instant(row, "recorded_at")?,
    })
}

pub(super) fn data_key(row: &PgRow) -> Result<WrappedKey, StoreError> {
    Ok(WrappedKey {
        key_id: get::<Uuid>(row, "key_id")?,
        subject: get::<Uuid>(row, "id")?,
        wrapped: get(row, "bytes")?,
        destroyed: get(row, "destroyed")?,
    })
}

fn damaged(row: &PgRow, column: &str) -> StoreError {
    let position: i64 = row.try_get("position").unwrap_or_default();
    StoreError::Damaged {
        position: position.try_into().unwrap_or_default(),
        what: format!("unreadable {column}"),
    }
}

/// Positions beyond PostgreSQL's integers do not exist; asking after them finds nothing.
pub(super) fn clamped(position: Position) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}
