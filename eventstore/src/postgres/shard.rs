//! One task that writes for its share of the tenants: takes whatever waits, and commits it tenant by tenant. Each
//! tenant's part is a transaction of its own, answered after its commit only.

use std::sync::Arc;
use std::time::Duration;

use super::attempt::BatchResult;
use super::head_poller::NotifyHints;
use super::writer::{OpenTx, Writer};
use crate::intake::Gate;
use crate::prepare::Request;
use crate::queue::{Job, PendingAppend, Queue};
use crate::watchers::Watchers;
use crate::{Position, StoreError, TenantId};

/// How often a shard whose last write could not be made tries whether one can, where nobody else writes.
const PROBE_EVERY: Duration = Duration::from_secs(1);

pub(super) struct Shard {
    jobs: Queue,
    writer: Writer,
    watchers: Arc<Watchers>,
    hints: NotifyHints,
    /// The intake state that operators see.
    gate: Gate,
    /// Whose last write could not be made.
    stalled: Option<TenantId>,
}

impl Shard {
    pub(super) fn new(
        jobs: Queue,
        writer: Writer,
        watchers: Arc<Watchers>,
        hints: NotifyHints,
        gate: Gate,
    ) -> Self {
        Self { jobs, writer, watchers, hints, gate, stalled: None }
    }

    /// The first in the queue; meanwhile, where the last write could not be made, tries whether one can.
    async fn next(&mut self) -> Option<Job> {
        while let Some(tenant) = self.stalled {
            match tokio::time::timeout(PROBE_EVERY, self.jobs.next()).await {
                Ok(job) => return job,
                Err(_) => {
                    if self.writer.probe(tenant).await.is_ok() {
                        self.wrote();
                    }
                }
            }
        }
        self.jobs.next().await
    }

    fn wrote(&mut self) {
        self.stalled = None;
        self.gate.wrote();
    }

    fn failed(&mut self, tenant: TenantId, error: &StoreError) {
        if let StoreError::Unavailable(why) | StoreError::InDoubt(why) = error {
            self.stalled = Some(tenant);
            self.gate.stall(why);
        }
    }

    /// Works until it is told to close or every handle to the store is gone; then closes the connection.
    pub(super) async fn run(mut self) {
        while let Some(job) = self.next().await {
            match job {
                Job::Append(request, answer) => {
                    // More come together while the head is being locked.
                    let mut open_tx = Some(self.writer.open(&request).await);
                    let waiting = self.jobs.drain(*request, answer).await;
                    for (_, requests) in waiting.by_tenant() {
                        let open_tx = match open_tx.take() {
                            Some(open_tx) => open_tx,
                            None => self.writer.open(&requests[0].0).await,
                        };
                        self.commit(open_tx, requests).await;
                    }
                }
                // A caller that has gone away is answered by the log itself.
                Job::TenantKey(tenant, candidate, answer) => {
                    let _ = answer.send(self.writer.tenant_key(tenant, &candidate).await);
                }
                Job::Import(tenant, parsed, answer) => {
                    let imported = self.writer.import_chunk(tenant, &parsed).await;
                    let _ = answer.send(imported.map(|position| self.moved(tenant, position)));
                }
                Job::Rekey(tenant, rekeying, answer) => {
                    let _ = answer.send(self.writer.rekey(tenant, &rekeying).await);
                }
                Job::Checkpoint { tenant, size, note, answer } => {
                    let _ = answer.send(self.writer.save_checkpoint(tenant, size, &note).await);
                }
                Job::ForgetRefusals { tenant, commands, before, answer } => {
                    let _ = answer.send(self.writer.forget_refusals(tenant, &commands, before).await);
                }
                Job::Close => self.jobs.close(),
            }
        }
        self.writer.close().await;
    }

    async fn commit(&mut self, open_tx: OpenTx, waiting: Vec<PendingAppend>) {
        let requests: Vec<&Request> = waiting.iter().map(|(request, _)| request).collect();
        let tenant = open_tx.tenant;
        let done = self.writer.append(open_tx, &requests).await;
        match &done {
            Ok(done) => {
                // The commit is on disk. A crash before the announcement leaves nothing undone in the log: watchers are
                // only woken, those of other processes poll, and a new process begins at the heads that it reads.
                self.wrote();
                self.announce(tenant, done);
            }
            Err(error) => self.failed(tenant, error),
        }
        let answers = waiting.into_iter().map(|(_, answer)| answer);
        // A caller that has gone away is answered by the log itself.
        match done {
            Ok(done) => answers.zip(done.outcomes).for_each(|(answer, outcome)| drop(answer.send(outcome))),
            Err(error) => answers.for_each(|answer| drop(answer.send(Err(error.clone())))),
        }
    }

    fn announce(&self, tenant: TenantId, done: &BatchResult) {
        metrics::counter!("waymark_events_appended_total").increment(done.events);
        metrics::histogram!("waymark_append_batch_events").record(done.events as f64);
        self.watchers.moved(tenant, done.position);
        if done.events > 0 {
            self.hints.moved(tenant, done.position);
        }
    }

    fn moved(&self, tenant: TenantId, position: Position) {
        self.watchers.moved(tenant, position);
        self.hints.moved(tenant, position);
    }
}
