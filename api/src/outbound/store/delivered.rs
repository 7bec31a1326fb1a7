//! What was tried of the messages of some events.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::OutboundStore;
use super::error::Result;
use super::rows::instant;
use crate::eventstore::{Position, TenantId};
use crate::projections::db::values;

const DELIVERED: &str = include_str!("delivered.sql");

impl OutboundStore {
    /// Of each of these positions whether the receiver may have its message, and since when: of those that are on their way, or
    /// whose outcome is kept. One that nothing was tried of has no instant.
    ///
    /// # Errors
    /// When the table cannot be read.
    pub async fn delivered(
        &self,
        tenant: TenantId,
        endpoint: Uuid,
        positions: impl Iterator<Item = Position>,
    ) -> Result<Vec<(Position, Option<DateTime<Utc>>)>> {
        let mut session = self.db.read(tenant).await?;
        let mut found = Vec::new();
        for position in positions {
            let Some(row) = session.row(DELIVERED, &values![tenant.0, endpoint, position]).await? else {
                continue;
            };
            let tried = row.int(0)? > 0;
            found.push((position, tried.then(|| row.int(1)).transpose()?.map(instant).transpose()?));
        }
        Ok(found)
    }
}
