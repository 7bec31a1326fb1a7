//! Writes what comes from another store.

use sqlx::postgres::PgConnection;

use super::failure::Failure;
use super::write;
use crate::batch::LogHead;
use crate::transfer::ParsedChunk;
use crate::{TenantId, instant};

const IMPORT_EVENTS: &str = include_str!("import_events.sql");
const IMPORT_TAGS: &str = include_str!("import_tags.sql");
const IMPORT_RECEIPTS: &str = include_str!("import_receipts.sql");
const IMPORT_KEYS: &str = include_str!("import_keys.sql");

/// Writes a chunk that continues this log, and returns the new head. The caller has locked the head and commits.
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
