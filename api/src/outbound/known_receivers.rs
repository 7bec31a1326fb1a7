//! Receivers as the log has them: rows that it does not tell of are none.

use chrono::TimeDelta;

use super::endpoint::Endpoint;
use super::receiver_event::recorded;
use super::{Outbound, OutboundError};
use crate::domain::company::rights::Rights;
use crate::eventstore::TenantId;

/// How long a receiver may be without its row.
const MOMENT: TimeDelta = TimeDelta::minutes(1);

impl Outbound {
    /// The receivers of a tenant of which the log tells, oldest first. A row that was written or changed by other means is
    /// none: nothing is sent there.
    pub(super) async fn endpoints(&self, tenant: TenantId) -> Result<Vec<Endpoint>, OutboundError> {
        let mut rows = self.store.endpoints(tenant).await?;
        let first = self.looked.lock().insert(tenant);
        if first {
            self.record_lost(tenant, &rows).await?;
        }
        if rows.is_empty() {
            return Ok(rows);
        }
        let mut rights = self.app.rights.now(tenant).await?;
        if rows.iter().any(|row| !agrees(&rights, row)) {
            // What is remembered may be behind the rows.
            rights = self.app.rights.fresh(tenant).await?.0;
            self.follow(tenant, &rights, &rows).await?;
        }
        rows.retain(|row| rights.receivers.get(&row.id).is_some_and(|known| known.receiver == recorded(row)));
        for row in &mut rows {
            let since = row.disabled.take().map_or(row.created_at, |(since, _)| since);
            let because = rights.receivers.get(&row.id).and_then(|known| known.disabled.clone());
            row.disabled = because.map(|because| (since, because));
        }
        Ok(rows)
    }

    /// Records that receivers are gone whose secrets are not in this database: the tenant was copied here, or a crash came
    /// between the event and the row.
    async fn record_lost(&self, tenant: TenantId, rows: &[Endpoint]) -> Result<(), OutboundError> {
        let (rights, _) = self.app.rights.fresh(tenant).await?;
        let now = (self.app.clock)();
        // What was set up a moment ago may be about to get its row.
        let lost = rights
            .receivers
            .iter()
            .filter(|(id, known)| now - known.created_at > MOMENT && !rows.iter().any(|row| row.id == **id));
        for (id, _) in lost {
            tracing::warn!(%tenant, receiver = %id, "a receiver has no secrets here: it is recorded as deleted");
            self.record_gone(tenant, *id).await?;
        }
        Ok(())
    }

    /// Brings rows to what the log says, where a crash or somebody else left them otherwise: whether they are switched off,
    /// and those of receivers that were taken away.
    async fn follow(
        &self,
        tenant: TenantId,
        rights: &Rights,
        rows: &[Endpoint],
    ) -> Result<(), OutboundError> {
        for row in rows {
            match rights.receivers.get(&row.id) {
                Some(known) => match (&known.disabled, &row.disabled) {
                    (Some(because), None) => {
                        self.store.disable(tenant, row.id, (self.app.clock)(), because).await?;
                    }
                    (None, Some(_)) => {
                        let head = self.app.store.head(tenant).await?.position;
                        self.store.enable(tenant, row.id, head).await?;
                    }
                    (Some(_), Some(_)) | (None, None) => {}
                },
                None if rights.deleted_receivers.contains(&row.id) => {
                    self.store.remove(tenant, row.id).await?;
                }
                None => {}
            }
        }
        Ok(())
    }
}

fn agrees(rights: &Rights, row: &Endpoint) -> bool {
    let known = rights.receivers.get(&row.id);
    known.is_some_and(|known| {
        known.receiver == recorded(row) && known.disabled.is_some() == row.disabled.is_some()
    })
}
