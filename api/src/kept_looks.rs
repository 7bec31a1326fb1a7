//! What a worker in the background found at its looks, kept in the database for the next run of the process: of tenants that were quiet
//! meanwhile nobody asks anything when it starts.
//!
//! It is written now and then, many tenants at a time, and at the end. What a crash takes from it is looked for again.

use std::collections::HashMap;
use std::time::Duration;

use chrono::{DateTime, Utc};
use tokio::time::Instant;
use waymark_eventstore::{Position, TenantId};
use waymark_projections::runtime::KeptLook;

use crate::app::App;

/// How often it is written.
const EVERY: Duration = Duration::from_secs(20);
/// How many looks are written in one transaction: others write to the same file.
const AT_ONCE: usize = 500;

/// The looks of one worker.
pub(crate) struct KeptLooks {
    app: App,
    worker: &'static str,
    /// As they stand in the database, as far as this process read and wrote them.
    stored: HashMap<TenantId, KeptLook>,
    /// Where logs ended when the looks at them began that are under way.
    begun: HashMap<TenantId, Position>,
    /// What is not stored yet.
    new: HashMap<TenantId, KeptLook>,
    written: Instant,
}

impl KeptLooks {
    /// Those of a worker of this name.
    pub(crate) fn new(app: &App, worker: &'static str) -> Self {
        let (stored, begun, new) = Default::default();
        Self { app: app.clone(), worker, stored, begun, new, written: Instant::now() }
    }

    /// What the worker goes by beside the log and the read models: another program may know other rules.
    fn rules(&self) -> String {
        format!("{} tz:{}", env!("CARGO_PKG_VERSION"), self.app.zones.version())
    }

    /// Reads what is stored. Where that fails everybody is looked at.
    pub(crate) async fn read(&mut self) {
        match self.app.projections.looks(self.worker, &self.rules()).await {
            Ok(stored) => self.stored = stored,
            Err(error) => tracing::debug!(%error, worker = self.worker, "everybody is looked at"),
        }
    }

    /// What a look at a tenant found whose log ends here, if there was one.
    pub(crate) fn of(&self, tenant: TenantId, position: Position) -> Option<KeptLook> {
        self.stored.get(&tenant).copied().filter(|look| look.position == position)
    }

    /// A look at a tenant begins, whose log ends here at least.
    pub(crate) fn begin(&mut self, tenant: TenantId, position: Position) {
        self.begun.insert(tenant, position);
    }

    /// It has found that there is nothing to do until an instant; without one, until there is news.
    pub(crate) fn end(&mut self, tenant: TenantId, until: Option<DateTime<Utc>>) {
        let Some(position) = self.begun.remove(&tenant) else { return };
        let look = KeptLook { position, until };
        if self.stored.get(&tenant) == Some(&look) {
            self.new.remove(&tenant);
        } else {
            self.new.insert(tenant, look);
        }
    }

    /// It failed, or what it found does not hold for another run.
    pub(crate) fn drop_look(&mut self, tenant: TenantId) {
        self.begun.remove(&tenant);
        self.new.remove(&tenant);
    }

    /// Whether it is time to write.
    pub(crate) fn is_due(&self) -> bool {
        self.written.elapsed() >= EVERY
    }

    /// Writes all that is new and holds for a while.
    pub(crate) async fn write_all(&mut self) {
        while self.write().await {}
    }

    /// Writes some of what is new and holds for a while: what there is news of meanwhile is looked at again. Returns whether there is
    /// more. Dropped while it writes, it has lost nothing.
    pub(crate) async fn write(&mut self) -> bool {
        let ends: HashMap<TenantId, Position> = self.app.store.known_heads().into_iter().collect();
        let soon = (self.app.clock)() + EVERY;
        self.new.retain(|tenant, look| {
            ends.get(tenant) == Some(&look.position) && look.until.is_none_or(|until| until > soon)
        });
        let some: Vec<(TenantId, KeptLook)> =
            self.new.iter().take(AT_ONCE).map(|(tenant, look)| (*tenant, *look)).collect();
        if let Err(error) = self.app.projections.keep_looks(self.worker, &self.rules(), &some).await {
            tracing::debug!(%error, worker = self.worker, "what was found is not kept yet");
            self.written = Instant::now();
            return false;
        }
        for (tenant, look) in some {
            self.new.remove(&tenant);
            self.stored.insert(tenant, look);
        }
        if self.new.is_empty() {
            self.written = Instant::now();
        }
        !self.new.is_empty()
    }
}
