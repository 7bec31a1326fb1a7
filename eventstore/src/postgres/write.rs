//! Writes what a batch accepted.
//!
//! Lists go in as arrays, taken apart beside the tenant's own head row: one statement and one round trip for a batch
//! of any size, and a distributed engine still sees that all of it belongs to one tenant.

use std::ops::RangeInclusive;

use sqlx::postgres::PgConnection;
use uuid::Uuid;

use super::failure::Failure;
use super::row;
use crate::batch::{Batch, LogHead, Staged};
use crate::ledger::{GrownLevel, Hash, Tile, grown_levels};
use crate::segments::all_emptied;
use crate::vault::RewrappedKey;
use crate::{Position, TenantId, instant};

const INSERT_EVENT: &str = include_str!("insert_event.sql");
const INSERT_EVENTS: &str = include_str!("insert_events.sql");
const INSERT_TAG: &str = include_str!("insert_tag.sql");
const INSERT_TAGS: &str = include_str!("insert_tags.sql");
const INSERT_RECEIPT: &str = include_str!("insert_receipt.sql");
const INSERT_RECEIPTS: &str = include_str!("insert_receipts.sql");
const INSERT_KEYS: &str = include_str!("insert_keys.sql");
const PUT_HEAD: &str = include_str!("put_head.sql");
const DESTROY_KEYS: &str = include_str!("destroy_keys.sql");
const DELETE_BLIND_TAGS: &str = include_str!("delete_blind_tags.sql");
const ARCHIVE_ENTRIES: &str = include_str!("archive_entries.sql");
const REWRAP_KEYS: &str = include_str!("rewrap_keys.sql");
const FORGET_TAG: &str = include_str!("forget_tag.sql");
const LEAVES: &str = include_str!("leaf_hashes.sql");
const TILES: &str = include_str!("tiles.sql");
const INSERT_TILE: &str = include_str!("insert_tile.sql");

/// Writes what the batch accepted for this tenant. The caller has locked the head.
pub(super) async fn write(
    connection: &mut PgConnection,
    tenant: TenantId,
    batch: &Batch<'_>,
) -> Result<(), Failure> {
    insert_events(connection, tenant, batch).await?;
    insert_tags(connection, tenant, batch).await?;
    insert_receipts(connection, tenant, batch).await?;
    insert_keys(connection, tenant, batch).await?;
    let leaves: Vec<Hash> = batch.staged().iter().map(|event| event.leaf).collect();
    let head = batch.head();
    write_tiles(connection, tenant, head.position() - leaves.len() as u64, &leaves).await?;
    if !batch.changed().is_empty() {
        rewrap(connection, tenant, batch.changed().iter().copied()).await?;
    }
    erase(connection, tenant, batch.erased()).await?;
    forget(connection, tenant, batch.forgotten()).await?;
    archive(connection, tenant, batch.archived()).await?;
    put_head(connection, tenant, &head).await
}

async fn insert_events(
    connection: &mut PgConnection,
    tenant: TenantId,
    batch: &Batch<'_>,
) -> Result<(), Failure> {
    let recorded_at = instant::to_micros(batch.recorded_at());
    match batch.staged() {
        [] => {}
        [one] => {
            sqlx::query(INSERT_EVENT)
                .bind(tenant.0)
                .bind(one.position.cast_signed())
                .bind(one.event.id)
                .bind(one.event.event_type.as_ref())
                .bind(recorded_at)
                .bind(one.leaf.as_slice())
                .bind(batch.bytes())
                .execute(connection)
                .await?;
        }
        many => {
            let of = |event: &Staged<'_>| event.position.cast_signed();
            sqlx::query(INSERT_EVENTS)
                .bind(tenant.0)
                .bind(recorded_at)
                .bind(many.iter().map(of).collect::<Vec<_>>())
                .bind(many.iter().map(|event| event.event.id).collect::<Vec<_>>())
                .bind(many.iter().map(|event| event.event.event_type.as_ref()).collect::<Vec<&str>>())
                .bind(many.iter().map(|event| event.leaf.as_slice()).collect::<Vec<_>>())
                .bind(entries(batch))
                .execute(connection)
                .await?;
        }
    }
    Ok(())
}

fn entries<'b>(batch: &'b Batch<'_>) -> Vec<&'b [u8]> {
    let starts = std::iter::once(0).chain(batch.staged().iter().map(|event| event.end));
    batch.staged().iter().zip(starts).map(|(event, start)| &batch.bytes()[start..event.end]).collect()
}

async fn insert_tags(
    connection: &mut PgConnection,
    tenant: TenantId,
    batch: &Batch<'_>,
) -> Result<(), Failure> {
    let mut tags: Vec<&str> = Vec::new();
    let mut positions = Vec::new();
    let mut types: Vec<&str> = Vec::new();
    let mut subjects = Vec::new();
    for staged in batch.staged() {
        let event = staged.event;
        let open = event.tags.iter().map(|tag| (tag, None));
        for (tag, subject) in open.chain(event.blind_tags.iter().map(|tag| (tag, event.blind_subject))) {
            tags.push(tag);
            positions.push(staged.position.cast_signed());
            types.push(&event.event_type);
            subjects.push(subject);
        }
    }
    let query = match tags.len() {
        0 => return Ok(()),
        1 => sqlx::query(INSERT_TAG)
            .bind(tenant.0)
            .bind(tags[0])
            .bind(positions[0])
            .bind(types[0])
            .bind(subjects[0]),
        _ => sqlx::query(INSERT_TAGS).bind(tenant.0).bind(tags).bind(positions).bind(types).bind(subjects),
    };
    query.execute(connection).await?;
    Ok(())
}

async fn insert_receipts(
    connection: &mut PgConnection,
    tenant: TenantId,
    batch: &Batch<'_>,
) -> Result<(), Failure> {
    let recorded_at = instant::to_micros(batch.recorded_at());
    let receipts = batch.receipts();
    let query = match receipts {
        [] => return Ok(()),
        [(draft, receipt)] => sqlx::query(INSERT_RECEIPT)
            .bind(tenant.0)
            .bind(draft.command_id.as_bytes())
            .bind(receipt.digest.as_slice())
            .bind(receipt.outcome.as_slice())
            .bind(receipt.first_position.cast_signed())
            .bind(i64::from(receipt.count))
            .bind(recorded_at),
        many => {
            let ids: Vec<&[u8]> = many.iter().map(|(draft, _)| draft.command_id.as_bytes()).collect();
            let digests: Vec<&[u8]> = many.iter().map(|(_, receipt)| receipt.digest.as_slice()).collect();
            let outcomes: Vec<&[u8]> = many.iter().map(|(_, receipt)| receipt.outcome.as_slice()).collect();
            let positions: Vec<i64> =
                many.iter().map(|(_, receipt)| receipt.first_position.cast_signed()).collect();
            let counts: Vec<i64> = many.iter().map(|(_, receipt)| i64::from(receipt.count)).collect();
            let query = sqlx::query(INSERT_RECEIPTS).bind(tenant.0).bind(recorded_at).bind(ids);
            query.bind(digests).bind(outcomes).bind(positions).bind(counts)
        }
    };
    query.execute(connection).await?;
    Ok(())
}

async fn insert_keys(
    connection: &mut PgConnection,
    tenant: TenantId,
    batch: &Batch<'_>,
) -> Result<(), Failure> {
    let keys = batch.keys();
    if keys.is_empty() {
        return Ok(());
    }
    sqlx::query(INSERT_KEYS)
        .bind(tenant.0)
        .bind(keys.iter().map(|key| key.subject).collect::<Vec<_>>())
        .bind(keys.iter().map(|key| key.key_id).collect::<Vec<_>>())
        .bind(keys.iter().map(|key| key.wrapped.as_slice()).collect::<Vec<_>>())
        .execute(connection)
        .await?;
    Ok(())
}

/// Writes where the log ends now.
pub(super) async fn put_head(
    connection: &mut PgConnection,
    tenant: TenantId,
    head: &LogHead,
) -> Result<(), Failure> {
    sqlx::query(PUT_HEAD)
        .bind(tenant.0)
        .bind(head.position().cast_signed())
        .bind(head.recorded_at.map(instant::to_micros))
        .bind(head.frontier.to_bytes())
        .bind(head.frontier.root().as_slice())
        .bind(head.erasures.cast_signed())
        .execute(connection)
        .await?;
    Ok(())
}

/// Stores the tiles that new leaves completed: of leaves, of their roots, and so on upward.
pub(super) async fn write_tiles(
    connection: &mut PgConnection,
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
    connection: &mut PgConnection,
    tenant: TenantId,
    grown: &GrownLevel,
) -> Result<Option<Vec<Hash>>, Failure> {
    let Some(below) = grown.level.checked_sub(1) else {
        return Ok(Some(stored_leaves(connection, tenant, grown.known.start, grown.known.end).await?));
    };
    let rows = sqlx::query(TILES)
        .bind(tenant.0)
        .bind(i64::from(below))
        .bind(grown.known.start.cast_signed())
        .fetch_all(connection)
        .await?;
    let stored =
        rows.iter().map(|found| Ok((row::natural(found, "tile_index")?, row::get(found, "hashes")?)));
    let stored = stored.collect::<Result<Vec<(u64, &[u8])>, Failure>>()?;
    Ok(grown.roots(stored))
}

pub(super) async fn stored_leaves(
    connection: &mut PgConnection,
    tenant: TenantId,
    after: Position,
    until: Position,
) -> Result<Vec<Hash>, Failure> {
    if after == until {
        return Ok(Vec::new());
    }
    let rows = sqlx::query(LEAVES)
        .bind(tenant.0)
        .bind(after.cast_signed())
        .bind(until.cast_signed())
        .fetch_all(connection)
        .await?;
    rows.iter().map(|found| Ok(row::hash(found, "leaf_hash")?)).collect()
}

async fn insert_tile(connection: &mut PgConnection, tenant: TenantId, tile: &Tile) -> Result<(), Failure> {
    sqlx::query(INSERT_TILE)
        .bind(tenant.0)
        .bind(i64::from(tile.level))
        .bind(tile.index.cast_signed())
        .bind(tile.to_bytes())
        .execute(connection)
        .await?;
    Ok(())
}

pub(super) async fn erase(
    connection: &mut PgConnection,
    tenant: TenantId,
    subjects: &[Uuid],
) -> Result<(), Failure> {
    if subjects.is_empty() {
        return Ok(());
    }
    for sql in [DESTROY_KEYS, DELETE_BLIND_TAGS] {
        sqlx::query(sql).bind(tenant.0).bind(subjects).execute(&mut *connection).await?;
    }
    Ok(())
}

/// Stores data keys in another form, under the lock of the head; one that is stored otherwise by now stays as it is.
pub(super) async fn rewrap(
    connection: &mut PgConnection,
    tenant: TenantId,
    keys: impl Iterator<Item = &RewrappedKey>,
) -> Result<(), Failure> {
    let (mut subjects, mut stored, mut wrapped) = (Vec::new(), Vec::new(), Vec::new());
    for key in keys {
        subjects.push(key.subject);
        stored.push(key.stored.as_slice());
        wrapped.push(key.wrapped.as_slice());
    }
    let rewrap = sqlx::query(REWRAP_KEYS).bind(tenant.0).bind(subjects).bind(stored).bind(wrapped);
    rewrap.execute(connection).await?;
    Ok(())
}

/// Empties the rows of entries whose bytes are in segments.
async fn archive(
    connection: &mut PgConnection,
    tenant: TenantId,
    archived: &[&RangeInclusive<Position>],
) -> Result<(), Failure> {
    for positions in archived {
        let emptied = sqlx::query(ARCHIVE_ENTRIES)
            .bind(tenant.0)
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
    connection: &mut PgConnection,
    tenant: TenantId,
    tags: &[&(Position, String)],
) -> Result<(), Failure> {
    for (position, tag) in tags {
        sqlx::query(FORGET_TAG)
            .bind(tenant.0)
            .bind(tag.as_str())
            .bind(position.cast_signed())
            .execute(&mut *connection)
            .await?;
    }
    Ok(())
}
