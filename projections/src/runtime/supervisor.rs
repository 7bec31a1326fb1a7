//! Keeps the read models up: whose turn a step is, rebuilds, and what is done about events set aside.

use std::collections::BTreeMap;
use std::sync::Arc;

use tokio::task::JoinSet;
use waymark_eventstore::{Position, TenantId};

use crate::error::{ProjectionError, Result};
use crate::models::read_model::ReadModel;
use crate::projections::Projections;
use crate::runtime::comparison::Comparison;
use crate::runtime::consistency::POLL;
use crate::runtime::nodes;
use crate::runtime::parked::{self, Parked};
use crate::runtime::projector::{PoisonPolicy, Worker};
use crate::runtime::rebuild::{self, Progress, Rebuild};
use crate::runtime::rebuild_lease;
use crate::runtime::slot::Slot;
use crate::runtime::status::{measure, report};
use crate::storage::checkpoint::{self, ProjectionId};

/// Entries a step takes when a read model catches up.
const BULK_PAGE: u32 = 5_000;

/// A rebuild that has begun.
pub struct PendingRebuild(Rebuild);

/// A generation folded up to the head; nothing is left of one that meets a bad event.
async fn filled(mut building: Rebuild, progress: Progress<'_>) -> Result<Rebuild> {
    match building.fill(progress).await {
        Ok(()) => Ok(building),
        Err(error) => {
            building.discard().await?;
            Err(error)
        }
    }
}

impl Projections {
    /// Takes one page. Returns how many entries it had; none at the head, or while another process does the work.
    pub(crate) async fn advance(
        &self,
        model: &Arc<dyn ReadModel>,
        id: ProjectionId,
        limit: u32,
    ) -> Result<usize> {
        if self.still_rests(id).await {
            return Ok(0);
        }
        let step = self.advance_once(model, id, limit).await;
        self.note(id, &step);
        step
    }

    async fn advance_once(&self, model: &Arc<dyn ReadModel>, id: ProjectionId, limit: u32) -> Result<usize> {
        if let Err(error) = self.drop_foreign().await {
            self.engine.failures.serves(id, false);
            return Err(error);
        }
        self.resting.lock().remove(&id);
        let slot = self.slot(id);
        let mut slot = slot.lock().await;
        if self.engine.is_lost(id) {
            slot.worker = None;
        }
        let step = self.step_in(&mut slot, model, id, limit).await;
        // The first page of a new log is taken at once: only what takes longer, or fails, is reported.
        match &step {
            Err(ProjectionError::Fenced) => {}
            Ok(_) | Err(_) => self.engine.failures.serves(id, !slot.is_unserved),
        }
        step
    }

    async fn step_in(
        &self,
        slot: &mut Slot,
        model: &Arc<dyn ReadModel>,
        id: ProjectionId,
        limit: u32,
    ) -> Result<usize> {
        if slot.worker.is_none() {
            // What cannot be looked at answers nobody.
            slot.is_unserved = true;
            if !self.may_take(model, id, slot).await? {
                return Ok(0);
            }
        }
        let mut worker = match slot.worker.take() {
            Some(worker) => worker,
            None => self.acquire(&**model, id).await?,
        };
        let before = worker.lease.position;
        match worker.step(&self.engine, &**model, limit, PoisonPolicy::Park).await {
            Ok(taken) => {
                self.engine.moved(id, worker.lease.position);
                slot.is_unserved = !worker.lease.is_complete();
                measure(&self.engine, id, worker.lease.position, taken);
                slot.worker = Some(worker);
                Ok(taken)
            }
            Err(error) => {
                slot.yielded_at = matches!(error, ProjectionError::Fenced).then_some(before);
                Err(error)
            }
        }
    }

    /// A worker on what serves, or on the first generation, which serves once it tells what is in the log now.
    async fn acquire(&self, model: &dyn ReadModel, id: ProjectionId) -> Result<Worker> {
        let new = self.engine.new_generation(model, id.tenant).await?;
        Ok(Worker::new(checkpoint::acquire(&self.engine.db, id, new).await?, model))
    }

    /// Whether to take a lease: not while its holder is seen to get on or known to live, nor to fold by an older version
    /// what a newer one has folded, nor the other way round: such rows are rebuilt.
    async fn may_take(&self, model: &Arc<dyn ReadModel>, id: ProjectionId, slot: &mut Slot) -> Result<bool> {
        if self.engine.nodes.is_some() {
            rebuild::drop_foreign(&self.engine, &**model, id).await?;
        }
        let Some(serving) = self.serving(id).await? else {
            // Nothing answers until somebody has folded what is in the log.
            slot.is_unserved = self.engine.store.head(id.tenant).await?.position > 0;
            return Ok(true);
        };
        slot.is_unserved = !serving.is_complete();
        if let Some(nodes) = &self.engine.nodes {
            if serving.fold_version > model.version() {
                return Ok(false);
            }
            if nodes.is_other_alive(&self.engine.db, serving.owner).await? {
                return Ok(false);
            }
        } else if serving.fold_version != model.version() {
            return Ok(false);
        }
        let Some(seen) = slot.yielded_at else { return Ok(true) };
        let now = self.position(id).await?;
        slot.yielded_at = (now != seen).then_some(now);
        Ok(slot.yielded_at.is_none())
    }

    fn note(&self, id: ProjectionId, step: &Result<usize>) {
        let mut paused = self.paused.lock();
        match step {
            Err(error @ ProjectionError::Paused { .. }) => {
                let cause = error.to_string();
                if paused.insert(id, cause.clone()).as_ref() != Some(&cause) {
                    tracing::error!(%cause, tenant = %id.tenant, projection = id.projection, "paused");
                }
            }
            // Somebody else does the work.
            Err(ProjectionError::Fenced) => {}
            Err(error) => self.engine.failures.failed(id, error),
            Ok(_) => {
                paused.remove(&id);
                self.engine.failures.recovered(id);
            }
        }
    }

    /// Brings every read model of a tenant up to where the log ends now. `progress` receives the position that all
    /// have reached, and the head.
    ///
    /// # Errors
    /// When a read model pauses, or the log or the database fails.
    pub async fn catch_up(
        self: &Arc<Self>,
        tenant: TenantId,
        progress: impl Fn(u64, u64) + Send + Sync + 'static,
    ) -> Result<()> {
        let head = self.engine.store.head(tenant).await?.position;
        let progress = Arc::new(progress);
        let mut tasks = JoinSet::new();
        for model in self.models() {
            let (projections, progress) = (Arc::clone(self), Arc::clone(&progress));
            tasks.spawn(async move { projections.catch_up_one(&model, tenant, head, &*progress).await });
        }
        let mut outcome = Ok(());
        while let Some(ended) = tasks.join_next().await {
            let ended = ended.unwrap_or_else(|error| Err(ProjectionError::Database(error.to_string())));
            outcome = outcome.and(ended);
        }
        outcome
    }

    async fn catch_up_one(
        &self,
        model: &Arc<dyn ReadModel>,
        tenant: TenantId,
        head: Position,
        progress: Progress<'_>,
    ) -> Result<()> {
        let id = ProjectionId { tenant, projection: model.name() };
        if self.is_outdated(model, tenant).await? {
            match self.rebuild(tenant, model.name(), progress).await {
                // Another process does it.
                Ok(_) | Err(ProjectionError::RebuildRunning) => {}
                Err(error) => return Err(error),
            }
        }
        loop {
            let taken = match self.advance(model, id, BULK_PAGE).await {
                Ok(taken) => taken,
                Err(ProjectionError::Fenced) => 0,
                Err(error) => return Err(error),
            };
            let mut least = head;
            for model in &self.models {
                least = least
                    .min(*self.engine.progress(ProjectionId { tenant, projection: model.name() }).borrow());
            }
            progress(least, head);
            if self.position(id).await? >= head {
                return Ok(());
            }
            if taken == 0 {
                tokio::time::sleep(POLL).await;
            }
        }
    }

    pub(crate) async fn is_outdated(&self, model: &Arc<dyn ReadModel>, tenant: TenantId) -> Result<bool> {
        let id = ProjectionId { tenant, projection: model.name() };
        let serving = self.serving(id).await?;
        // Among nodes, the newer program's rows stay: it is taking the older one's place.
        let newer = |row: u32| self.engine.nodes.is_some() && row > model.version();
        Ok(serving.is_some_and(|row| row.fold_version != model.version() && !newer(row.fold_version)))
    }

    /// Whether this process holds the lease of a read model.
    pub(crate) fn holds_lease(&self, id: ProjectionId) -> bool {
        // While a step is under way somebody else has the lock.
        self.slot(id).try_lock().map_or(true, |slot| slot.worker.is_some())
    }

    /// Leaves the lease of a read model to another node.
    pub(crate) async fn release_lease(&self, id: ProjectionId) -> Result<()> {
        let slot = self.slot(id);
        let mut slot = slot.lock().await;
        self.engine.failures.forget(id);
        self.resting.lock().remove(&id);
        if slot.worker.take().is_some() {
            let mut transaction = self.engine.db.write(id.tenant).await?;
            nodes::release(&mut transaction, id, self.engine.node()).await?;
            transaction.commit().await?;
        }
        Ok(())
    }

    /// Rebuilds a read model from the first event, strictly, while the present rows go on serving; then compares the two
    /// and switches. Returns what was found: where the rows that served were not what the log tells, they are so now.
    ///
    /// # Errors
    /// [`ProjectionError::RebuildRunning`] while another one runs, in whichever process. [`ProjectionError::Poison`] at the
    /// first event that cannot be folded and was not skipped: then nothing changes. [`ProjectionError::Fenced`] when this
    /// process was taken for dead meanwhile.
    pub async fn rebuild(&self, tenant: TenantId, name: &str, progress: Progress<'_>) -> Result<Comparison> {
        match self.rebuild_once(tenant, name, progress).await {
            // What served was put aside; nothing of it is needed.
            Err(ProjectionError::Damaged(_)) => self.rebuild_once(tenant, name, progress).await,
            other => other,
        }
    }

    async fn rebuild_once(&self, tenant: TenantId, name: &str, progress: Progress<'_>) -> Result<Comparison> {
        self.run_rebuild(self.begin_rebuild(tenant, name).await?, progress).await
    }

    /// Begins a rebuild, which [`Self::run_rebuild`] carries out. From here on no other one begins.
    ///
    /// # Errors
    /// [`ProjectionError::RebuildRunning`] while another one runs; when there is no such read model, or the log or the
    /// database fails.
    pub async fn begin_rebuild(&self, tenant: TenantId, name: &str) -> Result<PendingRebuild> {
        let model = self.model(name)?;
        let id = ProjectionId { tenant, projection: model.name() };
        Rebuild::begin(&self.engine, Arc::clone(model), id, rebuild_lease::FAILURE_TIMEOUT)
            .await
            .map(PendingRebuild)
    }

    /// Carries out a rebuild that has begun. Dropped, it leaves nothing behind.
    ///
    /// # Errors
    /// As [`Self::rebuild`].
    pub async fn run_rebuild(&self, begun: PendingRebuild, progress: Progress<'_>) -> Result<Comparison> {
        let building = filled(begun.0, progress).await?;
        let (model, id) = (Arc::clone(building.model()), building.id());
        // No step of this process comes between the last page and the switch.
        let slot = self.slot(id);
        let mut slot = slot.lock().await;
        self.bring_to(&mut slot, id, &model, building.position()).await;
        self.forget_looks(id.tenant).await?;
        let (lease, comparison) = building.promote().await?;
        self.engine.moved(id, lease.position);
        self.engine.folded_again(id);
        self.engine.failures.serves(id, true);
        *slot = Slot { worker: Some(Worker::new(lease, &*model)), ..Slot::default() };
        drop(slot);
        report(id, &comparison);
        Ok(comparison)
    }

    /// Compares a read model with what the log tells, from the first event. What serves is left as it is. Waits for a
    /// rebuild or another comparison that runs.
    ///
    /// # Errors
    /// As [`Self::rebuild`]; [`ProjectionError::Damaged`] where what serves cannot be read.
    pub async fn compare(&self, tenant: TenantId, name: &str, progress: Progress<'_>) -> Result<Comparison> {
        let begun = loop {
            match self.begin_rebuild(tenant, name).await {
                Err(ProjectionError::RebuildRunning) => tokio::time::sleep(POLL).await,
                other => break other?,
            }
        };
        let building = filled(begun.0, progress).await?;
        let (model, id) = (Arc::clone(building.model()), building.id());
        let slot = self.slot(id);
        let mut slot = slot.lock().await;
        self.bring_to(&mut slot, id, &model, building.position()).await;
        building.compare_only().await
    }

    /// Brings what serves to a position, if it can: only at the same position can rows be compared.
    async fn bring_to(
        &self,
        slot: &mut Slot,
        id: ProjectionId,
        model: &Arc<dyn ReadModel>,
        position: Position,
    ) {
        // Rows of another version, or that do not tell enough to serve, are not compared.
        match self.serving(id).await {
            Ok(Some(serving)) if serving.fold_version == model.version() && serving.is_complete() => {}
            Ok(_) | Err(_) => return,
        }
        let mut worker = match slot.worker.take() {
            Some(worker) => worker,
            None => match self.acquire(&**model, id).await {
                Ok(worker) => worker,
                Err(_) => return,
            },
        };
        while worker.lease.position < position {
            match worker.step(&self.engine, &**model, BULK_PAGE, PoisonPolicy::Park).await {
                Ok(taken) if taken > 0 => {}
                // What stops it stops the comparison, which says so; the rebuild goes on.
                Ok(_) | Err(_) => return,
            }
        }
        slot.worker = Some(worker);
    }

    /// The events that a read model has set aside, skipped ones included, in order.
    ///
    /// # Errors
    /// When there is no such read model, or the database fails.
    pub async fn parked(&self, tenant: TenantId, name: &str) -> Result<Vec<Parked>> {
        let id = ProjectionId { tenant, projection: self.model(name)?.name() };
        parked::list(&mut self.engine.db.read(tenant).await?, id).await
    }

    /// Insists that an event is set aside, and not skipped yet.
    ///
    /// # Errors
    /// [`ProjectionError::NotParked`] when nothing is parked there, or there is no such read model.
    pub async fn require_parked(&self, tenant: TenantId, name: &str, position: Position) -> Result<()> {
        let parked = self.parked(tenant, name).await?;
        let waits = |item: &Parked| item.position == position && item.skipped.is_none();
        if parked.iter().any(waits) { Ok(()) } else { Err(ProjectionError::NotParked(position)) }
    }

    /// Leaves out what the log says is skipped, and folds the rest of what is set aside, subject by subject, as far as
    /// it can be folded now. Returns how many events were folded.
    ///
    /// # Errors
    /// When there is no such read model, or the log or the database fails.
    pub async fn retry(&self, tenant: TenantId, name: &str) -> Result<usize> {
        let model = self.model(name)?;
        let id = ProjectionId { tenant, projection: model.name() };
        let slot = self.slot(id);
        let mut slot = slot.lock().await;
        let mut worker = match slot.worker.take() {
            Some(worker) => worker,
            None => self.acquire(&**model, id).await?,
        };
        self.forget_looks(tenant).await?;
        worker.mark_skipped(&self.engine).await?;
        let mut by_subject: BTreeMap<String, Vec<Parked>> = BTreeMap::new();
        for item in self.parked(tenant, name).await?.into_iter().filter(|item| item.skipped.is_none()) {
            by_subject.entry(item.subject.clone()).or_default().push(item);
        }
        let mut folded = 0;
        for items in by_subject.values() {
            folded += worker.retry(&self.engine, &**model, items).await?;
        }
        slot.worker = Some(worker);
        self.engine.folded_again(id);
        Ok(folded)
    }
}
