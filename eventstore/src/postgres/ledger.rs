//! Lays the stored parts of the log open for proof.

use async_trait::async_trait;
use sqlx::postgres::PgRow;
use uuid::Uuid;

use super::row::clamped;
use super::{PostgresStore, row};
use crate::ledger::{Hash, LedgerStore, Record, StoredHead, TagRecord, Tile};
use crate::queue::Job;
use crate::{Entry, Position, StoreError, TenantId};

const RECORDS: &str = include_str!("records.sql");
const TAGS: &str = include_str!("tags.sql");
const TAGS_BY_TAG: &str = include_str!("tags_by_tag.sql");
const LEAVES: &str = include_str!("leaf_hashes.sql");
const TILE: &str = include_str!("tile.sql");
const HEAD: &str = include_str!("head.sql");
const CHECKPOINTS: &str = include_str!("checkpoints.sql");
const CHECKPOINTS_AFTER: &str = include_str!("checkpoints_after.sql");
const TILE_PLACES: &str = include_str!("tile_places.sql");
const POSITION_OF: &str = include_str!("position_of.sql");
const LATEST_CHECKPOINT: &str = include_str!("latest_checkpoint.sql");

#[async_trait]
impl LedgerStore for PostgresStore {
    async fn records(
        &self,
        tenant: TenantId,
        after: Position,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError> {
        let statement = || sqlx::query(RECORDS).bind(tenant.0).bind(clamped(after)).bind(i64::from(limit));
        let rows = self.reads.rows(tenant, statement).await?;
        let entries = self.filled(tenant, &rows).await?;
        rows.iter().zip(entries).map(|(found, entry)| record(found, entry)).collect()
    }

    async fn tags(
        &self,
        tenant: TenantId,
        after: Position,
        until: Position,
    ) -> Result<Vec<TagRecord>, StoreError> {
        let statement = || sqlx::query(TAGS).bind(tenant.0).bind(clamped(after)).bind(clamped(until));
        self.reads.rows(tenant, statement).await?.iter().map(tag).collect()
    }

    async fn tags_by_tag(
        &self,
        tenant: TenantId,
        (after, position): (&str, Position),
        limit: u32,
    ) -> Result<Vec<TagRecord>, StoreError> {
        let statement = || {
            let query = sqlx::query(TAGS_BY_TAG).bind(tenant.0).bind(after.to_owned());
            query.bind(clamped(position)).bind(i64::from(limit))
        };
        self.reads.rows(tenant, statement).await?.iter().map(tag).collect()
    }

    async fn leaf_hashes(
        &self,
        tenant: TenantId,
        after: Position,
        until: Position,
    ) -> Result<Vec<Hash>, StoreError> {
        let statement = || sqlx::query(LEAVES).bind(tenant.0).bind(clamped(after)).bind(clamped(until));
        let rows = self.reads.rows(tenant, statement).await?;
        rows.iter().map(|found| row::hash(found, "leaf_hash")).collect()
    }

    async fn position_of(&self, tenant: TenantId, id: Uuid) -> Result<Option<Position>, StoreError> {
        let found = self.reads.row(tenant, || sqlx::query(POSITION_OF).bind(tenant.0).bind(id)).await?;
        found.map(|found| row::natural(&found, "position")).transpose()
    }

    async fn tile(&self, tenant: TenantId, level: u8, index: u64) -> Result<Option<Tile>, StoreError> {
        let statement = || sqlx::query(TILE).bind(tenant.0).bind(i64::from(level)).bind(clamped(index));
        let Some(found) = self.reads.row(tenant, statement).await? else {
            return Ok(None);
        };
        let tile = Tile::from_bytes(level, index, row::get(&found, "hashes")?);
        let first = (index << (8 * u32::from(level) + 8)) + 1;
        let cut =
            || StoreError::Damaged { position: first, what: format!("tile {index} of level {level} is cut") };
        tile.map(Some).ok_or_else(cut)
    }

    async fn stored_head(&self, tenant: TenantId) -> Result<Option<StoredHead>, StoreError> {
        let Some(found) = self.reads.row(tenant, || sqlx::query(HEAD).bind(tenant.0)).await? else {
            return Ok(None);
        };
        let head = row::head(&found)?;
        let root = row::hash(&found, "root")?;
        let (recorded_at, indexed) = (head.recorded_at, head.position());
        Ok(Some(StoredHead { frontier: head.frontier, root, recorded_at, indexed }))
    }

    async fn save_checkpoint(&self, tenant: TenantId, size: u64, note: &str) -> Result<(), StoreError> {
        let note = note.to_owned();
        self.ask(tenant, |answer| Job::Checkpoint { tenant, size, note, answer }).await
    }

    async fn tile_places(&self, tenant: TenantId) -> Result<Vec<(i64, i64)>, StoreError> {
        let rows = self.reads.rows(tenant, || sqlx::query(TILE_PLACES).bind(tenant.0)).await?;
        rows.iter().map(|found| Ok((row::get(found, "level")?, row::get(found, "tile_index")?))).collect()
    }

    async fn checkpoints(&self, tenant: TenantId) -> Result<Vec<(u64, String)>, StoreError> {
        let rows = self.reads.rows(tenant, || sqlx::query(CHECKPOINTS).bind(tenant.0)).await?;
        rows.iter().map(|found| Ok((row::natural(found, "size")?, row::get(found, "note")?))).collect()
    }

    async fn checkpoints_after(
        &self,
        tenant: TenantId,
        size: u64,
        limit: u32,
    ) -> Result<Vec<(u64, String)>, StoreError> {
        let statement =
            || sqlx::query(CHECKPOINTS_AFTER).bind(tenant.0).bind(clamped(size)).bind(i64::from(limit));
        let rows = self.reads.rows(tenant, statement).await?;
        rows.iter().map(|found| Ok((row::natural(found, "size")?, row::get(found, "note")?))).collect()
    }

    async fn latest_checkpoint(&self, tenant: TenantId) -> Result<Option<String>, StoreError> {
        let found = self.reads.row(tenant, || sqlx::query(LATEST_CHECKPOINT).bind(tenant.0)).await?;
        found.map(|found| row::get(&found, "note")).transpose()
    }
}

fn record(found: &PgRow, entry: Entry) -> Result<Record, StoreError> {
    Ok(Record {
        entry,
        id: row::get(found, "id")?,
        event_type: row::get(found, "type")?,
        leaf: row::hash(found, "leaf_hash")?,
    })
}

fn tag(found: &PgRow) -> Result<TagRecord, StoreError> {
    Ok(TagRecord {
        position: row::natural(found, "position")?,
        event_type: row::get(found, "type")?,
        tag: row::get(found, "tag")?,
    })
}
