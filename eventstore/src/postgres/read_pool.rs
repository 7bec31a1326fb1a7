//! The connections that read.

use sqlx::PgPool;
use sqlx::postgres::{PgArguments, PgRow, Postgres};
use sqlx::query::Query as Statement;

use super::connect::Server;
use super::failure::Failure;
use super::row;
use super::tenant_scope::{self, SYSTEM};
use crate::{LogEnd, Position, StoreError, TenantId, Transaction};

const HEADS: &str = include_str!("heads.sql");
const HEAD: &str = include_str!("head.sql");
const STRUCTURE: &str = include_str!("structure.sql");

/// The connections that read.
///
/// Where row-level security holds, a read is a transaction that names its tenant, which costs one more round trip
/// before it, and one after it that nobody waits for. Naming the tenant once for a connection would
/// cost nothing, but behind a transaction pooler the setting would pass to the next client.
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
    pub(super) async fn heads(&self) -> Result<Vec<LogEnd>, StoreError> {
        ends(&self.rows(SYSTEM, || sqlx::query(HEADS)).await?)
    }

    /// Where a tenant's log ends; none where it has none.
    pub(super) async fn head_of(&self, tenant: TenantId) -> Result<Option<Position>, StoreError> {
        let found = self.row(tenant, || sqlx::query(HEAD).bind(tenant.0)).await?;
        found.map(|found| row::natural(&found, "position")).transpose()
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

fn ends(rows: &[PgRow]) -> Result<Vec<LogEnd>, StoreError> {
    let end = |found: &PgRow| {
        let (log, position) = (TenantId(row::get(found, "tenant_id")?), row::natural(found, "position")?);
        let (recorded_at, erasures) = (row::instant(found, "recorded_at")?, row::natural(found, "erasures")?);
        Ok(LogEnd { log, position, recorded_at, erasures })
    };
    rows.iter().map(end).collect()
}
