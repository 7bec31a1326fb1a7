//! The one task that writes: takes whatever waits, commits it once, answers after the commit only.

use std::sync::Arc;
use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use super::deferred_tags::{DeferredTagIndex, EntryTags};
use super::failure::Failure;
use super::query::{self, LogBounds};
use super::transaction::{begin, commit, rollback, undone};
use super::wal_checkpoint::WalCheckpoints;
use super::{import, precheck, rekey, row, write};
use crate::batch::Batch;
use crate::intake::Gate;
use crate::ledger::FirstNote;
use crate::prepare::Request;
use crate::queue::{Answer, Job, PendingAppend, Queue};
use crate::rekey::Rekeying;
use crate::transfer::ParsedChunk;
use crate::watchers::Watchers;
use crate::{Clock, Outcome, Position, StoreError, TenantId};

/// How often an append is tried again when another process holds the write lock beyond the busy timeout.
const BUSY_ATTEMPTS: u32 = 3;
/// How often a log that found no room tries whether there is some again, where nobody else writes.
const PROBE_EVERY: Duration = Duration::from_secs(1);
/// Writes one page as it is.
const PROBE: &str = "PRAGMA user_version = 2";

const FORGET_REFUSALS: &str = include_str!("forget_refusals.sql");
const UNINDEXED: &str = include_str!("unindexed.sql");
const INSERT_TENANT_KEY: &str = include_str!("insert_tenant_key.sql");
const TENANT_KEY: &str = include_str!("tenant_key.sql");
const SAVE_CHECKPOINT: &str = include_str!("save_checkpoint.sql");

pub(super) struct Batcher {
    pub(super) jobs: Queue,
    pub(super) connection: SqliteConnection,
    pub(super) clock: Clock,
    pub(super) first_note: Option<FirstNote>,
    pub(super) watchers: Arc<Watchers>,
    pub(super) deferred_tags: Arc<DeferredTagIndex>,
    pub(super) checkpoints: WalCheckpoints,
    /// The intake state that operators see.
    pub(super) gate: Gate,
    /// Why nothing is acknowledged any more.
    pub(super) poison: Option<String>,
}

/// A log that has grown: up to where, and by what.
struct Moved {
    tenant: TenantId,
    position: Position,
    tags: Vec<EntryTags>,
    /// How many rows of a flush went into the index with it.
    flushed: usize,
}

/// How each tenant's requests ended, in their order.
type Outcomes = Vec<Vec<Result<Outcome, StoreError>>>;

impl Batcher {
    /// Works until it is told to close or every handle to the store is gone; then closes the connection.
    pub(super) async fn run(mut self) {
        while let Some(job) = self.next().await {
            match job {
                Job::Append(request, answer) => {
                    let waiting = self.jobs.drain(*request, answer).await;
                    self.append(waiting.by_tenant()).await;
                }
                Job::TenantKey(tenant, candidate, answer) => {
                    let outcome = self.tenant_key(tenant, &candidate).await;
                    self.answer_one(answer, outcome);
                }
                Job::Import(tenant, parsed, answer) => {
                    let outcome = self.import_chunk(tenant, &parsed).await;
                    self.answer_one(answer, outcome);
                }
                Job::Rekey(tenant, rekeying, answer) => {
                    let outcome = self.rekey(tenant, &rekeying).await;
                    self.answer_one(answer, outcome);
                }
                Job::Checkpoint { tenant, size, note, answer } => {
                    let outcome = self.save_checkpoint(tenant, size, &note).await;
                    self.answer_one(answer, outcome);
                }
                Job::ForgetRefusals { tenant, commands, before, answer } => {
                    let outcome = self.forget_refusals(tenant, &commands, before).await;
                    self.answer_one(answer, outcome);
                }
                Job::Close => self.jobs.close(),
            }
        }
        if let Err(failure) = self.index_all().await {
            tracing::warn!(?failure, "the tags of the last entries stay outside of their index");
        }
        if let Err(error) = self.connection.close().await {
            tracing::warn!(%error, "closing the log's connection failed");
        }
    }

    /// The first in the queue; meanwhile, where there was no room, tries whether there is some.
    async fn next(&mut self) -> Option<Job> {
        while self.gate.is_stalled() {
            match tokio::time::timeout(PROBE_EVERY, self.jobs.next()).await {
                Ok(job) => return job,
                Err(_) => match self.probe().await {
                    Ok(()) => self.gate.wrote(),
                    Err(failure) => drop(self.failed(failure)),
                },
            }
        }
        self.jobs.next().await
    }

    async fn probe(&mut self) -> Result<(), Failure> {
        self.check_poison()?;
        sqlx::raw_sql(PROBE).execute(&mut self.connection).await?;
        Ok(())
    }

    /// Commits what waited together.
    async fn append(&mut self, waiting: Vec<(TenantId, Vec<PendingAppend>)>) {
        let committed = self.commit(&waiting).await;
        let answers = waiting.into_iter().flat_map(|(_, group)| group).map(|(_, answer)| answer);
        // A caller that has gone away is answered by the log itself.
        match committed {
            Ok(outcomes) => {
                let outcomes = outcomes.into_iter().flatten();
                answers.zip(outcomes).for_each(|(answer, outcome)| drop(answer.send(outcome)));
            }
            Err(failure) => {
                let error = self.failed(failure);
                answers.for_each(|answer| drop(answer.send(Err(error.clone()))));
            }
        }
    }

    async fn commit(&mut self, waiting: &[(TenantId, Vec<PendingAppend>)]) -> Result<Outcomes, Failure> {
        self.check_poison()?;
        let started = Instant::now();
        let mut attempt = 1;
        let outcomes = loop {
            match self.transaction(waiting).await {
                Err(Failure::Busy(_)) if attempt < BUSY_ATTEMPTS => attempt += 1,
                other => break other?,
            }
        };
        metrics::histogram!("waymark_commit_seconds").record(started.elapsed().as_secs_f64());
        Ok(outcomes)
    }

    /// One transaction for every tenant in the batch.
    ///
    /// What a crash leaves, step by step. Before `COMMIT`: nothing, since SQLite rolls back what its write-ahead log has no
    /// end of. During it: all or nothing, and the next process reads which from the log itself. After it: everything,
    /// receipts included, so that callers who were not answered get their answers by sending the commands again.
    async fn transaction(&mut self, waiting: &[(TenantId, Vec<PendingAppend>)]) -> Result<Outcomes, Failure> {
        let connection = &mut self.connection;
        begin(connection).await?;
        let (outcomes, moved) = match write_all(
            connection,
            waiting,
            &self.deferred_tags,
            (&self.clock, &self.first_note),
        )
        .await
        {
            Ok(written) => written,
            Err(failure) => return Err(undone(connection, failure).await),
        };
        if moved.is_empty() {
            rollback(connection).await?;
        } else if let Err(failure) = commit(connection).await {
            return Err(if_absent(connection, &moved, failure).await);
        }
        // On disk from here on. A crash before the announcement loses nothing: it only wakes watchers of this process, and
        // a new process begins at the heads that it reads.
        self.gate.wrote();
        self.announce(moved);
        if waiting.iter().flat_map(|(_, asked)| asked).any(|(request, _)| request.deletes()) {
            self.checkpoints.erased();
        }
        Ok(outcomes)
    }

    fn announce(&mut self, moved: Vec<Moved>) {
        let events: usize = moved.iter().map(|moved| moved.tags.len()).sum();
        self.checkpoints.grown(events);
        metrics::counter!("waymark_events_appended_total").increment(events as u64);
        metrics::histogram!("waymark_append_batch_events").record(events as f64);
        for Moved { tenant, position, tags, flushed } in moved {
            // The tags of the new entries are in memory alone now. A crash here loses no tag: each entry names its own,
            // `log_head.indexed` says how far the index reaches, and what lies behind that is read from the entries.
            self.deferred_tags.committed(tenant, position - tags.len() as u64, tags, flushed);
            self.watchers.moved(tenant, position);
        }
    }

    /// Brings the index of tags up to the end of each log, so that a closed file holds nothing back.
    async fn index_all(&mut self) -> Result<(), Failure> {
        self.check_poison()?;
        let behind = sqlx::query(UNINDEXED).fetch_all(&mut self.connection).await?;
        for found in &behind {
            let tenant = TenantId(row::uuid(found, "tenant_id")?);
            begin(&mut self.connection).await?;
            match index(&mut self.connection, tenant, &self.deferred_tags).await {
                Ok(()) => commit(&mut self.connection).await?,
                Err(failure) => return Err(undone(&mut self.connection, failure).await),
            }
        }
        Ok(())
    }

    async fn tenant_key(&mut self, tenant: TenantId, candidate: &[u8]) -> Result<Vec<u8>, Failure> {
        self.check_poison()?;
        let insert = sqlx::query(INSERT_TENANT_KEY).bind(tenant.0.as_bytes().as_slice()).bind(candidate);
        // A statement outside of a transaction commits by itself. A crash after it leaves a key that nobody has used, and
        // that everybody reads from then on.
        insert.execute(&mut self.connection).await?;
        let stored = sqlx::query_scalar(TENANT_KEY).bind(tenant.0.as_bytes().as_slice());
        Ok(stored.fetch_one(&mut self.connection).await?)
    }

    /// Takes what comes from another store, in a transaction of its own.
    async fn import_chunk(&mut self, tenant: TenantId, parsed: &ParsedChunk) -> Result<(), Failure> {
        self.check_poison()?;
        let connection = &mut self.connection;
        begin(connection).await?;
        let head = match import::import_chunk(connection, tenant, parsed).await {
            Ok(head) => head,
            Err(failure) => return Err(undone(connection, failure).await),
        };
        // A crash after this commit leaves the whole chunk, one before it nothing of it: the transfer asks where the target's
        // log ends and continues from there.
        commit(connection).await?;
        self.watchers.moved(tenant, head.position());
        Ok(())
    }

    /// Changes how keys are wrapped, in a transaction of its own: what a crash leaves is the one form or the other.
    async fn rekey(&mut self, tenant: TenantId, rekeying: &Rekeying) -> Result<bool, Failure> {
        self.check_poison()?;
        let connection = &mut self.connection;
        let mut attempt = 1;
        while let Err(failure) = begin(connection).await {
            if !matches!(failure, Failure::Busy(_)) || attempt == BUSY_ATTEMPTS {
                return Err(failure);
            }
            attempt += 1;
        }
        match rekey::write(connection, tenant, rekeying).await {
            Ok(true) => commit(connection).await?,
            Ok(false) => {
                rollback(connection).await?;
                return Ok(false);
            }
            Err(failure) => return Err(undone(connection, failure).await),
        }
        // What was wrapped by the former key stands in the write-ahead log until that is emptied.
        self.checkpoints.erased();
        Ok(true)
    }

    async fn save_checkpoint(&mut self, tenant: TenantId, size: u64, note: &str) -> Result<(), Failure> {
        self.check_poison()?;
        save_checkpoint(&mut self.connection, tenant, size, note).await
    }

    /// One statement, and so all or nothing: what a crash before it leaves goes at the next sweep.
    async fn forget_refusals(
        &mut self,
        tenant: TenantId,
        commands: &[String],
        before: DateTime<Utc>,
    ) -> Result<u64, Failure> {
        self.check_poison()?;
        let done = sqlx::query(FORGET_REFUSALS)
            .bind(tenant.0.as_bytes().as_slice())
            .bind(before.timestamp_micros())
            .bind(serde_json::json!(commands).to_string())
            .execute(&mut self.connection)
            .await?;
        Ok(done.rows_affected())
    }

    fn check_poison(&self) -> Result<(), Failure> {
        self.poison.as_ref().map_or(Ok(()), |why| Err(Failure::Unchanged(StoreError::Poisoned(why.clone()))))
    }

    fn answer_one<T>(&mut self, answer: Answer<T>, outcome: Result<T, Failure>) {
        let outcome = outcome.map_err(|failure| self.failed(failure));
        // A caller that has gone away is answered by the log itself.
        let _ = answer.send(outcome);
    }

    /// The error for the callers; remembers when the state on disk is in doubt.
    fn failed(&mut self, failure: Failure) -> StoreError {
        match failure {
            Failure::Unchanged(error) => error,
            Failure::Busy(what) => StoreError::Unavailable(what),
            Failure::Full(what) => {
                self.gate.stall(&what);
                StoreError::Unavailable(what)
            }
            Failure::Unknown(what) => {
                self.gate.stop(&what);
                StoreError::Poisoned(self.poison.get_or_insert(what).clone())
            }
        }
    }
}

/// Brings the index of tags up to the end of a log.
async fn index(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    deferred_tags: &DeferredTagIndex,
) -> Result<(), Failure> {
    let (head, indexed) = query::head(connection, tenant).await?;
    let bounds = LogBounds { position: head.position(), indexed };
    let rows = deferred_tags.rows(connection, tenant, bounds).await?.ok_or_else(|| bounds.went_back())?;
    write::insert_tags(connection, tenant, rows).await?;
    write::put_head(connection, tenant, &head, head.position()).await
}

async fn save_checkpoint(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    size: u64,
    note: &str,
) -> Result<(), Failure> {
    sqlx::query(SAVE_CHECKPOINT)
        .bind(tenant.0.as_bytes().as_slice())
        .bind(size.cast_signed())
        .bind(note)
        .execute(connection)
        .await?;
    Ok(())
}

/// Decides and writes what waits, tenant by tenant. Returns the outcomes, and which logs have grown.
async fn write_all(
    transaction: &mut SqliteConnection,
    waiting: &[(TenantId, Vec<PendingAppend>)],
    deferred_tags: &DeferredTagIndex,
    (clock, first_note): (&Clock, &Option<FirstNote>),
) -> Result<(Outcomes, Vec<Moved>), Failure> {
    let (mut outcomes, mut moved) = (Vec::with_capacity(waiting.len()), Vec::new());
    for &(tenant, ref group) in waiting {
        let requests: Vec<&Request> = group.iter().map(|(request, _)| request).collect();
        if requests.iter().any(|request| request.archived.is_some()) {
            // What is read to index an entry must not have left the database.
            index(transaction, tenant, deferred_tags).await?;
        }
        let (precheck, indexed) = precheck::load(transaction, tenant, deferred_tags, &requests).await?;
        let mut batch = Batch::new(precheck, clock());
        let decided = requests.iter().enumerate().map(|(number, request)| batch.decide(number, request));
        outcomes.push(decided.collect());
        if !batch.is_empty() {
            let indexing = deferred_tags.indexing(tenant, indexed, &batch);
            let flushed = indexing.flushed;
            write::write(transaction, tenant, &batch, indexing).await?;
            if let Some(note) = batch.first_note(tenant, first_note.as_ref()) {
                save_checkpoint(transaction, tenant, batch.head().position(), &note).await?;
            }
            moved.push(Moved {
                tenant,
                position: batch.head().position(),
                tags: EntryTags::all(&batch),
                flushed,
            });
        }
    }
    Ok((outcomes, moved))
}

/// What a failed commit comes to, once the log itself was asked: had it taken anything of what it said it had no room for,
/// nobody would know what is on disk.
async fn if_absent(connection: &mut SqliteConnection, moved: &[Moved], failure: Failure) -> Failure {
    if !matches!(failure, Failure::Full(_)) {
        return failure;
    }
    for Moved { tenant, position, tags, .. } in moved {
        match query::head(connection, *tenant).await {
            Ok((head, _)) if head.position() + tags.len() as u64 == *position => {}
            Ok((head, _)) => {
                return Failure::Unknown(format!("{failure:?}, but the log ends at {}", head.position()));
            }
            Err(unread) => return Failure::Unknown(format!("{failure:?}, and then {unread:?}")),
        }
    }
    failure
}
