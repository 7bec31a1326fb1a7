//! Writes what a batch accepted.

use std::ops::RangeInclusive;

use sqlx::Row;
use sqlx::sqlite::SqliteConnection;
use uuid::Uuid;

use super::deferred_tags::{IndexRows, TagRow, ordered};
use super::failure::Failure;
use super::hex::{bytes_hex, hex};
use super::query::list;
use super::row;
use crate::batch::{Batch, LogHead};
use crate::ledger::{GrownLevel, Hash, Tile, grown_levels};
use crate::segments::all_emptied;
use crate::vault::RewrappedKey;
use crate::{Position, TenantId, instant};

/// One statement a table, however large the batch, and all of them sent at once: one round trip to the
/// database's thread. Binds are consumed in the order of the statements.
const WRITE: &str = concat!(
    include_str!("insert_events.sql"),
    include_str!("insert_tags.sql"),
    include_str!("insert_receipts.sql"),
    include_str!("insert_keys.sql"),
    include_str!("put_head.sql"),
);
const INSERT_TAGS: &str = include_str!("insert_tags.sql");
const PUT_HEAD: &str = include_str!("put_head.sql");
const DESTROY_KEY: &str = include_str!("destroy_key.sql");
const DELETE_BLIND_TAGS: &str = include_str!("delete_blind_tags.sql");
const ARCHIVE_ENTRIES: &str = include_str!("archive_entries.sql");
const REWRAP_KEYS: &str = include_str!("rewrap_keys.sql");
const FORGET_TAG: &str = include_str!("forget_tag.sql");
const LEAVES: &str = include_str!("leaf_hashes.sql");
const TILES: &str = include_str!("tiles.sql");
const INSERT_TILE: &str = include_str!("insert_tile.sql");

/// Writes one tenant's part of a batch, and what goes into the index of tags with it. The caller holds the write lock and
/// commits.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    batch: &Batch<'_>,
    indexing: IndexRows,
) -> Result<(), Failure> {
    let (staged, head) = (batch.staged(), batch.head());
    let before = head.position() - staged.len() as u64;
    let recorded_at = instant::to_micros(batch.recorded_at());
    let id = tenant.0.as_bytes().as_slice();
    let events = sqlx::query(WRITE)
        .bind(id)
        .bind(before.cast_signed())
        .bind(staged.iter().flat_map(|event| *event.event.id.as_bytes()).collect::<Vec<u8>>())
        .bind(recorded_at)
        .bind(staged.iter().flat_map(|event| event.leaf).collect::<Vec<u8>>())
        .bind(batch.bytes())
        .bind(events(batch));
    let lists =
        events.bind(id).bind(list(ordered(indexing.rows))).bind(id).bind(recorded_at).bind(receipts(batch));
    let keys = lists.bind(id).bind(keys(batch));
    keys.bind(id)
        .bind(head.position().cast_signed())
        .bind(head.recorded_at.map(instant::to_micros))
        .bind(head.frontier.to_bytes())
        .bind(head.frontier.root().as_slice())
        .bind(head.erasures.cast_signed())
        .bind(indexing.indexed.cast_signed())
        .execute(&mut *connection)
        .await?;
    let leaves: Vec<Hash> = staged.iter().map(|event| event.leaf).collect();
    write_tiles(connection, tenant, before, &leaves).await?;
    if !batch.changed().is_empty() {
        rewrap(connection, tenant, batch.changed().iter().copied()).await?;
    }
    erase(connection, tenant, batch.erased()).await?;
    forget(connection, tenant, batch.forgotten()).await?;
    archive(connection, tenant, batch.archived()).await
}

/// `[type, offset, length]` of each entry.
fn events(batch: &Batch<'_>) -> String {
    let starts = std::iter::once(0).chain(batch.staged().iter().map(|event| event.end));
    let entries = batch.staged().iter().zip(starts);
    list(entries.map(|(event, start)| (&event.event.event_type, start, event.end - start)))
}

/// `[command id, digest, outcome, first position, count]` of each receipt.
fn receipts(batch: &Batch<'_>) -> String {
    list(batch.receipts().iter().map(|(draft, receipt)| {
        let (digest, outcome) = (bytes_hex(&receipt.digest), bytes_hex(&receipt.outcome));
        (&draft.command_id, digest, outcome, receipt.first_position, receipt.count)
    }))
}

/// `[subject, key id, wrapped key]` of each key.
fn keys(batch: &Batch<'_>) -> String {
    list(batch.keys().iter().map(|key| (hex(key.subject), hex(key.key_id), bytes_hex(&key.wrapped))))
}

/// Stores the tiles that new leaves completed: of leaves, of their roots, and so on upward.
pub(super) async fn write_tiles(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    old_size: u64,
    new: &[Hash],
) -> Result<(), Failure> {
    let mut new = new.to_vec();
    for grown in grown_levels(old_size, old_size + new.len() as u64) {
        let known = known_hashes(connection, tenant, &grown).await?;
        let tiles = known.and_then(|known| grown.tiles(known, &new));
        let tiles = tiles.ok_or_else(|| Failure::damaged(old_size, "a tile is missing or cut"))?;
        for tile in &tiles {
            insert_tile(connection, tenant, tile).await?;
        }
        new = tiles.iter().map(Tile::root).collect();
    }
    Ok(())
}

/// What stands in the unfinished tile of a level: leaf hashes, or roots of tiles. `None` where one is missing.
async fn known_hashes(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    grown: &GrownLevel,
) -> Result<Option<Vec<Hash>>, Failure> {
    let Some(below) = grown.level.checked_sub(1) else {
        return Ok(Some(stored_leaves(connection, tenant, grown.known.start, grown.known.end).await?));
    };
    let rows = sqlx::query(TILES)
        .bind(tenant.0.as_bytes().as_slice())
        .bind(below)
        .bind(grown.known.start.cast_signed())
        .fetch_all(connection)
        .await?;
    let stored = rows.iter().map(|found| Ok((row::natural(found, "tile_index")?, found.try_get("hashes")?)));
    let stored = stored.collect::<Result<Vec<(u64, &[u8])>, Failure>>()?;
    Ok(grown.roots(stored))
}

async fn stored_leaves(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    after: Position,
    until: Position,
) -> Result<Vec<Hash>, Failure> {
    let rows = sqlx::query(LEAVES)
        .bind(tenant.0.as_bytes().as_slice())
        .bind(after.cast_signed())
        .bind(until.cast_signed())
        .fetch_all(connection)
        .await?;
    rows.iter().map(|found| Ok(row::hash(found, "leaf_hash")?)).collect()
}

async fn insert_tile(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    tile: &Tile,
) -> Result<(), Failure> {
    sqlx::query(INSERT_TILE)
        .bind(tenant.0.as_bytes().as_slice())
        .bind(tile.level)
        .bind(tile.index.cast_signed())
        .bind(tile.to_bytes())
        .execute(connection)
        .await?;
    Ok(())
}

/// Puts tags into the index.
pub(super) async fn insert_tags(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    rows: Vec<TagRow>,
) -> Result<(), Failure> {
    let rows = list(ordered(rows));
    sqlx::query(INSERT_TAGS).bind(tenant.0.as_bytes().as_slice()).bind(rows).execute(connection).await?;
    Ok(())
}

/// Writes where the log and the index of its tags end now.
pub(super) async fn put_head(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    head: &LogHead,
    indexed: Position,
) -> Result<(), Failure> {
    sqlx::query(PUT_HEAD)
        .bind(tenant.0.as_bytes().as_slice())
        .bind(head.position().cast_signed())
        .bind(head.recorded_at.map(instant::to_micros))
        .bind(head.frontier.to_bytes())
        .bind(head.frontier.root().as_slice())
        .bind(head.erasures.cast_signed())
        .bind(indexed.cast_signed())
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn erase(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    subjects: &[Uuid],
) -> Result<(), Failure> {
    for subject in subjects {
        for sql in [DESTROY_KEY, DELETE_BLIND_TAGS] {
            sqlx::query(sql)
                .bind(tenant.0.as_bytes().as_slice())
                .bind(subject.as_bytes().as_slice())
                .execute(&mut *connection)
                .await?;
        }
    }
    Ok(())
}

/// Stores data keys in another form; one that is stored otherwise by now stays as it is.
pub(super) async fn rewrap(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    keys: impl Iterator<Item = &RewrappedKey>,
) -> Result<(), Failure> {
    let keys = keys.map(|key| (hex(key.subject), bytes_hex(&key.stored), bytes_hex(&key.wrapped)));
    let rewrap = sqlx::query(REWRAP_KEYS).bind(tenant.0.as_bytes().as_slice()).bind(list(keys));
    rewrap.execute(connection).await?;
    Ok(())
}

/// Empties the rows of entries whose bytes are in segments.
async fn archive(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    archived: &[&RangeInclusive<Position>],
) -> Result<(), Failure> {
    for positions in archived {
        let emptied = sqlx::query(ARCHIVE_ENTRIES)
            .bind(tenant.0.as_bytes().as_slice())
            .bind(positions.start().cast_signed())
            .bind(positions.end().cast_signed())
            .execute(&mut *connection)
            .await?;
        all_emptied(positions, emptied.rows_affected()).map_err(Failure::Unchanged)?;
    }
    Ok(())
}

/// Deletes single blind tags.
async fn forget(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    tags: &[&(Position, String)],
) -> Result<(), Failure> {
    for (position, tag) in tags {
        sqlx::query(FORGET_TAG)
            .bind(tenant.0.as_bytes().as_slice())
            .bind(tag.as_str())
            .bind(position.cast_signed())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
