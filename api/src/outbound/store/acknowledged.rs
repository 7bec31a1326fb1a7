//! Up to where consumers have acknowledged the log.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::OutboundStore;
use super::error::Result;
use super::rows::instant;
use crate::eventstore::{Position, TenantId};
use crate::projections::db::values;

const ACKNOWLEDGE: &str = include_str!("acknowledge.sql");
const ACKNOWLEDGED: &str = include_str!("acknowledged.sql");
const REMOVE_ACKNOWLEDGED: &str = include_str!("remove_acknowledged.sql");

/// How far a consumer has acknowledged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Acknowledged {
    /// How often it had begun then.
    pub starts: u32,
    /// Up to which position.
    pub position: Position,
    /// When.
    pub at: DateTime<Utc>,
}

impl OutboundStore {
    /// What the consumers of a tenant have acknowledged, by their ids.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn acknowledged(&self, tenant: TenantId) -> Result<HashMap<Uuid, Acknowledged>> {
        let rows = self.db.read(tenant).await?.rows(ACKNOWLEDGED, &values![tenant.0]).await?;
        let read = rows.iter().map(|row| {
            let (starts, position, at) = (row.number(1)?, row.position(2)?, instant(row.int(3)?)?);
            Ok((row.uuid(0)?, Acknowledged { starts, position, at }))
        });
        read.collect()
    }

    /// Keeps that a consumer has acknowledged up to a position, unless it had come as far since it began last.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn acknowledge(&self, tenant: TenantId, consumer: Uuid, new: Acknowledged) -> Result<()> {
        let Acknowledged { starts, position, at } = new;
        let values = values![tenant.0, consumer, i64::from(starts), position, at.timestamp_micros()];
        self.write(tenant, ACKNOWLEDGE, &values).await.map(drop)
    }

    /// Forgets what a consumer has acknowledged.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn forget_acknowledged(&self, tenant: TenantId, consumer: Uuid) -> Result<()> {
        self.write(tenant, REMOVE_ACKNOWLEDGED, &values![tenant.0, consumer]).await.map(drop)
    }
}
