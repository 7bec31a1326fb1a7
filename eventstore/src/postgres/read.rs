//! Reads the log: pages, queries, heads, instants, receipts, keys.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use serde::Serialize;
use sqlx::PgPool;
use sqlx::postgres::{PgArguments, PgRow, Postgres};
use sqlx::query::Query as Statement;
use tokio::sync::watch;
use uuid::Uuid;

use super::connect::Server;
use super::failure::Failure;
use super::tenant_scope::{self, SYSTEM};
use super::{PostgresStore, precheck, row};
use crate::batch::LogHead;
use crate::prepare::Request;
use crate::queue::Job;
use crate::vault::WrappedKey;
use crate::{
    Append, Entry, EventStore, Head, Intake, Outcome, Position, Query, QueryItem, Receipt, StoreError,
    TenantId, Transaction, Transferable, instant,
};

const PAGE: &str = include_str!("page.sql");
const MATCHING: &str = include_str!("matching.sql");
const RECEIPT: &str = include_str!("receipt.sql");
const POSITION_AT: &str = include_str!("position_at.sql");
const DATA_KEYS: &str = include_str!("data_keys.sql");
const HEAD: &str = include_str!("head.sql");
const HEADS: &str = include_str!("heads.sql");
const HEADS_OF: &str = include_str!("heads_of.sql");
const STRUCTURE: &str = include_str!("structure.sql");

/// The connections that read.
///
/// Where row-level security holds, a read is a transaction that names its tenant, which costs one more way to the
/// server and back before it, and one after it that nobody waits for. Naming the tenant once for a connection would
/// cost nothing, but behind a transaction pooler the name would pass to whoever comes next.
#[derive(Clone)]
pub(super) struct ReadPool {
    pool: PgPool,
    row_security: bool,
    /// A restarted server leaves every idle connection broken, and each has to be found out.
    attempts: u32,
}

impl ReadPool {
    pub(super) fn new(server: &Server, connections: u32, row_security: bool) -> Self {
        Self { pool: server.pool(connections), row_security, attempts: connections + 1 }
    }

    pub(super) fn pool(&self) -> &PgPool {
        &self.pool
    }

    /// The rows of a statement about one tenant. What failed with its connection is asked again on another one:
    /// reading twice does no harm.
    pub(super) async fn rows<'q>(
        &self,
        tenant: TenantId,
        statement: impl Fn() -> Statement<'q, Postgres, PgArguments>,
    ) -> Result<Vec<PgRow>, StoreError> {
        let mut left = self.attempts;
        loop {
            left -= 1;
            match self.rows_once(tenant, statement()).await.map_err(Failure::from) {
                Ok(rows) => return Ok(rows),
                Err(Failure::Unchanged(error)) => return Err(error),
                Err(Failure::UniqueViolation(what)) => return Err(StoreError::Unavailable(what)),
                Err(Failure::Retryable(what) | Failure::Lost(what) | Failure::InDoubt(what)) => {
                    if left == 0 {
                        return Err(StoreError::Unavailable(what));
                    }
                }
            }
        }
    }

    async fn rows_once(
        &self,
        tenant: TenantId,
        statement: Statement<'_, Postgres, PgArguments>,
    ) -> Result<Vec<PgRow>, sqlx::Error> {
        // Questions about all tenants say that they are.
        if !self.row_security && tenant != SYSTEM {
            return statement.fetch_all(&self.pool).await;
        }
        // Dropped, the transaction is ended by a task that nobody waits for.
        let mut transaction = Transaction::begin(&self.pool, tenant_scope::reading(tenant)).await?;
        statement.fetch_all(transaction.connection()?).await
    }

    /// The only row of a statement about one tenant, when there is one.
    pub(super) async fn row<'q>(
        &self,
        tenant: TenantId,
        statement: impl Fn() -> Statement<'q, Postgres, PgArguments>,
    ) -> Result<Option<PgRow>, StoreError> {
        Ok(self.rows(tenant, statement).await?.pop())
    }

    /// Where each log ends.
    pub(super) async fn heads(&self) -> Result<Vec<(TenantId, Position)>, StoreError> {
        positions(&self.rows(SYSTEM, || sqlx::query(HEADS)).await?)
    }

    /// Where the logs of these tenants end.
    pub(super) async fn heads_of(
        &self,
        tenants: &[TenantId],
    ) -> Result<Vec<(TenantId, Position)>, StoreError> {
        let ids: Vec<Uuid> = tenants.iter().map(|tenant| tenant.0).collect();
        positions(&self.rows(SYSTEM, || sqlx::query(HEADS_OF).bind(&ids)).await?)
    }

    /// What is wrong when a tenant's log has other entries than its head says.
    pub(super) async fn structural_fault(&self, tenant: TenantId) -> Result<Option<String>, StoreError> {
        let found = self.row(tenant, || sqlx::query(STRUCTURE).bind(tenant.0)).await?;
        let Some(found) = found else { return Ok(None) };
        let position = row::natural(&found, "position")?;
        let (last, entries) = (row::natural(&found, "last")?, row::natural(&found, "entries")?);
        let fault = || format!("tenant {tenant}: the head is at {position}, {entries} entries end at {last}");
        Ok((last != position || entries != position).then(fault))
    }
}

fn positions(rows: &[PgRow]) -> Result<Vec<(TenantId, Position)>, StoreError> {
    rows.iter()
        .map(|found| Ok((TenantId(row::get(found, "tenant_id")?), row::natural(found, "position")?)))
        .collect()
}

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
        self.reads.rows(tenant, statement).await?.iter().map(row::entry).collect()
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

    async fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        Ok(self.reads.heads().await?.into_iter().map(|(tenant, _)| tenant).collect())
    }

    fn watch(&self, tenant: TenantId) -> watch::Receiver<Position> {
        self.watchers.subscribe(tenant)
    }

    fn intake(&self) -> watch::Receiver<Intake> {
        self.gate.watch()
    }

    async fn close(&self) {
        self.shut().await;
    }
}

impl PostgresStore {
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
        self.reads.rows(tenant, statement).await?.iter().map(row::entry).collect()
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

/// Positions beyond PostgreSQL's integers do not exist; asking after them finds nothing.
pub(super) fn clamped(position: Position) -> i64 {
    i64::try_from(position).unwrap_or(i64::MAX)
}
