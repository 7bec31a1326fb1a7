//! The contract every store keeps.

use std::ops::RangeInclusive;
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::watch;
use uuid::Uuid;

use crate::segments::SegmentFolder;
use crate::vault::{RewrappedKey, WrappedKey};
use crate::{Condition, Draft, Entry, Intake, News, Position, Query, StoreError, TenantId};

/// Where the present comes from: a value, so that a test can hold it still.
pub type Clock = Arc<dyn Fn() -> DateTime<Utc> + Send + Sync>;

/// One atomic append: all of its events or none.
#[derive(Debug, Clone)]
pub struct Append {
    /// Whose log.
    pub tenant: TenantId,
    /// What to append, in order. May be empty where only the receipt of a refusal is stored.
    pub events: Vec<Draft>,
    /// What must not have happened since the decision's state was loaded.
    pub condition: Option<Condition>,
    /// What else must not have happened, after a position of its own: what the decision was made by beside its own
    /// boundary, such as definitions that are read far more often than they are written.
    pub grounds: Option<Condition>,
    /// How many erasures there had been when the keys were read that its events are sealed with; fails with
    /// [`StoreError::Conflict`] once there were more ([`EventStore::erasures`]).
    pub erasures_seen: Option<u64>,
    /// Fails with [`StoreError::DeadlinePassed`] when the events would be recorded at or after this instant.
    pub must_record_before: Option<DateTime<Utc>>,
    /// Durable idempotency: remembers the outcome in the same transaction.
    pub receipt: Option<ReceiptDraft>,
    /// Data keys to store in the same transaction (a subject's first sealed field).
    pub new_keys: Vec<WrappedKey>,
    /// Data keys that are stored in another form in the same transaction ([`crate::vault::Vault::changed_key`]); fails with
    /// [`StoreError::Conflict`] where one is stored otherwise by then. Each counts as an erasure ([`EventStore::erasures`]): what
    /// processes remember of keys is read again.
    pub changed_keys: Vec<RewrappedKey>,
    /// Subjects whose data keys are destroyed, and whose blind tags are deleted, in the same transaction.
    pub erase_subjects: Vec<Uuid>,
    /// Blind tags that are deleted in the same transaction, whosever entries they stand for: an erased subject may have been
    /// recognised by what stands in another one's entries.
    pub forget_tags: Vec<(Position, String)>,
    /// Entries whose bytes leave the database in the same transaction: whole tiles, whose segments are on disk
    /// ([`crate::segments::write_segment`]) and which one of its events tells of.
    pub archived: Option<RangeInclusive<Position>>,
}

impl Append {
    /// An append of these events with nothing else to it.
    #[must_use]
    pub fn new(tenant: TenantId, events: Vec<Draft>) -> Self {
        Self {
            tenant,
            events,
            condition: None,
            grounds: None,
            erasures_seen: None,
            must_record_before: None,
            receipt: None,
            new_keys: Vec::new(),
            changed_keys: Vec::new(),
            erase_subjects: Vec::new(),
            forget_tags: Vec::new(),
            archived: None,
        }
    }
}

/// What to remember of a command, so that a repeat gets the first answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReceiptDraft {
    /// The caller's id for the command, unique in the tenant; at most 255 bytes.
    pub command_id: String,
    /// SHA-256 of the request: another request under the same id is refused.
    pub digest: [u8; 32],
    /// The answer as the caller wants it back (a refusal, or a success without its positions).
    pub outcome: Vec<u8>,
}

/// The stored outcome of a command.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Receipt {
    /// SHA-256 of the first request.
    pub digest: [u8; 32],
    /// The answer handed over with it.
    pub outcome: Vec<u8>,
    /// The position of its first event, or the head at the time when it had none.
    pub first_position: Position,
    /// How many events it appended.
    pub count: u32,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
}

/// Events that were appended, durably.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Appended {
    /// The position of the first event, or the head when there was none.
    pub first_position: Position,
    /// How many were appended; their positions are consecutive.
    pub count: u32,
    /// When the log took them.
    pub recorded_at: DateTime<Utc>,
}

impl Appended {
    /// The position of the last event (the head when there was none).
    #[must_use]
    pub fn last_position(&self) -> Position {
        self.first_position + u64::from(self.count.max(1)) - 1
    }
}

/// How an append ended well.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It is in the log now.
    Appended(Appended),
    /// The same command came before: nothing was appended now, this is what happened then.
    Repeated(Receipt),
}

/// Where a tenant's log ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Head {
    /// The last position; zero for an empty log.
    pub position: Position,
    /// When it was recorded; 1970-01-01T00:00:00Z for an empty log.
    pub recorded_at: DateTime<Utc>,
    /// RFC 6962 Merkle tree hash over all entries.
    pub root: [u8; 32],
}

/// Where one log of many ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct LogEnd {
    /// Whose it is.
    pub log: TenantId,
    /// The last position, which is not zero.
    pub position: Position,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// How many erasures it has seen ([`EventStore::erasures`]).
    pub erasures: u64,
}

/// An append-only log per tenant. Both stores pass the same contract suite.
#[async_trait]
pub trait EventStore: Send + Sync + 'static {
    /// Appends atomically and durably; concurrent appends share commits.
    ///
    /// Dropping the future neither drops nor splits an append that was accepted into the queue.
    async fn append(&self, request: Append) -> Result<Outcome, StoreError>;

    /// The entries after a position, in order, at most `limit` of them.
    async fn read(&self, tenant: TenantId, after: Position, limit: u32) -> Result<Vec<Entry>, StoreError>;

    /// The entries after a position and up to `until` that match a query, in order, at most `limit` of them.
    async fn read_matching(
        &self,
        tenant: TenantId,
        query: &Query,
        after: Position,
        until: Position,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError>;

    /// Where the log ends now.
    async fn head(&self, tenant: TenantId) -> Result<Head, StoreError>;

    /// The last position recorded at or before an instant; zero when there is none.
    async fn position_at(&self, tenant: TenantId, known_at: DateTime<Utc>) -> Result<Position, StoreError>;

    /// The stored outcome of a command.
    async fn receipt(&self, tenant: TenantId, command_id: &str) -> Result<Option<Receipt>, StoreError>;

    /// Forgets that these commands were refused, of those that were recorded before an instant: a command that comes again
    /// then is decided again. What a command brought into the log is never forgotten. Returns how many went.
    async fn forget_refusals(
        &self,
        tenant: TenantId,
        commands: Vec<String>,
        before: DateTime<Utc>,
    ) -> Result<u64, StoreError>;

    /// The wrapped data key of a subject. `Ok(None)`: never made. A destroyed key is
    /// [`WrappedKey::destroyed`].
    async fn data_key(&self, tenant: TenantId, subject: Uuid) -> Result<Option<WrappedKey>, StoreError> {
        Ok(self.data_keys(tenant, &[subject]).await?.pop())
    }

    /// The wrapped data keys of those of the subjects that have one, in no particular order.
    async fn data_keys(&self, tenant: TenantId, subjects: &[Uuid]) -> Result<Vec<WrappedKey>, StoreError>;

    /// How many erasures this tenant's log has seen, by any process: a key read before the last one may be
    /// destroyed by now.
    async fn erasures(&self, tenant: TenantId) -> Result<u64, StoreError>;

    /// The wrapped key of the tenant itself, storing `candidate` when there is none yet; whichever is stored.
    async fn tenant_key(&self, tenant: TenantId, candidate: Vec<u8>) -> Result<Vec<u8>, StoreError>;

    /// Where every log ends that has entries, those of tenants and their access logs, in one question. Promises nothing of one moment.
    async fn ends(&self) -> Result<Vec<LogEnd>, StoreError>;

    /// Every log that has entries.
    async fn logs(&self) -> Result<Vec<TenantId>, StoreError> {
        Ok(self.ends().await?.into_iter().map(|end| end.log).collect())
    }

    /// The tenants that have a log.
    async fn tenants(&self) -> Result<Vec<TenantId>, StoreError> {
        Ok(self.logs().await?.into_iter().filter(|log| !log.is_access_log()).collect())
    }

    /// Where the bytes of cold entries are; none for a store that keeps all of them itself.
    fn segments(&self) -> Option<&SegmentFolder> {
        None
    }

    /// Whether the bytes of the entry at a position have left the database.
    async fn is_cold(&self, _tenant: TenantId, _position: Position) -> Result<bool, StoreError> {
        Ok(false)
    }

    /// A receiver of the head's position, moved after every commit this process makes. Only a wake-up: what
    /// other processes append is found by looking.
    fn watch(&self, tenant: TenantId) -> watch::Receiver<Position>;

    /// The logs that have entries, and where each ended, as far as this process knows by what it appended, heard of and looked for: no
    /// statement is made. What another process appends is known within seconds.
    fn known_heads(&self) -> Vec<(TenantId, Position)>;

    /// From now on these news have each tenant whose log has moved, by whichever process, and those of [`Self::tell`].
    fn inform(&self, news: &News);

    /// Tells everybody who looks after a tenant, in whichever process on the same database, that there is news of it that its log does
    /// not tell. Only a wake-up.
    fn tell(&self, tenant: TenantId);

    /// Asks the database for one row: it answers.
    async fn answers(&self) -> Result<(), StoreError>;

    /// Whether it takes entries, and whether that changes.
    fn intake(&self) -> watch::Receiver<Intake>;

    /// Accepts no more, finishes what was accepted, and closes.
    async fn close(&self);
}
