//! A SQLite file.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteArguments, SqliteConnectOptions, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{Arguments as _, AssertSqlSafe, ConnectOptions as _, Row as _, Sqlite, Transaction};

use super::dialect::tables_in;
use super::{Commit, Value};
use crate::error::{ProjectionError, Result};

/// Another process may hold the write lock for the length of its commit; longer means something is wrong.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Rows that the driver's thread hands over at a time: fewer switches between threads.
const ROW_BUFFER: usize = 1_000;
/// Pages of write-ahead log between checkpoints: the same pages are written again and again, and put into the file once.
/// The log file grows to 80 MB.
const CHECKPOINT_PAGES: &str = "20000";
const EMPTY_LOG: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
/// How long the writer waits for others, in milliseconds: [`BUSY_TIMEOUT`], or a moment.
const PATIENT: &str = "PRAGMA busy_timeout = 10000";
const IMPATIENT: &str = "PRAGMA busy_timeout = 20";
/// Every view, then every table.
const EVERYTHING: &str = "SELECT type, name FROM sqlite_master WHERE type IN ('table', 'view') AND name NOT LIKE 'sqlite_%' ORDER BY type DESC";

/// The connections to one file.
#[derive(Debug, Clone)]
pub struct Files {
    readers: SqlitePool,
    writer: SqlitePool,
}

impl Files {
    pub(super) async fn open(path: &Path, commit: Commit) -> Result<Self> {
        let synchronous = match commit {
            Commit::Durable => SqliteSynchronous::Full,
            Commit::Lazy => SqliteSynchronous::Normal,
        };
        let options = SqliteConnectOptions::new()
            .filename(path)
            .create_if_missing(true)
            .journal_mode(SqliteJournalMode::Wal)
            .synchronous(synchronous)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("secure_delete", "on")
            // What a statement might have to undo is kept in memory, not in a file beside the database.
            .pragma("temp_store", "memory")
            .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
            .row_buffer_size(ROW_BUFFER)
            .disable_statement_logging();
        // No task renews connections: one that runs while the pool is closed may never end.
        let pool =
            || SqlitePoolOptions::new().test_before_acquire(false).idle_timeout(None).max_lifetime(None);
        let one = pool().max_connections(1);
        let writer = one.connect_with(options.clone().pragma("cache_size", "-8192")).await?;
        let many = pool().max_connections(waymark_eventstore::readers());
        let reading = options.pragma("cache_size", "-1024").pragma("query_only", "on");
        let files = Self { readers: many.connect_lazy_with(reading), writer };
        // A crash may have left an erasure half done: rows emptied in the write-ahead log, and before them there in clear.
        files.empty_log().await?;
        Ok(files)
    }

    /// Empties the write-ahead log, without waiting for readers of an older state. False: there is one.
    pub(super) async fn empty_log(&self) -> Result<bool> {
        let mut writer = self.writer.acquire().await?;
        sqlx::query(IMPATIENT).execute(&mut *writer).await?;
        let emptied = sqlx::query(EMPTY_LOG).fetch_one(&mut *writer).await;
        sqlx::query(PATIENT).execute(&mut *writer).await?;
        let is_busy: i64 = emptied?.try_get(0)?;
        Ok(is_busy == 0)
    }

    /// Opens a file that is there to look at it: it is not made, and nothing in it is changed.
    pub(super) async fn inspect(path: &Path) -> Result<Self> {
        let options = SqliteConnectOptions::new()
            .filename(path)
            .busy_timeout(BUSY_TIMEOUT)
            .pragma("temp_store", "memory")
            .pragma("query_only", "on")
            .row_buffer_size(ROW_BUFFER)
            .disable_statement_logging();
        let pool = SqlitePoolOptions::new().test_before_acquire(false).idle_timeout(None).max_lifetime(None);
        let readers = pool.max_connections(waymark_eventstore::readers()).connect_with(options).await?;
        // What would write is refused by the connection.
        Ok(Self { writer: readers.clone(), readers })
    }

    pub(super) async fn prepare(&self, scripts: &[&'static str]) -> Result<()> {
        for script in scripts {
            self.script(script).await?;
        }
        Ok(())
    }

    pub(super) async fn is_complete(&self, scripts: &[&'static str]) -> Result<bool> {
        let rows = sqlx::query(EVERYTHING).fetch_all(&self.readers).await?;
        let there = rows.iter().map(|row| Ok(row.try_get(1)?)).collect::<Result<Vec<String>>>()?;
        let wanted = scripts.iter().flat_map(|script| tables_in(script));
        Ok(wanted.into_iter().all(|table| there.iter().any(|name| name == table)))
    }

    /// Runs a script of statements outside any transaction of ours.
    pub(crate) async fn script(&self, script: &'static str) -> Result<()> {
        sqlx::raw_sql(script).execute(&self.writer).await?;
        Ok(())
    }

    pub(super) async fn read(&self) -> Result<Transaction<'static, Sqlite>> {
        Ok(self.readers.begin().await?)
    }

    pub(super) async fn write(&self) -> Result<Transaction<'static, Sqlite>> {
        Ok(self.writer.begin_with("BEGIN IMMEDIATE").await?)
    }

    /// The layout that the tables were made in; zero in a new file.
    pub(crate) async fn layout(&self) -> Result<i64> {
        Ok(sqlx::query_scalar("PRAGMA user_version").fetch_one(&self.writer).await?)
    }

    /// Drops every table and view, and notes the layout of those that will be made.
    pub(crate) async fn empty(&self, layout: i64) -> Result<()> {
        let mut transaction = self.write().await?;
        for row in sqlx::query(EVERYTHING).fetch_all(&mut *transaction).await? {
            let (kind, name): (&str, &str) = (row.try_get(0)?, row.try_get(1)?);
            let drop = format!("DROP {kind} IF EXISTS {name}");
            sqlx::raw_sql(AssertSqlSafe(drop)).execute(&mut *transaction).await?;
        }
        let note = format!("PRAGMA user_version = {layout}");
        sqlx::raw_sql(AssertSqlSafe(note)).execute(&mut *transaction).await?;
        Ok(transaction.commit().await?)
    }

    pub(super) fn is_closed(&self) -> bool {
        self.writer.is_closed()
    }

    pub(super) async fn close(&self) {
        self.readers.close().await;
        self.writer.close().await;
    }
}

pub(super) fn arguments(values: impl IntoIterator<Item = Value>) -> Result<SqliteArguments> {
    let values = values.into_iter();
    let mut arguments = SqliteArguments::default();
    arguments.reserve(values.size_hint().0, 0);
    for value in values {
        let added = match value {
            Value::Null => arguments.add(None::<i64>),
            Value::Int(value) => arguments.add(value),
            Value::Text(value) => arguments.add(value),
            Value::Uuid(value) => arguments.add(value.as_bytes().as_slice()),
            Value::Bytes(value) => arguments.add(value),
        };
        added.map_err(|error| ProjectionError::Database(error.to_string()))?;
    }
    Ok(arguments)
}
