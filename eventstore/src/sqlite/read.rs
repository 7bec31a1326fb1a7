//! Reads the log: pages, queries, heads, instants, receipts, keys.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{QueryBuilder, Sqlite};
use tokio::sync::watch;
use uuid::Uuid;

use super::failure::{Failure, unavailable};
use super::hex::hex;
use super::query::{self, clamped};
use super::{SqliteStore, row};
use crate::batch::LogHead;
use crate::prepare::Request;
use crate::queue::Job;
use crate::segments::{self, SegmentFolder};
use crate::vault::WrappedKey;
use crate::{
    Append, Entry, EventStore, Head, Intake, LogEnd, News, Outcome, Position, Query, QueryItem, Receipt,
    StoreError, TenantId, Transferable, instant,
};

const RECEIPT: &str = include_str!("receipt.sql");
const POSITION_AT: &str = include_str!("position_at.sql");
const DATA_KEYS: &str = include_str!("keys_known.sql");
const HEADS: &str = include_str!("heads.sql");
const IS_COLD: &str = include_str!("is_cold.sql");
const ONE_ROW: &str = include_str!("one_row.sql");

#[async_trait]
impl EventStore for SqliteStore {
    async fn append(&self, request: Append) -> Result<Outcome, StoreError> {
        let request = Box::new(Request::prepare(request)?);
        self.ask(|answer| Job::Append(request, answer)).await
    }

    async fn read(&self, tenant: TenantId, after: Position, limit: u32) -> Result<Vec<Entry>, StoreError> {
        let page = {
            let mut connection = self.read_pool().acquire().await.map_err(unavailable)?;
            query::page(&mut connection, tenant, after, limit).await?
        };
        self.filled(tenant, page).await
    }

    async fn read_matching(
        &self,
        tenant: TenantId,
        query: &Query,
        after: Position,
        until: Position,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        let alternatives = alternatives(query);
        if alternatives.is_empty() {
            return Ok(Vec::new());
        }
        let mut connection = self.read_pool().acquire().await.map_err(unavailable)?;
        let found = loop {
            let connection: &mut SqliteConnection = &mut connection;
            let bounds = query::bounds(connection, tenant).await?;
            let until = until.min(bounds.position);
            let range = (after, until, limit as usize);
            // The index is asked after the tail, so that nothing that was put into it meanwhile is missed.
            if let Some(newest) =
                self.deferred_tags.matching(connection, tenant, bounds, &alternatives, range).await?
            {
                let range = Range { tenant, after: clamped(after), until: clamped(until), limit };
                let mut sql = matching_sql(&alternatives, &newest, &range);
                break row::entries(&sql.build().fetch_one(connection).await.map_err(unavailable)?)?;
            }
        };
        // A segment's tile is read by a connection of its own.
        drop(connection);
        self.filled(tenant, found).await
    }

    async fn head(&self, tenant: TenantId) -> Result<Head, StoreError> {
        let head = self.log_head(tenant).await?;
        let recorded_at = head.recorded_at.unwrap_or(DateTime::UNIX_EPOCH);
        Ok(Head { position: head.position(), recorded_at, root: head.frontier.root() })
    }

    async fn erasures(&self, tenant: TenantId) -> Result<u64, StoreError> {
        Ok(self.log_head(tenant).await?.erasures)
    }

    async fn position_at(&self, tenant: TenantId, known_at: DateTime<Utc>) -> Result<Position, StoreError> {
        let found: SqliteRow = sqlx::query(POSITION_AT)
            .bind(tenant.0.as_bytes().as_slice())
            .bind(instant::to_micros(known_at))
            .fetch_one(self.read_pool())
            .await
            .map_err(unavailable)?;
        row::natural(&found, "position")
    }

    async fn forget_refusals(
        &self,
        tenant: TenantId,
        commands: Vec<String>,
        before: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        self.ask(|answer| Job::ForgetRefusals { tenant, commands, before, answer }).await
    }

    async fn receipt(&self, tenant: TenantId, command_id: &str) -> Result<Option<Receipt>, StoreError> {
        let found = sqlx::query(RECEIPT)
            .bind(tenant.0.as_bytes().as_slice())
            .bind(command_id)
            .fetch_optional(self.read_pool())
            .await
            .map_err(unavailable)?;
        found.as_ref().map(row::receipt).transpose()
    }

    async fn data_keys(&self, tenant: TenantId, subjects: &[Uuid]) -> Result<Vec<WrappedKey>, StoreError> {
        let rows = sqlx::query(DATA_KEYS)
            .bind(query::list(subjects.iter().copied().map(hex)))
            .bind(tenant.0.as_bytes().as_slice())
            .fetch_all(self.read_pool())
            .await
            .map_err(unavailable)?;
        rows.iter().map(row::data_key).collect()
    }

    async fn tenant_key(&self, tenant: TenantId, candidate: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        match self.stored_tenant_key(tenant).await? {
            Some(stored) => Ok(stored),
            // Opened to look only: what would be stored is as good as stored.
            None if self.jobs.is_closed() => Ok(candidate),
            None => self.ask(|answer| Job::TenantKey(tenant, candidate, answer)).await,
        }
    }

    async fn ends(&self) -> Result<Vec<LogEnd>, StoreError> {
        heads(&mut *self.read_pool().acquire().await.map_err(unavailable)?).await
    }

    fn segments(&self) -> Option<&SegmentFolder> {
        Some(&self.segments)
    }

    async fn is_cold(&self, tenant: TenantId, position: Position) -> Result<bool, StoreError> {
        let found = sqlx::query_scalar(IS_COLD).bind(tenant.0.as_bytes().as_slice()).bind(clamped(position));
        Ok(found.fetch_optional(self.read_pool()).await.map_err(unavailable)?.unwrap_or(false))
    }

    fn watch(&self, tenant: TenantId) -> watch::Receiver<Position> {
        self.watchers.subscribe(tenant)
    }

    fn known_heads(&self) -> Vec<(TenantId, Position)> {
        self.watchers.known()
    }

    fn inform(&self, news: &News) {
        self.watchers.announcer.inform(news);
    }

    fn tell(&self, tenant: TenantId) {
        self.watchers.announcer.tell(tenant);
    }

    async fn answers(&self) -> Result<(), StoreError> {
        let one = sqlx::query_scalar::<_, i64>(ONE_ROW).fetch_optional(self.read_pool()).await;
        one.map(drop).map_err(unavailable)
    }

    fn intake(&self) -> watch::Receiver<Intake> {
        self.gate.watch()
    }

    async fn close(&self) {
        self.shut().await;
    }
}

/// Where each log ends.
pub(super) async fn heads(connection: &mut SqliteConnection) -> Result<Vec<LogEnd>, StoreError> {
    let rows = sqlx::query(HEADS).fetch_all(connection).await.map_err(unavailable)?;
    let end = |found: &SqliteRow| {
        let (log, position) = (TenantId(row::uuid(found, "tenant_id")?), row::natural(found, "position")?);
        let (recorded_at, erasures) = (row::instant(found, "recorded_at")?, row::natural(found, "erasures")?);
        Ok(LogEnd { log, position, recorded_at, erasures })
    };
    rows.iter().map(end).collect()
}

impl SqliteStore {
    /// Entries as they stand in the tables, and the bytes of cold ones from their segments.
    pub(super) async fn filled(
        &self,
        tenant: TenantId,
        mut entries: Vec<Entry>,
    ) -> Result<Vec<Entry>, StoreError> {
        segments::fill(&self.segments, self, tenant, &mut entries).await?;
        Ok(entries)
    }

    pub(super) async fn log_head(&self, tenant: TenantId) -> Result<LogHead, StoreError> {
        let mut connection = self.read_pool().acquire().await.map_err(unavailable)?;
        let connection: &mut SqliteConnection = &mut connection;
        query::head(connection, tenant).await.map(|(head, _)| head).map_err(|failure| match failure {
            Failure::Unchanged(error) => error,
            Failure::Busy(what) | Failure::Full(what) | Failure::Unknown(what) => {
                StoreError::Unavailable(what)
            }
        })
    }
}

/// A query item with types alone is asked for one type at a time: each runs along the type index in the order
/// of positions and stops at the limit.
fn alternatives(query: &Query) -> Vec<QueryItem> {
    let mut alternatives = Vec::new();
    for item in &query.items {
        if item.tags.is_empty() && !item.types.is_empty() {
            let alone = |one: &String| QueryItem { types: vec![one.clone()], tags: Vec::new() };
            alternatives.extend(item.types.iter().map(alone));
        } else {
            alternatives.push(item.clone());
        }
    }
    alternatives
}

/// The first positions of each alternative and those of the newest entries, and of these together the first entries, in
/// one row as in `page.sql`.
fn matching_sql(alternatives: &[QueryItem], newest: &[Position], range: &Range) -> QueryBuilder<Sqlite> {
    let mut sql = QueryBuilder::new(
        "SELECT json_group_array(json_array(position, recorded_at, octet_length(entry))) AS labels, \
         CAST(group_concat(CAST(entry AS TEXT), '') AS BLOB) AS entries \
         FROM (SELECT position, recorded_at, entry FROM event WHERE tenant_id = ",
    );
    sql.push_bind(range.tenant.0.as_bytes().to_vec()).push(" AND position IN (");
    sql.push("SELECT n.value FROM json_each(").push_bind(query::list(newest)).push(") AS n");
    for item in alternatives {
        sql.push(" UNION SELECT position FROM (");
        push_alternative(&mut sql, item, range);
        sql.push(")");
    }
    sql.push(") ORDER BY position LIMIT ").push_bind(range.limit).push(")");
    sql
}

/// Which positions are asked for.
struct Range {
    tenant: TenantId,
    after: i64,
    until: i64,
    limit: u32,
}

fn push_alternative(sql: &mut QueryBuilder<Sqlite>, item: &QueryItem, range: &Range) {
    let tenant = range.tenant.0.as_bytes();
    sql.push("SELECT m.position FROM ");
    sql.push(if item.tags.is_empty() { "event" } else { "event_tag" });
    sql.push(" AS m WHERE m.tenant_id = ").push_bind(tenant.to_vec());
    let mut tags = item.tags.iter();
    if let Some(tag) = tags.next() {
        sql.push(" AND m.tag = ").push_bind(tag.clone());
    }
    sql.push(" AND m.position > ").push_bind(range.after).push(" AND m.position <= ").push_bind(range.until);
    if !item.types.is_empty() {
        sql.push(" AND m.type IN (");
        let mut list = sql.separated(", ");
        item.types.iter().for_each(|wanted| {
            list.push_bind(wanted.clone());
        });
        sql.push(")");
    }
    for tag in tags {
        sql.push(" AND EXISTS (SELECT 1 FROM event_tag AS o WHERE o.tenant_id = ").push_bind(tenant.to_vec());
        sql.push(" AND o.tag = ").push_bind(tag.clone()).push(" AND o.position = m.position)");
    }
    sql.push(" ORDER BY m.position LIMIT ").push_bind(range.limit);
}
