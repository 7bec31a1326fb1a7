//! Receivers: who is told, and which process has which of them.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::error::Result;
use super::rows::endpoint;
use super::{DISABLE, OutboundStore};
use crate::eventstore::{Position, TenantId};
use crate::outbound::endpoint::Endpoint;
use crate::projections::db::values;

const ENABLE: &str = include_str!("enable.sql");
const ENDPOINT: &str = include_str!("endpoint.sql");
const ENDPOINTS: &str = include_str!("endpoints.sql");
const ACQUIRE_LEASE: &str = include_str!("acquire_lease.sql");
const INSERT_ENDPOINT: &str = include_str!("insert_endpoint.sql");
const RELEASE_LEASE: &str = include_str!("release_lease.sql");
const REMOVE_DELIVERIES: &str = include_str!("remove_deliveries.sql");
const REMOVE_ENDPOINT: &str = include_str!("remove_endpoint.sql");
const RESEAL: &str = include_str!("reseal.sql");
const RESEAL_FORMER: &str = include_str!("reseal_former.sql");
const ROTATE: &str = include_str!("rotate.sql");

impl OutboundStore {
    /// Keeps a new receiver.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn add(&self, tenant: TenantId, endpoint: &Endpoint) -> Result<()> {
        let values = values![
            tenant.0,
            endpoint.id,
            endpoint.kind.as_str(),
            endpoint.description.clone(),
            endpoint.include_personal,
            endpoint.url.clone(),
            endpoint.types.join(" "),
            endpoint.member.clone(),
            endpoint.team.clone(),
            endpoint.language.as_str(),
            endpoint.secret.clone(),
            endpoint.created_at.timestamp_micros(),
            endpoint.created_by.as_str(),
            endpoint.cursor,
        ];
        self.write(tenant, INSERT_ENDPOINT, &values).await.map(drop)
    }

    /// The receivers of a tenant, oldest first.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn endpoints(&self, tenant: TenantId) -> Result<Vec<Endpoint>> {
        let rows = self.db.read(tenant).await?.rows(ENDPOINTS, &values![tenant.0]).await?;
        rows.iter().map(endpoint).collect()
    }

    /// One receiver, as it is now; none where there is none of that id.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn endpoint(&self, tenant: TenantId, id: Uuid) -> Result<Option<Endpoint>> {
        let row = self.db.read(tenant).await?.row(ENDPOINT, &values![tenant.0, id]).await?;
        row.as_ref().map(endpoint).transpose()
    }

    /// Forgets a receiver, its secrets and what was on its way there. False: there is none.
    ///
    /// # Errors
    /// When the tables cannot be written.
    pub async fn remove(&self, tenant: TenantId, id: Uuid) -> Result<bool> {
        let mut session = self.db.write(tenant).await?;
        session.execute(REMOVE_DELIVERIES, &values![tenant.0, id]).await?;
        let removed = session.execute(REMOVE_ENDPOINT, &values![tenant.0, id]).await?;
        session.commit().await?;
        Ok(removed > 0)
    }

    /// Gives a webhook another key; the one that it had signs beside it until then.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn rotate(
        &self,
        tenant: TenantId,
        id: Uuid,
        sealed: Vec<u8>,
        until: DateTime<Utc>,
    ) -> Result<()> {
        let values = values![tenant.0, id, sealed, until.timestamp_micros()];
        self.write(tenant, ROTATE, &values).await.map(drop)
    }

    /// Keeps a receiver's secret, the one that signs or the one before, sealed by another key. One that was changed meanwhile
    /// stays as it is.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn reseal(
        &self,
        tenant: TenantId,
        id: Uuid,
        sealed: Vec<u8>,
        rewrapped: Vec<u8>,
    ) -> Result<()> {
        let values = values![tenant.0, id, sealed, rewrapped];
        for sql in [RESEAL, RESEAL_FORMER] {
            self.write(tenant, sql, &values).await?;
        }
        Ok(())
    }

    /// Sends a receiver that was switched off what happens from a position on. False: it was not switched off.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn enable(&self, tenant: TenantId, id: Uuid, head: Position) -> Result<bool> {
        Ok(self.write(tenant, ENABLE, &values![tenant.0, id, head]).await? > 0)
    }

    /// Switches a receiver off. One that is off stays as it is.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn disable(&self, tenant: TenantId, id: Uuid, now: DateTime<Utc>, because: &str) -> Result<()> {
        let values = values![tenant.0, id, now.timestamp_micros(), because];
        self.write(tenant, DISABLE, &values).await.map(drop)
    }

    /// Acquires or renews a process's lease of a receiver until an instant: one process delivers to a receiver at a
    /// time, so that the order of the log and the rate of a robot are kept. False: another has it, or nothing is sent
    /// there any more.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn acquire_lease(
        &self,
        tenant: TenantId,
        id: Uuid,
        holder: Uuid,
        now: DateTime<Utc>,
        until: DateTime<Utc>,
    ) -> Result<bool> {
        let values = values![tenant.0, id, holder, now.timestamp_micros(), until.timestamp_micros()];
        Ok(self.write(tenant, ACQUIRE_LEASE, &values).await? > 0)
    }

    /// Releases a process's lease of a receiver.
    ///
    /// # Errors
    /// When the table cannot be written.
    pub async fn release_lease(&self, tenant: TenantId, id: Uuid, holder: Uuid) -> Result<()> {
        self.write(tenant, RELEASE_LEASE, &values![tenant.0, id, holder]).await.map(drop)
    }
}
