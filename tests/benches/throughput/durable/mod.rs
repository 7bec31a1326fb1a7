//! The plainest durable insert there is, in its forms, on the engine that is measured: the floors' database.

mod postgres;
mod sqlite;

use std::collections::HashMap;

use sqlx::{PgPool, SqlitePool};
use tokio::sync::{mpsc, oneshot};
use uuid::Uuid;
use waymark_tests::Installation;

use crate::engine::{Engine, file_of, is_postgres};

/// How many wait for the group committer at most.
const WAITING: usize = 4096;
/// The limit as the log says it, for the same reason.
const ENTRIES: &str =
    "SELECT position, entry FROM event WHERE position > $1 ORDER BY tenant_id, position LIMIT (SELECT $2)";

/// A database that nothing is decided, tagged or hashed for.
#[derive(Debug, Clone)]
pub(crate) enum Bare {
    Sqlite(SqlitePool),
    Postgres(PgPool),
}

impl Bare {
    /// Connects to a database, with the promises that the service makes too: what is committed is on disk.
    pub(crate) async fn connect(database: &str) -> Self {
        if is_postgres(database) {
            return Self::Postgres(postgres::connect(database).await);
        }
        Self::Sqlite(sqlite::connect(&file_of(database)).await)
    }

    /// The same, with an empty table for bare rows.
    pub(crate) async fn open(database: &str) -> Self {
        let bare = Self::connect(database).await;
        match &bare {
            Self::Sqlite(pool) => sqlite::make_table(pool).await,
            Self::Postgres(pool) => postgres::make_table(pool).await,
        }
        bare
    }

    /// One transaction for one row, on disk when it returns. On PostgreSQL it takes its position from a head row that it
    /// locks, as anyone who orders a log of many writers has to.
    pub(crate) async fn append_alone(&self, entry: &[u8]) {
        match self {
            Self::Sqlite(pool) => sqlite::append_alone(pool, entry).await,
            Self::Postgres(pool) => postgres::append_alone(pool, entry).await.expect("a row"),
        }
    }

    /// Rows in one transaction, many to a statement, at positions after one.
    pub(crate) async fn append_many(&self, after: i64, entries: &[Vec<u8>]) {
        match self {
            Self::Sqlite(pool) => sqlite::append_many(pool, entries).await,
            Self::Postgres(pool) => postgres::append_many(pool, after, entries).await.expect("rows"),
        }
    }

    /// A page of the entries of a log of one tenant, each with its position.
    pub(crate) async fn entries(&self, after: i64, limit: u32) -> Vec<(i64, Vec<u8>)> {
        let limit = i64::from(limit);
        let page = match self {
            Self::Sqlite(pool) => sqlx::query_as(ENTRIES).bind(after).bind(limit).fetch_all(pool).await,
            Self::Postgres(pool) => sqlx::query_as(ENTRIES).bind(after).bind(limit).fetch_all(pool).await,
        };
        page.expect("the log can be read")
    }

    /// The position of each tenant's read model that is furthest behind.
    pub(crate) async fn positions(&self, table: &str, models: i64) -> HashMap<Uuid, u64> {
        match self {
            Self::Sqlite(pool) => sqlite::positions(pool, table, models).await,
            Self::Postgres(pool) => postgres::positions(pool, table, models).await,
        }
    }
}

/// Reads a whole table of the read models and inserts its rows in bulk into the same table, empty; gives how many rows
/// there were and the seconds that inserting them took.
pub(crate) async fn copy_table(engine: Engine, installation: &Installation, table: &str) -> (usize, f64) {
    match engine {
        Engine::Sqlite => {
            let copy = installation.directory().join("copy.db");
            sqlite::copy_table(&installation.views_file(), table, &copy).await
        }
        Engine::Postgres => postgres::copy_table(&installation.database(), &engine.view_table(table)).await,
    }
}

/// Rows that wait together are committed together; nothing is decided, tagged or hashed.
#[derive(Debug, Clone)]
pub(crate) struct GroupCommitter(mpsc::Sender<(Vec<u8>, oneshot::Sender<()>)>);

impl GroupCommitter {
    pub(crate) fn start(bare: Bare) -> Self {
        let (sender, mut waiting) = mpsc::channel::<(Vec<u8>, oneshot::Sender<()>)>(WAITING);
        tokio::spawn(async move {
            let (mut batch, mut position) = (Vec::new(), 0);
            while waiting.recv_many(&mut batch, WAITING).await > 0 {
                let (entries, answers): (Vec<_>, Vec<_>) = batch.drain(..).unzip();
                bare.append_many(position, &entries).await;
                position += entries.len() as i64;
                for answer in answers {
                    // Who gave up waiting is not told.
                    answer.send(()).ok();
                }
            }
        });
        Self(sender)
    }

    pub(crate) async fn append(&self, entry: Vec<u8>) {
        let (answer, committed) = oneshot::channel();
        self.0.send((entry, answer)).await.expect("the committer runs");
        committed.await.expect("the committer answers");
    }
}
