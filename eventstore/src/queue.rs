//! The jobs of the writing tasks, and how waiting appends are drained into batches.
//!
//! There is no timer. While one batch is being committed the next one gathers in the queue by itself, so a lonely append
//! waits for nothing and concurrent appends share a commit.

use chrono::{DateTime, Utc};
use tokio::sync::{mpsc, oneshot};

use crate::prepare::Request;
use crate::rekey::Rekeying;
use crate::transfer::ParsedChunk;
use crate::{Outcome, StoreError, TenantId};

/// A batch takes no more requests once it holds this many events: it bounds memory and the time others wait.
const MAX_BATCH_EVENTS: usize = 2_000;
/// At most this many requests share a commit without being split.
const MIN_SPLIT: usize = 8;

/// How many of the waiting appends share a commit, where clients send their next one as soon as they are answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum BatchingPolicy {
    /// All of them: where a commit costs several round trips to a server, however many share it.
    All,
    /// One half and then the other: while one half waits for the disk, the clients of the other that were just answered
    /// decide and send their next request. If all were taken at once, the processor would have nothing to do while they wait, and the disk nothing while they decide.
    Halves,
}

/// Where an answer goes. A caller that has gone away is answered by the log itself.
pub(crate) type Answer<T> = oneshot::Sender<Result<T, StoreError>>;

/// An append, and who waits for it.
pub(crate) type PendingAppend = (Request, Answer<Outcome>);

/// Everything that writes to the log's tables comes this way.
pub(crate) enum Job {
    Append(Box<Request>, Answer<Outcome>),
    TenantKey(TenantId, Vec<u8>, Answer<Vec<u8>>),
    Import(TenantId, Box<ParsedChunk>, Answer<()>),
    Rekey(TenantId, Rekeying, Answer<bool>),
    Checkpoint { tenant: TenantId, size: u64, note: String, answer: Answer<()> },
    ForgetRefusals { tenant: TenantId, commands: Vec<String>, before: DateTime<Utc>, answer: Answer<u64> },
    Close,
}

/// What waits for one writing task.
pub(crate) struct Queue {
    jobs: mpsc::Receiver<Job>,
    /// Taken out already, and not to be shared with what was taken before it.
    next: Option<Job>,
    policy: BatchingPolicy,
    /// How many requests the last batch had: about as many come back soon.
    answered: usize,
}

/// Appends that were taken from the queue together.
#[derive(Default)]
pub(crate) struct PendingBatch {
    requests: Vec<PendingAppend>,
    events: usize,
    erases: bool,
}

impl Queue {
    /// A queue of this length, and the way into it.
    pub(crate) fn new(length: usize, policy: BatchingPolicy) -> (mpsc::Sender<Job>, Self) {
        let (sender, jobs) = mpsc::channel(length.max(1));
        (sender, Self { jobs, next: None, policy, answered: 0 })
    }

    /// The first in the queue; `None` once it is closed and empty.
    pub(crate) async fn next(&mut self) -> Option<Job> {
        match self.next.take() {
            Some(job) => Some(job),
            None => self.jobs.recv().await,
        }
    }

    /// This append, and those that wait behind it up to the first job that must not share, or up to their share.
    pub(crate) async fn drain(&mut self, first: Request, answer: Answer<Outcome>) -> PendingBatch {
        let mut waiting = PendingBatch::default();
        waiting.push(first, answer);
        let mut known = 0;
        while self.take_batch(&mut waiting) && waiting.requests.len() > known {
            known = waiting.requests.len();
            // The tasks answered a moment ago get to run, as long as that brings more.
            tokio::task::yield_now().await;
        }
        self.answered = waiting.requests.len();
        metrics::gauge!("waymark_append_queue_depth").set(self.jobs.len() as f64);
        waiting
    }

    /// Takes waiting appends up to the batch's share. Returns whether more would have been taken.
    fn take_batch(&mut self, waiting: &mut PendingBatch) -> bool {
        let clients = self.answered + waiting.requests.len() + self.jobs.len();
        let share = match self.policy {
            BatchingPolicy::All => usize::MAX,
            BatchingPolicy::Halves => clients.div_ceil(2).max(MIN_SPLIT),
        };
        while waiting.requests.len() < share && !waiting.is_full() && self.next.is_none() {
            match self.jobs.try_recv() {
                Ok(Job::Append(request, answer)) if !request.deletes() => {
                    waiting.push(*request, answer);
                }
                Ok(other) => self.next = Some(other),
                Err(_) => return true,
            }
        }
        false
    }

    /// What was accepted before is still received, nothing is accepted any more.
    pub(crate) fn close(&mut self) {
        self.jobs.close();
    }
}

impl PendingBatch {
    fn push(&mut self, request: Request, answer: Answer<Outcome>) {
        self.events += request.events.len().max(1);
        self.erases |= request.deletes();
        self.requests.push((request, answer));
    }

    /// An erasure shares with nobody: the stored tags it deletes must not be seen by requests behind it.
    fn is_full(&self) -> bool {
        self.erases || self.events >= MAX_BATCH_EVENTS
    }

    /// Each tenant's requests, in the order of arrival.
    pub(crate) fn by_tenant(self) -> Vec<(TenantId, Vec<PendingAppend>)> {
        let mut groups: Vec<(TenantId, Vec<PendingAppend>)> = Vec::new();
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

/// Asks a writing task, and waits for its answer.
///
/// # Errors
/// [`StoreError::Overloaded`] when the queue is full; what `lost` makes of a task that ended without an answer; what the
/// task answers.
pub(crate) async fn ask<T>(
    jobs: &mpsc::Sender<Job>,
    lost: fn(String) -> StoreError,
    job: impl FnOnce(Answer<T>) -> Job,
) -> Result<T, StoreError> {
    let (answer, answered) = oneshot::channel();
    jobs.try_send(job(answer)).map_err(|refused| match refused {
        mpsc::error::TrySendError::Full(_) => StoreError::Overloaded { retry_after_seconds: 1 },
        mpsc::error::TrySendError::Closed(_) => StoreError::Unavailable("the log is closed".to_owned()),
    })?;
    answered.await.map_err(|_| lost("the writing task ended without an answer".to_owned()))?
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;
    use crate::Append;

    fn append(tenant: u128, erases: bool) -> Job {
        let mut append = Append::new(TenantId(Uuid::from_u128(tenant)), Vec::new());
        append.erase_subjects.extend(erases.then(|| Uuid::from_u128(9)));
        Job::Append(Box::new(Request::prepare(append).unwrap()), oneshot::channel().0)
    }

    /// The tenants of each batch that the queue gives, with how many appends each has; other jobs are batches of none.
    async fn batches(jobs: Vec<Job>) -> Vec<Vec<(u128, usize)>> {
        batches_of(BatchingPolicy::Halves, jobs).await
    }

    async fn batches_of(policy: BatchingPolicy, jobs: Vec<Job>) -> Vec<Vec<(u128, usize)>> {
        let (sender, mut queue) = Queue::new(jobs.len(), policy);
        for job in jobs {
            assert!(sender.try_send(job).is_ok());
        }
        drop(sender);
        let mut batches = Vec::new();
        while let Some(job) = queue.next().await {
            let Job::Append(request, answer) = job else {
                batches.push(Vec::new());
                continue;
            };
            let groups = queue.drain(*request, answer).await.by_tenant();
            batches.push(groups.iter().map(|(tenant, group)| (tenant.0.as_u128(), group.len())).collect());
        }
        batches
    }

    #[tokio::test]
    async fn what_waits_together_is_taken_together_and_grouped_by_tenant() {
        let jobs = [1, 2, 1].map(|tenant| append(tenant, false)).into();
        assert_eq!(batches(jobs).await, [vec![(1, 2), (2, 1)]]);
    }

    #[tokio::test]
    async fn an_erasure_shares_with_nobody_and_nothing_overtakes_it() {
        let jobs = vec![append(1, false), append(1, true), append(1, false), append(2, false)];
        assert_eq!(batches(jobs).await, [vec![(1, 1)], vec![(1, 1)], vec![(1, 1), (2, 1)]]);
    }

    #[tokio::test]
    async fn another_job_ends_a_batch_and_keeps_its_place() {
        let jobs = vec![append(1, false), Job::Close, append(1, false)];
        assert_eq!(batches(jobs).await, [vec![(1, 1)], Vec::new(), vec![(1, 1)]]);
    }

    #[tokio::test]
    async fn a_crowd_shares_one_commit_or_two_in_turn_and_a_few_share_one() {
        let jobs = |count| (0..count).map(|_| append(1, false)).collect();
        assert_eq!(batches(jobs(64)).await, [vec![(1, 32)], vec![(1, 32)]]);
        assert_eq!(batches(jobs(MIN_SPLIT)).await, [vec![(1, MIN_SPLIT)]]);
        assert_eq!(batches_of(BatchingPolicy::All, jobs(64)).await, [vec![(1, 64)]]);
    }

    #[tokio::test]
    async fn a_batch_ends_where_it_is_large_enough() {
        let jobs = (0..2 * MAX_BATCH_EVENTS + 1).map(|_| append(1, false)).collect();
        let large = || vec![(1, MAX_BATCH_EVENTS)];
        assert_eq!(batches(jobs).await, [large(), large(), vec![(1, 1)]]);
    }
}
