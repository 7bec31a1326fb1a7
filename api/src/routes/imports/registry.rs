//! The imports of this process, running or recently finished.

use std::num::NonZeroUsize;

use lru::LruCache;
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;
use uuid::Uuid;

use crate::eventstore::TenantId;
use crate::import::{Phase, Progress, Report};
use crate::problem::Problem;

/// How many imports are remembered. What they did is in the log; this is only how far they have come.
const REMEMBERED: NonZeroUsize = NonZeroUsize::new(1_000).expect("not zero");

/// How an import stands.
#[derive(Debug, Clone)]
#[expect(clippy::large_enum_variant, reason = "a thousand are remembered at most")]
pub(super) enum Standing {
    /// It goes on.
    Running(Progress),
    /// It is done.
    Done(Report),
    /// Nothing was imported.
    Failed(Problem),
}

impl Standing {
    /// Before the first row.
    pub(super) fn begun() -> Self {
        Self::Running(Progress { phase: Phase::Reading, done: 0, total: 0 })
    }

    /// Whether the whole file has arrived, or will not.
    pub(super) fn has_read(&self) -> bool {
        !matches!(self, Self::Running(Progress { phase: Phase::Reading, .. }))
    }

    /// Whether it has ended, well or not.
    pub(super) fn has_ended(&self) -> bool {
        !matches!(self, Self::Running(_))
    }
}

/// The imports of this process, by tenant and id.
pub struct Imports(Mutex<LruCache<(TenantId, Uuid), watch::Receiver<Standing>>>);

impl Default for Imports {
    fn default() -> Self {
        Self(Mutex::new(LruCache::new(REMEMBERED)))
    }
}

impl Imports {
    pub(super) fn remember(&self, tenant: TenantId, id: Uuid, standing: watch::Receiver<Standing>) {
        self.entries().put((tenant, id), standing);
    }

    pub(super) fn find(&self, tenant: TenantId, id: Uuid) -> Option<Standing> {
        self.entries().get(&(tenant, id)).map(|standing| standing.borrow().clone())
    }

    fn entries(&self) -> MutexGuard<'_, LruCache<(TenantId, Uuid), watch::Receiver<Standing>>> {
        // Entries are replaced whole, so a panic elsewhere leaves none half written.
        self.0.lock()
    }
}
