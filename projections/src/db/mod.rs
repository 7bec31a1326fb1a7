//! A database of tables, on either engine, and the only place that knows which one it is.
//!
//! Statements are one text for both (`$1` binds, nothing that one engine alone has) and speak of [`Value`]s and
//! [`Row`]s. On SQLite the tables of the read models stand in a file of their own beside the log's: what they write
//! neither waits for the log's writers nor is waited for by them. On PostgreSQL they stand in a schema of their own in
//! the log's database. Either way they can be thrown away and folded from the log again.
//!
//! Nothing here keeps state in a session of PostgreSQL: what a transaction needs is said with its `BEGIN`, in the same
//! round trip, so that connections may come from a pooler that hands them out by the transaction.

mod dialect;
mod postgres;
mod quarantine;
mod row;
mod sqlite;
mod value;

use std::path::Path;
use std::sync::Arc;

use sqlx::sqlite::SqliteArguments;
use sqlx::{AssertSqlSafe, Postgres};
use uuid::Uuid;
use waymark_eventstore::TenantId;

pub use sqlite::Derived;
pub use value::{Value, values};

pub use dialect::{ColumnType, Dialect, tables_in, views_in};
pub use row::{Column, Row};

use crate::error::{ProjectionError, Result};

/// The tenant to whom rows belong that are everybody's: nodes, names of tenants, fingerprints.
pub const SYSTEM: TenantId = TenantId(Uuid::nil());

/// What a commit waits for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Commit {
    /// The disk: what was committed is kept.
    Durable,
    /// Nothing: a crash may lose the last commits, which are made again from the log.
    Lazy,
}

/// A database of tables.
#[derive(Debug, Clone)]
pub enum Db {
    /// One file.
    Sqlite(sqlite::Files),
    /// One schema.
    Postgres(postgres::Schema),
}

impl Db {
    /// Opens a SQLite file, making it where it is missing.
    ///
    /// # Errors
    /// [`ProjectionError::Database`] when the file cannot be opened.
    pub async fn sqlite(path: &Path, commit: Commit) -> Result<Self> {
        Ok(Self::Sqlite(sqlite::Files::open(path, commit).await?))
    }

    /// Opens a SQLite file that is there, to look at it: nothing is made or changed.
    ///
    /// # Errors
    /// [`ProjectionError::Database`] when the file is not there, or cannot be opened.
    pub async fn inspect(path: &Path) -> Result<Self> {
        Ok(Self::Sqlite(sqlite::Files::inspect(path).await?))
    }

    /// A SQLite file of what can be folded again. It is opened, and its tables made, when it is first asked for; one that
    /// is damaged is put aside, and another made in its place.
    #[must_use]
    pub fn derived(path: &Path, derived: Derived) -> Self {
        Self::Sqlite(sqlite::Files::derived(path, Commit::Lazy, derived))
    }

    /// Connects to a schema of a PostgreSQL database, which [`Self::prepare`] makes where it is missing.
    ///
    /// # Errors
    /// [`ProjectionError::Database`] when the URL is none, or nobody answers there.
    pub async fn postgres(url: &str, schema: &str, commit: Commit, connections: u32) -> Result<Self> {
        Ok(Self::Postgres(postgres::Schema::connect(url, schema, commit, connections).await?))
    }

    /// Which SQL is spoken.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Makes the tables of scripts in SQLite's words where they are missing.
    ///
    /// # Errors
    /// [`ProjectionError::Database`] when they cannot be made.
    pub async fn prepare(&self, scripts: &[&'static str]) -> Result<()> {
        match self {
            Self::Sqlite(files) => files.prepare(scripts).await,
            Self::Postgres(schema) => schema.prepare(scripts).await,
        }
    }

    /// Whether the tables of scripts are there.
    ///
    /// # Errors
    /// [`ProjectionError::Database`] when the database cannot be read.
    pub async fn is_prepared(&self, scripts: &[&'static str]) -> Result<bool> {
        match self {
            Self::Sqlite(files) => files.is_complete(scripts).await,
            Self::Postgres(schema) => schema.is_complete(scripts).await,
        }
    }

    /// Gives an ordinary role, which owns nothing, what it needs of the tables of scripts, and sets up row-level security:
    /// such a role sees and writes the rows of that tenant alone which its transaction has named. For the owner.
    ///
    /// # Errors
    /// [`ProjectionError::Database`] when the database refuses; a file of SQLite has no roles.
    pub async fn secure(&self, role: &str, scripts: &[&'static str]) -> Result<()> {
        match self {
            Self::Sqlite(_) => Err(ProjectionError::Database("a file of SQLite has no roles".to_owned())),
            Self::Postgres(schema) => schema.secure(role, scripts).await,
        }
    }

    /// A consistent view of a tenant's rows as they are now.
    ///
    /// # Errors
    /// [`ProjectionError::Database`] when the database cannot be reached.
    pub async fn read(&self, tenant: TenantId) -> Result<Transaction> {
        match self {
            // To get a connection takes a large state of the task: it is not to be carried along by every caller.
            Self::Sqlite(files) => Ok(Transaction::Sqlite(Box::pin(files.read()).await?)),
            Self::Postgres(schema) => Ok(Transaction::Postgres(Box::pin(schema.read(tenant)).await?)),
        }
    }

    /// A transaction that writes rows of a tenant. It is rolled back unless [`Transaction::commit`] is called.
    ///
    /// On SQLite there is one connection for it, so that the writers of this process take turns.
    ///
    /// # Errors
    /// [`ProjectionError::Database`] when the database cannot be reached.
    pub async fn write(&self, tenant: TenantId) -> Result<Transaction> {
        match self {
            Self::Sqlite(files) => Ok(Transaction::Sqlite(Box::pin(files.write()).await?)),
            Self::Postgres(schema) => Ok(Transaction::Postgres(Box::pin(schema.write(tenant)).await?)),
        }
    }

    /// Brings the write-ahead log of a file of SQLite into the file and empties it: no page from before a commit stands anywhere
    /// then. False: somebody still reads an older state.
    pub(crate) async fn empty_log(&self) -> Result<bool> {
        match self {
            Self::Sqlite(files) => files.empty_log().await,
            // Its server keeps its own.
            Self::Postgres(_) => Ok(true),
        }
    }

    /// Whether the connections are closed.
    pub(crate) fn is_closed(&self) -> bool {
        match self {
            Self::Sqlite(files) => files.is_closed(),
            Self::Postgres(_) => false,
        }
    }

    /// Reads all of a SQLite file as it is on disk. What can be folded again is replaced where it is damaged. A server
    /// looks after its own files.
    ///
    /// # Errors
    /// [`ProjectionError::Database`] when the file cannot be read or replaced.
    pub async fn check(&self) -> Result<()> {
        match self {
            Self::Sqlite(files) => files.check().await,
            Self::Postgres(_) => Ok(()),
        }
    }

    /// Finishes what runs and closes the connections.
    pub async fn close(&self) {
        match self {
            Self::Sqlite(files) => files.close().await,
            Self::Postgres(schema) => schema.close().await,
        }
    }
}

#[cfg(test)]
impl Db {
    /// On how many connections of the pools, all of which are taken, a transaction is open.
    pub(crate) async fn open_transactions(&self) -> usize {
        match self {
            Self::Sqlite(files) => files.open_transactions().await,
            Self::Postgres(schema) => schema.open_transactions().await,
        }
    }

    /// Lets the file grow no further, or as far as it likes, as a disk that is full and then has room.
    pub(crate) async fn limit_pages(&self, is_full: bool) {
        if let Self::Sqlite(files) = self {
            files.limit_pages(is_full).await;
        }
    }
}

/// A transaction.
#[derive(Debug)]
pub enum Transaction {
    /// On a SQLite file.
    Sqlite(sqlite::Open),
    /// On a PostgreSQL schema.
    Postgres(waymark_eventstore::Transaction<Postgres>),
}

/// Binds of a statement of SQLite.
pub(crate) struct TupleBinds(SqliteArguments);

impl TupleBinds {
    pub(crate) fn of(values: impl IntoIterator<Item = Value>) -> Result<Self> {
        Ok(Self(sqlite::arguments(values)?))
    }
}

/// One text for both engines: the arguments and the connection are the engine's own, the call is the same.
macro_rules! on {
    ($transaction:expr, $values:expr, |$arguments:ident, $connection:ident| $call:expr) => {{
        let done: Result<_> = async {
            match &mut *$transaction {
                Transaction::Sqlite(open) => {
                    let ($arguments, $connection) =
                        (sqlite::arguments($values)?, open.transaction.connection()?);
                    Ok($call)
                }
                Transaction::Postgres(transaction) => {
                    let ($arguments, $connection) =
                        (postgres::arguments($values)?, transaction.connection()?);
                    Ok($call)
                }
            }
        }
        .await;
        $transaction.noticed(done)
    }};
}

impl Transaction {
    /// Which SQL is spoken.
    #[must_use]
    pub fn dialect(&self) -> Dialect {
        match self {
            Self::Sqlite(_) => Dialect::Sqlite,
            Self::Postgres(_) => Dialect::Postgres,
        }
    }

    /// Which file the rows stand in, counted from the first that this process opened; a server has one.
    pub(crate) fn file(&self) -> u64 {
        match self {
            Self::Sqlite(open) => open.file(),
            Self::Postgres(_) => 0,
        }
    }

    /// Notes where a statement has found the file damaged.
    fn noticed<T>(&self, done: Result<T>) -> Result<T> {
        if let (Self::Sqlite(open), Err(ProjectionError::Damaged(why))) = (self, &done) {
            open.notice(why);
        }
        done
    }

    /// The rows a query gives.
    ///
    /// # Errors
    /// [`ProjectionError::Database`] when the database refuses it.
    pub async fn rows(&mut self, sql: &'static str, values: &[Value]) -> Result<Vec<Row>> {
        on!(self, values.iter().cloned(), |arguments, connection| {
            let rows = sqlx::query_with(sql, arguments).fetch_all(connection).await?;
            rows.into_iter().map(Row::from).collect()
        })
    }

    /// The first row a query gives.
    ///
    /// # Errors
    /// [`ProjectionError::Database`] when the database refuses it.
    pub async fn row(&mut self, sql: &'static str, values: &[Value]) -> Result<Option<Row>> {
        on!(self, values.iter().cloned(), |arguments, connection| {
            sqlx::query_with(sql, arguments).fetch_optional(connection).await?.map(Row::from)
        })
    }

    /// Runs a statement and says how many rows it changed.
    ///
    /// # Errors
    /// [`ProjectionError::Database`] when the database refuses it.
    pub async fn execute(&mut self, sql: &'static str, values: &[Value]) -> Result<u64> {
        on!(self, values.iter().cloned(), |arguments, connection| {
            sqlx::query_with(sql, arguments).execute(connection).await?.rows_affected()
        })
    }

    /// Runs a statement whose text was made here, of names that stand in the code.
    pub(crate) async fn execute_dynamic(
        &mut self,
        sql: Arc<str>,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<u64> {
        on!(self, values, |arguments, connection| {
            sqlx::query_with(AssertSqlSafe(sql), arguments).execute(connection).await?.rows_affected()
        })
    }

    /// Runs a statement of SQLite whose binds were made before its turn, and says how many rows it changed.
    pub(crate) async fn execute_tuples(&mut self, sql: Arc<str>, binds: TupleBinds) -> Result<u64> {
        let Self::Sqlite(open) = self else {
            return Err(ProjectionError::Database("only SQLite takes tuples".to_owned()));
        };
        let connection = open.transaction.connection()?;
        let done = sqlx::query_with(AssertSqlSafe(sql), binds.0).execute(connection).await;
        self.noticed(done.map(|done| done.rows_affected()).map_err(ProjectionError::from))
    }

    /// Runs a statement of PostgreSQL that takes rows as lists, one a column, after the binds before them. Says how many
    /// rows it changed.
    pub(crate) async fn execute_lists(
        &mut self,
        sql: Arc<str>,
        before: &[Value],
        rows: &[Value],
        columns: &[ColumnType],
    ) -> Result<u64> {
        let Self::Postgres(transaction) = self else {
            return Err(ProjectionError::Database("only PostgreSQL takes lists".to_owned()));
        };
        let arguments = postgres::lists(before, rows, columns)?;
        let done = sqlx::query_with(AssertSqlSafe(sql), arguments).execute(transaction.connection()?).await?;
        Ok(done.rows_affected())
    }

    /// The rows of a query whose text was made here, of names that stand in the code.
    pub(crate) async fn fetch_dynamic(
        &mut self,
        sql: Arc<str>,
        values: impl IntoIterator<Item = Value>,
    ) -> Result<Vec<Row>> {
        on!(self, values, |arguments, connection| {
            let rows = sqlx::query_with(AssertSqlSafe(sql), arguments).fetch_all(connection).await?;
            rows.into_iter().map(Row::from).collect()
        })
    }

    /// From now on PostgreSQL joins two lists of rows by going along both in the order of an index, to the end of the
    /// transaction. It knows nothing yet of rows that were written a moment ago, and may choose what is many times slower.
    pub(crate) async fn join_in_order(&mut self) -> Result<()> {
        if let Self::Postgres(transaction) = self {
            sqlx::raw_sql(postgres::JOIN_IN_ORDER).execute(transaction.connection()?).await?;
        }
        Ok(())
    }

    /// Keeps what was written.
    ///
    /// # Errors
    /// [`ProjectionError::Database`] when that did not become sure.
    pub async fn commit(self) -> Result<()> {
        match self {
            Self::Sqlite(open) => Ok(open.transaction.commit().await?),
            Self::Postgres(transaction) => Ok(transaction.commit().await?),
        }
    }
}
