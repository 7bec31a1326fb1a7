//! The log in PostgreSQL, for any number of processes at once.
//!
//! A tenant's head row, locked to the commit, orders its appends, whichever process makes them. Every statement stands in a
//! `.sql` file beside the code and asks for one tenant by `tenant_id = $1`, so that the same statements run on a
//! database whose tables are distributed by tenant.

mod attempt;
mod connect;
mod failure;
mod head_poller;
mod import;
mod ledger;
mod options;
mod precheck;
mod read;
mod read_pool;
mod recent;
mod rekey;
mod retry;
mod row;
mod schema;
mod shard;
mod tenant_scope;
#[cfg(test)]
pub(crate) mod tests;
mod transfer;
mod write;
mod writer;

use std::sync::Arc;

use parking_lot::Mutex;
use sqlx::{Connection, PgPool};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

use crate::intake::Gate;
use crate::queue::{self, Answer, BatchingPolicy, Job, Queue};
use crate::segments::SegmentFolder;
use crate::watchers::Watchers;
use crate::{EventStore, StoreError, TenantId};
use connect::Server;
use failure::unavailable;
use head_poller::{HeadPoller, NotifyHints};
pub use options::Options;
use read_pool::ReadPool;
pub use schema::{migrate, secure, secured_roles};
use shard::Shard;
pub use tenant_scope::naming;
use writer::Writer;

/// A log in PostgreSQL, which other tables (read models) may share.
pub struct PostgresStore {
    shards: Vec<mpsc::Sender<Job>>,
    reads: ReadPool,
    watchers: Arc<Watchers>,
    /// What is told to other processes.
    hints: NotifyHints,
    segments: SegmentFolder,
    gate: Gate,
    /// The writing tasks, which end when told to close.
    writing: Mutex<Vec<JoinHandle<()>>>,
    /// The tasks that poll for other processes' appends, which end when aborted.
    polling: Vec<JoinHandle<()>>,
}

impl PostgresStore {
    /// Opens the log in the database that a `postgres://` URL names, creating its tables where they are missing.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it cannot be reached, was written by a newer version, or does not confirm
    /// that a commit waits for the disk.
    pub async fn open(url: &str, options: Options) -> Result<Arc<Self>, StoreError> {
        let server = Server::new(url)?;
        let features = schema::prepare(&server).await?;
        let reads = ReadPool::new(&server, options.read_connections, features.row_security);
        let watchers = Arc::new(Watchers::default());
        for end in reads.heads().await? {
            watchers.moved(end.log, end.position);
        }
        let (hints, gate) = (NotifyHints::default(), Gate::open());
        let mut shards = Vec::new();
        let mut writing = Vec::new();
        for _ in 0..options.shards.max(1) {
            let (jobs, received) = Queue::new(options.queue, BatchingPolicy::All);
            let writer = Writer::new(server.clone(), features.writing.clone(), &options);
            let shard = Shard::new(received, writer, Arc::clone(&watchers), hints.clone(), gate.clone());
            shards.push(jobs);
            writing.push(tokio::spawn(shard.run()));
        }
        let head_poller = HeadPoller::new(reads.clone(), Arc::clone(&watchers), hints.clone());
        let polling = head_poller.start(url, &options);
        let (segments, writing) = (SegmentFolder::new(options.segments), Mutex::new(writing));
        Ok(Arc::new(Self { shards, reads, watchers, hints, segments, gate, writing, polling }))
    }

    /// Whether there is a log in the database that a URL names. Nothing is made.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it cannot be reached, or was written by a newer version.
    pub async fn is_there(url: &str) -> Result<bool, StoreError> {
        match schema::existing(&Server::new(url)?).await {
            Ok(connection) => connection.close().await.map(|()| true).map_err(unavailable),
            Err(StoreError::Absent(_)) => Ok(false),
            Err(error) => Err(error),
        }
    }

    /// Opens the log in a database that is there, to look at it: nothing is made, and what would write is refused.
    ///
    /// # Errors
    /// [`StoreError::Absent`] when there is no database, or no log in it; [`StoreError::Unavailable`] when it cannot be
    /// reached, or was written by another version.
    pub async fn inspect(url: &str, options: Options) -> Result<Arc<Self>, StoreError> {
        let server = Server::new(url)?;
        let row_security = schema::inspect(&server).await?;
        let reads = ReadPool::new(&server, options.read_connections, row_security);
        // Nobody receives what is asked of a writer.
        let (jobs, _) = Queue::new(1, BatchingPolicy::All);
        let (shards, watchers) = (vec![jobs], Arc::default());
        Ok(Arc::new(Self {
            shards,
            reads,
            watchers,
            hints: NotifyHints::default(),
            segments: SegmentFolder::new(options.segments),
            gate: Gate::open(),
            writing: Mutex::default(),
            polling: Vec::new(),
        }))
    }

    /// The connections that read. Where row-level security holds for this role, a transaction on them names its
    /// tenant first, by `SET LOCAL app.tenant`.
    #[must_use]
    pub fn read_pool(&self) -> &PgPool {
        self.reads.pool()
    }

    /// Whether each tenant's log has as many entries as its head says: `ok`, or the first fault. That the entries
    /// are those that were written is checked by [`crate::ledger::verify`].
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when the database cannot be read.
    pub async fn integrity(&self) -> Result<String, StoreError> {
        for tenant in self.logs().await? {
            if let Some(fault) = self.reads.structural_fault(tenant).await? {
                return Ok(fault);
            }
        }
        Ok("ok".to_owned())
    }

    async fn ask<T>(&self, tenant: TenantId, job: impl FnOnce(Answer<T>) -> Job) -> Result<T, StoreError> {
        queue::ask(self.shard_of(tenant), StoreError::InDoubt, job).await
    }

    /// All of a tenant's appends wait in one queue, so that they share commits.
    fn shard_of(&self, tenant: TenantId) -> &mpsc::Sender<Job> {
        let number = tenant.0.as_u128() % self.shards.len() as u128;
        &self.shards[usize::try_from(number).unwrap_or_default()]
    }

    async fn shut(&self) {
        for jobs in &self.shards {
            // A closed queue means that another close came first; both wait for the end.
            let _ = jobs.send(Job::Close).await;
        }
        let writing = std::mem::take(&mut *self.writing.lock());
        for task in writing {
            if let Err(error) = task.await {
                tracing::error!(%error, "a writing task did not end well");
            }
        }
        self.stop_polling();
        self.reads.pool().close().await;
    }

    fn stop_polling(&self) {
        self.polling.iter().for_each(JoinHandle::abort);
    }
}

impl Drop for PostgresStore {
    /// The writing tasks end by themselves when nobody can ask them any more; the polling ones would poll without end.
    fn drop(&mut self) {
        self.stop_polling();
    }
}
