//! The one task that writes: takes whatever waits, commits it once, answers after the commit only.

use std::sync::Arc;
use std::time::Instant;

use sqlx::Connection;
use sqlx::sqlite::SqliteConnection;

use super::{Failure, facts, moving, write};
use crate::batch::Batch;
use crate::moving::Arrival;
use crate::prepare::Request;
use crate::queue::{Answer, Asked, Job, Queue};
use crate::watchers::Watchers;
use crate::{Clock, Outcome, StoreError, TenantId};

/// How often an append is begun anew when another process holds the write lock beyond the busy timeout.
const BUSY_ATTEMPTS: u32 = 3;

pub(super) struct Batcher {
    pub(super) jobs: Queue,
    pub(super) connection: SqliteConnection,
    pub(super) clock: Clock,
    pub(super) watchers: Arc<Watchers>,
    /// Why nothing is acknowledged any more.
    pub(super) poison: Option<String>,
}

/// How each tenant's requests ended, in their order.
type Outcomes = Vec<Vec<Result<Outcome, StoreError>>>;

impl Batcher {
    /// Works until it is told to close or every handle to the store is gone; then closes the connection.
    pub(super) async fn run(mut self) {
        while let Some(job) = self.jobs.next().await {
            match job {
                Job::Append(request, answer) => {
                    let waiting = self.jobs.gather(*request, answer).await;
                    self.append(waiting.by_tenant()).await;
                }
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
                Job::Close => self.jobs.close(),
            }
        }
        if let Err(error) = self.connection.close().await {
            tracing::warn!(%error, "closing the log's connection failed");
        }
    }

    /// Commits what waited together.
    async fn append(&mut self, waiting: Vec<(TenantId, Vec<Asked>)>) {
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

    async fn commit(&mut self, waiting: &[(TenantId, Vec<Asked>)]) -> Result<Outcomes, Failure> {
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

    /// One transaction for every tenant in the batch. A crash before its commit leaves nothing behind, a crash
    /// after it leaves everything, with the receipts to tell the callers that were not answered.
    async fn transaction(&mut self, waiting: &[(TenantId, Vec<Asked>)]) -> Result<Outcomes, Failure> {
        let (mut outcomes, mut moved) = (Vec::with_capacity(waiting.len()), Vec::new());
        let mut transaction = self.connection.begin_with("BEGIN IMMEDIATE").await?;
        for (tenant, group) in waiting {
            let requests: Vec<&Request> = group.iter().map(|(request, _)| request).collect();
            let facts = facts::gather(&mut transaction, *tenant, &requests).await?;
            let mut batch = Batch::new(facts, (self.clock)());
            let decided = requests.iter().enumerate().map(|(number, request)| batch.decide(number, request));
            outcomes.push(decided.collect());
            if !batch.is_empty() {
                write::write(&mut transaction, *tenant, &batch).await?;
                moved.push((*tenant, batch.head().position(), batch.staged().len() as u64));
            }
        }
        if moved.is_empty() {
            transaction.rollback().await?;
        } else {
            transaction.commit().await.map_err(|error| Failure::Unknown(error.to_string()))?;
        }
        self.announce(&moved);
        Ok(outcomes)
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
