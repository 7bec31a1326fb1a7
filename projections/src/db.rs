//! The database of the read models, and the only place that knows which engine it is.
//!
//! Read models write portable statements (`$1` binds, no function of one engine) and speak of [`Value`]s and
//! [`Row`]s. Their tables live in a file of their own beside the log's: what they write neither waits for the log's
//! writers nor is waited for by them, and a projector's commit need not wait for the disk, because the log is the
//! truth and a lost tail is folded again.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions, SqliteRow,
    SqliteSynchronous,
};
use sqlx::{Arguments, AssertSqlSafe, ConnectOptions, Row as _, Sqlite, Transaction};
use uuid::Uuid;
use waymark_eventstore::TenantId;

use crate::bulk::Table;
use crate::error::{ProjectionError, Result};

/// Another process may hold the write lock for the length of its commit; longer means something is wrong.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Rows that the driver's thread hands over at a time: fewer switches between threads.
const ROW_BUFFER: usize = 1_000;
/// Every view, then every table.
const EVERYTHING: &str = "SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY type DESC";
/// Connections that answer queries.
const READERS: u32 = 4;

/// The read models' tables.
#[derive(Debug, Clone)]
pub(crate) struct Db {
    readers: SqlitePool,
    writer: SqlitePool,
}

/// A bind of a statement made of many rows. SQLite takes `$1` for a name, and a name is searched for among all
/// names of the statement at every bind: with two thousand of them that costs more than the insert.
pub(crate) const PLACEHOLDER: &str = "?";

/// A bound value.
#[derive(Debug, Clone, PartialEq)]
pub(crate) enum Value {
    Null,
    Int(i64),
    Text(String),
    Uuid(Uuid),
}

impl Db {
    /// Opens the database at a path and creates the tables that are missing.
    ///
    /// # Errors
    /// [`ProjectionError::Database`] when the file cannot be opened.
    pub(crate) async fn open(path: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(SqliteSynchronous::Normal)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("secure_delete", "on")
            // What a statement might have to undo is kept in memory, not in a file beside the database.
            .pragma("temp_store", "memory")
            .pragma("wal_autocheckpoint", "10000")
            .row_buffer_size(ROW_BUFFER)
            .disable_statement_logging();
        // No task renews connections: one that runs while the pool is closed may never end.
        let pool =
            || SqlitePoolOptions::new().test_before_acquire(false).idle_timeout(None).max_lifetime(None);
        let one = pool().max_connections(1);
        let writer = one.connect_with(options.clone().pragma("cache_size", "-16384")).await?;
        let db = {
            let many = pool().max_connections(READERS);
            let reading = options.pragma("cache_size", "-4096").pragma("query_only", "on");
            Self { readers: many.connect_lazy_with(reading), writer }
        };
        crate::schema::create(&db).await?;
        Ok(db)
    }

    /// A consistent view of the tables as they are now.
    pub(crate) async fn read(&self) -> Result<Session> {
        Ok(Session { transaction: self.readers.begin().await? })
    }

    /// A transaction that writes. There is one connection for it, so that the writers of this process take turns; it
    /// is rolled back unless [`Session::commit`] is called.
    pub(crate) async fn write(&self) -> Result<Session> {
        let transaction = self.writer.begin_with("BEGIN IMMEDIATE").await?;
        Ok(Session { transaction })
    }

    /// Runs a script of statements outside any transaction of ours.
    pub(crate) async fn script(&self, script: &'static str) -> Result<()> {
        sqlx::raw_sql(script).execute(&self.writer).await?;
        Ok(())
    }

    /// The layout that the tables were made in; zero in a new file.
    pub(crate) async fn layout(&self) -> Result<i64> {
        Ok(sqlx::query_scalar("PRAGMA user_version").fetch_one(&self.writer).await?)
    }

    /// Drops every table and view, and notes the layout of those that will be made.
    pub(crate) async fn empty(&self, layout: i64) -> Result<()> {
        let mut session = self.write().await?;
        for row in session.rows(EVERYTHING, &[]).await? {
            session.execute_made(format!("DROP {} IF EXISTS {}", row.str(0)?, row.str(1)?), &[]).await?;
        }
        session.execute_made(format!("PRAGMA user_version = {layout}"), &[]).await?;
        session.commit().await
    }

    /// Finishes what runs and closes the connections.
    pub(crate) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

/// A transaction.
pub(crate) struct Session {
    transaction: Transaction<'static, Sqlite>,
}

impl Session {
    /// The rows a query gives.
    pub(crate) async fn rows(&mut self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>> {
        let query = sqlx::query_with(sql, arguments(values)?);
        let rows = query.fetch_all(&mut *self.transaction).await?;
        Ok(rows.into_iter().map(Row).collect())
    }

    /// The first row a query gives.
    pub(crate) async fn row(&mut self, sql: &'static str, values: &[Value]) -> Result<Option<Row>> {
        let query = sqlx::query_with(sql, arguments(values)?);
        Ok(query.fetch_optional(&mut *self.transaction).await?.map(Row))
    }

    /// Runs a statement and says how many rows it changed.
    pub(crate) async fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64> {
        let query = sqlx::query_with(sql, arguments(values)?);
        Ok(query.execute(&mut *self.transaction).await?.rows_affected())
    }

    /// Runs a statement whose text was made here, of names that stand in the code.
    pub(crate) async fn execute_made(&mut self, sql: String, values: &[Value]) -> Result<u64> {
        let query = sqlx::query_with(AssertSqlSafe(sql), arguments(values)?);
        Ok(query.execute(&mut *self.transaction).await?.rows_affected())
    }

    /// The rows of a query whose text was made here, of names that stand in the code.
    pub(crate) async fn rows_made(&mut self, sql: String, values: &[Value]) -> Result<Vec<Row>> {
        let query = sqlx::query_with(AssertSqlSafe(sql), arguments(values)?);
        let rows = query.fetch_all(&mut *self.transaction).await?;
        Ok(rows.into_iter().map(Row).collect())
    }

    /// Every row of a generation as text, in the order of all columns, without tenant and generation.
    pub(crate) async fn dump(
        &mut self,
        table: &Table,
        tenant: TenantId,
        generation: u32,
    ) -> Result<Vec<String>> {
        let columns = &table.columns[2..];
        let quoted: Vec<String> = columns.iter().map(|column| format!("quote({column})")).collect();
        let sql = format!(
            "SELECT {} FROM {} WHERE tenant_id = $1 AND generation = $2 ORDER BY {}",
            quoted.join("||' '||"),
            table.name,
            columns.join(",")
        );
        let rows = self.rows_made(sql, &values![tenant.0, generation]).await?;
        rows.iter().map(|row| Ok(format!("{} {}", table.name, row.str(0)?))).collect()
    }

    /// Keeps what was written.
    pub(crate) async fn commit(self) -> Result<()> {
        Ok(self.transaction.commit().await?)
    }
}

fn arguments(values: &[Value]) -> Result<SqliteArguments> {
    let mut arguments = SqliteArguments::default();
    arguments.reserve(values.len(), 0);
    for value in values {
        let added = match value {
            Value::Null => arguments.add(None::<i64>),
            Value::Int(value) => arguments.add(*value),
            Value::Text(value) => arguments.add(value.as_str()),
            Value::Uuid(value) => arguments.add(value.as_bytes().as_slice()),
        };
        added.map_err(|error| ProjectionError::Database(error.to_string()))?;
    }
    Ok(arguments)
}

/// A row, read by the place of its columns.
pub(crate) struct Row(SqliteRow);

impl Row {
    pub(crate) fn int(&self, column: usize) -> Result<i64> {
        Ok(self.0.try_get(column)?)
    }

    pub(crate) fn opt_int(&self, column: usize) -> Result<Option<i64>> {
        Ok(self.0.try_get(column)?)
    }

    pub(crate) fn position(&self, column: usize) -> Result<u64> {
        Ok(self.int(column)?.cast_unsigned())
    }

    pub(crate) fn number(&self, column: usize) -> Result<u32> {
        u32::try_from(self.int(column)?).map_err(|error| ProjectionError::Database(error.to_string()))
    }

    pub(crate) fn flag(&self, column: usize) -> Result<bool> {
        Ok(self.int(column)? != 0)
    }

    pub(crate) fn text(&self, column: usize) -> Result<String> {
        Ok(self.0.try_get(column)?)
    }

    /// The text without a copy of it.
    pub(crate) fn str(&self, column: usize) -> Result<&str> {
        Ok(self.0.try_get(column)?)
    }

    pub(crate) fn opt_text(&self, column: usize) -> Result<Option<String>> {
        Ok(self.0.try_get(column)?)
    }

    pub(crate) fn uuid(&self, column: usize) -> Result<Uuid> {
        let bytes: &[u8] = self.0.try_get(column)?;
        Uuid::from_slice(bytes).map_err(|error| ProjectionError::Database(error.to_string()))
    }

    pub(crate) fn opt_uuid(&self, column: usize) -> Result<Option<Uuid>> {
        let bytes: Option<&[u8]> = self.0.try_get(column)?;
        let uuid = bytes.map(Uuid::from_slice).transpose();
        uuid.map_err(|error| ProjectionError::Database(error.to_string()))
    }
}

impl From<i64> for Value {
    fn from(value: i64) -> Self {
        Self::Int(value)
    }
}

impl From<u32> for Value {
    fn from(value: u32) -> Self {
        Self::Int(value.into())
    }
}

impl From<u64> for Value {
    fn from(value: u64) -> Self {
        Self::Int(value.cast_signed())
    }
}

impl From<bool> for Value {
    fn from(value: bool) -> Self {
        Self::Int(value.into())
    }
}

impl From<&str> for Value {
    fn from(value: &str) -> Self {
        Self::Text(value.to_owned())
    }
}

impl From<String> for Value {
    fn from(value: String) -> Self {
        Self::Text(value)
    }
}

impl From<Uuid> for Value {
    fn from(value: Uuid) -> Self {
        Self::Uuid(value)
    }
}

impl<T: Into<Self>> From<Option<T>> for Value {
    fn from(value: Option<T>) -> Self {
        value.map_or(Self::Null, Into::into)
    }
}

/// The values of a statement, each converted.
macro_rules! values {
    ($($value:expr),* $(,)?) => { [$($crate::db::Value::from($value)),*] };
}
pub(crate) use values;
