//! Brings the write-ahead log into the file while the writer goes on.
//!
//! SQLite does it by itself within the commit that makes the write-ahead log too long, and everybody waits for that one: ten
//! thousand pages took some 25 ms. Begun earlier, on a connection that reads, it holds nobody up, and the commit finds only
//! what has come since. The writer's own checkpoint has to stay: only a writer can begin the write-ahead log anew.

use sqlx::sqlite::SqlitePool;
use tokio::task::JoinHandle;

/// So many events make about a third of what a write-ahead log holds.
const EVENTS: usize = 3_000;

/// Neither waits for the writer nor makes it wait.
const PASSIVE: &str = "PRAGMA wal_checkpoint(PASSIVE)";

/// Checkpoints beside the writer.
#[derive(Debug)]
pub(super) struct Checkpoints {
    reads: SqlitePool,
    /// Events since the last one began.
    events: usize,
    running: Option<JoinHandle<()>>,
}

impl Checkpoints {
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

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::contract::{Bench, new_year};
    use crate::sqlite::{Options, SqliteStore, open};
    use crate::{Append, EventStore};
    use sqlx::Connection;

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
}
