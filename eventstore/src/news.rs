//! Of which tenants there is news, gathered for somebody who looks after many of them: however many there are, those that are
//! quiet cost nothing.

use std::collections::HashSet;
use std::sync::{Arc, Weak};

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Notify;

use crate::TenantId;

/// The tenants of which there was news since somebody last looked. A clone has the same ones: who takes them has them alone.
#[derive(Debug, Clone, Default)]
pub struct News(Arc<Gathered>);

#[derive(Debug, Default)]
struct Gathered {
    tenants: Mutex<HashSet<TenantId>>,
    came: Notify,
}

impl Gathered {
    fn tenants(&self) -> MutexGuard<'_, HashSet<TenantId>> {
        self.tenants.lock()
    }
}

impl News {
    /// There is news of this tenant.
    pub fn tell(&self, tenant: TenantId) {
        self.0.tenants().insert(tenant);
        self.0.came.notify_one();
    }

    /// The tenants that there is news of, which may be none.
    #[must_use]
    pub fn take(&self) -> HashSet<TenantId> {
        std::mem::take(&mut *self.0.tenants())
    }

    /// Waits until there is news. None of it is taken.
    pub async fn came(&self) {
        while self.0.tenants().is_empty() {
            self.0.came.notified().await;
        }
    }

    /// Waits for news, and takes it.
    pub async fn next(&self) -> HashSet<TenantId> {
        self.came().await;
        self.take()
    }
}

/// Tells everybody who wants to know.
#[derive(Debug, Default)]
pub struct Announcer(Mutex<Vec<Weak<Gathered>>>);

impl Announcer {
    /// From now on these news are told as well, as long as somebody has them.
    pub fn inform(&self, news: &News) {
        let mut listeners = self.listeners();
        listeners.retain(|listener| listener.strong_count() > 0);
        listeners.push(Arc::downgrade(&news.0));
    }

    /// There is news of this tenant.
    pub fn tell(&self, tenant: TenantId) {
        for listener in self.listeners().iter().filter_map(Weak::upgrade) {
            News(listener).tell(tenant);
        }
    }

    fn listeners(&self) -> MutexGuard<'_, Vec<Weak<Gathered>>> {
        self.0.lock()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[tokio::test]
    async fn everybody_who_wants_to_know_hears_of_each_tenant_once() {
        let announcer = Announcer::default();
        let (one, other, gone) = (News::default(), News::default(), News::default());
        [&one, &other, &gone].into_iter().for_each(|news| announcer.inform(news));
        drop(gone);
        let [a, b] = [1, 2].map(|id| TenantId(Uuid::from_u128(id)));
        [a, b, a].into_iter().for_each(|tenant| announcer.tell(tenant));
        assert_eq!(one.next().await, HashSet::from([a, b]));
        assert_eq!(one.take(), HashSet::new(), "it was taken");
        assert_eq!(other.next().await, HashSet::from([a, b]), "and the other has its own");
    }
}
