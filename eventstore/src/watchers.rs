//! Wakes readers of a tenant's log when its head has moved.

use std::collections::HashMap;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::watch;

use crate::{Position, TenantId};

/// One watch channel a tenant, made when first asked for or first moved.
#[derive(Debug, Default)]
pub(crate) struct Watchers(Mutex<HashMap<TenantId, watch::Sender<Position>>>);

impl Watchers {
    pub(crate) fn subscribe(&self, tenant: TenantId) -> watch::Receiver<Position> {
        self.lock().entry(tenant).or_default().subscribe()
    }

    /// The tenants whose head somebody waits for.
    pub(crate) fn watched(&self) -> Vec<TenantId> {
        self.lock().iter().filter(|(_, head)| head.receiver_count() > 0).map(|(tenant, _)| *tenant).collect()
    }

    /// Tells the readers that the head stands at `position` at least.
    pub(crate) fn moved(&self, tenant: TenantId, position: Position) {
        self.lock().entry(tenant).or_default().send_if_modified(|seen| {
            let forward = position > *seen;
            *seen = position.max(*seen);
            forward
        });
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, watch::Sender<Position>>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
