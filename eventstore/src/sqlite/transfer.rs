//! Reads the side tables for a transfer to another store, and imports what comes from one.

use async_trait::async_trait;
use sqlx::sqlite::SqliteConnection;
use uuid::Uuid;

use super::query::{self, clamped, list};
use super::{Failure, SqliteStore, bytes_hex, hex, row, unread, write};
use crate::batch::LogHead;
use crate::queue::Job;
use crate::transfer::{BlindTag, ParsedChunk, TransferChunk, Transferable};
use crate::vault::WrappedKey;
use crate::{Receipt, StoreError, TenantId, instant};

const BLIND_TAGS: &str = include_str!("blind_tags.sql");
const RECEIPTS: &str = include_str!("receipts.sql");
const KEYS: &str = include_str!("keys.sql");
const TENANT_KEY: &str = include_str!("tenant_key.sql");
const IMPORT_EVENTS: &str = include_str!("import_events.sql");
const IMPORT_RECEIPTS: &str = include_str!("import_receipts.sql");
const IMPORT_KEYS: &str = include_str!("import_keys.sql");

#[async_trait]
impl Transferable for SqliteStore {
    async fn blind_tags(
        &self,
        tenant: TenantId,
        after: &BlindTag,
        limit: u32,
    ) -> Result<Vec<BlindTag>, StoreError> {
        let rows = sqlx::query(BLIND_TAGS)
            .bind(tenant.0.as_bytes().as_slice())
            .bind(after.subject.as_bytes().as_slice())
            .bind(after.tag.as_str())
            .bind(clamped(after.position))
            .bind(limit)
            .fetch_all(self.read_pool())
            .await
            .map_err(unread)?;
        rows.iter()
            .map(|found| {
                Ok(BlindTag {
                    subject: row::uuid(found, "blind_subject")?,
                    tag: row::get(found, "tag")?,
                    position: row::natural(found, "position")?,
                    event_type: row::get(found, "type")?,
                })
            })
            .collect()
    }

    async fn receipts(
        &self,
        tenant: TenantId,
        after: &str,
        limit: u32,
    ) -> Result<Vec<(String, Receipt)>, StoreError> {
        let rows = sqlx::query(RECEIPTS)
            .bind(tenant.0.as_bytes().as_slice())
            .bind(after)
            .bind(limit)
            .fetch_all(self.read_pool())
            .await
            .map_err(unread)?;
        rows.iter().map(|found| Ok((row::get(found, "command_id")?, row::receipt(found)?))).collect()
    }

    async fn keys(&self, tenant: TenantId, after: Uuid, limit: u32) -> Result<Vec<WrappedKey>, StoreError> {
        let rows = sqlx::query(KEYS)
            .bind(tenant.0.as_bytes().as_slice())
            .bind(after.as_bytes().as_slice())
            .bind(limit)
            .fetch_all(self.read_pool())
            .await
            .map_err(unread)?;
        rows.iter().map(row::data_key).collect()
    }

    async fn stored_tenant_key(&self, tenant: TenantId) -> Result<Option<Vec<u8>>, StoreError> {
        let stored = sqlx::query(TENANT_KEY).bind(tenant.0.as_bytes().as_slice());
        let found = stored.fetch_optional(self.read_pool()).await.map_err(unread)?;
        found.map(|found| Ok(row::blob(&found, "wrapped")?.to_vec())).transpose()
    }

    async fn import_chunk(&self, tenant: TenantId, chunk: TransferChunk) -> Result<(), StoreError> {
        let parsed = Box::new(ParsedChunk::read(chunk)?);
        self.ask(|answer| Job::Import(tenant, parsed, answer)).await
    }
}

/// Writes a chunk that continues this log, and returns the new head. The caller holds the write lock and commits.
pub(super) async fn import_chunk(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    parsed: &ParsedChunk,
) -> Result<LogHead, Failure> {
    let (head, indexed) = query::head(connection, tenant).await?;
    let grown = parsed.onto(&head)?;
    let id = tenant.0.as_bytes().as_slice();
    let bytes: Vec<u8> = parsed.chunk.entries.iter().flat_map(|entry| entry.bytes.iter().copied()).collect();
    sqlx::query(IMPORT_EVENTS).bind(id).bind(bytes).bind(entries(parsed)).execute(&mut *connection).await?;
    let tags = parsed.tags().map(|(position, event_type, tag, subject)| {
        (position, event_type.to_owned(), tag.to_owned(), subject.map(hex))
    });
    write::insert_tags(connection, tenant, tags.collect()).await?;
    sqlx::query(IMPORT_RECEIPTS).bind(id).bind(receipts(parsed)).execute(&mut *connection).await?;
    sqlx::query(IMPORT_KEYS).bind(id).bind(keys(parsed)).execute(&mut *connection).await?;
    write::erase(connection, tenant, &parsed.erased()).await?;
    write::write_tiles(connection, tenant, head.position(), &parsed.leaves()).await?;
    // What stood outside of the index still does.
    let indexed = if indexed == head.position() { grown.position() } else { indexed };
    write::put_head(connection, tenant, &grown, indexed).await?;
    Ok(grown)
}

/// `[position, id, type, instant, leaf hash, offset, length]` of each entry.
fn entries(parsed: &ParsedChunk) -> String {
    let mut offset = 0;
    list(parsed.chunk.entries.iter().zip(&parsed.headers).map(|(entry, header)| {
        let start = offset;
        offset += entry.bytes.len();
        let (id, leaf) = (hex(header.id), bytes_hex(&header.leaf));
        let recorded_at = instant::to_micros(entry.recorded_at);
        (entry.position, id, &header.event_type, recorded_at, leaf, start, entry.bytes.len())
    }))
}

/// `[command id, digest, outcome, first position, count, instant]` of each receipt.
fn receipts(parsed: &ParsedChunk) -> String {
    list(parsed.chunk.receipts.iter().map(|(command_id, receipt)| {
        let (digest, outcome) = (bytes_hex(&receipt.digest), bytes_hex(&receipt.outcome));
        let recorded_at = instant::to_micros(receipt.recorded_at);
        (command_id, digest, outcome, receipt.first_position, receipt.count, recorded_at)
    }))
}

/// `[subject, key id, wrapped key, destroyed]` of each key.
fn keys(parsed: &ParsedChunk) -> String {
    list(
        parsed
            .chunk
            .keys
            .iter()
            .map(|key| (hex(key.subject), hex(key.key_id), bytes_hex(&key.wrapped), u8::from(key.destroyed))),
    )
}
