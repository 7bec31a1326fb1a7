//! Transfers a tenant's log, as it stands, from one store into another.
//!
//! A [`TransferChunk`] names the log that it continues, by size and root, and no other log accepts it. What an entry is hashed
//! with is never taken on trust: leaf, tree, id, type, instant and tags are read from its bytes again. The side
//! tables (blind tags, receipts, data keys) are copied in pages by their keys, and may be sent again.

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::batch::LogHead;
use crate::ledger::{Hash, LedgerStore, leaf_hash};
use crate::vault::WrappedKey;
use crate::{Entry, MAX_ENTRY_BYTES, Position, Receipt, StoreError, TenantId};

/// A log that can be transferred to another store, and be the target of a transfer.
#[async_trait]
pub trait Transferable: LedgerStore {
    /// The blind tags after one, by subject, tag and position, at most `limit` of them.
    async fn blind_tags(
        &self,
        tenant: TenantId,
        after: &BlindTag,
        limit: u32,
    ) -> Result<Vec<BlindTag>, StoreError>;

    /// What is remembered of commands after one (none has an empty id), by the bytes of their ids, at most `limit`.
    async fn receipts(
        &self,
        tenant: TenantId,
        after: &str,
        limit: u32,
    ) -> Result<Vec<(String, Receipt)>, StoreError>;

    /// The data keys of the subjects after one (nobody is nil), at most `limit` of them, destroyed ones included.
    async fn keys(&self, tenant: TenantId, after: Uuid, limit: u32) -> Result<Vec<WrappedKey>, StoreError>;

    /// The wrapped key of the tenant, when it has one.
    async fn stored_tenant_key(&self, tenant: TenantId) -> Result<Option<Vec<u8>>, StoreError>;

    /// Imports a chunk, whole and durably or not at all.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when it is meant for another log, or its entries are not the next ones of this one.
    async fn import_chunk(&self, tenant: TenantId, chunk: TransferChunk) -> Result<(), StoreError>;
}

/// A tag outside the hashed entry, with the subject whose erasure deletes it.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct BlindTag {
    /// Who is erased with it.
    pub subject: Uuid,
    /// The tag.
    pub tag: String,
    /// The event's position.
    pub position: Position,
    /// The event's type.
    pub event_type: String,
}

impl BlindTag {
    /// What comes before every tag.
    #[must_use]
    pub fn before_all() -> Self {
        Self { subject: Uuid::nil(), tag: String::new(), position: 0, event_type: String::new() }
    }
}

/// What is imported in one transaction.
#[derive(Debug, Clone)]
pub struct TransferChunk {
    /// Where the log ends that it goes onto.
    pub onto: Position,
    /// The root of that log.
    pub root: Hash,
    /// The entries after `onto`, without a gap.
    pub entries: Vec<Entry>,
    /// Blind tags of entries that are there or come with it.
    pub blind_tags: Vec<BlindTag>,
    /// What is remembered of commands, by their ids.
    pub receipts: Vec<(String, Receipt)>,
    /// Data keys; a destroyed one destroys what the log has of its subject.
    pub keys: Vec<WrappedKey>,
    /// How many erasures the log has seen.
    pub erasures: u64,
}

impl TransferChunk {
    /// An empty chunk for the log of this size and root.
    #[must_use]
    pub fn new(onto: Position, root: Hash) -> Self {
        Self {
            onto,
            root,
            entries: Vec::new(),
            blind_tags: Vec::new(),
            receipts: Vec::new(),
            keys: Vec::new(),
            erasures: 0,
        }
    }
}

/// A chunk whose entries were parsed.
#[derive(Debug)]
pub(crate) struct ParsedChunk {
    pub(crate) chunk: TransferChunk,
    /// What the entries say of themselves, in their order.
    pub(crate) headers: Vec<EntryHeader>,
}

/// What an entry says of itself.
#[derive(Debug)]
pub(crate) struct EntryHeader {
    pub(crate) id: Uuid,
    pub(crate) event_type: String,
    pub(crate) tags: Vec<String>,
    pub(crate) leaf: Hash,
}

impl ParsedChunk {
    /// Parses the entries of a chunk.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when one is none, is not the next one, or contradicts its own columns.
    pub(crate) fn read(chunk: TransferChunk) -> Result<Self, StoreError> {
        let mut headers = Vec::with_capacity(chunk.entries.len());
        let mut last: Option<DateTime<Utc>> = None;
        for (position, entry) in (chunk.onto + 1..).zip(&chunk.entries) {
            headers.push(header(entry, position, last)?);
            last = Some(entry.recorded_at);
        }
        let until = chunk.onto + chunk.entries.len() as u64;
        if let Some(tag) = chunk.blind_tags.iter().find(|tag| tag.position == 0 || tag.position > until) {
            return Err(invalid(format!("a blind tag of {}, where the log ends at {until}", tag.position)));
        }
        Ok(Self { chunk, headers })
    }

    /// The head of a log that takes it.
    ///
    /// # Errors
    /// [`StoreError::Invalid`] when it is not meant for the log with this head.
    pub(crate) fn onto(&self, head: &LogHead) -> Result<LogHead, StoreError> {
        let TransferChunk { onto, root, entries, erasures, .. } = &self.chunk;
        let at = head.position();
        if at != *onto {
            return Err(invalid(format!(
                "the log ends at {at}, the chunk continues one that ends at {onto}"
            )));
        }
        if head.frontier.root() != *root {
            return Err(invalid(format!(
                "the first {onto} entries are not those of the log that it comes from"
            )));
        }
        let first = entries.first().map(|entry| entry.recorded_at);
        if first.is_some_and(|first| head.recorded_at.is_some_and(|last| first < last)) {
            return Err(invalid(format!("position {} was recorded before the one before it", onto + 1)));
        }
        let mut grown = head.clone();
        for header in &self.headers {
            grown.frontier.push(header.leaf);
        }
        grown.recorded_at = entries.last().map(|entry| entry.recorded_at).or(head.recorded_at);
        grown.erasures = head.erasures.max(*erasures);
        Ok(grown)
    }

    pub(crate) fn leaves(&self) -> Vec<Hash> {
        self.headers.iter().map(|header| header.leaf).collect()
    }

    /// `(position, type, tag, blind subject)` of every tag that comes with it.
    pub(crate) fn tags(&self) -> impl Iterator<Item = (Position, &str, &str, Option<Uuid>)> {
        let open = (self.chunk.onto + 1..).zip(&self.headers).flat_map(|(position, header)| {
            header.tags.iter().map(move |tag| (position, header.event_type.as_str(), tag.as_str(), None))
        });
        let blind = self.chunk.blind_tags.iter();
        open.chain(
            blind.map(|tag| (tag.position, tag.event_type.as_str(), tag.tag.as_str(), Some(tag.subject))),
        )
    }

    /// Subjects that were erased.
    pub(crate) fn erased(&self) -> Vec<Uuid> {
        self.chunk.keys.iter().filter(|key| key.destroyed).map(|key| key.subject).collect()
    }
}

fn header(entry: &Entry, position: Position, last: Option<DateTime<Utc>>) -> Result<EntryHeader, StoreError> {
    let bad = |what: &str| invalid(format!("position {position}: {what}"));
    if entry.position != position {
        return Err(bad(&format!("a gap, the next entry is that of {}", entry.position)));
    }
    if entry.bytes.len() > MAX_ENTRY_BYTES {
        return Err(bad("the entry is too large"));
    }
    let envelope = entry.envelope().map_err(|error| bad(&format!("no entry: {error}")))?;
    if envelope.position != position || envelope.recorded_at != entry.recorded_at {
        return Err(bad("the entry tells of another position or instant"));
    }
    if last.is_some_and(|last| entry.recorded_at < last) {
        return Err(bad("recorded before the one before it"));
    }
    Ok(EntryHeader {
        id: envelope.id,
        event_type: envelope.event_type.into_owned(),
        tags: envelope.tags.split(' ').filter(|tag| !tag.is_empty()).map(str::to_owned).collect(),
        leaf: leaf_hash(&entry.bytes),
    })
}

fn invalid(why: String) -> StoreError {
    StoreError::Invalid(why)
}
