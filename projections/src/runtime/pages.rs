//! Pages of the log, read and decoded once for all read models that take them.

use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::OnceCell;
use waymark_eventstore::vault::Vault;
use waymark_eventstore::{EventStore, Position, TenantId};

use crate::error::Result;
use crate::log::decoded::{DecodedForms, assert_gapless, decode_all};
use crate::models::read_model::ReadModel;
use crate::models::registry;

/// How many pages are kept: what follows one position is wanted by each read model about the same time, or not again.
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

/// Entries that are read and decoded at a time: a page of megabytes costs more to put together, and more memory, than some
/// questions more.
const STRIDE: u32 = 1_000;

/// Consecutive entries of the log, read and decoded.
#[derive(Debug)]
pub(crate) struct Page {
    readings: Vec<DecodedForms>,
    last: Option<Last>,
}

/// Where a page ends.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Last {
    pub(crate) position: Position,
    pub(crate) recorded_at: i64,
}

impl Page {
    /// What the entries are, in order.
    pub(crate) fn readings(&self) -> &[DecodedForms] {
        &self.readings
    }

    /// The last entry; none for a page after the head.
    pub(crate) fn last(&self) -> Option<Last> {
        self.last
    }
}

/// A page under reading, or read.
struct PageInUse {
    page: Arc<OnceCell<Arc<Page>>>,
    /// How many read models have not taken it yet. The last one is not to find it kept for nobody: the pages of a backlog
    /// are megabytes each.
    wanted: usize,
}

/// The log by pages.
pub(crate) struct Pages {
    store: Arc<dyn EventStore>,
    vault: Arc<Vault>,
    /// By tenant, the position that the page follows, and how many entries it has at most.
    kept: Mutex<LruCache<(TenantId, Position, u32), PageInUse>>,
}

impl Pages {
    pub(crate) fn new(store: Arc<dyn EventStore>, vault: Arc<Vault>) -> Self {
        Self { store, vault, kept: Mutex::new(LruCache::new(KEPT)) }
    }

    /// What follows a position, with the personal fields opened that any read model wants to see. Who comes second is
    /// given the page that the first one read, even if the log has more by then.
    ///
    /// # Errors
    /// [`crate::ProjectionError::Paused`] where an entry is missing or of a newer program; errors of the log.
    pub(crate) async fn read(&self, tenant: TenantId, after: Position, limit: u32) -> Result<Arc<Page>> {
        let (key, models) = ((tenant, after, limit), registry::all());
        let new = || PageInUse { page: Arc::default(), wanted: models.len() };
        let cell = Arc::clone(&self.kept().get_or_insert(key, new).page);
        let read = || async {
            let opens = |event_type: &str| models.iter().any(|model| model.opens(event_type));
            Ok(Arc::new(self.read_log(tenant, after, limit, opens).await?))
        };
        let page = cell.get_or_try_init(read).await.cloned();
        let mut kept = self.kept();
        let left = kept.get_mut(&key).map(|kept| {
            kept.wanted = kept.wanted.saturating_sub(1);
            kept.wanted
        });
        // Of a page after the head there will be more, and of one that cannot be read, something else.
        if left == Some(0) || !matches!(&page, Ok(page) if page.last.is_some()) {
            kept.pop(&key);
        }
        drop(kept);
        page
    }

    /// What follows a position, for one read model alone and kept for nobody.
    ///
    /// # Errors
    /// As [`Self::read`].
    pub(crate) async fn read_for(
        &self,
        model: &dyn ReadModel,
        tenant: TenantId,
        after: Position,
        limit: u32,
    ) -> Result<Arc<Page>> {
        Ok(Arc::new(self.read_log(tenant, after, limit, |event_type| model.opens(event_type)).await?))
    }

    async fn read_log(
        &self,
        tenant: TenantId,
        after: Position,
        limit: u32,
        opens: impl Fn(&str) -> bool,
    ) -> Result<Page> {
        let mut page = Page { readings: Vec::new(), last: None };
        let (mut after, mut left) = (after, limit);
        while left > 0 {
            let some = left.min(STRIDE);
            let entries = self.store.read(tenant, after, some).await?;
            assert_gapless(after, &entries)?;
            let Some(last) = entries.last() else { break };
            after = last.position;
            page.last = Some(Last { position: after, recorded_at: last.recorded_at.timestamp_micros() });
            page.readings.extend(decode_all(tenant, &entries, &self.vault, &opens).await?);
            if entries.len() < some as usize {
                break;
            }
            left -= some;
        }
        Ok(page)
    }

    fn kept(&self) -> MutexGuard<'_, LruCache<(TenantId, Position, u32), PageInUse>> {
        self.kept.lock()
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::tests::world::{TENANT, World};

    async fn pages(events: usize) -> Arc<Pages> {
        let world = World::new();
        let moved = json!({"journey": "sales", "pipeline_version": 1, "cycle": 1, "to": "quoted"});
        world.append_all(TENANT, Uuid::from_u128(1), vec![("customer.moved", moved); events]).await;
        Arc::clone(&world.projections("p").await.engine().pages)
    }

    #[tokio::test]
    async fn a_page_is_kept_until_every_read_model_has_taken_it() {
        let pages = pages(3).await;
        let first = pages.read(TENANT, 0, 10).await.unwrap();
        for _ in 1..registry::all().len() {
            assert!(Arc::ptr_eq(&first, &pages.read(TENANT, 0, 10).await.unwrap()));
        }
        assert!(!Arc::ptr_eq(&first, &pages.read(TENANT, 0, 10).await.unwrap()));
    }

    #[tokio::test]
    async fn a_page_of_several_strides_has_no_gap_and_ends_where_it_is_to_end() {
        let pages = pages(2 * STRIDE as usize + 3).await;
        for (limit, expected) in [(STRIDE, STRIDE), (STRIDE + 1, STRIDE + 1), (5 * STRIDE, 2 * STRIDE + 3)] {
            let page = pages.read(TENANT, 0, limit).await.unwrap();
            assert_eq!(page.readings().len(), expected as usize);
            assert_eq!(page.last().unwrap().position, u64::from(expected));
        }
        assert!(pages.read(TENANT, 2 * u64::from(STRIDE) + 3, 10).await.unwrap().last().is_none());
    }
}
