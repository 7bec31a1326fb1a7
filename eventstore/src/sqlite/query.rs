//! The questions that reads and writes both ask: a page of entries, and where a log ends.

use serde::Serialize;
use sqlx::sqlite::SqliteConnection;

use super::failure::{Failure, unavailable};
use super::row;
use crate::batch::LogHead;
use crate::{Entry, Position, StoreError, TenantId};

const PAGE: &str = include_str!("page.sql");
const HEAD: &str = include_str!("head.sql");
const LOG_BOUNDS: &str = include_str!("log_bounds.sql");

/// Where a tenant's log and the index of its tags end, as one state of the database has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct LogBounds {
    pub(super) position: Position,
    pub(super) indexed: Position,
}

impl LogBounds {
    /// Why a state of the database that nothing can be newer than is not: the index ends before what was in it already.
    pub(super) fn went_back(self) -> StoreError {
        StoreError::Damaged { position: self.indexed, what: "the index of tags went back".to_owned() }
    }
}

/// The entries after a position, at most `limit`.
pub(super) async fn page(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    after: Position,
    limit: u32,
) -> Result<Vec<Entry>, StoreError> {
    let page = sqlx::query(PAGE)
        .bind(tenant.0.as_bytes().as_slice())
        .bind(clamped(after))
        .bind(limit)
        .fetch_one(connection)
        .await
        .map_err(unavailable)?;
    row::entries(&page)
}

/// Where a tenant's log and the index of its tags end now.
pub(super) async fn bounds(
    connection: &mut SqliteConnection,
    tenant: TenantId,
) -> Result<LogBounds, StoreError> {
    let found = sqlx::query(LOG_BOUNDS).bind(tenant.0.as_bytes().as_slice()).fetch_optional(connection).await;
    let Some(found) = found.map_err(unavailable)? else { return Ok(LogBounds { position: 0, indexed: 0 }) };
    Ok(LogBounds { position: row::natural(&found, "position")?, indexed: row::natural(&found, "indexed")? })
}

/// The tenant's head row and where the index of tags ends, or those of an empty log.
pub(super) async fn head(
    connection: &mut SqliteConnection,
    tenant: TenantId,
) -> Result<(LogHead, Position), Failure> {
    let found = sqlx::query(HEAD).bind(tenant.0.as_bytes().as_slice()).fetch_optional(connection).await?;
    let Some(found) = found else { return Ok((LogHead::default(), 0)) };
    Ok((row::head(&found)?, row::natural(&found, "indexed")?))
}

/// A list that a statement takes apart with `json_each`.
pub(super) fn list<T: Serialize>(items: impl IntoIterator<Item = T>) -> String {
    // Strings and numbers in sequences always have a JSON form.
    serde_json::to_string(&items.into_iter().collect::<Vec<_>>()).unwrap_or_default()
}

/// Positions beyond SQLite's integers do not exist; asking after them finds nothing.
pub(super) fn clamped(position: Position) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}
