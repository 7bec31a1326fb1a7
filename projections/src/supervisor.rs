//! Keeps the read models up: whose turn a step is, rebuilds, and what is done about events set aside.

use std::collections::BTreeMap;
use std::sync::{Arc, PoisonError};

use tokio::task::JoinSet;
use waymark_eventstore::{Position, TenantId};

use crate::checkpoint::{self, Which};
use crate::comparison::Comparison;
use crate::consistency::POLL;
use crate::error::{ProjectionError, Result};
use crate::lease;
use crate::model::ReadModel;
use crate::nodes;
use crate::parked::{self, Parked};
use crate::projections::Projections;
use crate::projector::{Poison, Worker};
use crate::rebuild::{self, Building, Progress};
use crate::status::{measure, report};

/// Entries a step takes when a read model catches up.
const BULK_PAGE: u32 = 5_000;

/// The place of the one worker that this process has for a read model of a tenant.
#[derive(Default)]
pub(crate) struct Slot {
    worker: Option<Worker>,
    /// Where another process stood when it had taken the seat.
    yielded_at: Option<Position>,
    /// Whether nothing in service tells what is in the log, as far as this process has seen.
    is_unserved: bool,
}

/// A rebuild that has begun.
pub struct Begun(Building);

/// A generation folded up to the head; nothing is left of one that meets a bad event.
async fn filled(mut building: Building, progress: Progress<'_>) -> Result<Building> {
    match building.fill(progress).await {
        Ok(()) => Ok(building),
        Err(error) => {
            building.abandon().await?;
            Err(error)
        }
    }
}

impl Projections {
    /// Takes one page. Answers how many entries it had; none at the head, or while another process does the work.
    pub(crate) async fn advance(
        &self,
        model: &Arc<dyn ReadModel>,
        which: Which,
        limit: u32,
    ) -> Result<usize> {
        let step = self.advance_once(model, which, limit).await;
        self.note(which, &step);
        step
    }

    async fn advance_once(&self, model: &Arc<dyn ReadModel>, which: Which, limit: u32) -> Result<usize> {
        if let Err(error) = self.drop_foreign().await {
            self.engine.troubles.serves(which, false);
            return Err(error);
        }
        let slot = self.slot(which);
        let mut slot = slot.lock().await;
        if self.engine.is_lost(which) {
            slot.worker = None;
        }
        let step = self.step_in(&mut slot, model, which, limit).await;
        // The first page of a new log is taken at once: only what takes longer, or fails, is told.
        match &step {
            Err(ProjectionError::Fenced) => {}
            Ok(_) | Err(_) => self.engine.troubles.serves(which, !slot.is_unserved),
        }
        step
    }

    async fn step_in(
        &self,
        slot: &mut Slot,
        model: &Arc<dyn ReadModel>,
        which: Which,
        limit: u32,
    ) -> Result<usize> {
        if slot.worker.is_none() {
            // What cannot be looked at answers nobody.
            slot.is_unserved = true;
            if !self.may_take(model, which, slot).await? {
                return Ok(0);
            }
        }
        let mut worker = match slot.worker.take() {
            Some(worker) => worker,
            None => self.take_seat(&**model, which).await?,
        };
        let before = worker.seat.position;
        match worker.step(&self.engine, &**model, limit, Poison::Parks).await {
            Ok(taken) => {
                self.engine.moved(which, worker.seat.position);
                slot.is_unserved = !worker.seat.is_complete();
                measure(&self.engine, which, worker.seat.position, taken);
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
    async fn take_seat(&self, model: &dyn ReadModel, which: Which) -> Result<Worker> {
        let new = self.engine.new_generation(model, which.tenant).await?;
        Ok(Worker::new(checkpoint::take_seat(&self.engine.db, which, new).await?))
    }

    /// Whether to take a seat: not while its holder is seen to get on or known to live, nor to fold by an older version
    /// what a newer one has folded, nor the other way round: such rows are rebuilt.
    async fn may_take(&self, model: &Arc<dyn ReadModel>, which: Which, slot: &mut Slot) -> Result<bool> {
        if self.engine.nodes.is_some() {
            rebuild::drop_foreign(&self.engine, &**model, which).await?;
        }
        let Some(serving) = self.serving(which).await? else {
            // Nothing answers until somebody has folded what is in the log.
            slot.is_unserved = self.engine.store.head(which.tenant).await?.position > 0;
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
        let now = self.position(which).await?;
        slot.yielded_at = (now != seen).then_some(now);
        Ok(slot.yielded_at.is_none())
    }

    fn note(&self, which: Which, step: &Result<usize>) {
        let mut paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner);
        match step {
            Err(error @ ProjectionError::Paused { .. }) => {
                let cause = error.to_string();
                if paused.insert(which, cause.clone()).as_ref() != Some(&cause) {
                    tracing::error!(%cause, tenant = %which.tenant, projection = which.projection, "paused");
                }
            }
            // Somebody else does the work.
            Err(ProjectionError::Fenced) => {}
            Err(error) => self.engine.troubles.failed(which, error),
            Ok(_) => {
                paused.remove(&which);
                self.engine.troubles.went_on(which);
            }
        }
    }

    /// Brings every read model of a tenant up to where the log ends now. `progress` is told the position that all
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
        let which = Which { tenant, projection: model.name() };
        if self.is_outdated(model, tenant).await? {
            match self.rebuild(tenant, model.name(), progress).await {
                // Another process does it.
                Ok(_) | Err(ProjectionError::RebuildRunning) => {}
                Err(error) => return Err(error),
            }
        }
        loop {
            let taken = match self.advance(model, which, BULK_PAGE).await {
                Ok(taken) => taken,
                Err(ProjectionError::Fenced) => 0,
                Err(error) => return Err(error),
            };
            let mut least = head;
            for model in &self.models {
                least = least.min(*self.engine.progress(Which { tenant, projection: model.name() }).borrow());
            }
            progress(least, head);
            if self.position(which).await? >= head {
                return Ok(());
            }
            if taken == 0 {
                tokio::time::sleep(POLL).await;
            }
        }
    }

    pub(crate) async fn is_outdated(&self, model: &Arc<dyn ReadModel>, tenant: TenantId) -> Result<bool> {
        let which = Which { tenant, projection: model.name() };
        let serving = self.serving(which).await?;
        // Among nodes, the newer program's rows stay: it is taking the older one's place.
        let newer = |row: u32| self.engine.nodes.is_some() && row > model.version();
        Ok(serving.is_some_and(|row| row.fold_version != model.version() && !newer(row.fold_version)))
    }

    /// Whether this process holds the seat of a read model.
    pub(crate) fn is_seated(&self, which: Which) -> bool {
        // While a step is under way somebody else has the lock.
        self.slot(which).try_lock().map_or(true, |slot| slot.worker.is_some())
    }

    /// Leaves the seat of a read model to another node.
    pub(crate) async fn yield_seat(&self, which: Which) -> Result<()> {
        let slot = self.slot(which);
        let mut slot = slot.lock().await;
        self.engine.troubles.forget(which);
        if slot.worker.take().is_some() {
            let mut session = self.engine.db.write(which.tenant).await?;
            nodes::release(&mut session, which, self.engine.node()).await?;
            session.commit().await?;
        }
        Ok(())
    }

    /// Rebuilds a read model from the first event, strictly, while the present rows go on serving; then compares the two
    /// and switches. Answers what was found: where the rows that served were not what the log tells, they are so now.
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
        self.carry_out(self.begin_rebuild(tenant, name).await?, progress).await
    }

    /// Begins a rebuild, which [`Self::carry_out`] carries out. From here on no other one begins.
    ///
    /// # Errors
    /// [`ProjectionError::RebuildRunning`] while another one runs; when there is no such read model, or the log or the
    /// database fails.
    pub async fn begin_rebuild(&self, tenant: TenantId, name: &str) -> Result<Begun> {
        let model = self.model(name)?;
        let which = Which { tenant, projection: model.name() };
        Building::begin(&self.engine, Arc::clone(model), which, lease::SILENCE).await.map(Begun)
    }

    /// Carries out a rebuild that has begun. Dropped, it leaves nothing behind.
    ///
    /// # Errors
    /// As [`Self::rebuild`].
    pub async fn carry_out(&self, begun: Begun, progress: Progress<'_>) -> Result<Comparison> {
        let building = filled(begun.0, progress).await?;
        let (model, which) = (Arc::clone(building.model()), building.which());
        // No step of this process comes between the last page and the switch.
        let slot = self.slot(which);
        let mut slot = slot.lock().await;
        self.bring_to(&mut slot, which, &model, building.position()).await;
        let (seat, comparison) = building.switch().await?;
        self.engine.moved(which, seat.position);
        self.engine.troubles.serves(which, true);
        *slot = Slot { worker: Some(Worker::new(seat)), ..Slot::default() };
        drop(slot);
        report(which, &comparison);
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
        let (model, which) = (Arc::clone(building.model()), building.which());
        let slot = self.slot(which);
        let mut slot = slot.lock().await;
        self.bring_to(&mut slot, which, &model, building.position()).await;
        building.compare_only().await
    }

    /// Brings what serves to a position, if it can: only at the same position can rows be compared.
    async fn bring_to(&self, slot: &mut Slot, which: Which, model: &Arc<dyn ReadModel>, position: Position) {
        // Rows of another version, or that do not tell enough to serve, are not compared.
        match self.serving(which).await {
            Ok(Some(serving)) if serving.fold_version == model.version() && serving.is_complete() => {}
            Ok(_) | Err(_) => return,
        }
        let mut worker = match slot.worker.take() {
            Some(worker) => worker,
            None => match self.take_seat(&**model, which).await {
                Ok(worker) => worker,
                Err(_) => return,
            },
        };
        while worker.seat.position < position {
            match worker.step(&self.engine, &**model, BULK_PAGE, Poison::Parks).await {
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
        let which = Which { tenant, projection: self.model(name)?.name() };
        parked::list(&mut self.engine.db.read(tenant).await?, which).await
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
    /// it can be folded now. Answers how many events were folded.
    ///
    /// # Errors
    /// When there is no such read model, or the log or the database fails.
    pub async fn retry(&self, tenant: TenantId, name: &str) -> Result<usize> {
        let model = self.model(name)?;
        let which = Which { tenant, projection: model.name() };
        let slot = self.slot(which);
        let mut slot = slot.lock().await;
        let mut worker = match slot.worker.take() {
            Some(worker) => worker,
            None => self.take_seat(&**model, which).await?,
        };
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
        Ok(folded)
    }
}
