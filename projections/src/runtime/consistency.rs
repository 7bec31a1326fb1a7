//! Waiting until a read model has come far enough.

use std::time::Duration;

use tokio::time::Instant;
use waymark_eventstore::{Position, TenantId};

use crate::error::{ProjectionError, Result};
use crate::models::snapshot::{Snapshot, not_serving};
use crate::projections::Projections;
use crate::storage::checkpoint::{self, Checkpoint, ProjectionId};

/// How long a reader who names no position waits for what was written before.
const MOMENT: Duration = Duration::from_millis(100);
/// How long a reader waits for rows that tell what is in the log, where none do.
const FIRST_FOLD: Duration = Duration::from_secs(2);
/// How often the progress of other processes is looked at.
pub(crate) const POLL: Duration = Duration::from_millis(25);

impl Projections {
    pub(crate) async fn position(&self, id: ProjectionId) -> Result<Position> {
        Ok(self.serving(id).await?.map_or(0, |row| row.position))
    }

    /// What is in service, whether it answers yet or not.
    pub(crate) async fn serving(&self, id: ProjectionId) -> Result<Option<Checkpoint>> {
        checkpoint::serving(&mut self.engine.db.read(id.tenant).await?, id).await
    }

    /// Waits until a read model has reached a position. Sound because positions are a completed prefix: what
    /// stands at `position` stands in every answer from then on.
    ///
    /// # Errors
    /// [`ProjectionError::Behind`] with the position reached when that takes longer than `timeout`.
    pub async fn wait_for(
        &self,
        tenant: TenantId,
        name: &str,
        position: Position,
        timeout: Duration,
    ) -> Result<Position> {
        let id = ProjectionId { tenant, projection: self.model(name)?.name() };
        let deadline = Instant::now() + timeout;
        let mut moved = self.engine.progress(id);
        loop {
            moved.borrow_and_update();
            let now = self.engine.erasures.shown(id, self.position(id).await?);
            if now >= position {
                self.engine.seen(id, now);
                return Ok(now);
            }
            // The time limits the waiting, not the looking: what is there is found however short the wait is.
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ProjectionError::Behind { position: now });
            }
            self.engine.request_catch_up(id);
            // Another process may move it, too: then nothing is heard, and looking finds it.
            let _ = tokio::time::timeout(POLL.min(left), moved.changed()).await;
        }
    }

    /// Gives a read model a moment to take in what this process has appended so far, so that who reads straight after
    /// writing mostly finds it there. Who must find it waits for the position instead.
    ///
    /// # Errors
    /// When there is no such read model, or the database fails.
    pub async fn await_own_writes(&self, tenant: TenantId, name: &str) -> Result<()> {
        let id = ProjectionId { tenant, projection: self.model(name)?.name() };
        let head = *self.engine.store.watch(tenant).borrow();
        if *self.engine.progress(id).borrow() >= head {
            return Ok(());
        }
        match self.wait_for(tenant, name, head, MOMENT).await {
            Ok(_) | Err(ProjectionError::Behind { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// A consistent view of a read model. A tenant whose first events were recorded a moment ago is waited for.
    pub(crate) async fn snapshot(&self, tenant: TenantId, projection: &'static str) -> Result<Snapshot> {
        self.drop_foreign().await?;
        let deadline = Instant::now() + FIRST_FOLD;
        loop {
            match self.snapshot_now(ProjectionId { tenant, projection }).await {
                Err(ProjectionError::NotServing { .. }) if Instant::now() < deadline => {
                    tokio::time::sleep(POLL).await;
                }
                opened => return opened,
            }
        }
    }

    async fn snapshot_now(&self, id: ProjectionId) -> Result<Snapshot> {
        let engine = &self.engine;
        let transaction = engine.db.read(id.tenant).await?;
        if let Some(snapshot) = Snapshot::in_service(transaction, id, engine.sources()).await? {
            return Ok(snapshot);
        }
        if engine.store.head(id.tenant).await?.position > 0 {
            engine.lost(id);
            return Err(not_serving(id, 0));
        }
        Ok(Snapshot::empty(engine.db.read(id.tenant).await?, id.tenant, engine.sources()))
    }
}
