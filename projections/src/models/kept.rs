//! What is kept in memory from question to question, by tenant.

use std::collections::HashMap;
use std::sync::Arc;

use parking_lot::{Mutex, MutexGuard};
use tokio::sync::Mutex as AsyncMutex;
use waymark_eventstore::{Position, TenantId};

/// The rows that something was read from: what they tell about a position never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct RowsId {
    /// Which file the rows are in, counted from the first that was opened.
    pub(crate) file: u64,
    pub(crate) generation: u32,
    pub(crate) epoch: u64,
}

/// What takes memory.
pub(crate) trait Weigh {
    /// How many bytes, about.
    fn bytes(&self) -> usize;
}

/// What is kept of the present.
#[derive(Default)]
pub(crate) struct Present<T> {
    /// From which rows, and up to which position.
    pub(super) state: Option<(RowsId, Position)>,
    pub(super) index: T,
}

impl<T: Weigh> Weigh for Present<T> {
    fn bytes(&self) -> usize {
        self.index.bytes()
    }
}

/// Things by tenant and name. Where they take too much memory, those of the tenant go that were asked for least recently.
pub(crate) struct TenantCache<T> {
    limit: usize,
    things: Mutex<Things<T>>,
}

struct Things<T> {
    /// Counts questions.
    now: u64,
    tenants: HashMap<TenantId, Tenant<T>>,
}

struct Tenant<T> {
    asked: u64,
    /// By name, each with its bytes. While one is brought up to date others wait, so that it is done once.
    things: HashMap<String, (Arc<AsyncMutex<T>>, usize)>,
}

impl<T: Default + Weigh> TenantCache<T> {
    /// At most this number of bytes of them.
    pub(crate) fn up_to(bytes: usize) -> Self {
        Self { limit: bytes, things: Mutex::new(Things { now: 0, tenants: HashMap::new() }) }
    }

    /// The thing of that name.
    pub(crate) fn of(&self, tenant: TenantId, name: &str) -> Arc<AsyncMutex<T>> {
        let mut kept = self.lock();
        kept.now += 1;
        let now = kept.now;
        let tenant =
            kept.tenants.entry(tenant).or_insert_with(|| Tenant { asked: now, things: HashMap::new() });
        tenant.asked = now;
        Arc::clone(&tenant.things.entry(name.to_owned()).or_default().0)
    }

    /// Notes how much a thing takes now, and lets go of what is too much.
    pub(crate) fn weigh(&self, tenant: TenantId, name: &str, thing: &T) {
        self.note(tenant, name, thing.bytes());
    }

    fn note(&self, tenant: TenantId, name: &str, bytes: usize) {
        let mut kept = self.lock();
        if let Some((_, weight)) = kept.tenants.get_mut(&tenant).and_then(|it| it.things.get_mut(name)) {
            *weight = bytes;
        }
        while kept.bytes() > self.limit {
            let Some(stalest) = kept.tenants.iter().min_by_key(|(_, tenant)| tenant.asked) else { return };
            let stalest = *stalest.0;
            kept.tenants.remove(&stalest);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Things<T>> {
        self.things.lock()
    }
}

impl<T> Things<T> {
    fn bytes(&self) -> usize {
        self.tenants.values().flat_map(|tenant| tenant.things.values()).map(|(_, bytes)| bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    impl Weigh for () {
        fn bytes(&self) -> usize {
            0
        }
    }

    #[test]
    fn the_tenant_goes_first_that_was_asked_for_least_recently() {
        let cache = TenantCache::<()>::up_to(100);
        let tenant = |number| TenantId(Uuid::from_u128(number));
        let kept = |number| cache.lock().tenants.contains_key(&tenant(number));
        for number in [1, 2, 1, 3] {
            cache.of(tenant(number), "sales");
            cache.note(tenant(number), "sales", 40);
        }
        assert_eq!([1, 2, 3].map(kept), [true, false, true]);
        cache.of(tenant(3), "sales");
        cache.note(tenant(3), "sales", 101);
        assert_eq!([1, 3].map(kept), [false, false], "what is more than all that may be kept is not");
    }
}
