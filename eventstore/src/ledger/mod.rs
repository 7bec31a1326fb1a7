//! Proof that nobody rewrote the log: an RFC 6962 tree over its entries, in the formats of C2SP.

mod checkpoint;
mod cosignature;
mod proof;
mod succession;
mod tile;
mod tree;
mod verify;

use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::{Entry, EventStore, Position, StoreError, TenantId};
pub use checkpoint::{BadNote, Checkpoint, Signer, Verifier, decimal, open_by_any, sign_text};
pub use cosignature::{CosignatureVerifier, Cosigner};
pub use proof::{
    consistency_proof, inclusion_proof, range_proof, range_root_of, root_at, tile_hashes, verify_consistency,
    verify_inclusion,
};
pub use succession::Succession;
pub(crate) use tile::{GrownLevel, grown_levels};
pub use tile::{TILE_WIDTH, Tile, TilePlace};
pub(crate) use tree::leaf_hasher;
pub use tree::{Frontier, Hash, leaf_hash, node_hash, root_of};
pub use verify::{
    BlindKeys, BlindOpener, BlindTags, DataKeys, Fault, Receipts, Report, SideCheck, Trust, Verdict,
    blind_tags_of, verify, verify_with,
};

/// A log whose every stored part can be laid open for proof.
#[async_trait]
pub trait LedgerStore: EventStore {
    /// The entries after a position as they stand in the tables, in order, at most `limit` of them.
    async fn records(&self, tenant: TenantId, after: Position, limit: u32)
    -> Result<Vec<Record>, StoreError>;

    /// The tags (blind ones left out) stored for the positions after one and up to another, in any order.
    async fn tags(
        &self,
        tenant: TenantId,
        after: Position,
        until: Position,
    ) -> Result<Vec<TagRecord>, StoreError>;

    /// The tags (blind ones left out) that stand after one in the table, in its order there, by tag and then by position;
    /// at most `limit` of them. The first is what comes after an empty tag.
    async fn tags_by_tag(
        &self,
        tenant: TenantId,
        after: (&str, Position),
        limit: u32,
    ) -> Result<Vec<TagRecord>, StoreError>;

    /// The stored leaf hashes after a position and up to another, in order.
    async fn leaf_hashes(
        &self,
        tenant: TenantId,
        after: Position,
        until: Position,
    ) -> Result<Vec<Hash>, StoreError>;

    /// The level and the index of every tile that is stored, in no particular order, sensible or not.
    async fn tile_places(&self, tenant: TenantId) -> Result<Vec<(i64, i64)>, StoreError>;

    /// Where the event of this id stands; `None` where the log has none.
    async fn position_of(&self, tenant: TenantId, id: Uuid) -> Result<Option<Position>, StoreError>;

    /// A full tile; `None` while it is not full.
    async fn tile(&self, tenant: TenantId, level: u8, index: u64) -> Result<Option<Tile>, StoreError>;

    /// The head as it is stored; `None` for a log that never was written.
    async fn stored_head(&self, tenant: TenantId) -> Result<Option<StoredHead>, StoreError>;

    /// Keeps a signed note over the tree of the first `size` entries.
    async fn save_checkpoint(&self, tenant: TenantId, size: u64, note: &str) -> Result<(), StoreError>;

    /// Every stored note with the size that it is stored for, the smallest first.
    async fn checkpoints(&self, tenant: TenantId) -> Result<Vec<(u64, String)>, StoreError>;

    /// The stored notes over trees larger than a size, the smallest first, at most `limit` of them.
    async fn checkpoints_after(
        &self,
        tenant: TenantId,
        size: u64,
        limit: u32,
    ) -> Result<Vec<(u64, String)>, StoreError>;

    /// The signed note over the largest tree.
    async fn latest_checkpoint(&self, tenant: TenantId) -> Result<Option<String>, StoreError>;
}

/// Signs the tree of a tenant's first entries, given its size and root: the note is stored in the transaction that stores
/// them, so that no log is ever without a checkpoint.
pub type FirstNote = Arc<dyn Fn(TenantId, u64, &Hash) -> String + Send + Sync>;

/// An entry with what its row repeats of it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Record {
    /// The entry, with the row's position and instant.
    pub entry: Entry,
    /// The event's id, as the row has it.
    pub id: Uuid,
    /// The event's type, as the row has it.
    pub event_type: String,
    /// The leaf hash, as the row has it.
    pub leaf: Hash,
}

/// A stored tag of an event.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct TagRecord {
    /// The event's position.
    pub position: Position,
    /// The event's type, as the tag's row has it.
    pub event_type: String,
    /// The tag.
    pub tag: String,
}

/// A tenant's head as it is stored.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredHead {
    /// The tree over all entries; its size is the last position.
    pub frontier: Frontier,
    /// The root, stored beside the frontier for readers of SQL.
    pub root: Hash,
    /// When the last entry was recorded.
    pub recorded_at: Option<DateTime<Utc>>,
    /// Up to where the tags of the entries are in the index; beyond that the entries themselves are asked. A store that
    /// indexes every entry at once says the last position.
    pub indexed: Position,
}
