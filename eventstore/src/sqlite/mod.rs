//! The log in one SQLite file.

mod backup;
mod batcher;
mod deferred_tags;
mod failure;
mod head_poller;
mod hex;
mod import;
mod ledger;
mod open;
#[cfg(test)]
mod power_cuts;
mod precheck;
mod query;
mod read;
mod rekey;
mod row;
#[cfg(test)]
mod tests;
mod transaction;
mod transfer;
mod wal_checkpoint;
mod write;

use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::Arc;

use parking_lot::Mutex;
use sqlx::sqlite::{SqliteConnection, SqlitePool};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::intake::Gate;
use crate::ledger::FirstNote;
use crate::queue::{self, Answer, BatchingPolicy, Job, Queue};
use crate::segments::SegmentFolder;
use crate::watchers::Watchers;
use crate::{Clock, EventStore, StoreError};
pub use backup::backup;
use batcher::Batcher;
use deferred_tags::DeferredTagIndex;
use failure::unread;
use wal_checkpoint::WalCheckpoints;

/// The most connections that read a file at the same time.
const MOST_READERS: u32 = 8;

/// How a store is opened.
#[derive(Clone)]
pub struct Options {
    /// Where `recorded_at` comes from.
    pub clock: Clock,
    /// Signs the first checkpoint of each log; without it logs begin unsigned.
    pub first_note: Option<FirstNote>,
    /// How many appends may wait for a commit; one more fails with [`StoreError::Overloaded`].
    pub queue: usize,
    /// How many connections read at the same time.
    pub read_connections: u32,
    /// How many entries of a tenant may wait until their tags go into the index together.
    pub unindexed: usize,
    /// The folder with the segments of cold entries, which need not be there; without it none can be read.
    pub segments: Option<PathBuf>,
}

/// How many connections are worth reading a SQLite file at the same time: each has a thread and memory of its own, and
/// one more than there are cores can make use of it.
#[must_use]
pub fn readers() -> u32 {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    u32::try_from(cores + 1).unwrap_or(MOST_READERS).min(MOST_READERS)
}

impl Options {
    /// The ordinary settings, with this clock.
    #[must_use]
    pub fn new(clock: Clock) -> Self {
        Self {
            clock,
            first_note: None,
            queue: 4_096,
            read_connections: readers(),
            unindexed: 16_384,
            segments: None,
        }
    }
}

/// A log in one SQLite file, which other tables (read models) may share.
pub struct SqliteStore {
    file: PathBuf,
    jobs: mpsc::Sender<Job>,
    reads: SqlitePool,
    /// The connection that looks whether another process changed the file; none in a store that only looks.
    looking: Option<SqlitePool>,
    watchers: Arc<Watchers>,
    deferred_tags: Arc<DeferredTagIndex>,
    segments: SegmentFolder,
    gate: Gate,
    batcher: Mutex<Option<JoinHandle<()>>>,
}

impl SqliteStore {
    /// Opens the log in this file (a path or a `sqlite:` URL), creating it where it is missing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it cannot be opened, was written by a newer version, or SQLite does not
    /// confirm write-ahead logging with `synchronous = FULL`.
    pub async fn open(path_or_url: &str, options: Options) -> Result<Arc<Self>, StoreError> {
        let file = open::file_of(path_or_url).to_path_buf();
        let connection = open::writer(&file).await?;
        Self::start(file, connection, options).await
    }

    async fn start(
        file: PathBuf,
        connection: SqliteConnection,
        options: Options,
    ) -> Result<Arc<Self>, StoreError> {
        let reads = open::readers(&file, options.read_connections).await?;
        let (jobs, received) = Queue::new(options.queue, BatchingPolicy::Halves);
        let watchers = Arc::new(Watchers::default());
        let deferred_tags = Arc::new(DeferredTagIndex::new(options.unindexed));
        let gate = Gate::open();
        let batcher = Batcher {
            jobs: received,
            connection,
            clock: options.clock,
            first_note: options.first_note,
            watchers: Arc::clone(&watchers),
            deferred_tags: Arc::clone(&deferred_tags),
            checkpoints: WalCheckpoints::new(reads.clone()),
            gate: gate.clone(),
            poison: None,
        };
        let batcher = Mutex::new(Some(tokio::spawn(batcher.run())));
        let segments = SegmentFolder::new(options.segments);
        let own = open::readers(&file, 1).await?;
        let looking = Some(own.clone());
        let store =
            Arc::new(Self { file, jobs, reads, looking, watchers, deferred_tags, segments, gate, batcher });
        for end in store.ends().await? {
            store.watchers.moved(end.log, end.position);
        }
        tokio::spawn(head_poller::poll(own, Arc::downgrade(&store.watchers)));
        Ok(store)
    }

    /// Whether there is a log, of any layout, in this file. Nothing is made.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the file cannot be read; [`StoreError::Damaged`] when it is no database.
    pub async fn is_there(path_or_url: &str) -> Result<bool, StoreError> {
        open::is_there(open::file_of(path_or_url)).await
    }

    /// Opens the log in a file that is there, to look at it: nothing is made, and what would write is refused.
    ///
    /// # Errors
    /// [`StoreError::Absent`] when there is no file, or no log in it; [`StoreError::Unavailable`] when it cannot be read, or
    /// was written by another version; [`StoreError::Damaged`] when it is no database any more.
    pub async fn inspect(path_or_url: &str, options: Options) -> Result<Arc<Self>, StoreError> {
        let file = open::file_of(path_or_url).to_path_buf();
        let reads = open::inspector(&file, options.read_connections).await?;
        // Nobody receives what is asked of a writer.
        let (jobs, _) = Queue::new(1, BatchingPolicy::Halves);
        let (watchers, deferred_tags) = (Arc::default(), Arc::new(DeferredTagIndex::new(options.unindexed)));
        Ok(Arc::new(Self {
            file,
            jobs,
            reads,
            looking: None,
            watchers,
            deferred_tags,
            segments: SegmentFolder::new(options.segments),
            gate: Gate::open(),
            batcher: Mutex::default(),
        }))
    }

    /// The connections that read; they refuse to write.
    #[must_use]
    pub fn read_pool(&self) -> &SqlitePool {
        &self.reads
    }

    /// The database file.
    #[must_use]
    pub fn file(&self) -> &std::path::Path {
        &self.file
    }

    /// What SQLite finds when it checks the whole file: `ok`, or the first fault.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the file cannot be read.
    pub async fn integrity(&self) -> Result<String, StoreError> {
        let checked = sqlx::query_scalar("PRAGMA integrity_check(1)").fetch_one(&self.reads).await;
        match checked.map_err(unread) {
            // Damage where even the check cannot go on.
            Err(StoreError::Damaged { what, .. }) => Ok(what),
            checked => checked,
        }
    }

    async fn ask<T>(&self, job: impl FnOnce(Answer<T>) -> Job) -> Result<T, StoreError> {
        queue::ask(&self.jobs, StoreError::Poisoned, job).await
    }

    async fn shut(&self) {
        // A closed queue means that another close came first; both wait for the end.
        let _ = self.jobs.send(Job::Close).await;
        let batcher = self.batcher.lock().take();
        if let Some(batcher) = batcher
            && let Err(error) = batcher.await
        {
            tracing::error!(%error, "the writing task did not end well");
        }
        if let Some(looking) = &self.looking {
            looking.close().await;
        }
        self.reads.close().await;
    }
}
