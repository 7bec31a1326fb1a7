//! Brings the write-ahead log into the file while the writer goes on.
//!
//! SQLite does it by itself within the commit that makes the write-ahead log too long, and everybody waits for that one
//! (docs/decisions/0009-checkpoint-from-a-reader.md). Begun earlier, on a connection that reads, it holds nobody up, and the
//! commit finds only what has come since. The writer's own checkpoint has to stay: only a writer can restart the write-ahead log.

use std::time::Duration;

use sqlx::sqlite::SqlitePool;
use sqlx::{Connection as _, SqliteConnection};
use tokio::task::JoinHandle;

/// This many events make about a third of what a write-ahead log holds.
const EVENTS: usize = 3_000;

/// Neither waits for the writer nor makes it wait.
const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";
/// Brings everything into the file and leaves nothing in the write-ahead log.
const TRUNCATE: &str = "PRAGMA wal_checkpoint(TRUNCATE)";
/// How long it waits for those who read an older state, in milliseconds, while the writer waits for it; and how long between two
/// tries.
const IMPATIENT: &str = "PRAGMA busy_timeout = 20";
const AGAIN: Duration = Duration::from_millis(50);

/// Checkpoints beside the writer.
#[derive(Debug)]
pub(super) struct WalCheckpoints {
    reads: SqlitePool,
    /// Events since the last one began.
    events: usize,
    running: Option<JoinHandle<()>>,
}

impl WalCheckpoints {
    pub(super) fn new(reads: SqlitePool) -> Self {
        Self { reads, events: 0, running: None }
    }

    /// The log has grown: once by enough, and none is under way, the next begins.
    pub(super) fn grown(&mut self, events: usize) {
        self.events += events;
        if self.events < EVENTS || self.running.as_ref().is_some_and(|running| !running.is_finished()) {
            return;
        }
        self.events = 0;
        let reads = self.reads.clone();
        self.running = Some(tokio::spawn(async move {
            if let Err(error) = sqlx::query(PASSIVE).execute(&reads).await {
                // The writer's own does it.
                tracing::debug!(%error, "a checkpoint beside the writer failed");
            }
        }));
    }
}

impl WalCheckpoints {
    /// A key was destroyed: as it was before, it stands in the write-ahead log until that is emptied.
    pub(super) fn erased(&self) {
        let reads = self.reads.clone();
        tokio::spawn(async move {
            // Its own connection from now on, since its timeout is shorter than the others'.
            let connection = match reads.acquire().await {
                Ok(connection) => connection.detach(),
                // The store is being closed, which empties it as well.
                Err(error) => return tracing::debug!(%error, "no connection empties the write-ahead log"),
            };
            if let Err(error) = emptied(connection).await {
                tracing::warn!(%error, "a destroyed key stands in the write-ahead log until the next checkpoint");
            }
        });
    }
}

/// Empties the write-ahead log, as soon as nobody reads an older state.
async fn emptied(mut connection: SqliteConnection) -> Result<(), sqlx::Error> {
    sqlx::query(IMPATIENT).execute(&mut connection).await?;
    while sqlx::query_scalar::<_, i64>(TRUNCATE).fetch_one(&mut connection).await? != 0 {
        tokio::time::sleep(AGAIN).await;
    }
    connection.close().await
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::contract::{Bench, new_year};
    use crate::sqlite::{Options, SqliteStore, open};
    use crate::{Append, EventStore};

    #[tokio::test]
    async fn a_connection_that_reads_brings_everything_into_the_file_while_somebody_writes() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log.db");
        let store =
            SqliteStore::open(file.to_str().unwrap(), Options::new(Arc::new(new_year))).await.unwrap();
        let bench = Bench::memory();
        store.append(Append::new(crate::contract::TENANT, vec![bench.event("e", &["a"])])).await.unwrap();
        let mut writer = open::writer(&file).await.unwrap();
        let transaction = writer.begin_with("BEGIN IMMEDIATE").await.unwrap();
        let (busy, pages, done): (i64, i64, i64) =
            sqlx::query_as(PASSIVE).fetch_one(store.read_pool()).await.unwrap();
        assert_eq!((busy, done), (0, pages));
        assert!(pages > 0);
        transaction.rollback().await.unwrap();
    }

    #[tokio::test]
    async fn a_connection_that_reads_empties_the_write_ahead_log_once_nobody_reads_an_older_state() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log.db");
        let store =
            SqliteStore::open(file.to_str().unwrap(), Options::new(Arc::new(new_year))).await.unwrap();
        let bench = Bench::memory();
        let reads = store.read_pool();
        let mut older = reads.begin().await.unwrap();
        sqlx::query("SELECT count(*) FROM event").fetch_one(&mut *older).await.unwrap();
        store.append(Append::new(crate::contract::TENANT, vec![bench.event("e", &["a"])])).await.unwrap();
        let emptying = tokio::spawn(emptied(reads.acquire().await.unwrap().detach()));
        let logged = || std::fs::metadata(folder.path().join("log.db-wal")).unwrap().len();
        assert!(logged() > 0, "somebody reads what was before");
        older.rollback().await.unwrap();
        emptying.await.unwrap().unwrap();
        assert_eq!(logged(), 0);
    }
}
