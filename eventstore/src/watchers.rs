//! Where each log ends as far as this process knows, and wakes its readers when that has moved.

use std::collections::HashMap;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;

use crate::news::Announcer;
use crate::{Position, TenantId};

/// One watch channel a tenant, made when first asked for or first moved.
#[derive(Debug, Default)]
pub(crate) struct Watchers {
    heads: Mutex<HashMap<TenantId, watch::Sender<Position>>>,
    /// Who hears of all logs.
    pub(crate) announcer: Announcer,
}

impl Watchers {
    pub(crate) fn subscribe(&self, tenant: TenantId) -> watch::Receiver<Position> {
        self.lock().entry(tenant).or_default().subscribe()
    }

    /// The logs that have entries, and where each ends.
    pub(crate) fn known(&self) -> Vec<(TenantId, Position)> {
        let heads = self.lock();
        let ends = heads.iter().map(|(tenant, head)| (*tenant, *head.borrow()));
        ends.filter(|(_, position)| *position > 0).collect()
    }

    /// Tells the readers that the head stands at `position` at least. Returns whether that is news.
    pub(crate) fn moved(&self, tenant: TenantId, position: Position) -> bool {
        let forward = self.lock().entry(tenant).or_default().send_if_modified(|seen| {
            let forward = position > *seen;
            *seen = position.max(*seen);
            forward
        });
        if forward {
            self.announcer.tell(tenant);
        }
        forward
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<TenantId, watch::Sender<Position>>> {
        self.heads.lock()
    }
}
