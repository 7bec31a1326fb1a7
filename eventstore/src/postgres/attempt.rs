//! One transaction for a batch: decides its requests under the locked head, and writes what they bring.
//!
//! What a crash leaves, step by step. Up to and including the last insert: nothing, since the server rolls back a
//! transaction whose connection is gone. While `COMMIT` is under way: all of the batch or nothing of it, which
//! [`CommitProbe`] tells afterwards. After it: all of it, receipts included, so that callers who were not answered get
//! their answers by sending the command again.

use chrono::{DateTime, Utc};
use sqlx::postgres::PgConnection;

use super::failure::Failure;
use super::recent::Recent;
use super::{precheck, row, write};
use crate::batch::{Batch, BatchPrecheck, LogHead};
use crate::ledger::{FirstNote, Hash};
use crate::prepare::{Prepared, Request};
use crate::{Clock, Outcome, Position, Receipt, StoreError, TenantId};

const RECEIPT: &str = include_str!("receipt.sql");
const SAVE_CHECKPOINT: &str = include_str!("save_checkpoint.sql");

/// How the requests of a batch ended, in their order, and what the log gained.
pub(super) struct BatchResult {
    pub(super) outcomes: Vec<Result<Outcome, StoreError>>,
    /// Where the log ends now.
    pub(super) position: Position,
    /// How many events were appended.
    pub(super) events: u64,
    probe: CommitProbe,
}

/// What is in the log if, and only if, the batch is.
enum CommitProbe {
    /// The last entry, whose hash covers its id, its position and the instant.
    Entry(Position, Hash),
    Receipt(String, Receipt),
    /// Keys or erasures alone: doing them twice is doing them once.
    Idempotent,
}

pub(super) fn silence() -> Failure {
    Failure::Lost("the database does not answer".to_owned())
}

/// Whether it is looked up which commands and events of a batch are in the log already.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum DuplicateCheck {
    /// Where a request is refused without it: it may be the repetition of one that was accepted. What is accepted without
    /// it meets the key of what is there when it is written, and then the batch is started again.
    OnRefusal,
    /// Always: the batch met a key.
    Always,
}

pub(super) enum Decision<'a> {
    /// Written, to be committed.
    Write(BatchResult, Grown<'a>),
    /// Nothing to commit.
    Leave(BatchResult),
}

/// Where a log ended before a batch and will end with it, and the events between.
pub(super) struct Grown<'a> {
    pub(super) before: LogHead,
    pub(super) after: LogHead,
    pub(super) events: Vec<&'a Prepared>,
}

/// One transaction for a batch. A caller that gives up waiting drops the connection, which ends the transaction.
pub(super) struct Attempt<'a> {
    pub(super) connection: &'a mut PgConnection,
    pub(super) recent: &'a mut Recent,
    pub(super) first_note: Option<&'a FirstNote>,
    pub(super) tenant: TenantId,
    pub(super) requests: &'a [&'a Request],
    pub(super) duplicate_check: DuplicateCheck,
}

impl<'a> Attempt<'a> {
    /// Decides the requests under the locked head, and writes what they bring.
    pub(super) async fn decide(
        &mut self,
        head: LogHead,
        clock: &Clock,
        doubtful: &mut Option<BatchResult>,
    ) -> Result<Decision<'a>, Failure> {
        // With the lock in hand the transaction in doubt has ended, one way or the other.
        if let Some(done) = doubtful
            && is_in_the_log(self.connection, self.tenant, &done.probe).await?
        {
            return Ok(Decision::Leave(doubtful.take().ok_or_else(silence)?));
        }
        *doubtful = None;
        let mut precheck = self.load(&head).await?;
        if self.duplicate_check == DuplicateCheck::Always {
            self.load_duplicates(&mut precheck).await?;
        }
        let now = clock();
        let (mut batch, mut outcomes) = self.judge(precheck, now);
        if self.duplicate_check == DuplicateCheck::OnRefusal && outcomes.iter().any(Result::is_err) {
            let mut precheck = self.load(&head).await?;
            self.load_duplicates(&mut precheck).await?;
            (batch, outcomes) = self.judge(precheck, now);
        }
        let done = BatchResult {
            outcomes,
            position: batch.head().position(),
            events: batch.staged().len() as u64,
            probe: commit_probe(&batch),
        };
        if batch.is_empty() {
            return Ok(Decision::Leave(done));
        }
        write::write(self.connection, self.tenant, &batch).await?;
        if let Some(note) = batch.first_note(self.tenant, self.first_note) {
            let size = batch.head().position().cast_signed();
            let save = sqlx::query(SAVE_CHECKPOINT).bind(self.tenant.0).bind(size).bind(note);
            save.execute(&mut *self.connection).await?;
        }
        let events = batch.staged().iter().map(|staged| staged.event).collect();
        Ok(Decision::Write(done, Grown { before: head, after: batch.head(), events }))
    }

    async fn load(&mut self, head: &LogHead) -> Result<BatchPrecheck, Failure> {
        let held = self.recent.of(self.tenant, head);
        precheck::load(self.connection, self.tenant, head.clone(), self.requests, held).await
    }

    async fn load_duplicates(&mut self, precheck: &mut BatchPrecheck) -> Result<(), Failure> {
        precheck::load_duplicates(self.connection, self.tenant, self.requests, precheck).await
    }

    fn judge(
        &self,
        precheck: BatchPrecheck,
        now: DateTime<Utc>,
    ) -> (Batch<'a>, Vec<Result<Outcome, StoreError>>) {
        let mut batch = Batch::new(precheck, now);
        let numbered = self.requests.iter().enumerate();
        let outcomes = numbered.map(|(number, request)| batch.decide(number, request)).collect();
        (batch, outcomes)
    }

    /// At once, since an abandoned transaction holds the tenant's lock. Where it fails the connection is gone, and the
    /// transaction with it.
    pub(super) async fn rollback(self) {
        if let Err(error) = sqlx::raw_sql("ROLLBACK").execute(self.connection).await {
            tracing::debug!(%error, "rolling back failed");
        }
    }
}

fn commit_probe(batch: &Batch<'_>) -> CommitProbe {
    match (batch.staged().last(), batch.receipts().last()) {
        (Some(event), _) => CommitProbe::Entry(event.position, event.leaf),
        (None, Some((draft, receipt))) => CommitProbe::Receipt(draft.command_id.clone(), receipt.clone()),
        (None, None) => CommitProbe::Idempotent,
    }
}

async fn is_in_the_log(
    connection: &mut PgConnection,
    tenant: TenantId,
    probe: &CommitProbe,
) -> Result<bool, Failure> {
    match probe {
        CommitProbe::Entry(position, leaf) => {
            let stored = write::stored_leaves(connection, tenant, position - 1, *position).await?;
            Ok(stored.first() == Some(leaf))
        }
        CommitProbe::Receipt(command_id, receipt) => {
            let found = sqlx::query(RECEIPT).bind(tenant.0).bind(command_id.as_bytes());
            let found = found.fetch_optional(connection).await?;
            Ok(found.as_ref().map(row::receipt).transpose()?.as_ref() == Some(receipt))
        }
        CommitProbe::Idempotent => Ok(false),
    }
}
