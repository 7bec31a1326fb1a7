//! Writes what comes from another store.

use sqlx::sqlite::SqliteConnection;

use super::failure::Failure;
use super::hex::{bytes_hex, hex};
use super::query::{self, list};
use super::write;
use crate::batch::LogHead;
use crate::transfer::ParsedChunk;
use crate::{TenantId, instant};

const IMPORT_EVENTS: &str = include_str!("import_events.sql");
const IMPORT_RECEIPTS: &str = include_str!("import_receipts.sql");
const IMPORT_KEYS: &str = include_str!("import_keys.sql");

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
