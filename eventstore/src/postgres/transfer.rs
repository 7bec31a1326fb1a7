//! Lays open what moves to another store beside the entries, and takes what comes from one.

use async_trait::async_trait;
use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::failure::Failure;
use super::read::clamped;
use super::{PostgresStore, row, write};
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
const IMPORT_TAGS: &str = include_str!("import_tags.sql");
const IMPORT_RECEIPTS: &str = include_str!("import_receipts.sql");
const IMPORT_KEYS: &str = include_str!("import_keys.sql");

#[async_trait]
impl Transferable for PostgresStore {
    async fn blind_tags(
        &self,
        tenant: TenantId,
        after: &BlindTag,
        limit: u32,
    ) -> Result<Vec<BlindTag>, StoreError> {
        let statement = || {
            let place = sqlx::query(BLIND_TAGS).bind(tenant.0).bind(after.subject).bind(after.tag.as_str());
            place.bind(clamped(after.position)).bind(i64::from(limit))
        };
        let rows = self.reads.rows(tenant, statement).await?;
        rows.iter()
            .map(|found| {
                Ok(BlindTag {
                    subject: row::get(found, "blind_subject")?,
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
        let statement = || sqlx::query(RECEIPTS).bind(tenant.0).bind(after.as_bytes()).bind(i64::from(limit));
        let rows = self.reads.rows(tenant, statement).await?;
        rows.iter()
            .map(|found| {
                let command_id = String::from_utf8(row::get(found, "command_id")?);
                let damaged =
                    |_| StoreError::Damaged { position: 0, what: "unreadable command_id".to_owned() };
                Ok((command_id.map_err(damaged)?, row::receipt(found)?))
            })
            .collect()
    }

    async fn keys(&self, tenant: TenantId, after: Uuid, limit: u32) -> Result<Vec<WrappedKey>, StoreError> {
        let statement = || sqlx::query(KEYS).bind(tenant.0).bind(after).bind(i64::from(limit));
        self.reads.rows(tenant, statement).await?.iter().map(row::data_key).collect()
    }

    async fn stored_tenant_key(&self, tenant: TenantId) -> Result<Option<Vec<u8>>, StoreError> {
        let found = self.reads.row(tenant, || sqlx::query(TENANT_KEY).bind(tenant.0)).await?;
        found.map(|found| row::get(&found, "wrapped")).transpose()
    }

    async fn import_chunk(&self, tenant: TenantId, chunk: TransferChunk) -> Result<(), StoreError> {
        let parsed = Box::new(ParsedChunk::read(chunk)?);
        self.ask(tenant, |answer| Job::Import(tenant, parsed, answer)).await
    }
}

/// Writes a parcel that goes onto this log, and says where the log ends then. The caller has locked the head and commits.
pub(super) async fn import_chunk(
    connection: &mut PgConnection,
    tenant: TenantId,
    head: &LogHead,
    parsed: &ParsedChunk,
) -> Result<LogHead, Failure> {
    let grown = parsed.onto(head)?;
    import_entries(connection, tenant, parsed).await?;
    import_receipts(connection, tenant, parsed).await?;
    import_keys(connection, tenant, parsed).await?;
    write::erase(connection, tenant, &parsed.erased()).await?;
    write::write_tiles(connection, tenant, head.position(), &parsed.leaves()).await?;
    write::put_head(connection, tenant, &grown).await?;
    Ok(grown)
}

/// Whether these entries are in the log, because an earlier attempt brought them.
pub(super) async fn is_imported(
    connection: &mut PgConnection,
    tenant: TenantId,
    head: &LogHead,
    parsed: &ParsedChunk,
) -> Result<bool, Failure> {
    let (Some(entry), Some(header)) = (parsed.chunk.entries.last(), parsed.headers.last()) else {
        return Ok(false);
    };
    if head.position() != entry.position {
        return Ok(false);
    }
    let stored = write::stored_leaves(connection, tenant, entry.position - 1, entry.position).await?;
    Ok(stored.first() == Some(&header.leaf))
}

async fn import_entries(
    connection: &mut PgConnection,
    tenant: TenantId,
    parsed: &ParsedChunk,
) -> Result<(), Failure> {
    let (entries, headers) = (&parsed.chunk.entries, &parsed.headers);
    if !entries.is_empty() {
        sqlx::query(IMPORT_EVENTS)
            .bind(tenant.0)
            .bind(entries.iter().map(|entry| entry.position.cast_signed()).collect::<Vec<_>>())
            .bind(headers.iter().map(|header| header.id).collect::<Vec<_>>())
            .bind(headers.iter().map(|header| header.event_type.as_str()).collect::<Vec<_>>())
            .bind(entries.iter().map(|entry| instant::to_micros(entry.recorded_at)).collect::<Vec<_>>())
            .bind(headers.iter().map(|header| header.leaf.as_slice()).collect::<Vec<_>>())
            .bind(entries.iter().map(|entry| &entry.bytes[..]).collect::<Vec<_>>())
            .execute(&mut *connection)
            .await?;
    }
    let tags: Vec<_> = parsed.tags().collect();
    if !tags.is_empty() {
        sqlx::query(IMPORT_TAGS)
            .bind(tenant.0)
            .bind(tags.iter().map(|(_, _, tag, _)| *tag).collect::<Vec<_>>())
            .bind(tags.iter().map(|(position, ..)| position.cast_signed()).collect::<Vec<_>>())
            .bind(tags.iter().map(|(_, event_type, ..)| *event_type).collect::<Vec<_>>())
            .bind(tags.iter().map(|(_, _, _, subject)| *subject).collect::<Vec<_>>())
            .execute(connection)
            .await?;
    }
    Ok(())
}

async fn import_receipts(
    connection: &mut PgConnection,
    tenant: TenantId,
    parsed: &ParsedChunk,
) -> Result<(), Failure> {
    let receipts = &parsed.chunk.receipts;
    if receipts.is_empty() {
        return Ok(());
    }
    let each = || receipts.iter().map(|(_, receipt)| receipt);
    sqlx::query(IMPORT_RECEIPTS)
        .bind(tenant.0)
        .bind(receipts.iter().map(|(command_id, _)| command_id.as_bytes()).collect::<Vec<_>>())
        .bind(each().map(|receipt| receipt.digest.as_slice()).collect::<Vec<_>>())
        .bind(each().map(|receipt| receipt.outcome.as_slice()).collect::<Vec<_>>())
        .bind(each().map(|receipt| receipt.first_position.cast_signed()).collect::<Vec<_>>())
        .bind(each().map(|receipt| i64::from(receipt.count)).collect::<Vec<_>>())
        .bind(each().map(|receipt| instant::to_micros(receipt.recorded_at)).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

async fn import_keys(
    connection: &mut PgConnection,
    tenant: TenantId,
    parsed: &ParsedChunk,
) -> Result<(), Failure> {
    let keys = &parsed.chunk.keys;
    if keys.is_empty() {
        return Ok(());
    }
    sqlx::query(IMPORT_KEYS)
        .bind(tenant.0)
        .bind(keys.iter().map(|key| key.subject).collect::<Vec<_>>())
        .bind(keys.iter().map(|key| key.key_id).collect::<Vec<_>>())
        .bind(keys.iter().map(|key| key.wrapped.as_slice()).collect::<Vec<_>>())
        .bind(keys.iter().map(|key| key.destroyed).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}
