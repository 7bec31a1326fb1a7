//! Reads the log: pages, queries, heads, instants, receipts, keys.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::postgres::PgRow;
use tokio::sync::watch;
use uuid::Uuid;

use super::row::{self, clamped};
use super::tenant_scope::SYSTEM;
use super::{PostgresStore, precheck};
use crate::batch::LogHead;
use crate::prepare::Request;
use crate::queue::Job;
use crate::segments::{self, SegmentFolder};
use crate::vault::WrappedKey;
use crate::{
    Append, Entry, EventStore, Head, Intake, LogEnd, News, Outcome, Position, Query, QueryItem, Receipt,
    StoreError, TenantId, Transferable, instant,
};

const PAGE: &str = include_str!("page.sql");
const MATCHING: &str = include_str!("matching.sql");
const RECEIPT: &str = include_str!("receipt.sql");
const POSITION_AT: &str = include_str!("position_at.sql");
const DATA_KEYS: &str = include_str!("data_keys.sql");
const HEAD: &str = include_str!("head.sql");
const IS_COLD: &str = include_str!("is_cold.sql");
const LAYOUT: &str = include_str!("layout.sql");

#[async_trait]
impl EventStore for PostgresStore {
    async fn append(&self, request: Append) -> Result<Outcome, StoreError> {
        let request = Box::new(Request::prepare(request)?);
        self.ask(request.tenant, |answer| Job::Append(request, answer)).await
    }

    async fn read(&self, tenant: TenantId, after: Position, limit: u32) -> Result<Vec<Entry>, StoreError> {
        self.page(tenant, after, Position::MAX, limit).await
    }

    async fn read_matching(
        &self,
        tenant: TenantId,
        query: &Query,
        after: Position,
        until: Position,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        if query.items.iter().any(|item| item.tags.is_empty() && item.types.is_empty()) {
            return self.page(tenant, after, until, limit).await;
        }
        let (by_tag, types) = alternatives(query);
        if by_tag.is_empty() && types.is_empty() {
            return Ok(Vec::new());
        }
        let by_tag = precheck::list(&by_tag);
        let statement = || {
            let range = sqlx::query(MATCHING).bind(tenant.0).bind(clamped(after)).bind(clamped(until));
            range.bind(i64::from(limit)).bind(by_tag.as_str()).bind(types.as_slice())
        };
        let rows = self.reads.rows(tenant, statement).await?;
        self.filled(tenant, &rows).await
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
        let known_at = instant::to_micros(known_at);
        let statement = || sqlx::query(POSITION_AT).bind(tenant.0).bind(known_at);
        let found = self.reads.row(tenant, statement).await?;
        found.map_or(Ok(0), |found| row::natural(&found, "position"))
    }

    async fn forget_refusals(
        &self,
        tenant: TenantId,
        commands: Vec<String>,
        before: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        self.ask(tenant, |answer| Job::ForgetRefusals { tenant, commands, before, answer }).await
    }

    async fn receipt(&self, tenant: TenantId, command_id: &str) -> Result<Option<Receipt>, StoreError> {
        let statement = || sqlx::query(RECEIPT).bind(tenant.0).bind(command_id.as_bytes());
        self.reads.row(tenant, statement).await?.as_ref().map(row::receipt).transpose()
    }

    async fn data_keys(&self, tenant: TenantId, subjects: &[Uuid]) -> Result<Vec<WrappedKey>, StoreError> {
        let statement = || sqlx::query(DATA_KEYS).bind(tenant.0).bind(subjects);
        self.reads.rows(tenant, statement).await?.iter().map(row::data_key).collect()
    }

    async fn tenant_key(&self, tenant: TenantId, candidate: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        match self.stored_tenant_key(tenant).await? {
            Some(stored) => Ok(stored),
            // Opened to look only: what would be stored is as good as stored.
            None if self.shard_of(tenant).is_closed() => Ok(candidate),
            None => self.ask(tenant, |answer| Job::TenantKey(tenant, candidate, answer)).await,
        }
    }

    async fn ends(&self) -> Result<Vec<LogEnd>, StoreError> {
        self.reads.heads().await
    }

    fn segments(&self) -> Option<&SegmentFolder> {
        Some(&self.segments)
    }

    async fn is_cold(&self, tenant: TenantId, position: Position) -> Result<bool, StoreError> {
        let statement = || sqlx::query(IS_COLD).bind(tenant.0).bind(clamped(position));
        let found = self.reads.row(tenant, statement).await?;
        found.map_or(Ok(false), |found| row::get(&found, "cold"))
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
        self.hints.tell(tenant);
    }

    async fn answers(&self) -> Result<(), StoreError> {
        self.reads.row(SYSTEM, || sqlx::query(LAYOUT).bind(SYSTEM.0)).await.map(drop)
    }

    fn intake(&self) -> watch::Receiver<Intake> {
        self.gate.watch()
    }

    async fn close(&self) {
        self.shut().await;
    }
}

impl PostgresStore {
    /// The entries of rows, and the bytes of cold ones from their segments.
    pub(super) async fn filled(&self, tenant: TenantId, rows: &[PgRow]) -> Result<Vec<Entry>, StoreError> {
        let mut entries = rows.iter().map(row::entry).collect::<Result<Vec<Entry>, StoreError>>()?;
        segments::fill(&self.segments, self, tenant, &mut entries).await?;
        Ok(entries)
    }

    async fn page(
        &self,
        tenant: TenantId,
        after: Position,
        until: Position,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        let statement = || {
            let range = sqlx::query(PAGE).bind(tenant.0).bind(clamped(after)).bind(clamped(until));
            range.bind(i64::from(limit))
        };
        let rows = self.reads.rows(tenant, statement).await?;
        self.filled(tenant, &rows).await
    }

    async fn log_head(&self, tenant: TenantId) -> Result<LogHead, StoreError> {
        let found = self.reads.row(tenant, || sqlx::query(HEAD).bind(tenant.0)).await?;
        found.map_or_else(|| Ok(LogHead::default()), |found| row::head(&found))
    }
}

/// An alternative that is looked up by its first tag.
#[derive(Serialize)]
struct ByTag<'a> {
    tag: &'a str,
    types: &'a [String],
    further: &'a [String],
}

/// The alternatives with tags, and the types of those without: each type runs along the type index in the order of
/// positions and stops at the limit.
fn alternatives(query: &Query) -> (Vec<ByTag<'_>>, Vec<&str>) {
    let mut by_tag = Vec::new();
    let mut by_type = Vec::new();
    for QueryItem { types, tags } in query.items.iter().filter(|item| precheck::can_match(item)) {
        match tags.split_first() {
            Some((tag, further)) => by_tag.push(ByTag { tag, types, further }),
            None => by_type.extend(types.iter().map(String::as_str)),
        }
    }
    (by_tag, by_type)
}
