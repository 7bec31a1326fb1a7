//! Commits batches, whatever happens to the connection meanwhile.
//!
//! One loop around every write: what lost against another transaction is started again; a connection that is gone is
//! replaced; and when the answer to a `COMMIT` did not arrive, the log itself is asked, before anything else, whether the
//! batch is in it. So nobody is refused what happened, and nothing happens twice.

use std::time::{Duration, Instant};

use chrono::{DateTime, Utc};
use sqlx::postgres::{PgConnection, PgTransaction};
use sqlx::{Connection, SqlStr};
use tokio::time::timeout;

use super::attempt::{Attempt, BatchResult, Decision, DuplicateCheck, silence};
use super::connect::Server;
use super::failure::Failure;
use super::options::Options;
use super::recent::Recent;
use super::retry::Retry;
use super::tenant_scope::WriteTxSettings;
use super::{import, precheck, rekey, write};
use crate::batch::LogHead;
use crate::ledger::FirstNote;
use crate::prepare::Request;
use crate::rekey::Rekeying;
use crate::transfer::ParsedChunk;
use crate::{Clock, Position, StoreError, TenantId};

const INSERT_TENANT_KEY: &str = include_str!("insert_tenant_key.sql");
const TENANT_KEY: &str = include_str!("tenant_key.sql");
const FORGET_REFUSALS: &str = include_str!("forget_refusals.sql");
const SAVE_CHECKPOINT: &str = include_str!("save_checkpoint.sql");

/// How long a change of keys may take: all blind tags of a tenant change with its key.
const REKEY_PATIENCE: Duration = Duration::from_secs(600);

/// How long a trial write may take: appends wait behind it.
const PROBE_PATIENCE: Duration = Duration::from_secs(2);

/// A connection that appends, made when it is first needed.
pub(super) struct Writer {
    server: Server,
    writing: WriteTxSettings,
    clock: Clock,
    first_note: Option<FirstNote>,
    patience: Duration,
    connection: Option<PgConnection>,
    recent: Recent,
}

/// A transaction that has begun for a batch, whose requests may still come together.
pub(super) struct OpenTx {
    pub(super) tenant: TenantId,
    since: Instant,
    retry: Retry,
    /// Where the log ends, locked; none where that failed: it is tried again with the batch, which reports the failure.
    head: Option<LogHead>,
}

impl Writer {
    pub(super) fn new(server: Server, writing: WriteTxSettings, options: &Options) -> Self {
        let (clock, patience) = (options.clock.clone(), options.patience);
        let first_note = options.first_note.clone();
        Self { server, writing, clock, first_note, patience, connection: None, recent: Recent::default() }
    }

    /// Begins the transaction of a batch with this request, and locks the head of its tenant.
    pub(super) async fn open(&mut self, first: &Request) -> OpenTx {
        let (tenant, since) = (first.tenant, Instant::now());
        let (retry, begin) = (self.retry(first), self.writing.begin(tenant));
        let locking = async {
            let connection = connected(&mut self.connection, &self.server).await?;
            lock(connection, tenant, begin).await
        };
        let head = timeout(retry.left(), locking).await.unwrap_or_else(|_| Err(silence())).ok();
        if head.is_none() {
            // What was begun ends with it.
            self.connection = None;
        }
        OpenTx { tenant, since, retry, head }
    }

    /// Decides these requests of one tenant, one after the other, and commits what they bring.
    ///
    /// # Errors
    /// [`StoreError::InDoubt`] when the outcome of the commit could not be determined; otherwise nothing was written.
    pub(super) async fn append(
        &mut self,
        open_tx: OpenTx,
        requests: &[&Request],
    ) -> Result<BatchResult, StoreError> {
        let OpenTx { tenant, since, mut retry, mut head } = open_tx;
        // Filled while a commit is under way: what it would have been.
        let mut doubtful = None;
        let mut duplicate_check = DuplicateCheck::OnRefusal;
        loop {
            let was_doubtful = doubtful.is_some();
            let attempt = self.append_once(tenant, head.take(), requests, duplicate_check, &mut doubtful);
            let failure = match timeout(retry.left(), attempt).await {
                Ok(Ok(done)) => {
                    metrics::histogram!("waymark_commit_seconds").record(since.elapsed().as_secs_f64());
                    return Ok(done);
                }
                Ok(Err(failure)) => failure,
                Err(_) => Failure::Lost("the database does not answer".to_owned()),
            };
            if matches!(failure, Failure::UniqueViolation(_)) && duplicate_check == DuplicateCheck::OnRefusal
            {
                duplicate_check = DuplicateCheck::Always;
                continue;
            }
            if doubtful.is_some() && !was_doubtful {
                retry.extend(self.patience);
            }
            self.recover(failure, &mut retry, doubtful.is_some()).await?;
        }
    }

    async fn append_once(
        &mut self,
        tenant: TenantId,
        head: Option<LogHead>,
        requests: &[&Request],
        duplicate_check: DuplicateCheck,
        doubtful: &mut Option<BatchResult>,
    ) -> Result<BatchResult, Failure> {
        let clock = self.clock.clone();
        let connection = connected(&mut self.connection, &self.server).await?;
        let (recent, first_note) = (&mut self.recent, self.first_note.as_ref());
        let mut attempt = Attempt { connection, recent, first_note, tenant, requests, duplicate_check };
        let head = match head {
            Some(head) => Ok(head),
            None => lock(attempt.connection, tenant, self.writing.begin(tenant)).await,
        };
        let decision = match head {
            Ok(head) => attempt.decide(head, &clock, doubtful).await,
            Err(failure) => Err(failure),
        };
        match decision {
            Ok(Decision::Write(done, grown)) => {
                *doubtful = Some(done);
                let commit = sqlx::raw_sql("COMMIT").execute(&mut *attempt.connection);
                match commit.await.map_err(Failure::at_commit) {
                    Err(failure @ Failure::InDoubt(_)) => return Err(failure),
                    Err(failure) => {
                        *doubtful = None;
                        attempt.rollback().await;
                        return Err(failure);
                    }
                    // A crash here leaves a batch that is on disk and that nobody heard of. The callers send their
                    // commands again and are answered by the receipts; other processes find the entries by polling.
                    // What `recent` would have held is read from the database by the next writer.
                    Ok(_) => attempt.recent.committed(tenant, grown.before, grown.after, &grown.events),
                }
                doubtful.take().ok_or_else(|| Failure::Lost("the commit lost its outcome".to_owned()))
            }
            Ok(Decision::Leave(done)) => {
                attempt.rollback().await;
                Ok(done)
            }
            Err(failure) => {
                attempt.rollback().await;
                Err(failure)
            }
        }
    }

    /// The key of a tenant: the candidate, unless there is one.
    pub(super) async fn tenant_key(
        &mut self,
        tenant: TenantId,
        candidate: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        let mut retry = Retry::new(self.patience, 0);
        loop {
            let attempt = self.tenant_key_once(tenant, candidate);
            match timeout(retry.left(), attempt).await.unwrap_or_else(|_| Err(silence())) {
                Ok(stored) => return Ok(stored),
                Err(failure) => self.recover(failure, &mut retry, false).await?,
            }
        }
    }

    async fn tenant_key_once(&mut self, tenant: TenantId, candidate: &[u8]) -> Result<Vec<u8>, Failure> {
        let mut transaction = self.begin(tenant).await?;
        let insert = sqlx::query(INSERT_TENANT_KEY).bind(tenant.0).bind(candidate);
        insert.execute(&mut *transaction).await?;
        let stored = sqlx::query_scalar(TENANT_KEY).bind(tenant.0).fetch_one(&mut *transaction).await?;
        // An answer that is lost here does no harm, whether the commit happened or not: the next attempt keeps what is
        // stored and reads it, so that every process uses the same key. Before the commit nobody has used this one.
        transaction.commit().await?;
        Ok(stored)
    }

    /// Keeps a signed note.
    pub(super) async fn save_checkpoint(
        &mut self,
        tenant: TenantId,
        size: u64,
        note: &str,
    ) -> Result<(), StoreError> {
        let mut retry = Retry::new(self.patience, size);
        loop {
            let attempt = self.save_checkpoint_once(tenant, size, note);
            match timeout(retry.left(), attempt).await.unwrap_or_else(|_| Err(silence())) {
                Ok(()) => return Ok(()),
                Err(failure) => self.recover(failure, &mut retry, false).await?,
            }
        }
    }

    async fn save_checkpoint_once(&mut self, tenant: TenantId, size: u64, note: &str) -> Result<(), Failure> {
        let mut transaction = self.begin(tenant).await?;
        let save = sqlx::query(SAVE_CHECKPOINT).bind(tenant.0).bind(size.cast_signed()).bind(note);
        save.execute(&mut *transaction).await?;
        // An answer that is lost here does no harm: the next attempt replaces the note of this size by itself. After a
        // crash the head is signed again with the next round of the signer.
        Ok(transaction.commit().await?)
    }

    /// Forgets refusals. A commit whose answer was lost has forgotten them as well: they count as forgotten then.
    pub(super) async fn forget_refusals(
        &mut self,
        tenant: TenantId,
        commands: &[String],
        before: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let mut retry = Retry::new(self.patience, commands.len() as u64);
        loop {
            let attempt = self.forget_refusals_once(tenant, commands, before);
            match timeout(retry.left(), attempt).await.unwrap_or_else(|_| Err(silence())) {
                Ok(forgotten) => return Ok(forgotten),
                Err(failure) => self.recover(failure, &mut retry, false).await?,
            }
        }
    }

    async fn forget_refusals_once(
        &mut self,
        tenant: TenantId,
        commands: &[String],
        before: DateTime<Utc>,
    ) -> Result<u64, Failure> {
        let mut transaction = self.begin(tenant).await?;
        let ids: Vec<&[u8]> = commands.iter().map(String::as_bytes).collect();
        let forget = sqlx::query(FORGET_REFUSALS).bind(tenant.0).bind(before.timestamp_micros()).bind(ids);
        let done = forget.execute(&mut *transaction).await?;
        transaction.commit().await?;
        Ok(done.rows_affected())
    }

    /// Takes what comes from another store, and says where the log ends then.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when it is meant for another log.
    pub(super) async fn import_chunk(
        &mut self,
        tenant: TenantId,
        parsed: &ParsedChunk,
    ) -> Result<Position, StoreError> {
        let mut retry = Retry::new(self.patience, parsed.chunk.onto);
        let mut again = false;
        loop {
            let attempt = self.import_chunk_once(tenant, parsed, again);
            match timeout(retry.left(), attempt).await.unwrap_or_else(|_| Err(silence())) {
                Ok(position) => return Ok(position),
                Err(failure) => self.recover(failure, &mut retry, false).await?,
            }
            again = true;
        }
    }

    async fn import_chunk_once(
        &mut self,
        tenant: TenantId,
        parsed: &ParsedChunk,
        again: bool,
    ) -> Result<Position, Failure> {
        self.recent.forget(tenant);
        let mut transaction = self.begin(tenant).await?;
        let head = precheck::lock_head(&mut transaction, tenant).await?;
        // A commit whose answer was lost brought it: with the lock in hand that one has ended.
        if again && import::is_imported(&mut transaction, tenant, &head, parsed).await? {
            rollback(transaction).await;
            return Ok(head.position());
        }
        match import::import_chunk(&mut transaction, tenant, &head, parsed).await {
            Ok(grown) => {
                transaction.commit().await?;
                Ok(grown.position())
            }
            Err(failure) => {
                rollback(transaction).await;
                Err(failure)
            }
        }
    }

    /// Changes how keys are wrapped.
    ///
    /// # Errors
    /// When it could not be done, or nobody knows whether it was: doing it again does it once.
    pub(super) async fn rekey(&mut self, tenant: TenantId, rekeying: &Rekeying) -> Result<bool, StoreError> {
        let mut retry = Retry::new(self.patience, 0);
        loop {
            let attempt = self.rekey_once(tenant, rekeying);
            match timeout(REKEY_PATIENCE, attempt).await.unwrap_or_else(|_| Err(silence())) {
                Ok(done) => return Ok(done),
                Err(failure) => self.recover(failure, &mut retry, false).await?,
            }
        }
    }

    async fn rekey_once(&mut self, tenant: TenantId, rekeying: &Rekeying) -> Result<bool, Failure> {
        self.recent.forget(tenant);
        let mut transaction = self.begin(tenant).await?;
        match rekey::write(&mut transaction, tenant, rekeying).await {
            // A crash before this commit leaves the keys as they were, one after it as they are to be.
            Ok(true) => transaction.commit().await.map(|()| true).map_err(Failure::from),
            Ok(false) => {
                rollback(transaction).await;
                Ok(false)
            }
            Err(failure) => {
                rollback(transaction).await;
                Err(failure)
            }
        }
    }

    /// Tries whether the database takes writes, by writing where a log ends as it is.
    ///
    /// # Errors
    /// [`StoreError::Unavailable`] when it does not.
    pub(super) async fn probe(&mut self, tenant: TenantId) -> Result<(), StoreError> {
        let attempt = timeout(PROBE_PATIENCE, self.probe_once(tenant));
        let outcome = attempt.await.unwrap_or_else(|_| Err(silence()));
        outcome.map_err(|failure| {
            self.connection = None;
            StoreError::Unavailable(format!("{failure:?}"))
        })
    }

    async fn probe_once(&mut self, tenant: TenantId) -> Result<(), Failure> {
        let mut transaction = self.begin(tenant).await?;
        let head = precheck::lock_head(&mut transaction, tenant).await?;
        write::put_head(&mut transaction, tenant, &head).await?;
        Ok(transaction.commit().await?)
    }

    pub(super) async fn close(self) {
        if let Some(connection) = self.connection
            && let Err(error) = connection.close().await
        {
            tracing::warn!(%error, "closing a connection of the log failed");
        }
    }

    async fn begin(&mut self, tenant: TenantId) -> Result<PgTransaction<'_>, Failure> {
        let begin = self.writing.begin(tenant);
        Ok(connected(&mut self.connection, &self.server).await?.begin_with(begin).await?)
    }

    /// Gets ready for another attempt, or returns the error for the callers.
    async fn recover(
        &mut self,
        failure: Failure,
        retry: &mut Retry,
        in_doubt: bool,
    ) -> Result<(), StoreError> {
        let what = match failure {
            Failure::Unchanged(error) => {
                // Its transaction may have failed before it had begun, and then nothing ends it.
                self.connection = None;
                if !in_doubt {
                    return Err(error);
                }
                error.to_string()
            }
            Failure::UniqueViolation(what) if !in_doubt => return Err(StoreError::Unavailable(what)),
            Failure::Retryable(what) | Failure::UniqueViolation(what) => what,
            Failure::Lost(what) | Failure::InDoubt(what) => {
                self.connection = None;
                what
            }
        };
        metrics::counter!("waymark_append_retries_total").increment(1);
        match (retry.again().await, in_doubt) {
            (true, _) => Ok(()),
            (false, false) => Err(StoreError::Unavailable(what)),
            (false, true) => {
                tracing::error!(%what, "the outcome of a commit could not be determined");
                Err(StoreError::InDoubt(what))
            }
        }
    }

    /// Ids differ from one process to the next, and so do the pauses of processes that failed together.
    fn retry(&self, first: &Request) -> Retry {
        let id = first.events.first().map(|event| event.id.as_u128());
        let (high, low) = id.map_or((0, 0), |id| ((id >> 64) as u64, id as u64));
        Retry::new(self.patience, high ^ low)
    }
}

async fn connected<'a>(
    known: &'a mut Option<PgConnection>,
    server: &Server,
) -> Result<&'a mut PgConnection, Failure> {
    let connection = match known.take() {
        Some(connection) => connection,
        // Whatever keeps a connection from being made may pass: nothing was asked of it yet.
        None => server.connect().await.map_err(|error| Failure::Lost(error.to_string()))?,
    };
    Ok(known.insert(connection))
}

/// Begins a transaction, and locks the head of a tenant.
async fn lock(connection: &mut PgConnection, tenant: TenantId, begin: SqlStr) -> Result<LogHead, Failure> {
    sqlx::raw_sql(begin).execute(&mut *connection).await?;
    precheck::lock_head(connection, tenant).await
}

/// At once, since an abandoned transaction holds the tenant's lock. Where it fails the connection is gone, and the
/// transaction with it.
async fn rollback(transaction: PgTransaction<'_>) {
    if let Err(error) = transaction.rollback().await {
        tracing::debug!(%error, "rolling back failed");
    }
}
