//! Lays open what moves to another store beside the entries, and takes what comes from one.

use async_trait::async_trait;
use sqlx::sqlite::SqliteConnection;
use uuid::Uuid;

use super::facts::{self, list};
use super::read::clamped;
use super::{Failure, SqliteStore, bytes_hex, hex, row, unread, write};
use crate::batch::LogHead;
use crate::moving::{Arrival, BlindTag, Movable, Parcel};
use crate::queue::Job;
use crate::vault::WrappedKey;
use crate::{Receipt, StoreError, TenantId, instant};

const BLIND_TAGS: &str = "SELECT blind_subject, tag, position, type FROM event_tag \
    WHERE tenant_id = ?1 AND blind_subject IS NOT NULL AND (blind_subject, tag, position) > (?2, ?3, ?4) \
    ORDER BY blind_subject, tag, position LIMIT ?5";
const RECEIPTS: &str = "SELECT command_id, digest, outcome, first_position, count, recorded_at FROM receipt \
    WHERE tenant_id = ?1 AND command_id > ?2 ORDER BY command_id LIMIT ?3";
const KEYS: &str = "SELECT subject, key_id, wrapped, destroyed FROM data_key \
    WHERE tenant_id = ?1 AND subject > ?2 ORDER BY subject LIMIT ?3";
const TENANT_KEY: &str = "SELECT wrapped FROM tenant_key WHERE tenant_id = ?1";
const ADOPT_EVENTS: &str = include_str!("adopt_events.sql");
const ADOPT_RECEIPTS: &str = include_str!("adopt_receipts.sql");
const ADOPT_KEYS: &str = include_str!("adopt_keys.sql");

#[async_trait]
impl Movable for SqliteStore {
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

    async fn adopt(&self, tenant: TenantId, parcel: Parcel) -> Result<(), StoreError> {
        let arrival = Box::new(Arrival::read(parcel)?);
        self.ask(|answer| Job::Adopt(tenant, arrival, answer)).await
    }
}

/// Writes a parcel that goes onto this log, and says where the log ends then. The caller holds the write lock and commits.
pub(super) async fn adopt(
    connection: &mut SqliteConnection,
    tenant: TenantId,
    arrival: &Arrival,
) -> Result<LogHead, Failure> {
    let (head, indexed) = facts::head(connection, tenant).await?;
    let grown = arrival.onto(&head)?;
    let id = tenant.0.as_bytes().as_slice();
    let bytes: Vec<u8> =
        arrival.parcel.entries.iter().flat_map(|entry| entry.bytes.iter().copied()).collect();
    sqlx::query(ADOPT_EVENTS).bind(id).bind(bytes).bind(entries(arrival)).execute(&mut *connection).await?;
    let tags = arrival.tags().map(|(position, event_type, tag, subject)| {
        (position, event_type.to_owned(), tag.to_owned(), subject.map(hex))
    });
    write::insert_tags(connection, tenant, tags.collect()).await?;
    sqlx::query(ADOPT_RECEIPTS).bind(id).bind(receipts(arrival)).execute(&mut *connection).await?;
    sqlx::query(ADOPT_KEYS).bind(id).bind(keys(arrival)).execute(&mut *connection).await?;
    write::erase(connection, tenant, &arrival.erased()).await?;
    write::write_tiles(connection, tenant, head.position(), &arrival.leaves()).await?;
    // What stood outside of the index still does.
    let indexed = if indexed == head.position() { grown.position() } else { indexed };
    write::put_head(connection, tenant, &grown, indexed).await?;
    Ok(grown)
}

/// `[position, id, type, instant, leaf hash, offset, length]` of each entry.
fn entries(arrival: &Arrival) -> String {
    let mut offset = 0;
    list(arrival.parcel.entries.iter().zip(&arrival.labels).map(|(entry, label)| {
        let start = offset;
        offset += entry.bytes.len();
        let (id, leaf) = (hex(label.id), bytes_hex(&label.leaf));
        let recorded_at = instant::to_micros(entry.recorded_at);
        (entry.position, id, &label.event_type, recorded_at, leaf, start, entry.bytes.len())
    }))
}

/// `[command id, digest, outcome, first position, count, instant]` of each receipt.
fn receipts(arrival: &Arrival) -> String {
    list(arrival.parcel.receipts.iter().map(|(command_id, receipt)| {
        let (digest, outcome) = (bytes_hex(&receipt.digest), bytes_hex(&receipt.outcome));
        let recorded_at = instant::to_micros(receipt.recorded_at);
        (command_id, digest, outcome, receipt.first_position, receipt.count, recorded_at)
    }))
}

/// `[subject, key id, wrapped key, destroyed]` of each key.
fn keys(arrival: &Arrival) -> String {
    list(
        arrival
            .parcel
            .keys
            .iter()
            .map(|key| (hex(key.subject), hex(key.key_id), bytes_hex(&key.wrapped), u8::from(key.destroyed))),
    )
}
