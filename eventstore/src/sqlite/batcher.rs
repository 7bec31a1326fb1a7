//! The one task that writes: takes whatever waits, commits it once, answers after the commit only.
//!
//! There is no timer. While one batch is being committed the next one gathers in the queue by itself, so a
//! lonely append waits for nothing and a crowd shares its fsync.

use std::sync::Arc;
use std::time::Instant;

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;
use tokio::sync::{mpsc, oneshot};

use super::{Failure, facts, moving, write};
use crate::batch::Batch;
use crate::moving::Arrival;
use crate::prepare::Request;
use crate::watchers::Watchers;
use crate::{Clock, Outcome, StoreError, TenantId};

/// A batch takes no more requests once it holds this many events: it bounds memory and the time others wait.
const MAX_BATCH_EVENTS: usize = 2_000;
/// How often an append is begun anew when another process holds the write lock beyond the busy timeout.
const BUSY_ATTEMPTS: u32 = 3;

pub(super) type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// What the batcher is asked to do. Everything that writes to the log's tables comes this way.
pub(super) enum Job {
    Append(Box<Request>, Answer<Outcome>),
    TenantKey(TenantId, Vec<u8>, Answer<Vec<u8>>),
    Adopt(TenantId, Box<Arrival>, Answer<()>),
    Checkpoint { tenant: TenantId, size: u64, note: String, answer: Answer<()> },
    Close,
}

pub(super) struct Batcher {
    pub(super) jobs: mpsc::Receiver<Job>,
    pub(super) connection: SqliteConnection,
    pub(super) clock: Clock,
    pub(super) watchers: Arc<Watchers>,
    /// Why nothing is acknowledged any more.
    pub(super) poison: Option<String>,
}

/// Appends that share a commit.
#[derive(Default)]
struct Waiting {
    requests: Vec<Request>,
    answers: Vec<Answer<Outcome>>,
}

impl Batcher {
    /// Works until it is told to close or every handle to the store is gone; then closes the connection.
    pub(super) async fn run(mut self) {
        let mut next = None;
        while let Some(job) = match next.take() {
            Some(job) => Some(job),
            None => self.jobs.recv().await,
        } {
            match job {
                Job::Append(request, answer) => next = self.append(*request, answer).await,
                Job::TenantKey(tenant, candidate, answer) => {
                    let outcome = self.tenant_key(tenant, &candidate).await;
                    self.answer_one(answer, outcome);
                }
                Job::Adopt(tenant, arrival, answer) => {
                    let outcome = self.adopt(tenant, &arrival).await;
                    self.answer_one(answer, outcome);
                }
                Job::Checkpoint { tenant, size, note, answer } => {
                    let outcome = self.save_checkpoint(tenant, size, &note).await;
                    self.answer_one(answer, outcome);
                }
                // What was accepted before is still received, nothing is accepted any more.
                Job::Close => self.jobs.close(),
            }
        }
        if let Err(error) = self.connection.close().await {
            tracing::warn!(%error, "closing the log's connection failed");
        }
    }

    /// Commits this append together with whatever waits behind it. Gives back a job that must not share.
    async fn append(&mut self, first: Request, answer: Answer<Outcome>) -> Option<Job> {
        let mut waiting = Waiting::default();
        waiting.push(first, answer);
        let next = if waiting.is_full() { None } else { self.gather(&mut waiting).await };
        metrics::gauge!("waymark_append_queue_depth").set(self.jobs.len() as f64);
        match self.commit(&waiting.requests).await {
            Ok(outcomes) => waiting.answer_each(outcomes),
            Err(failure) => waiting.answer_all(&self.failed(failure)),
        }
        next
    }

    async fn gather(&mut self, waiting: &mut Waiting) -> Option<Job> {
        // The tasks answered a moment ago get to run first: their next appends belong into this batch.
        tokio::task::yield_now().await;
        while !waiting.is_full() {
            match self.jobs.try_recv() {
                Ok(Job::Append(request, answer)) if request.erase_subjects.is_empty() => {
                    waiting.push(*request, answer);
                }
                Ok(other) => return Some(other),
                Err(_) => return None,
            }
        }
        None
    }

    async fn commit(&mut self, requests: &[Request]) -> Result<Vec<Result<Outcome, StoreError>>, Failure> {
        self.check_poison()?;
        let started = Instant::now();
        let mut attempt = 1;
        let outcomes = loop {
            match self.transaction(requests).await {
                Err(Failure::Busy(_)) if attempt < BUSY_ATTEMPTS => attempt += 1,
                other => break other?,
            }
        };
        metrics::histogram!("waymark_commit_seconds").record(started.elapsed().as_secs_f64());
        Ok(outcomes)
    }

    /// One transaction for every tenant in the batch. A crash before its commit leaves nothing behind, a crash
    /// after it leaves everything, with the receipts to tell the callers that were not answered.
    async fn transaction(
        &mut self,
        requests: &[Request],
    ) -> Result<Vec<Result<Outcome, StoreError>>, Failure> {
        let mut outcomes: Vec<Option<Result<Outcome, StoreError>>> = requests.iter().map(|_| None).collect();
        let mut moved = Vec::new();
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        for (tenant, indexes) in by_tenant(requests) {
            let own: Vec<&Request> = indexes.iter().map(|index| &requests[*index]).collect();
            let facts = facts::gather(&mut transaction, tenant, &own).await?;
            let mut batch = Batch::new(facts, (self.clock)());
            for (own_index, index) in indexes.into_iter().enumerate() {
                outcomes[index] = Some(batch.decide(own_index, own[own_index]));
            }
            if !batch.is_empty() {
                write::write(&mut transaction, tenant, &batch).await?;
                moved.push((tenant, batch.head().position(), batch.staged().len() as u64));
            }
        }
        if moved.is_empty() {
            transaction.rollback().await?;
        } else {
            transaction.commit().await.map_err(|error| Failure::Unknown(error.to_string()))?;
        }
        self.announce(&moved);
        Ok(outcomes.into_iter().flatten().collect())
    }

    fn announce(&self, moved: &[(TenantId, u64, u64)]) {
        let events: u64 = moved.iter().map(|(_, _, count)| count).sum();
        metrics::counter!("waymark_events_appended_total").increment(events);
        metrics::histogram!("waymark_append_batch_events").record(events as f64);
        for (tenant, position, _) in moved {
            self.watchers.moved(*tenant, *position);
        }
    }

    async fn tenant_key(&mut self, tenant: TenantId, candidate: &[u8]) -> Result<Vec<u8>, Failure> {
        self.check_poison()?;
        sqlx::query(
            "INSERT INTO tenant_key (tenant_id, wrapped) VALUES (?1, ?2) ON CONFLICT (tenant_id) DO NOTHING",
        )
        .bind(tenant.0.as_bytes().as_slice())
        .bind(candidate)
        .execute(&mut self.connection)
        .await?;
        let stored = sqlx::query_scalar("SELECT wrapped FROM tenant_key WHERE tenant_id = ?1")
            .bind(tenant.0.as_bytes().as_slice());
        Ok(stored.fetch_one(&mut self.connection).await?)
    }

    /// Takes what comes from another store, in a transaction of its own.
    async fn adopt(&mut self, tenant: TenantId, arrival: &Arrival) -> Result<(), Failure> {
        self.check_poison()?;
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        let head = moving::adopt(&mut transaction, tenant, arrival).await?;
        transaction.commit().await.map_err(|error| Failure::Unknown(error.to_string()))?;
        self.watchers.moved(tenant, head.position());
        Ok(())
    }

    async fn save_checkpoint(&mut self, tenant: TenantId, size: u64, note: &str) -> Result<(), Failure> {
        self.check_poison()?;
        sqlx::query("INSERT OR REPLACE INTO checkpoint (tenant_id, size, note) VALUES (?1, ?2, ?3)")
            .bind(tenant.0.as_bytes().as_slice())
            .bind(size.cast_signed())
            .bind(note)
            .execute(&mut self.connection)
            .await?;
        Ok(())
    }

    fn check_poison(&self) -> Result<(), Failure> {
        self.poison.as_ref().map_or(Ok(()), |why| Err(Failure::Unchanged(StoreError::Poisoned(why.clone()))))
    }

    fn answer_one<T>(&mut self, answer: Answer<T>, outcome: Result<T, Failure>) {
        let outcome = outcome.map_err(|failure| self.failed(failure));
        // A caller that has gone away is answered by the log itself.
        let _ = answer.send(outcome);
    }

    /// What the callers are told; remembers when the state on disk is in doubt.
    fn failed(&mut self, failure: Failure) -> StoreError {
        match failure {
            Failure::Unchanged(error) => error,
            Failure::Busy(what) => StoreError::Unavailable(what),
            Failure::Unknown(what) => {
                tracing::error!(%what, "a write failed: the log acknowledges nothing more until it is opened again");
                StoreError::Poisoned(self.poison.get_or_insert(what).clone())
            }
        }
    }
}

impl Waiting {
    fn push(&mut self, request: Request, answer: Answer<Outcome>) {
        self.requests.push(request);
        self.answers.push(answer);
    }

    /// An erasure shares with nobody: the stored tags it deletes must not be seen by requests behind it.
    fn is_full(&self) -> bool {
        let erases = self.requests.iter().any(|request| !request.erase_subjects.is_empty());
        erases
            || self.requests.iter().map(|request| request.events.len().max(1)).sum::<usize>()
                >= MAX_BATCH_EVENTS
    }

    fn answer_each(self, outcomes: Vec<Result<Outcome, StoreError>>) {
        for (answer, outcome) in self.answers.into_iter().zip(outcomes) {
            // A caller that has gone away is answered by the log itself.
            let _ = answer.send(outcome);
        }
    }

    fn answer_all(self, error: &StoreError) {
        for answer in self.answers {
            let _ = answer.send(Err(error.clone()));
        }
    }
}

/// The indexes of each tenant's requests, in the order of arrival.
fn by_tenant(requests: &[Request]) -> Vec<(TenantId, Vec<usize>)> {
    let mut groups: Vec<(TenantId, Vec<usize>)> = Vec::new();
    for (index, request) in requests.iter().enumerate() {
        match groups.iter_mut().find(|(tenant, _)| *tenant == request.tenant) {
            Some((_, indexes)) => indexes.push(index),
            None => groups.push((request.tenant, vec![index])),
        }
    }
    groups
}
