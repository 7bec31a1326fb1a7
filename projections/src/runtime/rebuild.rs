//! Rebuilding: new rows fill beside those in service, which go on serving until one row switches over.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinHandle;
use waymark_eventstore::{Entry, Position};

use crate::db::{Transaction, values};
use crate::error::{ProjectionError, Result};
use crate::models::read_model::ReadModel;
use crate::runtime::comparison::{Comparison, NotComparable};
use crate::runtime::pages::Page;
use crate::runtime::parked;
use crate::runtime::projector::{Engine, PoisonPolicy, Worker};
use crate::runtime::rebuild_lease::{self, RebuildLease};
use crate::storage::checkpoint::{self, Checkpoint, ProjectionId, ProjectionLease};

/// Entries a step takes: large, because nothing waits for it, and because rows of one page go into the tables in the
/// order of their keys.
const ENTRIES_PER_STEP: u32 = 10_000;

/// Told how far a long work has come: positions done, positions in all.
pub type Progress<'a> = &'a (dyn Fn(u64, u64) + Send + Sync);

/// A generation being built. Nobody else builds one of the same read model meanwhile.
///
/// A process that ends in the middle leaves the generation, its checkpoint and the lease behind. None of them is seen by a
/// reader; the next rebuild takes the lease, drops what was left and begins from the first event.
pub(crate) struct Rebuild {
    engine: Arc<Engine>,
    model: Arc<dyn ReadModel>,
    worker: Worker,
    #[cfg_attr(not(test), expect(dead_code, reason = "held for its heartbeats, which end with it"))]
    right: RebuildLease,
    claim: Claim,
}

/// A generation that somebody is about to build. Dropped before that is over, because anyone who waited for it has gone away, it
/// has what was written dropped by a task that nobody waits for.
struct Claim {
    engine: Arc<Engine>,
    model: Arc<dyn ReadModel>,
    id: ProjectionId,
    generation: u32,
    /// Whether everything that was written serves or is gone.
    is_over: bool,
}

impl Drop for Claim {
    fn drop(&mut self) {
        if self.is_over {
            return;
        }
        let Ok(runtime) = tokio::runtime::Handle::try_current() else { return };
        let (engine, model) = (Arc::clone(&self.engine), Arc::clone(&self.model));
        let (id, generation) = (self.id, self.generation);
        runtime.spawn(async move {
            if let Err(error) = clear(&engine, &*model, id, generation).await {
                tracing::debug!(%error, projection = id.projection, "an abandoned rebuild is cleared by the next one");
            }
        });
    }
}

impl Rebuild {
    /// Begins a new generation, and drops what an interrupted rebuild left behind.
    ///
    /// # Errors
    /// [`ProjectionError::RebuildRunning`] while another one is being built, by whichever process.
    pub(crate) async fn begin(
        engine: &Arc<Engine>,
        model: Arc<dyn ReadModel>,
        id: ProjectionId,
        failure_timeout: Duration,
    ) -> Result<Self> {
        let new = engine.new_generation(&*model, id.tenant).await?;
        let claim = |generation| {
            let (engine, model) = (Arc::clone(engine), Arc::clone(&model));
            Claim { engine, model, id, generation, is_over: false }
        };
        let (right, lease, claim) =
            RebuildLease::take(&engine.db, &engine.running, id, new, failure_timeout, claim).await?;
        let worker = Worker::new(lease, &*model);
        let building = Self { engine: Arc::clone(engine), model: Arc::clone(&model), worker, right, claim };
        let all = checkpoint::all(&mut engine.db.read(id.tenant).await?, id).await?;
        for left in all.iter().map(|row| row.generation).filter(|&row| row != lease.generation) {
            drop_generation(engine, &*building.model, id, left).await?;
        }
        Ok(building)
    }

    pub(crate) fn model(&self) -> &Arc<dyn ReadModel> {
        &self.model
    }

    /// Says nothing more, as a process that is halted does.
    #[cfg(test)]
    pub(crate) fn fall_silent(&self) {
        self.right.fall_silent();
    }

    pub(crate) fn id(&self) -> ProjectionId {
        self.worker.lease.id
    }

    /// Folds the log from its beginning up to its head, strictly: the first bad event ends it. While one page is folded
    /// and written, the next is read and decoded.
    pub(crate) async fn fill(&mut self, progress: Progress<'_>) -> Result<()> {
        let tenant = self.worker.lease.id.tenant;
        let mut ahead = self.read_ahead(self.worker.lease.position);
        loop {
            let page = ahead.await.map_err(|error| ProjectionError::Database(error.to_string()))??;
            let Some(last) = page.last() else { return Ok(()) };
            ahead = self.read_ahead(last.position);
            if let Err(error) =
                self.worker.take(&self.engine, &*self.model, page, PoisonPolicy::FailFast).await
            {
                ahead.abort();
                return Err(error);
            }
            let head = self.engine.store.head(tenant).await?.position;
            progress(last.position, head.max(last.position));
        }
    }

    /// Reads and decodes what follows a position, on another core.
    fn read_ahead(&self, after: Position) -> JoinHandle<Result<Arc<Page>>> {
        let (model, pages) = (Arc::clone(&self.model), Arc::clone(&self.engine.pages));
        let tenant = self.worker.lease.id.tenant;
        tokio::spawn(async move { pages.read_for(&*model, tenant, after, ENTRIES_PER_STEP).await })
    }

    /// How far the new rows have come.
    pub(crate) fn position(&self) -> Position {
        self.worker.lease.position
    }

    /// Puts the new rows into service once they are as far as the old ones, and drops those. Before that the two are
    /// compared, while neither goes further; whatever is found, the new ones serve.
    pub(crate) async fn promote(mut self) -> Result<(ProjectionLease, Comparison)> {
        match self.switch_over().await {
            Ok(switched) => Ok(switched),
            Err(error) => {
                self.discard().await?;
                Err(error)
            }
        }
    }

    async fn switch_over(&mut self) -> Result<(ProjectionLease, Comparison)> {
        let id = self.id();
        loop {
            let mut transaction = self.engine.db.write(id.tenant).await?;
            // Held to the end: nobody drops these rows meanwhile, and anyone who has begun to is not gone around.
            let mut lease = self.worker.lease;
            lease.hold(&mut transaction).await?;
            let old = fenced(&mut transaction, id).await?;
            if old.is_some_and(|old| old.position > lease.position) {
                drop(transaction);
                self.worker
                    .step(&self.engine, &*self.model, ENTRIES_PER_STEP, PoisonPolicy::FailFast)
                    .await?;
                continue;
            }
            let comparison = self.compare(&mut transaction, old).await?;
            if serve(&mut transaction, id, old, lease.generation).await? != 1 {
                // Another process made the first generation at the same moment: it is compared and replaced.
                continue;
            }
            // Noted before it was skipped, and kept in the list as what it is.
            parked::skip(&mut transaction, id, self.worker.skips()).await?;
            parked::release_until(&mut transaction, id, lease.position).await?;
            comparison.keep(&mut transaction, id).await?;
            if !rebuild_lease::release(&mut transaction, id, lease.generation).await? {
                return Err(ProjectionError::Fenced);
            }
            transaction.commit().await?;
            // A crash from here on leaves the old rows, which the next rebuild drops.
            self.claim.is_over = true;
            if let Some(old) = old
                && let Err(error) = drop_generation(&self.engine, &*self.model, id, old.generation).await
            {
                tracing::warn!(%error, projection = id.projection, "the former rows are dropped by the next rebuild");
            }
            return Ok((lease, comparison));
        }
    }

    /// Compares the new rows with those in service and lets neither go further meanwhile; the new ones are dropped.
    pub(crate) async fn compare_only(mut self) -> Result<Comparison> {
        let compared = self.compared().await;
        self.discard().await?;
        compared
    }

    async fn compared(&mut self) -> Result<Comparison> {
        let id = self.id();
        loop {
            let mut transaction = self.engine.db.write(id.tenant).await?;
            let old = fenced(&mut transaction, id).await?;
            if old.is_none_or(|old| old.position <= self.worker.lease.position) {
                return self.compare(&mut transaction, old).await;
            }
            drop(transaction);
            self.worker.step(&self.engine, &*self.model, ENTRIES_PER_STEP, PoisonPolicy::FailFast).await?;
        }
    }

    /// What serves, which goes no further meanwhile, compared with the new rows. By the transaction that holds the lease,
    /// which is not to be found idle however long that takes.
    async fn compare(&self, transaction: &mut Transaction, old: Option<Checkpoint>) -> Result<Comparison> {
        let ProjectionLease { id, generation, position, .. } = self.worker.lease;
        let not_applicable = |why| Ok(Comparison::not_applicable(position, why));
        let Some(old) = old else { return not_applicable(NotComparable::NothingServed) };
        if old.fold_version != self.model.version() {
            return not_applicable(NotComparable::OtherVersion);
        }
        let parked = parked::list(transaction, id).await?;
        if old.position != position || parked.iter().any(|item| item.skipped.is_none()) {
            return not_applicable(NotComparable::ServedIncomplete);
        }
        let generations = (old.generation, generation);
        Comparison::of(transaction, &*self.model, id.tenant, position, generations).await
    }

    /// Gives the rebuild up: what it wrote is dropped, what serves goes on serving.
    pub(crate) async fn discard(mut self) -> Result<()> {
        if !self.claim.is_over {
            let ProjectionLease { id, generation, .. } = self.worker.lease;
            clear(&self.engine, &*self.model, id, generation).await?;
            self.claim.is_over = true;
        }
        Ok(())
    }
}

/// Drops a generation that was being built, and gives back the right to build one.
async fn clear(engine: &Engine, model: &dyn ReadModel, id: ProjectionId, generation: u32) -> Result<()> {
    drop_generation(engine, model, id, generation).await?;
    let mut transaction = engine.db.write(id.tenant).await?;
    rebuild_lease::release(&mut transaction, id, generation).await?;
    transaction.commit().await
}

/// Puts the first generation into service, or a new one in place of the old. Returns one where that is done.
async fn serve(
    transaction: &mut Transaction,
    id: ProjectionId,
    old: Option<Checkpoint>,
    new: u32,
) -> Result<u64> {
    match old {
        Some(old) => {
            let values = values![id.tenant.0, id.projection, old.generation, new];
            transaction.execute(checkpoint::PROMOTE, &values).await
        }
        None => {
            transaction.execute(checkpoint::FORGET_LOST, &values![id.tenant.0, id.projection]).await?;
            transaction.execute(checkpoint::SERVE_FIRST, &values![id.tenant.0, id.projection, new]).await
        }
    }
}

/// The generation in service, as the last step on it has left it: its lease is taken from anyone who works on it, so that
/// it goes no further unless this transaction is rolled back.
async fn fenced(transaction: &mut Transaction, id: ProjectionId) -> Result<Option<Checkpoint>> {
    let Some(serving) = checkpoint::serving(transaction, id).await? else { return Ok(None) };
    transaction.execute(checkpoint::FENCE, &values![id.tenant.0, id.projection, serving.generation]).await?;
    checkpoint::serving(transaction, id).await
}

/// Drops whatever was folded from another log than this one: the log's file was put back from a copy, or replaced,
/// and the read models stand in a file of their own.
pub(crate) async fn drop_foreign(engine: &Engine, model: &dyn ReadModel, id: ProjectionId) -> Result<()> {
    let all = checkpoint::all(&mut engine.db.read(id.tenant).await?, id).await?;
    for found in all.iter().filter(|found| found.position > 0) {
        let entries = engine.store.read(id.tenant, found.position - 1, 1).await?;
        let folded = |entry: &Entry| {
            (entry.position, entry.recorded_at.timestamp_micros()) == (found.position, found.recorded_at)
        };
        if entries.first().is_some_and(folded) {
            continue;
        }
        tracing::warn!(tenant = %id.tenant, projection = id.projection, position = found.position,
            "folded from another log: folding it from the beginning");
        let mut transaction = engine.db.write(id.tenant).await?;
        let values = values![id.tenant.0, id.projection, found.generation];
        transaction.execute(checkpoint::WITHDRAW, &values).await?;
        parked::forget(&mut transaction, id).await?;
        transaction.commit().await?;
        drop_generation(engine, model, id, found.generation).await?;
    }
    Ok(())
}

/// Drops the rows of a generation, unless it serves: each transaction looks for itself. Anyone who still works on it is fenced
/// by the first one. Its checkpoint goes last, so that what a crash leaves of the rows is known and dropped later.
pub(crate) async fn drop_generation(
    engine: &Engine,
    model: &dyn ReadModel,
    id: ProjectionId,
    generation: u32,
) -> Result<()> {
    for table in model.tables() {
        let mut transaction = engine.db.write(id.tenant).await?;
        if !checkpoint::may_drop(&mut transaction, id, generation).await? {
            return Ok(());
        }
        transaction.execute_dynamic(table.delete().into(), values![id.tenant.0, generation]).await?;
        transaction.commit().await?;
    }
    let mut transaction = engine.db.write(id.tenant).await?;
    if checkpoint::may_drop(&mut transaction, id, generation).await? {
        transaction.execute(checkpoint::DROP, &values![id.tenant.0, id.projection, generation]).await?;
        transaction.commit().await?;
    }
    Ok(())
}
