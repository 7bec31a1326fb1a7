//! Lays the stored parts of the log open for proof.

use async_trait::async_trait;
use sqlx::sqlite::SqliteRow;
use uuid::Uuid;

use super::failure::unread;
use super::query::{self, clamped};
use super::{SqliteStore, row};
use crate::ledger::{Hash, LedgerStore, Record, StoredHead, TagRecord, Tile};
use crate::queue::Job;
use crate::{Entry, Position, StoreError, TenantId};

const RECORDS: &str = include_str!("records.sql");
const TAGS: &str = include_str!("tags.sql");
const TAGS_BY_TAG: &str = include_str!("tags_by_tag.sql");
const LEAVES: &str = include_str!("leaf_hashes.sql");
const TILE: &str = include_str!("tile.sql");
const HEAD: &str = include_str!("stored_head.sql");
const CHECKPOINTS: &str = include_str!("checkpoints.sql");
const CHECKPOINTS_AFTER: &str = include_str!("checkpoints_after.sql");
const TILE_PLACES: &str = include_str!("tile_places.sql");
const POSITION_OF: &str = include_str!("position_of.sql");
const LATEST_CHECKPOINT: &str = include_str!("latest_checkpoint.sql");

#[async_trait]
impl LedgerStore for SqliteStore {
    async fn records(
        &self,
        tenant: TenantId,
        after: Position,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError> {
        let rows = sqlx::query(RECORDS)
            .bind(tenant.0.as_bytes().as_slice())
            .bind(clamped(after))
            .bind(limit)
            .fetch_all(self.read_pool())
            .await
            .map_err(unread)?;
        let entries = rows.iter().map(row::entry).collect::<Result<Vec<Entry>, StoreError>>()?;
        let entries = self.filled(tenant, entries).await?;
        let record = |(found, entry): (&SqliteRow, Entry)| {
            Ok(Record {
                entry,
                id: row::uuid(found, "id")?,
                event_type: row::get(found, "type")?,
                leaf: row::hash(found, "leaf_hash")?,
            })
        };
        rows.iter().zip(entries).map(record).collect()
    }

    async fn tags(
        &self,
        tenant: TenantId,
        after: Position,
        until: Position,
    ) -> Result<Vec<TagRecord>, StoreError> {
        let mut newest = self.newest_tags(tenant).await?;
        newest.retain(|record| record.position > after && record.position <= until);
        let rows = sqlx::query(TAGS)
            .bind(tenant.0.as_bytes().as_slice())
            .bind(clamped(after))
            .bind(clamped(until))
            .fetch_all(self.read_pool())
            .await
            .map_err(unread)?;
        joined(&rows, newest)
    }

    async fn tags_by_tag(
        &self,
        tenant: TenantId,
        (after, position): (&str, Position),
        limit: u32,
    ) -> Result<Vec<TagRecord>, StoreError> {
        let mut newest = self.newest_tags(tenant).await?;
        newest.retain(|record| (record.tag.as_str(), record.position) > (after, position));
        let rows = sqlx::query(TAGS_BY_TAG)
            .bind(tenant.0.as_bytes().as_slice())
            .bind(after)
            .bind(clamped(position))
            .bind(limit)
            .fetch_all(self.read_pool())
            .await
            .map_err(unread)?;
        let mut tags = joined(&rows, newest)?;
        tags.truncate(limit as usize);
        Ok(tags)
    }

    async fn leaf_hashes(
        &self,
        tenant: TenantId,
        after: Position,
        until: Position,
    ) -> Result<Vec<Hash>, StoreError> {
        let rows = sqlx::query(LEAVES)
            .bind(tenant.0.as_bytes().as_slice())
            .bind(clamped(after))
            .bind(clamped(until))
            .fetch_all(self.read_pool())
            .await
            .map_err(unread)?;
        rows.iter().map(|found| row::hash(found, "leaf_hash")).collect()
    }

    async fn position_of(&self, tenant: TenantId, id: Uuid) -> Result<Option<Position>, StoreError> {
        let found = sqlx::query(POSITION_OF)
            .bind(tenant.0.as_bytes().as_slice())
            .bind(id.as_bytes().as_slice())
            .fetch_optional(self.read_pool())
            .await
            .map_err(unread)?;
        found.map(|found| row::natural(&found, "position")).transpose()
    }

    async fn tile(&self, tenant: TenantId, level: u8, index: u64) -> Result<Option<Tile>, StoreError> {
        let found = sqlx::query(TILE)
            .bind(tenant.0.as_bytes().as_slice())
            .bind(level)
            .bind(clamped(index))
            .fetch_optional(self.read_pool())
            .await
            .map_err(unread)?;
        let Some(found) = found else {
            return Ok(None);
        };
        let tile = Tile::from_bytes(level, index, row::blob(&found, "hashes")?);
        let first = (index << (8 * u32::from(level) + 8)) + 1;
        let cut =
            || StoreError::Damaged { position: first, what: format!("tile {index} of level {level} is cut") };
        tile.map(Some).ok_or_else(cut)
    }

    async fn stored_head(&self, tenant: TenantId) -> Result<Option<StoredHead>, StoreError> {
        let found = sqlx::query(HEAD)
            .bind(tenant.0.as_bytes().as_slice())
            .fetch_optional(self.read_pool())
            .await
            .map_err(unread)?;
        let Some(found) = found else {
            return Ok(None);
        };
        let head = row::head(&found)?;
        let root = row::hash(&found, "root")?;
        let indexed = row::natural(&found, "indexed")?;
        Ok(Some(StoredHead { frontier: head.frontier, root, recorded_at: head.recorded_at, indexed }))
    }

    async fn save_checkpoint(&self, tenant: TenantId, size: u64, note: &str) -> Result<(), StoreError> {
        self.ask(|answer| Job::Checkpoint { tenant, size, note: note.to_owned(), answer }).await
    }

    async fn tile_places(&self, tenant: TenantId) -> Result<Vec<(i64, i64)>, StoreError> {
        let query = sqlx::query(TILE_PLACES).bind(tenant.0.as_bytes().as_slice());
        let rows = query.fetch_all(self.read_pool()).await.map_err(unread)?;
        rows.iter().map(|found| Ok((row::get(found, "level")?, row::get(found, "tile_index")?))).collect()
    }

    async fn checkpoints(&self, tenant: TenantId) -> Result<Vec<(u64, String)>, StoreError> {
        let query = sqlx::query(CHECKPOINTS).bind(tenant.0.as_bytes().as_slice());
        let rows = query.fetch_all(self.read_pool()).await.map_err(unread)?;
        rows.iter().map(|found| Ok((row::natural(found, "size")?, row::get(found, "note")?))).collect()
    }

    async fn checkpoints_after(
        &self,
        tenant: TenantId,
        size: u64,
        limit: u32,
    ) -> Result<Vec<(u64, String)>, StoreError> {
        let query = sqlx::query(CHECKPOINTS_AFTER).bind(tenant.0.as_bytes().as_slice());
        let query = query.bind(clamped(size)).bind(limit);
        let rows = query.fetch_all(self.read_pool()).await.map_err(unread)?;
        rows.iter().map(|found| Ok((row::natural(found, "size")?, row::get(found, "note")?))).collect()
    }

    async fn latest_checkpoint(&self, tenant: TenantId) -> Result<Option<String>, StoreError> {
        let latest = sqlx::query_scalar(LATEST_CHECKPOINT).bind(tenant.0.as_bytes().as_slice());
        latest.fetch_optional(self.read_pool()).await.map_err(unread)
    }
}

impl SqliteStore {
    /// The tags that are not in the index yet. The index is asked afterwards, so that nothing is missed.
    async fn newest_tags(&self, tenant: TenantId) -> Result<Vec<TagRecord>, StoreError> {
        let mut connection = self.read_pool().acquire().await.map_err(unread)?;
        loop {
            let bounds = query::bounds(&mut connection, tenant).await?;
            if let Some(rows) = self.deferred_tags.rows(&mut connection, tenant, bounds).await? {
                let record = |(position, event_type, tag, _)| TagRecord { position, event_type, tag };
                return Ok(rows.into_iter().map(record).collect());
            }
        }
    }
}

/// Tags of the index and those outside of it, by tag, each once.
fn joined(rows: &[SqliteRow], mut tags: Vec<TagRecord>) -> Result<Vec<TagRecord>, StoreError> {
    for found in rows {
        tags.push(tag(found)?);
    }
    tags.sort_unstable_by(|a, b| (&a.tag, a.position).cmp(&(&b.tag, b.position)));
    tags.dedup();
    Ok(tags)
}

fn tag(found: &SqliteRow) -> Result<TagRecord, StoreError> {
    Ok(TagRecord {
        position: row::natural(found, "position")?,
        event_type: row::get(found, "type")?,
        tag: row::get(found, "tag")?,
    })
}
