//! A schema of a PostgreSQL database.

use std::str::FromStr as _;
use std::time::Duration;

use sqlx::encode::IsNull;
use sqlx::error::BoxDynError;
use sqlx::postgres::types::Oid;
use sqlx::postgres::{
    PgArgumentBuffer, PgArguments, PgConnectOptions, PgPool, PgPoolOptions, PgTypeInfo, Postgres,
};
use sqlx::{Arguments as _, AssertSqlSafe, Encode, Row as _, Type};
use uuid::Uuid;
use waymark_eventstore::postgres::naming;
use waymark_eventstore::{TenantId, Transaction, traced};

use super::dialect::{ColumnType, Dialect, tables_in, views_in};
use super::{Commit, SYSTEM, Value};
use crate::error::{ProjectionError, Result};

/// How long a caller waits for a connection while the database starts or all are in use.
const PATIENCE: Duration = Duration::from_secs(10);
/// Prepared statements kept by each connection: every statement of every read model in every chunk size.
const STATEMENTS: usize = 400;
/// The setting of the URL that forbids prepared statements, for poolers that cannot carry them.
const WITHOUT_STATEMENTS: &str = "statement-cache-capacity";
/// A process that was halted within a step gives the row it holds back after a moment, so that another node goes on.
const LAZY: &str = "BEGIN ISOLATION LEVEL READ COMMITTED; SET LOCAL synchronous_commit = off; \
                    SET LOCAL idle_in_transaction_session_timeout = '5s'";
/// Taken while tables are made, so that processes that start together do not make them twice: a lock of one
/// transaction, of the migrator alone.
const MAKING: &str = "SELECT pg_advisory_xact_lock(7951437)";
/// To compile such a join would take longer than to carry it out.
pub(super) const JOIN_IN_ORDER: &str = "SET LOCAL enable_hashjoin = off; SET LOCAL enable_nestloop = off; \
                                        SET LOCAL enable_sort = off; SET LOCAL jit = off";
const TABLES: &str = "SELECT tablename FROM pg_catalog.pg_tables WHERE schemaname = $1";

const HAS_CITUS: &str = "SELECT 1 FROM pg_catalog.pg_extension WHERE extname = 'citus'";

const SCHEMAS: &str = "SELECT nspname::text FROM pg_catalog.pg_namespace \
                       WHERE starts_with(nspname::text, $1) AND nspname::text <> $2 ORDER BY nspname";
/// A transaction that names nobody sees nothing.
const OWN_TENANT: &str = "tenant_id = nullif(current_setting('app.tenant', true), '')::uuid";

/// Where the read models of all tenants are is the system's own business: it names itself, the nil tenant.
const SEEN_BY_THE_SYSTEM: [&str; 2] = ["projection_checkpoint", "projection_serving"];
const IS_SYSTEM: &str =
    "nullif(current_setting('app.tenant', true), '')::uuid = '00000000-0000-0000-0000-000000000000'";

/// The connections to one schema.
#[derive(Debug, Clone)]
pub struct Schema {
    pool: PgPool,
    name: String,
    commit: Commit,
    connections: u32,
    /// Whether the tables may be spread over other servers.
    distributed: bool,
}

impl Schema {
    pub(super) async fn connect(url: &str, name: &str, commit: Commit, connections: u32) -> Result<Self> {
        let mut options = traced(PgConnectOptions::from_str(url)?);
        if !url.contains(WITHOUT_STATEMENTS) {
            options = options.statement_cache_capacity(STATEMENTS);
        }
        // A connection is tried when a transaction begins on it, which is the first thing that happens to it.
        let pool = PgPoolOptions::new()
            .max_connections(connections)
            .acquire_timeout(PATIENCE)
            .test_before_acquire(false)
            .idle_timeout(None)
            .max_lifetime(None)
            .connect_with(options)
            .await?;
        let distributed = sqlx::query(HAS_CITUS).fetch_optional(&pool).await?.is_some();
        Ok(Self { pool, name: name.to_owned(), commit, connections, distributed })
    }

    /// Makes what is missing, in one transaction. A role that may not make tables finds that nothing is missing.
    pub(super) async fn prepare(&self, scripts: &[&'static str]) -> Result<()> {
        if self.is_complete(scripts).await? {
            return Ok(());
        }
        let mut transaction = self.write(SYSTEM).await?;
        sqlx::raw_sql(MAKING).execute(transaction.connection()?).await?;
        let make = format!("CREATE SCHEMA IF NOT EXISTS {}", self.name);
        sqlx::raw_sql(AssertSqlSafe(make)).execute(transaction.connection()?).await?;
        for script in scripts {
            for statement in Dialect::Postgres.statements(script) {
                sqlx::raw_sql(AssertSqlSafe(statement)).execute(transaction.connection()?).await?;
            }
        }
        Ok(transaction.commit().await?)
    }

    pub(super) async fn is_complete(&self, scripts: &[&'static str]) -> Result<bool> {
        let rows = sqlx::query(TABLES).bind(&self.name).fetch_all(&self.pool).await?;
        let there = rows.iter().map(|row| Ok(row.try_get(0)?)).collect::<Result<Vec<String>>>()?;
        let wanted = scripts.iter().flat_map(|script| tables_in(script));
        Ok(wanted.into_iter().all(|table| there.iter().any(|name| name == table)))
    }

    /// What a role may do, and the second wall between tenants, in one transaction.
    pub(super) async fn secure(&self, role: &str, scripts: &[&'static str]) -> Result<()> {
        let (schema, role) = (&self.name, format!("\"{}\"", role.replace('"', "\"\"")));
        let mut statements = vec![format!("GRANT USAGE ON SCHEMA {schema} TO {role}")];
        for table in scripts.iter().flat_map(|script| tables_in(script)) {
            statements.push(format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO {role}"));
            statements.push(format!("ALTER TABLE {table} ENABLE ROW LEVEL SECURITY"));
            statements.push(format!("DROP POLICY IF EXISTS tenant_alone ON {table}"));
            statements.push(format!("CREATE POLICY tenant_alone ON {table} USING ({OWN_TENANT})"));
            if SEEN_BY_THE_SYSTEM.contains(&table) {
                statements.push(format!("DROP POLICY IF EXISTS system_looks ON {table}"));
                statements
                    .push(format!("CREATE POLICY system_looks ON {table} FOR SELECT USING ({IS_SYSTEM})"));
            }
        }
        for view in scripts.iter().flat_map(|script| views_in(script)) {
            statements.push(format!("GRANT SELECT ON {view} TO {role}"));
            // Otherwise the caller would be its owner, who sees everything.
            statements.push(format!("ALTER VIEW {view} SET (security_invoker = true)"));
        }
        let mut transaction = self.write(SYSTEM).await?;
        for statement in statements {
            sqlx::raw_sql(AssertSqlSafe(statement)).execute(transaction.connection()?).await?;
        }
        Ok(transaction.commit().await?)
    }

    /// Drops every other schema whose name begins so. Returns which.
    pub(crate) async fn drop_others(&self, prefix: &str) -> Result<Vec<String>> {
        let rows = sqlx::query(SCHEMAS).bind(prefix).bind(&self.name).fetch_all(&self.pool).await?;
        let others = rows.iter().map(|row| Ok(row.try_get(0)?)).collect::<Result<Vec<String>>>()?;
        for other in &others {
            let drop = format!("DROP SCHEMA \"{}\" CASCADE", other.replace('"', "\"\""));
            sqlx::raw_sql(AssertSqlSafe(drop)).execute(&self.pool).await?;
        }
        Ok(others)
    }

    /// All queries of a view see one moment.
    pub(super) async fn read(&self, tenant: TenantId) -> Result<Transaction<Postgres>> {
        self.begin("BEGIN ISOLATION LEVEL REPEATABLE READ READ ONLY", tenant).await
    }

    /// Read committed, whatever the database's default: a step's first statement takes the row that it moves, and what
    /// the next ones see is what the last holder of that row left.
    ///
    /// A commit of read models does not wait for the disk. The log is the truth: it is on disk before a projector sees
    /// it, and what a crash takes from the tail of the read models, it takes together with the checkpoint that says how
    /// far they had come.
    pub(super) async fn write(&self, tenant: TenantId) -> Result<Transaction<Postgres>> {
        let begin = match self.commit {
            Commit::Durable => "BEGIN ISOLATION LEVEL READ COMMITTED",
            Commit::Lazy => LAZY,
        };
        self.begin(begin, tenant).await
    }

    /// One round trip: the transaction, where its tables are, and whose rows it may see.
    async fn begin(&self, begin: &str, tenant: TenantId) -> Result<Transaction<Postgres>> {
        let (schema, named) = (&self.name, naming(tenant, self.distributed));
        let begin = format!("{begin}; SET LOCAL search_path = {schema}; {named}");
        // After the database was away, every connection that the pool still holds is found to be dead here.
        for _ in 0..self.connections {
            match Transaction::begin(&self.pool, AssertSqlSafe(begin.clone())).await {
                Err(sqlx::Error::Io(_)) => {}
                Err(sqlx::Error::Database(error)) if is_shutdown(error.code().as_deref()) => {}
                other => return Ok(other?),
            }
        }
        Ok(Transaction::begin(&self.pool, AssertSqlSafe(begin)).await?)
    }

    pub(super) async fn close(&self) {
        self.pool.close().await;
    }
}

#[cfg(test)]
impl Schema {
    pub(super) async fn open_transactions(&self) -> usize {
        let mut taken = Vec::new();
        for _ in 0..self.connections {
            taken.push(self.pool.acquire().await.unwrap());
        }
        let mut open = 0;
        for connection in &mut taken {
            // Refused outside of a transaction, and within one that failed: then so is what any other begins with.
            let savepoint = sqlx::raw_sql("SAVEPOINT probe").execute(&mut **connection).await;
            let is_aborted = sqlx::raw_sql("SELECT 1").execute(&mut **connection).await.is_err();
            open += usize::from(savepoint.is_ok() || is_aborted);
            sqlx::raw_sql("ROLLBACK").execute(&mut **connection).await.unwrap();
        }
        open
    }
}

/// Whether the server has ended this connection, by its SQLSTATE: shut down by an operator, or after a crash.
fn is_shutdown(code: Option<&str>) -> bool {
    matches!(code, Some("57P01" | "57P02"))
}

/// An id as PostgreSQL's `uuid`, whose binary form is its sixteen bytes.
struct Id(Uuid);

impl Type<Postgres> for Id {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(2950))
    }
}

impl Encode<'_, Postgres> for Id {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> std::result::Result<IsNull, BoxDynError> {
        buffer.extend_from_slice(self.0.as_bytes());
        Ok(IsNull::No)
    }
}

/// Null of no type: the server takes the one that is wanted there. A typed null would be prepared with its type, and
/// the same text is prepared once for all values.
struct Untyped;

impl Type<Postgres> for Untyped {
    fn type_info() -> PgTypeInfo {
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl Encode<'_, Postgres> for Untyped {
    fn encode_by_ref(&self, _: &mut PgArgumentBuffer) -> std::result::Result<IsNull, BoxDynError> {
        Ok(IsNull::Yes)
    }
}

pub(super) fn arguments(values: impl IntoIterator<Item = Value>) -> Result<PgArguments> {
    let values = values.into_iter();
    let mut arguments = PgArguments::default();
    arguments.reserve(values.size_hint().0, 0);
    for value in values {
        let added = match value {
            Value::Null => arguments.add(Untyped),
            Value::Int(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
            Value::Uuid(value) => arguments.add(Id(value)),
            Value::Bytes(value) => arguments.add(value),
        };
        added.map_err(|error| ProjectionError::Database(error.to_string()))?;
    }
    Ok(arguments)
}

/// A column of rows whose values stand one after the other, as PostgreSQL's list: made without a list of our own.
struct List<'a> {
    rows: &'a [Value],
    width: usize,
    column: usize,
    kind: ColumnType,
}

impl Type<Postgres> for List<'_> {
    fn type_info() -> PgTypeInfo {
        // Each says its own.
        PgTypeInfo::with_oid(Oid(0))
    }
}

impl Encode<'_, Postgres> for List<'_> {
    fn encode_by_ref(&self, buffer: &mut PgArgumentBuffer) -> std::result::Result<IsNull, BoxDynError> {
        let values = || self.rows.iter().skip(self.column).step_by(self.width);
        let nulls = values().any(|value| *value == Value::Null);
        let element: u32 = match self.kind {
            ColumnType::Id => 2950,
            ColumnType::Number => 20,
            ColumnType::Text => 25,
        };
        // One dimension, whether there are nulls, of what, how many, counted from one.
        for word in [1, u32::from(nulls), element, u32::try_from(values().count())?, 1] {
            buffer.extend_from_slice(&word.to_be_bytes());
        }
        for value in values() {
            let number;
            let bytes: &[u8] = match (value, self.kind) {
                (Value::Null, _) => {
                    buffer.extend_from_slice(&(-1_i32).to_be_bytes());
                    continue;
                }
                (Value::Int(value), ColumnType::Number) => {
                    number = value.to_be_bytes();
                    &number
                }
                (Value::Text(value), ColumnType::Text) => value.as_bytes(),
                (Value::Uuid(value), ColumnType::Id) => value.as_bytes(),
                (value, kind) => return Err(format!("{value:?} is no {kind:?}").into()),
            };
            buffer.extend_from_slice(&i32::try_from(bytes.len())?.to_be_bytes());
            buffer.extend_from_slice(bytes);
        }
        Ok(IsNull::No)
    }

    fn produces(&self) -> Option<PgTypeInfo> {
        let list = match self.kind {
            ColumnType::Id => 2951,
            ColumnType::Number => 1016,
            ColumnType::Text => 1009,
        };
        Some(PgTypeInfo::with_oid(Oid(list)))
    }
}

/// The binds before, then a list of each column of the rows.
pub(super) fn lists(before: &[Value], rows: &[Value], columns: &[ColumnType]) -> Result<PgArguments> {
    let mut arguments = arguments(before.iter().cloned())?;
    for (column, kind) in columns.iter().copied().enumerate() {
        let added = arguments.add(List { rows, width: columns.len(), column, kind });
        added.map_err(|error| ProjectionError::Database(error.to_string()))?;
    }
    Ok(arguments)
}
