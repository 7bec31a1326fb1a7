//! The read models as the service sees them: kept up, waited for, looked after, and asked.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use serde::Serialize;
use tokio::sync::{Mutex as AsyncMutex, watch};
use tokio::task::JoinSet;
use tokio::time::Instant;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::Pipeline;
use waymark_domain::people::Sight;
use waymark_domain::pipeline::version::{Occupants, Versions};
use waymark_eventstore::vault::Vault;
use waymark_eventstore::{EventStore, Position, TenantId};

use crate::ask::{At, Filter, View};
use crate::board::{
    self, ApprovalFilter, ApprovalReport, BoardQuery, BoardReport, CustomerFilter, CustomerList,
    CustomerReport, Group, Held, SuspectQuery, SuspectQueue, SuspectsReport,
};
use crate::checkpoint::{self, Which};
use crate::comparison::Comparison;
use crate::db::{Commit, Db};
use crate::dwell::{
    self, DwellQuery, DwellReport, FlowsReport, HeatmapQuery, HeatmapReport, PathsQuery, PathsReport,
    StandingReport, StaysReport, Window,
};
use crate::error::{ProjectionError, Result};
use crate::model::{self, ReadModel};
use crate::nodes::{self, Node, Nodes};
use crate::parked::{self, Parked};
use crate::projector::{Engine, Poison, Worker};
use crate::rebuild::{self, Building, Progress};
use crate::reports::{
    self,
    funnels::{FunnelQuery, FunnelReport},
    latency::{LatencyQuery, LatencyReport},
    pilots::{PilotComparison, PilotQuery},
    quality::{Definition, QualityQuery, QualityReport},
    reps::{RepsQuery, RepsReport},
};
use crate::schema;
use crate::timeline::{self, TimelineQuery, TimelineReport};
use crate::work::{
    self, DueRule, Expecting, Inbox, Place, ReminderReport, RuleReport, SkipReport, StandingFilter,
    TaskFilter, TaskReport, WaitingReport,
};

/// Entries a step takes when a read model catches up.
const BULK_PAGE: u32 = 5_000;
/// How long a reader who names no position waits for what was written before.
const MOMENT: Duration = Duration::from_millis(100);
/// Connections to PostgreSQL for the read models, of projectors and of readers together.
const CONNECTIONS: u32 = 16;
/// How often the progress of other processes is looked at.
const POLL: Duration = Duration::from_millis(25);

/// The state of one read model.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ProjectionStatus {
    /// Its name: `board`, `timeline`, `dwell` or `work`.
    pub name: String,
    /// The version of its fold.
    pub version: u32,
    /// Which generation of its rows serves.
    pub generation: u32,
    /// How far it has come.
    pub position: Position,
    /// Where the log ends.
    pub head: Position,
    /// How many positions it is behind.
    pub lag: u64,
    /// How many events are set aside, without the skipped ones.
    pub parked: usize,
    /// Why it has stopped; null while it goes on.
    pub paused: Option<String>,
    /// How far a rebuild has come; null when there is none.
    pub rebuilding: Option<Position>,
    /// What the last rebuild found when it compared what served with what the log tells; null before the first.
    pub compared: Option<Comparison>,
}

/// The place of the one worker that this process has for a read model of a tenant.
#[derive(Default)]
struct Slot {
    worker: Option<Worker>,
    /// Where another process stood when it had taken the seat.
    yielded_at: Option<Position>,
}

/// All read models.
pub struct Projections {
    engine: Engine,
    models: [Arc<dyn ReadModel>; 4],
    slots: Mutex<HashMap<Which, Arc<AsyncMutex<Slot>>>>,
    paused: Mutex<HashMap<Which, String>>,
}

impl Projections {
    /// Opens the read models in a database file of their own, making the tables that are missing. What was folded
    /// from another log than this one is dropped: it will be folded anew.
    ///
    /// # Errors
    /// [`ProjectionError::Database`] when the file cannot be opened, errors of the log.
    pub async fn open(path: &Path, store: Arc<dyn EventStore>, vault: Arc<Vault>) -> Result<Arc<Self>> {
        let db = Db::sqlite(path, Commit::Lazy).await?;
        schema::create(&db).await?;
        let engine = Engine::new(db, store, vault, None);
        let models = model::all();
        for tenant in checkpoint::tenants(&engine.db).await? {
            for model in &models {
                rebuild::drop_foreign(&engine, &**model, Which { tenant, projection: model.name() }).await?;
            }
        }
        Ok(Arc::new(Self { engine, models, slots: Mutex::default(), paused: Mutex::default() }))
    }

    /// Opens the read models in a schema of their own of a PostgreSQL database, making the tables that are missing.
    /// The work is shared with every other node that does the same.
    ///
    /// # Errors
    /// [`ProjectionError::Database`] when nobody answers at the URL, or the tables cannot be made.
    pub async fn connect(
        url: &str,
        node: Node,
        store: Arc<dyn EventStore>,
        vault: Arc<Vault>,
    ) -> Result<Arc<Self>> {
        let db = Db::postgres(url, &schema::name(), Commit::Lazy, CONNECTIONS).await?;
        Self::shared(db, node, store, vault).await
    }

    /// As [`Self::connect`], in any schema.
    pub(crate) async fn shared(
        db: Db,
        node: Node,
        store: Arc<dyn EventStore>,
        vault: Arc<Vault>,
    ) -> Result<Arc<Self>> {
        schema::create(&db).await?;
        let models = model::all();
        let skill = models.iter().map(|model| i64::from(model.version())).sum();
        let engine = Engine::new(db, store, vault, Some(Nodes::new(node, skill)));
        Ok(Arc::new(Self { engine, models, slots: Mutex::default(), paused: Mutex::default() }))
    }

    /// Closes the database's connections.
    pub async fn close(&self) {
        self.engine.db.close().await;
    }

    /// The names of the read models.
    #[must_use]
    pub fn names(&self) -> Vec<&'static str> {
        self.models.iter().map(|model| model.name()).collect()
    }

    pub(crate) fn engine(&self) -> &Engine {
        &self.engine
    }

    pub(crate) fn models(&self) -> [Arc<dyn ReadModel>; 4] {
        self.models.clone()
    }

    fn model(&self, name: &str) -> Result<&Arc<dyn ReadModel>> {
        let found = self.models.iter().find(|model| model.name() == name);
        found.ok_or_else(|| ProjectionError::UnknownProjection(name.to_owned()))
    }

    fn slot(&self, which: Which) -> Arc<AsyncMutex<Slot>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(which).or_default())
    }

    /// Takes one page. Answers how many entries it had; none at the head, or while another process does the work.
    pub(crate) async fn advance(
        &self,
        model: &Arc<dyn ReadModel>,
        which: Which,
        limit: u32,
    ) -> Result<usize> {
        let slot = self.slot(which);
        let mut slot = slot.lock().await;
        if slot.worker.is_none() && !self.may_take(model, which, &mut slot).await? {
            return Ok(0);
        }
        let mut worker = match slot.worker.take() {
            Some(worker) => worker,
            None => Worker::new(
                checkpoint::take_seat(&self.engine.db, which, model.version(), self.engine.node()).await?,
            ),
        };
        let before = worker.seat.position;
        let step = worker.step(&self.engine, &**model, limit, Poison::Parks).await;
        self.note(which, &step);
        match step {
            Ok(taken) => {
                self.engine.moved(which, worker.seat.position);
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

    /// Whether to take a seat: not while its holder is seen to get on or known to live, nor to fold by an older version
    /// what a newer one has folded.
    async fn may_take(&self, model: &Arc<dyn ReadModel>, which: Which, slot: &mut Slot) -> Result<bool> {
        if let Some(nodes) = &self.engine.nodes {
            rebuild::drop_foreign(&self.engine, &**model, which).await?;
            let serving = checkpoint::serving(&mut self.engine.db.read(which.tenant).await?, which).await?;
            let Some(serving) = serving else { return Ok(true) };
            if serving.fold_version > model.version() {
                return Ok(false);
            }
            if nodes.is_other_alive(&self.engine.db, serving.owner).await? {
                return Ok(false);
            }
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
            Err(_) => {}
            Ok(_) => drop(paused.remove(&which)),
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
            self.rebuild(tenant, model.name(), progress).await?;
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

    async fn position(&self, which: Which) -> Result<Position> {
        let serving = checkpoint::serving(&mut self.engine.db.read(which.tenant).await?, which).await?;
        Ok(serving.map_or(0, |row| row.position))
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
        let which = Which { tenant, projection: self.model(name)?.name() };
        let deadline = Instant::now() + timeout;
        let mut moved = self.engine.progress(which);
        loop {
            moved.borrow_and_update();
            let now = self.engine.traces.shown(which, self.position(which).await?);
            if now >= position {
                self.engine.seen(which, now);
                return Ok(now);
            }
            // The time limits the waiting, not the looking: what is there is found however short the wait is.
            let left = deadline.saturating_duration_since(Instant::now());
            if left.is_zero() {
                return Err(ProjectionError::Behind { position: now });
            }
            self.engine.hurry(which);
            // Another process may move it, too: then nothing is heard, and looking finds it.
            let _ = tokio::time::timeout(POLL.min(left), moved.changed()).await;
        }
    }

    /// Gives a read model a moment to take in what this process has appended so far, so that who reads straight after
    /// writing mostly finds it there. Who must find it waits for the position instead.
    ///
    /// # Errors
    /// When there is no such read model, or the database fails.
    pub async fn freshen(&self, tenant: TenantId, name: &str) -> Result<()> {
        let which = Which { tenant, projection: self.model(name)?.name() };
        let head = *self.engine.store.watch(tenant).borrow();
        if *self.engine.progress(which).borrow() >= head {
            return Ok(());
        }
        match self.wait_for(tenant, name, head, MOMENT).await {
            Ok(_) | Err(ProjectionError::Behind { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }

    /// The state of every read model of a tenant.
    ///
    /// # Errors
    /// When the log or the database fails.
    pub async fn status(&self, tenant: TenantId) -> Result<Vec<ProjectionStatus>> {
        let head = self.engine.store.head(tenant).await?.position;
        let mut session = self.engine.db.read(tenant).await?;
        let mut all = Vec::with_capacity(self.models.len());
        for model in &self.models {
            let which = Which { tenant, projection: model.name() };
            let serving = checkpoint::serving(&mut session, which).await?;
            let (generation, position) = serving.map_or((0, 0), |row| (row.generation, row.position));
            let position = self.engine.traces.shown(which, position);
            let others = checkpoint::all(&mut session, which).await?;
            let building = others.iter().rfind(|row| row.generation > generation);
            let parked = parked::list(&mut session, which).await?;
            let paused = self.paused.lock().unwrap_or_else(PoisonError::into_inner).get(&which).cloned();
            all.push(ProjectionStatus {
                name: model.name().to_owned(),
                version: serving.map_or(model.version(), |row| row.fold_version),
                generation,
                position,
                head,
                lag: head.saturating_sub(position),
                parked: parked.iter().filter(|item| item.skipped.is_none()).count(),
                paused,
                rebuilding: building.map(|row| row.position),
                compared: Comparison::kept(&mut session, which).await?,
            });
        }
        Ok(all)
    }

    pub(crate) async fn is_outdated(&self, model: &Arc<dyn ReadModel>, tenant: TenantId) -> Result<bool> {
        let which = Which { tenant, projection: model.name() };
        let serving = checkpoint::serving(&mut self.engine.db.read(which.tenant).await?, which).await?;
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
    /// [`ProjectionError::Poison`] at the first event that cannot be folded and was not skipped: then nothing
    /// changes. [`ProjectionError::Fenced`] when another rebuild began meanwhile.
    pub async fn rebuild(&self, tenant: TenantId, name: &str, progress: Progress<'_>) -> Result<Comparison> {
        let model = self.model(name)?;
        let which = Which { tenant, projection: model.name() };
        let building = self.build(model, which, progress).await?;
        // No step of this process comes between the last page and the switch.
        let slot = self.slot(which);
        let mut slot = slot.lock().await;
        self.bring_to(&mut slot, which, model, building.position()).await;
        let (seat, comparison) = building.switch().await?;
        self.engine.moved(which, seat.position);
        *slot = Slot { worker: Some(Worker::new(seat)), yielded_at: None };
        drop(slot);
        report(which, &comparison);
        Ok(comparison)
    }

    /// Compares a read model with what the log tells, from the first event. What serves is left as it is.
    ///
    /// # Errors
    /// As [`Self::rebuild`].
    pub async fn compare(&self, tenant: TenantId, name: &str, progress: Progress<'_>) -> Result<Comparison> {
        let model = self.model(name)?;
        let which = Which { tenant, projection: model.name() };
        let building = self.build(model, which, progress).await?;
        let slot = self.slot(which);
        let mut slot = slot.lock().await;
        self.bring_to(&mut slot, which, model, building.position()).await;
        building.compare_only().await
    }

    /// A generation folded up to the head; nothing is left of one that meets a bad event.
    async fn build(
        &self,
        model: &Arc<dyn ReadModel>,
        which: Which,
        progress: Progress<'_>,
    ) -> Result<Building<'_>> {
        let mut building = Building::begin(&self.engine, Arc::clone(model), which).await?;
        match building.fill(progress).await {
            Ok(()) => Ok(building),
            Err(error) => {
                building.abandon().await?;
                Err(error)
            }
        }
    }

    async fn version_served(&self, which: Which) -> Result<Option<u32>> {
        let serving = checkpoint::serving(&mut self.engine.db.read(which.tenant).await?, which).await?;
        Ok(serving.map(|row| row.fold_version))
    }

    /// Brings what serves to a position, if it can: only at the same position can rows be compared.
    async fn bring_to(&self, slot: &mut Slot, which: Which, model: &Arc<dyn ReadModel>, position: Position) {
        // Rows of another version, or none, are not compared.
        match self.version_served(which).await {
            Ok(Some(version)) if version == model.version() => {}
            Ok(_) | Err(_) => return,
        }
        let mut worker = match slot.worker.take() {
            Some(worker) => worker,
            None => match checkpoint::take_seat(&self.engine.db, which, model.version(), self.engine.node())
                .await
            {
                Ok(seat) => Worker::new(seat),
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
            None => Worker::new(
                checkpoint::take_seat(&self.engine.db, which, model.version(), self.engine.node()).await?,
            ),
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

    /// Every row of a read model in service, as text and in order: equal folds give equal lines.
    ///
    /// # Errors
    /// When there is no such read model, or the database fails.
    pub async fn dump(&self, tenant: TenantId, name: &str) -> Result<Vec<String>> {
        let model = self.model(name)?;
        let mut view = self.view(tenant, model.name()).await?;
        let mut lines = Vec::new();
        for table in model.tables() {
            lines.extend(table.dump(&mut view.session, tenant, view.generation).await?);
        }
        Ok(lines)
    }

    async fn view(&self, tenant: TenantId, projection: &'static str) -> Result<View> {
        View::open(&self.engine, Which { tenant, projection }).await
    }
}

/// Tells of rows that served and should not have, and of those that should have.
fn report(which: Which, comparison: &Comparison) {
    let differences = comparison.differences();
    let counter = metrics::counter!("waymark_projection_differences_total", "projection" => which.projection);
    counter.increment(differences);
    for table in &comparison.differing {
        tracing::error!(tenant = %which.tenant, projection = which.projection, table = table.table,
            only_served = table.only_served, only_rebuilt = table.only_rebuilt, keys = table.keys.join(" "),
            "what served was not what the log tells; the rebuilt rows serve");
    }
}

fn measure(engine: &Engine, which: Which, position: Position, taken: usize) {
    metrics::counter!("waymark_projection_events_total", "projection" => which.projection)
        .increment(taken as u64);
    metrics::gauge!("waymark_projection_position", "projection" => which.projection).set(position as f64);
    metrics::gauge!("waymark_projection_lag", "projection" => which.projection).set(engine.lag(which) as f64);
}

/// The questions. Each answers from one consistent view, and says how far that had come.
impl Projections {
    /// A customer as it is now, if it is seen. `stage_name(pipeline, stage)` says what a stage is called.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn customer(
        &self,
        tenant: TenantId,
        id: Uuid,
        sight: &Sight,
        now: DateTime<Utc>,
        stage_name: &(dyn Fn(&str, &str) -> Option<String> + Sync),
    ) -> Result<(Option<CustomerReport>, Position)> {
        let mut view = self.view(tenant, board::NAME).await?;
        let customer = board::customer(&mut view, id, sight, now, stage_name).await?;
        let position = view.position;
        let Some(mut customer) = customer else { return Ok((None, position)) };
        view.turn_to(work::NAME).await?;
        let ends = work::reclaim_at(&mut view, id).await?;
        customer.remaining_ownership_seconds =
            ends.map(|ends| (ends - now).max(TimeDelta::zero()).num_milliseconds() as f64 / 1_000.0);
        Ok((Some(customer), position))
    }

    /// Who may be the same as a customer, the surest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn suspects(
        &self,
        tenant: TenantId,
        id: Uuid,
        limit: usize,
        sight: &Sight,
    ) -> Result<SuspectsReport> {
        let mut view = self.view(tenant, board::NAME).await?;
        board::suspects(&mut view, id, limit, sight).await
    }

    /// A page of the tenant's queue of suspects: who may have been registered twice.
    ///
    /// # Errors
    /// [`ProjectionError::BadCursor`], or when the database fails.
    pub async fn suspect_queue(
        &self,
        tenant: TenantId,
        query: &SuspectQuery,
        sight: &Sight,
    ) -> Result<SuspectQueue> {
        let mut view = self.view(tenant, board::NAME).await?;
        board::queue(&mut view, query, sight).await
    }

    /// A page of customers, in the order of their registration.
    ///
    /// # Errors
    /// [`ProjectionError::BadCursor`], or when the database fails.
    pub async fn customers(
        &self,
        tenant: TenantId,
        filter: &CustomerFilter,
        cursor: Option<&str>,
        limit: u32,
        now: DateTime<Utc>,
        stage_name: &(dyn Fn(&str, &str) -> Option<String> + Sync),
    ) -> Result<(CustomerList, Position)> {
        let mut view = self.view(tenant, board::NAME).await?;
        let list = board::customers(&mut view, filter, cursor, limit, now, stage_name).await?;
        Ok((list, view.position))
    }

    /// How many customers each pool holds that are seen, by the pool's key. Its customers are those of [`Self::customers`] with
    /// the pool as owner.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn pools(&self, tenant: TenantId, sight: &Sight) -> Result<(BTreeMap<String, u64>, Position)> {
        let mut view = self.view(tenant, board::NAME).await?;
        Ok((board::pools(&mut view, sight).await?, view.position))
    }

    /// The requests for moves after a position, oldest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn approvals(
        &self,
        tenant: TenantId,
        filter: &ApprovalFilter,
        after: Position,
        limit: u32,
    ) -> Result<(Vec<ApprovalReport>, Position)> {
        let mut view = self.view(tenant, board::NAME).await?;
        Ok((board::approvals(&mut view, filter, after, limit).await?, view.position))
    }

    /// The requests that nobody settled in time, each with its customer.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn approvals_due(
        &self,
        tenant: TenantId,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<Vec<(Uuid, Uuid)>> {
        let mut view = self.view(tenant, board::NAME).await?;
        board::due(&mut view, now, limit).await
    }

    /// Who stands in each stage of a pipeline, or stood there in a cycle that has not ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn occupants(
        &self,
        tenant: TenantId,
        pipeline: &Pipeline,
    ) -> Result<(BTreeMap<String, Occupants>, Position)> {
        let mut view = self.view(tenant, dwell::NAME).await?;
        Ok((dwell::occupants(&mut view, pipeline).await?, view.position))
    }

    /// The customers of a pipeline, counted by stage and by the version that the stage is of.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn groups(
        &self,
        tenant: TenantId,
        pipeline: &str,
        sight: &Sight,
    ) -> Result<(Vec<Group>, Position)> {
        let mut view = self.view(tenant, board::NAME).await?;
        Ok((board::groups(&mut view, pipeline, sight).await?, view.position))
    }

    /// The customers of such a group after one of them, at most `limit`, in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of_group(
        &self,
        tenant: TenantId,
        pipeline: &str,
        group: &Group,
        after: Uuid,
        limit: u32,
        sight: &Sight,
    ) -> Result<Vec<Uuid>> {
        let mut view = self.view(tenant, board::NAME).await?;
        board::of_group(&mut view, pipeline, group, after, limit, sight).await
    }

    /// The customers that a rep owns, each with where it stands.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn held(&self, tenant: TenantId, rep: &str) -> Result<Vec<Held>> {
        let mut view = self.view(tenant, board::NAME).await?;
        board::held(&mut view, rep).await
    }

    /// The board of a pipeline. `stage_name(stage)` says what a stage is called.
    ///
    /// # Errors
    /// [`ProjectionError::BadCursor`], or when the database fails.
    pub async fn board(
        &self,
        tenant: TenantId,
        pipeline: &Pipeline,
        query: &BoardQuery,
        stage_name: &(dyn Fn(&str) -> Option<String> + Sync),
    ) -> Result<BoardReport> {
        let mut view = self.view(tenant, board::NAME).await?;
        board::board(&mut view, pipeline, query, stage_name).await
    }

    /// A page of a customer's timeline.
    ///
    /// # Errors
    /// [`ProjectionError::BadCursor`], or when the log or the database fails.
    pub async fn timeline(&self, tenant: TenantId, query: &TimelineQuery) -> Result<TimelineReport> {
        let mut view = self.view(tenant, timeline::NAME).await?;
        timeline::timeline(&mut view, &*self.engine.store, &self.engine.vault, query).await
    }

    /// The stays of a customer.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stays(&self, tenant: TenantId, customer: Uuid, at: &At) -> Result<StaysReport> {
        let mut view = self.view(tenant, dwell::NAME).await?;
        dwell::stays(&mut view, customer, at).await
    }

    /// Dwell time by stage. What a stage means is told by the version that a stay is of.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn dwell(
        &self,
        tenant: TenantId,
        pipeline: &Pipeline,
        versions: &Versions,
        query: &DwellQuery,
    ) -> Result<DwellReport> {
        let mut view = self.view(tenant, dwell::NAME).await?;
        dwell::dwell(&mut view, pipeline, versions, query).await
    }

    /// The flows of the journeys that began in a window (all, without one).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn flows(
        &self,
        tenant: TenantId,
        pipeline: &Pipeline,
        versions: &Versions,
        at: &At,
        window: &Window,
        filter: &Filter,
    ) -> Result<FlowsReport> {
        let mut view = self.view(tenant, dwell::NAME).await?;
        dwell::flows(&mut view, pipeline, versions, at, window, filter).await
    }

    /// The paths of the journeys that began in a window (all, without one), at most `limit` of them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn paths(
        &self,
        tenant: TenantId,
        pipeline: &Pipeline,
        versions: &Versions,
        query: &PathsQuery,
    ) -> Result<PathsReport> {
        let mut view = self.view(tenant, dwell::NAME).await?;
        dwell::paths(&mut view, pipeline, versions, query).await
    }

    /// Records of moves by weekday and hour.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn heatmap(
        &self,
        tenant: TenantId,
        pipeline: &str,
        query: &HeatmapQuery,
    ) -> Result<HeatmapReport> {
        let mut view = self.view(tenant, dwell::NAME).await?;
        dwell::heatmap(&mut view, pipeline, query).await
    }

    /// How many journeys stood in each stage at an instant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn standing(
        &self,
        tenant: TenantId,
        pipeline: &Pipeline,
        at: &At,
        filter: &Filter,
    ) -> Result<StandingReport> {
        let mut view = self.view(tenant, dwell::NAME).await?;
        dwell::standing(&mut view, pipeline, at, filter).await
    }
}

/// The reports, each of several read models as of one moment.
impl Projections {
    /// How many come from stage to stage.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn funnel(
        &self,
        tenant: TenantId,
        pipeline: &Definition,
        query: &FunnelQuery,
    ) -> Result<FunnelReport> {
        let mut view = self.view(tenant, dwell::NAME).await?;
        reports::funnels::funnel(&mut view, pipeline, query).await
    }

    /// How long after the fact people record a pipeline's changes.
    ///
    /// # Errors
    /// [`ProjectionError::BadCursor`], or when the database fails.
    pub async fn latency(
        &self,
        tenant: TenantId,
        pipeline: &Definition,
        query: &LatencyQuery,
    ) -> Result<LatencyReport> {
        let mut view = self.view(tenant, dwell::NAME).await?;
        reports::latency::latency(&mut view, pipeline, query).await
    }

    /// How well the record of a pipeline is kept. `others` are the tenant's other pipelines.
    ///
    /// # Errors
    /// [`ProjectionError::BadCursor`], or when the database fails.
    pub async fn quality(
        &self,
        tenant: TenantId,
        pipeline: &Definition,
        others: &[Definition],
        query: &QualityQuery,
    ) -> Result<QualityReport> {
        let mut view = self.view(tenant, dwell::NAME).await?;
        reports::quality::quality(&mut view, pipeline, others, query).await
    }

    /// A pilot of a pipeline beside everybody else.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn pilot(
        &self,
        tenant: TenantId,
        pipeline: &Definition,
        query: &PilotQuery,
    ) -> Result<PilotComparison> {
        let mut view = self.view(tenant, dwell::NAME).await?;
        reports::pilots::pilot(&mut view, pipeline, query).await
    }

    /// What each rep does in these pipelines, and what comes of it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reps(
        &self,
        tenant: TenantId,
        pipelines: &[Definition],
        query: &RepsQuery,
    ) -> Result<RepsReport> {
        let mut view = self.view(tenant, dwell::NAME).await?;
        reports::reps::reps(&mut view, pipelines, query).await
    }
}

/// The questions about what is to be done.
impl Projections {
    /// What rules may be due, the earliest first, after one of them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn due(
        &self,
        tenant: TenantId,
        now: DateTime<Utc>,
        after: Option<&DueRule>,
        limit: u32,
    ) -> Result<Vec<DueRule>> {
        let mut view = self.view(tenant, work::NAME).await?;
        work::due(&mut view, now, after, limit).await
    }

    /// What is due in a journey until an instant: how much of each rule, and the first of it.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn due_in(
        &self,
        tenant: TenantId,
        journey: &str,
        until: DateTime<Utc>,
        limit: u32,
        sight: &Sight,
    ) -> Result<(BTreeMap<String, u64>, Vec<DueRule>, Position)> {
        let mut view = self.view(tenant, work::NAME).await?;
        let (counts, due) = work::due_in(&mut view, journey, until, limit, sight).await?;
        Ok((counts, due, view.position))
    }

    /// When something is due next, after an instant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_due(&self, tenant: TenantId, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
        let mut view = self.view(tenant, work::NAME).await?;
        work::next_due(&mut view, now).await
    }

    /// A receiver of how far this process has folded what is to be done.
    pub fn work_progress(&self, tenant: TenantId) -> watch::Receiver<Position> {
        self.engine.progress(Which { tenant, projection: work::NAME })
    }

    /// Tasks in the order in which they are due, after one of them.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn tasks(
        &self,
        tenant: TenantId,
        filter: &TaskFilter,
        after: Option<(DateTime<Utc>, Uuid)>,
        now: DateTime<Utc>,
        limit: u32,
    ) -> Result<(Vec<TaskReport>, Position)> {
        let mut view = self.view(tenant, work::NAME).await?;
        let mut items = work::tasks(&mut view, filter, after, now, limit).await?;
        let position = view.position;
        let ids: Vec<Uuid> = items.iter().map(|item| item.customer_id).collect();
        let names = work::names(&mut view, &ids).await?;
        for item in &mut items {
            item.customer_name = names.get(&item.customer_id).cloned();
        }
        Ok((items, position))
    }

    /// Reminders, the newest first.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reminders(
        &self,
        tenant: TenantId,
        inbox: &Inbox,
        limit: u32,
    ) -> Result<(Vec<ReminderReport>, Position)> {
        let mut view = self.view(tenant, work::NAME).await?;
        let mut items = work::reminders(&mut view, inbox, limit).await?;
        let position = view.position;
        work::name(&mut view, &mut items).await?;
        Ok((items, position))
    }

    /// Reminders after a position, in the order of the log, and how far the read model has come: what is told of an event
    /// is told whole from there on.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn reminders_after(
        &self,
        tenant: TenantId,
        after: Position,
        limit: u32,
    ) -> Result<(Vec<ReminderReport>, Position)> {
        let mut view = self.view(tenant, work::NAME).await?;
        let mut items = work::reminders_after(&mut view, after, limit).await?;
        let position = view.position;
        work::name(&mut view, &mut items).await?;
        Ok((items, position))
    }

    /// What each rule of a journey has done and will do, and the last refusals.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn rules(
        &self,
        tenant: TenantId,
        journey: &str,
        skips: u32,
        sight: &Sight,
    ) -> Result<(BTreeMap<String, RuleReport>, Vec<SkipReport>, Position)> {
        let mut view = self.view(tenant, work::NAME).await?;
        let rules = work::rules(&mut view, journey, sight).await?;
        let skipped = work::skips(&mut view, journey, skips, sight).await?;
        Ok((rules, skipped, view.position))
    }

    /// Customers to be contacted, page by page, and how many there are on all pages.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn contacts(
        &self,
        tenant: TenantId,
        expecting: &Expecting,
        after: Option<&Place>,
        limit: u32,
    ) -> Result<WorkPage> {
        let mut view = self.view(tenant, work::NAME).await?;
        let total = work::contacts_counted(&mut view, expecting).await?;
        let found = work::contacts(&mut view, expecting, after, limit.saturating_add(1)).await?;
        WorkPage::of(&mut view, found, limit, total).await
    }

    /// Customers who have stood for long in any of some stages, page by page, the longest first, and how many there are on
    /// all pages. Each stage is asked for as many as the page has room for, so none is left out, however many there are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn long_standing(
        &self,
        tenant: TenantId,
        stages: &[StandingFilter],
        after: Option<&Place>,
        limit: u32,
    ) -> Result<WorkPage> {
        let mut view = self.view(tenant, work::NAME).await?;
        let (mut found, mut total) = (Vec::new(), 0);
        for stage in stages {
            total += work::standing_counted(&mut view, stage).await?;
            found.extend(work::standing(&mut view, stage, after, limit.saturating_add(1)).await?);
        }
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        WorkPage::of(&mut view, found, limit, total).await
    }
}

/// A page of a list of work.
#[derive(Debug)]
pub struct WorkPage {
    /// Who is on it.
    pub items: Vec<WaitingReport>,
    /// The place of the last one, where more follow.
    pub next: Option<Place>,
    /// How many there are on all pages.
    pub total: u64,
    /// How far the read model had come.
    pub position: Position,
}

impl WorkPage {
    async fn of(
        view: &mut View,
        mut found: Vec<(Place, WaitingReport)>,
        limit: u32,
        total: u64,
    ) -> Result<Self> {
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next = found.last().filter(|_| more).map(|(place, _)| place.clone());
        let position = view.position;
        let items = named(view, found.into_iter().map(|(_, item)| item).collect()).await?;
        Ok(Self { items, next, total, position })
    }
}

async fn named(view: &mut View, mut items: Vec<WaitingReport>) -> Result<Vec<WaitingReport>> {
    let ids: Vec<Uuid> = items.iter().map(|item| item.customer_id).collect();
    let names = work::names(view, &ids).await?;
    for item in &mut items {
        item.customer_name = names.get(&item.customer_id).cloned();
    }
    Ok(items)
}
