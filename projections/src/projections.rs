//! The read models as the service sees them: kept up, waited for, looked after, and asked.

use std::collections::{BTreeMap, HashMap};
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::{Mutex as AsyncMutex, watch};
use uuid::Uuid;
use waymark_domain::Pipeline;
use waymark_domain::people::Visibility;
use waymark_domain::pipeline::version::{StageOccupancy, Versions};
use waymark_eventstore::vault::Vault;
use waymark_eventstore::{EventStore, Position, TenantId};

use crate::db::{Commit, Db};
use crate::error::{ProjectionError, Result};
use crate::models::board::{
    self, ApprovalFilter, ApprovalReport, BoardQuery, BoardReport, CustomerFilter, CustomerList,
    CustomerReport, OwnedCustomer, StageGroup, SuspectQuery, SuspectQueue, SuspectsReport,
};
use crate::models::dwell::{
    self, DwellQuery, DwellReport, FlowsReport, HeatmapQuery, HeatmapReport, PathsQuery, PathsReport,
    StandingReport, StaysReport, Window,
};
use crate::models::read_model::ReadModel;
use crate::models::registry;
use crate::models::timeline::{self, TimelineQuery, TimelineReport};
use crate::models::work::{
    self, ContactFilter, DueRule, ReminderFilter, ReminderReport, RuleReport, SkipReport, StageAgeFilter,
    TaskFilter, TaskReport, WaitingReport, WorkCursor,
};
use crate::query::{AsOf, CohortFilter, Snapshot};
use crate::reports::{
    self,
    funnels::{FunnelQuery, FunnelReport},
    latency::{LatencyQuery, LatencyReport},
    pilots::{PilotComparison, PilotQuery},
    quality::{Definition, QualityQuery, QualityReport},
    reps::{RepsQuery, RepsReport},
};
use crate::runtime::nodes::{Node, Nodes};
use crate::runtime::projector::Engine;
use crate::runtime::rebuild;
use crate::runtime::supervisor::Slot;
use crate::storage::checkpoint::{self, ProjectionId};
use crate::storage::schema;

/// Connections to PostgreSQL for the read models, of projectors and of readers together.
const CONNECTIONS: u32 = 16;
/// All read models.
pub struct Projections {
    pub(crate) engine: Arc<Engine>,
    pub(crate) models: [Arc<dyn ReadModel>; 4],
    pub(crate) slots: Mutex<HashMap<ProjectionId, Arc<AsyncMutex<Slot>>>>,
    pub(crate) paused: Mutex<HashMap<ProjectionId, String>>,
    /// Whether nothing that was folded from another log is left.
    is_own: AtomicBool,
}

impl Projections {
    /// Opens the read models in a database file of their own, making the tables that are missing. What was folded
    /// from another log than this one is dropped: it will be folded from the beginning.
    ///
    /// Whether the service starts is decided by the log alone: a damaged file is put aside, and one that cannot be opened
    /// is tried again whenever somebody asks.
    ///
    /// # Errors
    /// Errors of the log.
    pub async fn open(path: &Path, store: Arc<dyn EventStore>, vault: Arc<Vault>) -> Result<Arc<Self>> {
        let db = Db::derived(path, schema::derived());
        let projections = Self::over(Engine::new(db, store, vault, None), false);
        match projections.drop_foreign().await {
            Err(error @ ProjectionError::Store(_)) => Err(error),
            Err(error) => {
                tracing::error!(%error, path = %path.display(), "the read models cannot be opened yet");
                Ok(projections)
            }
            Ok(()) => Ok(projections),
        }
    }

    /// Drops what was folded from another log, once. Nothing is answered before.
    pub(crate) async fn drop_foreign(&self) -> Result<()> {
        if self.is_own.load(Ordering::Acquire) {
            return Ok(());
        }
        loop {
            match self.drop_foreign_once().await {
                // Put aside, and looked at again: the file in its place holds nothing.
                Err(ProjectionError::Damaged(_)) => {}
                other => return other,
            }
        }
    }

    async fn drop_foreign_once(&self) -> Result<()> {
        for tenant in checkpoint::tenants(&self.engine.db).await? {
            for model in &self.models {
                let id = ProjectionId { tenant, projection: model.name() };
                rebuild::drop_foreign(&self.engine, &**model, id).await?;
            }
        }
        self.is_own.store(true, Ordering::Release);
        Ok(())
    }

    fn over(engine: Engine, is_own: bool) -> Arc<Self> {
        Arc::new(Self {
            engine: Arc::new(engine),
            models: registry::all(),
            slots: Mutex::default(),
            paused: Mutex::default(),
            is_own: AtomicBool::new(is_own),
        })
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
        let models = registry::all();
        let fold_version_sum = models.iter().map(|model| i64::from(model.version())).sum();
        Ok(Self::over(Engine::new(db, store, vault, Some(Nodes::new(node, fold_version_sum))), true))
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

    pub(crate) fn engine(&self) -> &Arc<Engine> {
        &self.engine
    }

    pub(crate) fn models(&self) -> [Arc<dyn ReadModel>; 4] {
        self.models.clone()
    }

    pub(crate) fn model(&self, name: &str) -> Result<&Arc<dyn ReadModel>> {
        let found = self.models.iter().find(|model| model.name() == name);
        found.ok_or_else(|| ProjectionError::UnknownProjection(name.to_owned()))
    }

    pub(crate) fn slot(&self, id: ProjectionId) -> Arc<AsyncMutex<Slot>> {
        let mut slots = self.slots.lock().unwrap_or_else(PoisonError::into_inner);
        Arc::clone(slots.entry(id).or_default())
    }

    /// Every row of a read model in service, as text and in order: equal folds give equal lines.
    ///
    /// # Errors
    /// When there is no such read model, or the database fails.
    pub async fn dump(&self, tenant: TenantId, name: &str) -> Result<Vec<String>> {
        let model = self.model(name)?;
        let mut snapshot = self.snapshot(tenant, model.name()).await?;
        let mut lines = Vec::new();
        for table in model.tables() {
            lines.extend(table.dump(&mut snapshot.transaction, tenant, snapshot.generation).await?);
        }
        Ok(lines)
    }
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
        visibility: &Visibility,
        now: DateTime<Utc>,
        stage_name: &(dyn Fn(&str, &str) -> Option<String> + Sync),
    ) -> Result<(Option<CustomerReport>, Position)> {
        let mut snapshot = self.snapshot(tenant, board::NAME).await?;
        let customer = board::customer(&mut snapshot, id, visibility, now, stage_name).await?;
        let position = snapshot.position;
        let Some(mut customer) = customer else { return Ok((None, position)) };
        snapshot.switch_model(work::NAME).await?;
        let ends = work::reclaim_at(&mut snapshot, id).await?;
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
        visibility: &Visibility,
    ) -> Result<SuspectsReport> {
        let mut snapshot = self.snapshot(tenant, board::NAME).await?;
        board::suspects(&mut snapshot, id, limit, visibility).await
    }

    /// A page of the tenant's queue of suspects: who may have been registered twice.
    ///
    /// # Errors
    /// [`ProjectionError::BadCursor`], or when the database fails.
    pub async fn suspect_queue(
        &self,
        tenant: TenantId,
        query: &SuspectQuery,
        visibility: &Visibility,
    ) -> Result<SuspectQueue> {
        let mut snapshot = self.snapshot(tenant, board::NAME).await?;
        board::queue(&mut snapshot, query, visibility).await
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
        let mut snapshot = self.snapshot(tenant, board::NAME).await?;
        let list = board::customers(&mut snapshot, filter, cursor, limit, now, stage_name).await?;
        Ok((list, snapshot.position))
    }

    /// How many customers each pool holds that are seen, by the pool's key. Its customers are those of [`Self::customers`] with
    /// the pool as owner.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn pools(
        &self,
        tenant: TenantId,
        visibility: &Visibility,
    ) -> Result<(BTreeMap<String, u64>, Position)> {
        let mut snapshot = self.snapshot(tenant, board::NAME).await?;
        Ok((board::pools(&mut snapshot, visibility).await?, snapshot.position))
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
        let mut snapshot = self.snapshot(tenant, board::NAME).await?;
        Ok((board::approvals(&mut snapshot, filter, after, limit).await?, snapshot.position))
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
        let mut snapshot = self.snapshot(tenant, board::NAME).await?;
        board::due(&mut snapshot, now, limit).await
    }

    /// Who stands in each stage of a pipeline, or stood there in a cycle that has not ended.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn occupants(
        &self,
        tenant: TenantId,
        pipeline: &Pipeline,
    ) -> Result<(BTreeMap<String, StageOccupancy>, Position)> {
        let mut snapshot = self.snapshot(tenant, dwell::NAME).await?;
        Ok((dwell::occupants(&mut snapshot, pipeline).await?, snapshot.position))
    }

    /// The customers of a pipeline, counted by stage and by the version that the stage is of.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn groups(
        &self,
        tenant: TenantId,
        pipeline: &str,
        visibility: &Visibility,
    ) -> Result<(Vec<StageGroup>, Position)> {
        let mut snapshot = self.snapshot(tenant, board::NAME).await?;
        Ok((board::groups(&mut snapshot, pipeline, visibility).await?, snapshot.position))
    }

    /// The customers of such a group after one of them, at most `limit`, in order.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn of_group(
        &self,
        tenant: TenantId,
        pipeline: &str,
        group: &StageGroup,
        after: Uuid,
        limit: u32,
        visibility: &Visibility,
    ) -> Result<Vec<Uuid>> {
        let mut snapshot = self.snapshot(tenant, board::NAME).await?;
        board::of_group(&mut snapshot, pipeline, group, after, limit, visibility).await
    }

    /// The customers that a rep owns, each with where it stands.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn held(&self, tenant: TenantId, rep: &str) -> Result<Vec<OwnedCustomer>> {
        let mut snapshot = self.snapshot(tenant, board::NAME).await?;
        board::held(&mut snapshot, rep).await
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
        let mut snapshot = self.snapshot(tenant, board::NAME).await?;
        board::board(&mut snapshot, pipeline, query, stage_name).await
    }

    /// A page of a customer's timeline.
    ///
    /// # Errors
    /// [`ProjectionError::BadCursor`], or when the log or the database fails.
    pub async fn timeline(&self, tenant: TenantId, query: &TimelineQuery) -> Result<TimelineReport> {
        let mut snapshot = self.snapshot(tenant, timeline::NAME).await?;
        timeline::timeline(&mut snapshot, &*self.engine.store, &self.engine.vault, query).await
    }

    /// The stays of a customer.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn stays(&self, tenant: TenantId, customer: Uuid, at: &AsOf) -> Result<StaysReport> {
        let mut snapshot = self.snapshot(tenant, dwell::NAME).await?;
        dwell::stays(&mut snapshot, customer, at).await
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
        let mut snapshot = self.snapshot(tenant, dwell::NAME).await?;
        dwell::dwell(&mut snapshot, pipeline, versions, query).await
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
        at: &AsOf,
        window: &Window,
        filter: &CohortFilter,
    ) -> Result<FlowsReport> {
        let mut snapshot = self.snapshot(tenant, dwell::NAME).await?;
        dwell::flows(&mut snapshot, pipeline, versions, at, window, filter).await
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
        let mut snapshot = self.snapshot(tenant, dwell::NAME).await?;
        dwell::paths(&mut snapshot, pipeline, versions, query).await
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
        let mut snapshot = self.snapshot(tenant, dwell::NAME).await?;
        dwell::heatmap(&mut snapshot, pipeline, query).await
    }

    /// How many journeys stood in each stage at an instant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn standing(
        &self,
        tenant: TenantId,
        pipeline: &Pipeline,
        at: &AsOf,
        filter: &CohortFilter,
    ) -> Result<StandingReport> {
        let mut snapshot = self.snapshot(tenant, dwell::NAME).await?;
        dwell::standing(&mut snapshot, pipeline, at, filter).await
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
        let mut snapshot = self.snapshot(tenant, dwell::NAME).await?;
        reports::funnels::funnel(&mut snapshot, pipeline, query).await
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
        let mut snapshot = self.snapshot(tenant, dwell::NAME).await?;
        reports::latency::latency(&mut snapshot, pipeline, query).await
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
        let mut snapshot = self.snapshot(tenant, dwell::NAME).await?;
        reports::quality::quality(&mut snapshot, pipeline, others, query).await
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
        let mut snapshot = self.snapshot(tenant, dwell::NAME).await?;
        reports::pilots::pilot(&mut snapshot, pipeline, query).await
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
        let mut snapshot = self.snapshot(tenant, dwell::NAME).await?;
        reports::reps::reps(&mut snapshot, pipelines, query).await
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
        let mut snapshot = self.snapshot(tenant, work::NAME).await?;
        work::due(&mut snapshot, now, after, limit).await
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
        visibility: &Visibility,
    ) -> Result<(BTreeMap<String, u64>, Vec<DueRule>, Position)> {
        let mut snapshot = self.snapshot(tenant, work::NAME).await?;
        let (counts, due) = work::due_in(&mut snapshot, journey, until, limit, visibility).await?;
        Ok((counts, due, snapshot.position))
    }

    /// When something is due next, after an instant.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn next_due(&self, tenant: TenantId, now: DateTime<Utc>) -> Result<Option<DateTime<Utc>>> {
        let mut snapshot = self.snapshot(tenant, work::NAME).await?;
        work::next_due(&mut snapshot, now).await
    }

    /// A receiver of how far this process has folded what is to be done.
    pub fn work_progress(&self, tenant: TenantId) -> watch::Receiver<Position> {
        self.engine.progress(ProjectionId { tenant, projection: work::NAME })
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
        let mut snapshot = self.snapshot(tenant, work::NAME).await?;
        let mut items = work::tasks(&mut snapshot, filter, after, now, limit).await?;
        let position = snapshot.position;
        let ids: Vec<Uuid> = items.iter().map(|item| item.customer_id).collect();
        let names = work::names(&mut snapshot, &ids).await?;
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
        inbox: &ReminderFilter,
        limit: u32,
    ) -> Result<(Vec<ReminderReport>, Position)> {
        let mut snapshot = self.snapshot(tenant, work::NAME).await?;
        let mut items = work::reminders(&mut snapshot, inbox, limit).await?;
        let position = snapshot.position;
        work::name(&mut snapshot, &mut items).await?;
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
        let mut snapshot = self.snapshot(tenant, work::NAME).await?;
        let mut items = work::reminders_after(&mut snapshot, after, limit).await?;
        let position = snapshot.position;
        work::name(&mut snapshot, &mut items).await?;
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
        visibility: &Visibility,
    ) -> Result<(BTreeMap<String, RuleReport>, Vec<SkipReport>, Position)> {
        let mut snapshot = self.snapshot(tenant, work::NAME).await?;
        let rules = work::rules(&mut snapshot, journey, visibility).await?;
        let skipped = work::skips(&mut snapshot, journey, skips, visibility).await?;
        Ok((rules, skipped, snapshot.position))
    }

    /// Customers to be contacted, page by page, and how many there are on all pages.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn contacts(
        &self,
        tenant: TenantId,
        expecting: &ContactFilter,
        after: Option<&WorkCursor>,
        limit: u32,
    ) -> Result<WorkPage> {
        let mut snapshot = self.snapshot(tenant, work::NAME).await?;
        let total = work::contacts_counted(&mut snapshot, expecting).await?;
        let found = work::contacts(&mut snapshot, expecting, after, limit.saturating_add(1)).await?;
        WorkPage::of(&mut snapshot, found, limit, total).await
    }

    /// Customers who have stood for long in any of some stages, page by page, the longest first, and how many there are on
    /// all pages. Each stage is asked for as many as the page has room for, so none is left out, however many there are.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn long_standing(
        &self,
        tenant: TenantId,
        stages: &[StageAgeFilter],
        after: Option<&WorkCursor>,
        limit: u32,
    ) -> Result<WorkPage> {
        let mut snapshot = self.snapshot(tenant, work::NAME).await?;
        let (mut found, mut total) = (Vec::new(), 0);
        for stage in stages {
            total += work::standing_counted(&mut snapshot, stage).await?;
            found.extend(work::standing(&mut snapshot, stage, after, limit.saturating_add(1)).await?);
        }
        found.sort_by(|(one, _), (other, _)| one.cmp(other));
        WorkPage::of(&mut snapshot, found, limit, total).await
    }
}

/// A page of a list of work.
#[derive(Debug)]
pub struct WorkPage {
    /// Who is on it.
    pub items: Vec<WaitingReport>,
    /// The place of the last one, where more follow.
    pub next: Option<WorkCursor>,
    /// How many there are on all pages.
    pub total: u64,
    /// How far the read model had come.
    pub position: Position,
}

impl WorkPage {
    async fn of(
        snapshot: &mut Snapshot,
        mut found: Vec<(WorkCursor, WaitingReport)>,
        limit: u32,
        total: u64,
    ) -> Result<Self> {
        let more = found.len() > limit as usize;
        found.truncate(limit as usize);
        let next = found.last().filter(|_| more).map(|(place, _)| place.clone());
        let position = snapshot.position;
        let items = named(snapshot, found.into_iter().map(|(_, item)| item).collect()).await?;
        Ok(Self { items, next, total, position })
    }
}

async fn named(snapshot: &mut Snapshot, mut items: Vec<WaitingReport>) -> Result<Vec<WaitingReport>> {
    let ids: Vec<Uuid> = items.iter().map(|item| item.customer_id).collect();
    let names = work::names(snapshot, &ids).await?;
    for item in &mut items {
        item.customer_name = names.get(&item.customer_id).cloned();
    }
    Ok(items)
}
