//! One task that writes for its share of the tenants: takes whatever waits, and commits it tenant by tenant.
//!
//! There is no timer. While one batch is being committed the next one gathers in the queue by itself, so a lonely
//! append waits for nothing and a crowd shares its commit. Each tenant's part is a transaction of its own, answered
//! after its commit only.

use std::sync::Arc;

use tokio::sync::{mpsc, oneshot};

use super::lookout::Hints;
use super::writer::{Done, Writer};
use crate::moving::Arrival;
use crate::prepare::Request;
use crate::watchers::Watchers;
use crate::{Outcome, Position, StoreError, TenantId};

/// A batch takes no more requests once it holds this many events: it bounds memory and the time others wait.
const MAX_BATCH_EVENTS: usize = 2_000;

pub(super) type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// What a shard is asked to do. Everything that writes to the log's tables comes this way.
pub(super) enum Job {
    Append(Box<Request>, Answer<Outcome>),
    TenantKey(TenantId, Vec<u8>, Answer<Vec<u8>>),
    Adopt(TenantId, Box<Arrival>, Answer<()>),
    Checkpoint { tenant: TenantId, size: u64, note: String, answer: Answer<()> },
    Close,
}

pub(super) struct Shard {
    jobs: mpsc::Receiver<Job>,
    writer: Writer,
    watchers: Arc<Watchers>,
    hints: Hints,
}

/// An append, and who waits for it.
type Asked = (Request, Answer<Outcome>);

/// Appends that were taken from the queue together.
#[derive(Default)]
struct Waiting {
    requests: Vec<Asked>,
    events: usize,
    erases: bool,
}

impl Shard {
    pub(super) fn new(
        jobs: mpsc::Receiver<Job>,
        writer: Writer,
        watchers: Arc<Watchers>,
        hints: Hints,
    ) -> Self {
        Self { jobs, writer, watchers, hints }
    }

    /// Works until it is told to close or every handle to the store is gone; then closes the connection.
    pub(super) async fn run(mut self) {
        let mut next = None;
        while let Some(job) = match next.take() {
            Some(job) => Some(job),
            None => self.jobs.recv().await,
        } {
            match job {
                Job::Append(request, answer) => next = self.append(*request, answer).await,
                // A caller that has gone away is answered by the log itself.
                Job::TenantKey(tenant, candidate, answer) => {
                    let _ = answer.send(self.writer.tenant_key(tenant, &candidate).await);
                }
                Job::Adopt(tenant, arrival, answer) => {
                    let adopted = self.writer.adopt(tenant, &arrival).await;
                    let _ = answer.send(adopted.map(|position| self.moved(tenant, position)));
                }
                Job::Checkpoint { tenant, size, note, answer } => {
                    let _ = answer.send(self.writer.save_checkpoint(tenant, size, &note).await);
                }
                // What was accepted before is still received, nothing is accepted any more.
                Job::Close => self.jobs.close(),
            }
        }
        self.writer.close().await;
    }

    /// Commits this append together with whatever waits behind it. Gives back a job that must not share.
    async fn append(&mut self, first: Request, answer: Answer<Outcome>) -> Option<Job> {
        let mut waiting = Waiting::default();
        waiting.push(first, answer);
        let next = if waiting.is_full() { None } else { self.gather(&mut waiting).await };
        metrics::gauge!("waymark_append_queue_depth").set(self.jobs.len() as f64);
        for (tenant, requests) in waiting.by_tenant() {
            self.commit(tenant, requests).await;
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

    async fn commit(&mut self, tenant: TenantId, waiting: Vec<Asked>) {
        let requests: Vec<&Request> = waiting.iter().map(|(request, _)| request).collect();
        let done = self.writer.append(tenant, &requests).await;
        if let Ok(done) = &done {
            self.announce(tenant, done);
        }
        let answers = waiting.into_iter().map(|(_, answer)| answer);
        // A caller that has gone away is answered by the log itself.
        match done {
            Ok(done) => answers.zip(done.outcomes).for_each(|(answer, outcome)| drop(answer.send(outcome))),
            Err(error) => answers.for_each(|answer| drop(answer.send(Err(error.clone())))),
        }
    }

    fn announce(&self, tenant: TenantId, done: &Done) {
        metrics::counter!("waymark_events_appended_total").increment(done.events);
        metrics::histogram!("waymark_append_batch_events").record(done.events as f64);
        self.watchers.moved(tenant, done.position);
        if done.events > 0 {
            self.hints.moved();
        }
    }

    fn moved(&self, tenant: TenantId, position: Position) {
        self.watchers.moved(tenant, position);
        self.hints.moved();
    }
}

impl Waiting {
    fn push(&mut self, request: Request, answer: Answer<Outcome>) {
        self.events += request.events.len().max(1);
        self.erases |= !request.erase_subjects.is_empty();
        self.requests.push((request, answer));
    }

    /// An erasure shares with nobody: the stored tags it deletes must not be seen by requests behind it.
    fn is_full(&self) -> bool {
        self.erases || self.events >= MAX_BATCH_EVENTS
    }

    /// Each tenant's requests, in the order of arrival.
    fn by_tenant(self) -> Vec<(TenantId, Vec<Asked>)> {
        let mut groups: Vec<(TenantId, Vec<Asked>)> = Vec::new();
        for (request, answer) in self.requests {
            let tenant = request.tenant;
            match groups.iter_mut().find(|(known, _)| *known == tenant) {
                Some((_, group)) => group.push((request, answer)),
                None => groups.push((tenant, vec![(request, answer)])),
            }
        }
        groups
    }
}
