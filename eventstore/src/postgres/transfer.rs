//! Reads the side tables for a transfer to another store, and imports what comes from one.

use async_trait::async_trait;
use uuid::Uuid;

use super::PostgresStore;
use super::row::{self, clamped};
use crate::queue::Job;
use crate::transfer::{BlindTag, ParsedChunk, TransferChunk, Transferable};
use crate::vault::WrappedKey;
use crate::{Receipt, StoreError, TenantId};

const BLIND_TAGS: &str = include_str!("blind_tags.sql");
const RECEIPTS: &str = include_str!("receipts.sql");
const KEYS: &str = include_str!("keys.sql");
const TENANT_KEY: &str = include_str!("tenant_key.sql");

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
