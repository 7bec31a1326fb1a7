//! Up to where consumers have acknowledged the log.

use std::collections::HashMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::OutboundStore;
use super::error::Result;
use super::rows::instant;
use crate::eventstore::{Position, TenantId};
use crate::projections::db::{Row, values};

const ACKNOWLEDGE: &str = include_str!("acknowledge.sql");
const ACKNOWLEDGED: &str = include_str!("acknowledged.sql");
const ACKNOWLEDGED_BY: &str = include_str!("acknowledged_by.sql");
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
        rows.iter().map(read).collect()
    }

    /// What one consumer of a tenant has acknowledged, if it has since it was made.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn acknowledged_by(&self, tenant: TenantId, consumer: Uuid) -> Result<Option<Acknowledged>> {
        let row = self.db.read(tenant).await?.row(ACKNOWLEDGED_BY, &values![tenant.0, consumer]).await?;
        Ok(row.as_ref().map(read).transpose()?.map(|(_, acknowledged)| acknowledged))
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

fn read(row: &Row) -> Result<(Uuid, Acknowledged)> {
    let (starts, position, at) = (row.number(1)?, row.position(2)?, instant(row.int(3)?)?);
    Ok((row.uuid(0)?, Acknowledged { starts, position, at }))
}
