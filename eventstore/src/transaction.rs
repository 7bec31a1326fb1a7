//! A transaction on a connection of a pool, which gets the connection back only when the engine has said that the
//! transaction is over.
//!
//! The driver's own transactions keep count of what was begun and ended. The count is wrong where SQLite rolls back by
//! itself, as it does when the disk is full, and where the caller of a `BEGIN` on PostgreSQL gives up before its answer
//! has come: then the pool hands out a connection that takes no further transaction, or that is still inside one. Here
//! nothing is counted. What was not committed is rolled back, and a connection on which that fails is closed.

use std::future::Future;
use std::time::Duration;

use sqlx::pool::PoolConnection;
use sqlx::{Database, Pool, Postgres, SqlSafeStr, SqlStr, Sqlite};

/// How long a rollback that nobody waits for may take before its connection is given up.
const PATIENCE: Duration = Duration::from_secs(10);

/// An engine whose transactions are begun and ended by statements.
pub trait Transactional: Database {
    /// Runs a statement that gives no rows.
    fn run(
        connection: &mut Self::Connection,
        statement: SqlStr,
    ) -> impl Future<Output = Result<(), sqlx::Error>> + Send;
}

impl Transactional for Sqlite {
    async fn run(connection: &mut Self::Connection, statement: SqlStr) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(statement).execute(connection).await.map(drop)
    }
}

impl Transactional for Postgres {
    async fn run(connection: &mut Self::Connection, statement: SqlStr) -> Result<(), sqlx::Error> {
        sqlx::raw_sql(statement).execute(connection).await.map(drop)
    }
}

/// A transaction. Dropped at any moment, while it begins and while it commits included, it is rolled back before anybody
/// else gets its connection.
#[derive(Debug)]
pub struct Transaction<DB: Transactional> {
    /// None once it is over.
    connection: Option<PoolConnection<DB>>,
}

impl<DB: Transactional> Transaction<DB> {
    /// Begins a transaction by this statement.
    ///
    /// # Errors
    /// When the pool gives no connection, or the engine refuses.
    pub async fn begin(pool: &Pool<DB>, begin: impl SqlSafeStr) -> Result<Self, sqlx::Error> {
        let mut transaction = Self { connection: Some(pool.acquire().await?) };
        DB::run(transaction.connection()?, begin.into_sql_str()).await?;
        Ok(transaction)
    }

    /// The connection that it runs on.
    ///
    /// # Errors
    /// [`sqlx::Error::PoolClosed`] when it is over.
    pub fn connection(&mut self) -> Result<&mut DB::Connection, sqlx::Error> {
        self.connection.as_deref_mut().ok_or(sqlx::Error::PoolClosed)
    }

    /// Keeps what was written.
    ///
    /// # Errors
    /// When that did not become certain.
    pub async fn commit(mut self) -> Result<(), sqlx::Error> {
        DB::run(self.connection()?, "COMMIT".into_sql_str()).await?;
        drop(self.connection.take());
        Ok(())
    }
}

impl<DB: Transactional> Drop for Transaction<DB> {
    fn drop(&mut self) {
        let Some(connection) = self.connection.take() else { return };
        match tokio::runtime::Handle::try_current() {
            Ok(runtime) => drop(runtime.spawn(end(connection))),
            // Nobody is left to wait for the rollback: the connection ends, and the transaction with it.
            Err(_) => drop(connection.detach()),
        }
    }
}

/// Rolls back, and closes the connection where that fails: after an error the engine may have rolled back by itself, and
/// nobody can tell.
async fn end<DB: Transactional>(mut connection: PoolConnection<DB>) {
    let rollback = DB::run(&mut connection, "ROLLBACK".into_sql_str());
    if !matches!(tokio::time::timeout(PATIENCE, rollback).await, Ok(Ok(()))) {
        connection.close_on_drop();
    }
}
