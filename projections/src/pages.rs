//! Pages of the log, read and decoded once for all read models that take them.

use std::num::NonZeroUsize;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use lru::LruCache;
use tokio::sync::OnceCell;
use waymark_eventstore::vault::Vault;
use waymark_eventstore::{EventStore, Position, TenantId};

use crate::error::Result;
use crate::fact::{Readings, assert_gapless, read_all};
use crate::model::{self, ReadModel};

/// How many pages are kept: what follows one position is wanted by each read model about the same time, or not again.
const KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1);

/// Consecutive entries of the log, read and decoded.
#[derive(Debug)]
pub(crate) struct Page {
    readings: Vec<Readings>,
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
    pub(crate) fn readings(&self) -> &[Readings] {
        &self.readings
    }

    /// The last entry; none for a page after the head.
    pub(crate) fn last(&self) -> Option<Last> {
        self.last
    }
}

/// A page under reading, or read.
type Kept = Arc<OnceCell<Arc<Page>>>;

/// The log by pages.
pub(crate) struct Pages {
    store: Arc<dyn EventStore>,
    vault: Arc<Vault>,
    /// By tenant, the position that the page follows, and how many entries it has at most.
    kept: Mutex<LruCache<(TenantId, Position, u32), Kept>>,
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
        let key = (tenant, after, limit);
        let cell = Arc::clone(self.kept().get_or_insert(key, Kept::default));
        let read = || async {
            let models = model::all();
            let opens = |event_type: &str| models.iter().any(|model| model.opens(event_type));
            Ok(Arc::new(self.read_log(tenant, after, limit, opens).await?))
        };
        let page = cell.get_or_try_init(read).await.cloned();
        if !matches!(&page, Ok(page) if page.last.is_some()) {
            // There will be something, or something else.
            self.kept().pop(&key);
        }
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
    ) -> Result<Page> {
        self.read_log(tenant, after, limit, |event_type| model.opens(event_type)).await
    }

    async fn read_log(
        &self,
        tenant: TenantId,
        after: Position,
        limit: u32,
        opens: impl Fn(&str) -> bool,
    ) -> Result<Page> {
        let entries = self.store.read(tenant, after, limit).await?;
        assert_gapless(after, &entries)?;
        let last = entries.last().map(|entry| Last {
            position: entry.position,
            recorded_at: entry.recorded_at.timestamp_micros(),
        });
        Ok(Page { readings: read_all(tenant, &entries, &self.vault, opens).await?, last })
    }

    fn kept(&self) -> MutexGuard<'_, LruCache<(TenantId, Position, u32), Kept>> {
        self.kept.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
