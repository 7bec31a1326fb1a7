//! Reads the side tables for a transfer to another store, and imports what comes from one.

use async_trait::async_trait;
use uuid::Uuid;

use super::failure::unread;
use super::query::clamped;
use super::{SqliteStore, row};
use crate::queue::Job;
use crate::transfer::{BlindTag, ParsedChunk, TransferChunk, Transferable};
use crate::vault::WrappedKey;
use crate::{Receipt, StoreError, TenantId};

const BLIND_TAGS: &str = include_str!("blind_tags.sql");
const RECEIPTS: &str = include_str!("receipts.sql");
const KEYS: &str = include_str!("keys.sql");
const TENANT_KEY: &str = include_str!("tenant_key.sql");

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
