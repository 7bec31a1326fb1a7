//! The log in one SQLite file.

mod backup;
mod batcher;
mod deferred_tags;
mod ledger;
mod open;
mod precheck;
mod query;
mod read;
mod row;
#[cfg(test)]
mod tests;
mod transaction;
mod transfer;
mod wal_checkpoint;
mod write;

use std::fmt::Display;
use std::fmt::Write;
use std::num::NonZeroUsize;
use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use sqlx::sqlite::{SqliteConnection, SqlitePool};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;
use uuid::Uuid;

use crate::intake::Gate;
use crate::ledger::FirstNote;
use crate::queue::{self, Answer, BatchingPolicy, Job, Queue};
use crate::watchers::Watchers;
use crate::{Clock, Position, StoreError};
pub use backup::backup;
use batcher::Batcher;
use deferred_tags::DeferredTagIndex;
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
        Self { clock, first_note: None, queue: 4_096, read_connections: readers(), unindexed: 16_384 }
    }
}

/// A log in one SQLite file, which other tables (read models) may share.
pub struct SqliteStore {
    file: PathBuf,
    jobs: mpsc::Sender<Job>,
    reads: SqlitePool,
    watchers: Arc<Watchers>,
    deferred_tags: Arc<DeferredTagIndex>,
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
        let store = Arc::new(Self { file, jobs, reads, watchers, deferred_tags, gate, batcher });
        for (tenant, position) in store.heads().await? {
            store.watchers.moved(tenant, position);
        }
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
            watchers,
            deferred_tags,
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
        let batcher = self.batcher.lock().unwrap_or_else(PoisonError::into_inner).take();
        if let Some(batcher) = batcher
            && let Err(error) = batcher.await
        {
            tracing::error!(%error, "the writing task did not end well");
        }
        self.reads.close().await;
    }
}

/// Why a write did not happen, by what is known of the disk afterwards.
#[derive(Debug)]
enum Failure {
    /// Nothing was written.
    Unchanged(StoreError),
    /// Nothing was written; another process held the lock.
    Busy(String),
    /// Nothing was written; there was no room for it.
    Full(String),
    /// Nobody knows what was written.
    Unknown(String),
}

impl Failure {
    fn damaged(position: Position, what: &str) -> Self {
        Self::Unchanged(StoreError::Damaged { position, what: what.to_owned() })
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::Unchanged(error)
    }
}

impl From<sqlx::Error> for Failure {
    /// An error before the commit: the transaction is rolled back. The disk is in doubt only when SQLite itself
    /// found it failing (an input/output error, a damaged file) or the store contradicts itself (a constraint).
    fn from(error: sqlx::Error) -> Self {
        const BUSY: [u32; 2] = [5, 6];
        const FULL: u32 = 13;
        const HARMLESS: [u32; 3] = [4, 7, 9];
        let extended = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
        match extended.map(|code| code & 0xff) {
            Some(code) if BUSY.contains(&code) => Self::Busy(error.to_string()),
            Some(FULL) => Self::Full(error.to_string()),
            Some(code) if HARMLESS.contains(&code) => Self::Unchanged(unavailable(error)),
            _ => Self::Unknown(error.to_string()),
        }
    }
}

fn unavailable(error: impl Display) -> StoreError {
    StoreError::Unavailable(error.to_string())
}

/// Why a read failed: where SQLite finds the file damaged, at a position that is not known here, nobody is helped by trying
/// again.
fn unread(error: sqlx::Error) -> StoreError {
    /// `SQLITE_CORRUPT` and `SQLITE_NOTADB`.
    const DAMAGED: [u32; 2] = [11, 26];
    let extended = error.as_database_error().and_then(|error| error.code()?.parse::<u32>().ok());
    match extended.map(|code| code & 0xff) {
        Some(code) if DAMAGED.contains(&code) => StoreError::Damaged { position: 0, what: error.to_string() },
        _ => unavailable(error),
    }
}

fn hex(id: Uuid) -> String {
    id.simple().to_string()
}

fn bytes_hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::with_capacity(2 * bytes.len()), |mut text, byte| {
        // Writing to a string cannot fail.
        let _ = write!(text, "{byte:02x}");
        text
    })
}
