//! Writes what a batch accepted: one statement a table, however large the batch.

use serde_json::json;
use sqlx::Row;
use sqlx::sqlite::SqliteConnection;
use uuid::Uuid;

use super::{Failure, bytes_hex, hex, row};
use crate::batch::Batch;
use crate::ledger::{Hash, TILE_WIDTH, Tile, completed_leaf_tiles};
use crate::{Position, TenantId, instant};

const INSERT_EVENT: &str = "INSERT INTO event (tenant_id, position, id, type, recorded_at, leaf_hash, entry) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7)";
const INSERT_EVENTS: &str = include_str!("insert_events.sql");
const INSERT_TAGS: &str = include_str!("insert_tags.sql");
const INSERT_RECEIPTS: &str = include_str!("insert_receipts.sql");
const INSERT_KEY: &str =
    "INSERT INTO data_key (tenant_id, subject, key_id, wrapped, destroyed) VALUES (?1, ?2, ?3, ?4, 0)";
const DESTROY_KEY: &str =
    "UPDATE data_key SET wrapped = x'', destroyed = 1 WHERE tenant_id = ?1 AND subject = ?2";
const DELETE_BLIND_TAGS: &str = "DELETE FROM event_tag WHERE tenant_id = ?1 AND blind_subject = ?2";
const LEAVES: &str = include_str!("leaf_hashes.sql");
const TILES: &str = "SELECT tile_index, hashes FROM tile WHERE tenant_id = ?1 AND level = ?2 AND tile_index >= ?3 \
    ORDER BY tile_index LIMIT 256";
const INSERT_TILE: &str = "INSERT INTO tile (tenant_id, level, tile_index, hashes) VALUES (?1, ?2, ?3, ?4)";
const PUT_HEAD: &str = "INSERT INTO log_head (tenant_id, position, recorded_at, frontier, root, erasures) \
    VALUES (?1, ?2, ?3, ?4, ?5, ?6) \
    ON CONFLICT (tenant_id) DO UPDATE SET position = excluded.position, recorded_at = excluded.recorded_at, \
        frontier = excluded.frontier, root = excluded.root, erasures = excluded.erasures";

/// Writes one tenant's part of a batch. The caller holds the write lock and commits.
pub(super) async fn write(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    batch: &Batch<'_>,
) -> Result<(), Failure> {
    write_events(connection, tenant, batch).await?;
    write_tags(connection, tenant, batch).await?;
    write_tiles(connection, tenant, batch).await?;
    write_receipts(connection, tenant, batch).await?;
    write_keys(connection, tenant, batch).await?;
    erase(connection, tenant, batch.erased()).await?;
    write_head(connection, tenant, batch).await
}

async fn write_events(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    batch: &Batch<'_>,
) -> Result<(), Failure> {
    let staged = batch.staged();
    let Some(first) = staged.first() else {
        return Ok(());
    };
    let recorded_at = instant::to_micros(batch.recorded_at());
    if staged.len() == 1 {
        sqlx::query(INSERT_EVENT)
            .bind(tenant.0.as_bytes().as_slice())
            .bind(first.position.cast_signed())
            .bind(first.event.id.as_bytes().as_slice())
            .bind(first.event.event_type.as_ref())
            .bind(recorded_at)
            .bind(first.leaf.as_slice())
            .bind(batch.bytes())
            .execute(connection)
            .await?;
        return Ok(());
    }
    let mut list = Vec::with_capacity(staged.len());
    let mut start = 0;
    for event in staged {
        list.push(json!([event.event.event_type, start, event.end - start]));
        start = event.end;
    }
    sqlx::query(INSERT_EVENTS)
        .bind(tenant.0.as_bytes().as_slice())
        .bind((first.position - 1).cast_signed())
        .bind(serde_json::Value::from(list).to_string())
        .bind(staged.iter().flat_map(|event| *event.event.id.as_bytes()).collect::<Vec<u8>>())
        .bind(staged.iter().flat_map(|event| event.leaf).collect::<Vec<u8>>())
        .bind(batch.bytes())
        .bind(recorded_at)
        .execute(connection)
        .await?;
    Ok(())
}

async fn write_tags(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    batch: &Batch<'_>,
) -> Result<(), Failure> {
    let mut list = Vec::new();
    for staged in batch.staged() {
        let event = staged.event;
        list.extend(event.tags.iter().map(|tag| json!([staged.position, event.event_type, tag, null])));
        let subject = event.blind_subject.map(hex);
        list.extend(
            event.blind_tags.iter().map(|tag| json!([staged.position, event.event_type, tag, subject])),
        );
    }
    if list.is_empty() {
        return Ok(());
    }
    let list = serde_json::Value::from(list).to_string();
    sqlx::query(INSERT_TAGS).bind(tenant.0.as_bytes().as_slice()).bind(list).execute(connection).await?;
    Ok(())
}

/// Stores the tiles that the batch completed: of leaves, of their roots, and so on upward.
async fn write_tiles(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    batch: &Batch<'_>,
) -> Result<(), Failure> {
    let new_size = batch.head().position();
    let old_size = new_size - batch.staged().len() as u64;
    if old_size / TILE_WIDTH == new_size / TILE_WIDTH {
        return Ok(());
    }
    let mut leaves = stored_leaves(connection, tenant, old_size - old_size % TILE_WIDTH, old_size).await?;
    leaves.extend(batch.staged().iter().map(|event| event.leaf));
    for leaf_tile in completed_leaf_tiles(old_size, &leaves) {
        let mut tile = leaf_tile;
        insert_tile(connection, tenant, &tile).await?;
        while tile.completes_parent() {
            tile = parent(connection, tenant, &tile).await?;
            insert_tile(connection, tenant, &tile).await?;
        }
    }
    Ok(())
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

/// The tile above one that is the last of its 256, all of them stored.
async fn parent(connection: &mut SqliteConnection, tenant: TenantId, last: &Tile) -> Result<Tile, Failure> {
    let first = last.index + 1 - TILE_WIDTH;
    let rows = sqlx::query(TILES)
        .bind(tenant.0.as_bytes().as_slice())
        .bind(last.level)
        .bind(first.cast_signed())
        .fetch_all(connection)
        .await?;
    let mut hashes = Vec::with_capacity(rows.len());
    for (index, found) in (first..).zip(&rows) {
        let tile = Tile::from_bytes(last.level, index, found.try_get("hashes")?);
        let tile = tile.filter(|_| row::natural(found, "tile_index").is_ok_and(|stored| stored == index));
        hashes.push(
            tile.ok_or_else(|| Failure::damaged(index * TILE_WIDTH, "a tile is missing or cut"))?.root(),
        );
    }
    Ok(Tile { level: last.level + 1, index: last.index / TILE_WIDTH, hashes })
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

async fn write_receipts(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    batch: &Batch<'_>,
) -> Result<(), Failure> {
    if batch.receipts().is_empty() {
        return Ok(());
    }
    let list: Vec<_> = batch
        .receipts()
        .iter()
        .map(|(draft, receipt)| {
            let (digest, outcome) = (bytes_hex(&receipt.digest), bytes_hex(&receipt.outcome));
            json!([draft.command_id, digest, outcome, receipt.first_position, receipt.count])
        })
        .collect();
    sqlx::query(INSERT_RECEIPTS)
        .bind(tenant.0.as_bytes().as_slice())
        .bind(serde_json::Value::from(list).to_string())
        .bind(instant::to_micros(batch.recorded_at()))
        .execute(connection)
        .await?;
    Ok(())
}

async fn write_keys(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    batch: &Batch<'_>,
) -> Result<(), Failure> {
    for key in batch.keys() {
        sqlx::query(INSERT_KEY)
            .bind(tenant.0.as_bytes().as_slice())
            .bind(key.subject.as_bytes().as_slice())
            .bind(key.key_id.as_bytes().as_slice())
            .bind(key.wrapped.as_slice())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}

async fn erase(
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

async fn write_head(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    batch: &Batch<'_>,
) -> Result<(), Failure> {
    if batch.staged().is_empty() && batch.erased().is_empty() {
        return Ok(());
    }
    let head = batch.head();
    sqlx::query(PUT_HEAD)
        .bind(tenant.0.as_bytes().as_slice())
        .bind(head.position().cast_signed())
        .bind(head.recorded_at.map(instant::to_micros))
        .bind(head.frontier.to_bytes())
        .bind(head.frontier.root().as_slice())
        .bind(head.erasures.cast_signed())
        .execute(connection)
        .await?;
    Ok(())
}
