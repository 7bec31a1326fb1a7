//! The read models as the service sees them: opened, kept up to date, and read as of one moment.
//!
//! What keeps them up to date is in [`crate::runtime`], which adds its methods to [`Projections`].

use std::collections::{BTreeSet, HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use parking_lot::Mutex;
use tokio::sync::Mutex as AsyncMutex;
use waymark_eventstore::vault::Vault;
use waymark_eventstore::{EventStore, News, TenantId};

use crate::db::{Commit, Db};
use crate::error::{ProjectionError, Result};
use crate::models::read_model::ReadModel;
use crate::models::registry;
use crate::models::{board, dwell, timeline, work};
use crate::reports::ReportSnapshot;
use crate::runtime::nodes::{Duty, Node, Nodes};
use crate::runtime::projector::Engine;
use crate::runtime::rebuild;
use crate::runtime::slot::Slot;
use crate::storage::checkpoint::ProjectionId;
use crate::storage::schema;

/// Connections to PostgreSQL for the read models, of projectors and of readers together.
const CONNECTIONS: u32 = 16;
/// All read models.
pub struct Projections {
    pub(crate) engine: Arc<Engine>,
    pub(crate) models: [Arc<dyn ReadModel>; 4],
    pub(crate) slots: Mutex<HashMap<ProjectionId, Arc<AsyncMutex<Slot>>>>,
    pub(crate) paused: Mutex<HashMap<ProjectionId, String>>,
    /// What had folded all of its log when all tenants were looked at, and had no turn since.
    pub(crate) resting: Mutex<HashSet<ProjectionId>>,
    /// Whether nothing that was folded from another log is left.
    is_own: AtomicBool,
    /// Who lives in another database, and a number that changes with that.
    elsewhere: Mutex<(u64, HashSet<TenantId>)>,
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
        let (ends, rows) = self.look_at_all().await?;
        // What ends with the last entry of this log was folded from it; of all else the entry is looked at.
        let other = rows.iter().filter(|row| row.checkpoint.position > 0 && !row.ends_with(&ends));
        for tenant in other.map(|row| row.tenant).collect::<BTreeSet<TenantId>>() {
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
            resting: Mutex::default(),
            is_own: AtomicBool::new(is_own),
            elsewhere: Mutex::default(),
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

    /// Whether a tenant is looked after by this process: each is by one of those on the same database.
    #[must_use]
    pub fn tends(&self, tenant: TenantId, duty: Duty) -> bool {
        self.is_here(tenant) && self.engine.nodes.as_ref().is_none_or(|nodes| nodes.tends(tenant, duty))
    }

    /// Another number whenever other tenants may be looked after by this process than before.
    #[must_use]
    pub fn assignment(&self) -> u64 {
        let nodes = self.engine.nodes.as_ref().map_or(0, Nodes::assignment);
        nodes ^ self.elsewhere.lock().0
    }

    /// These tenants live in another database, though this one may have their logs: they are looked after there alone.
    pub fn leave_to_others(&self, tenants: HashSet<TenantId>) {
        let mut elsewhere = self.elsewhere.lock();
        if elsewhere.1 != tenants {
            // Nodes change the lower bits of an assignment, and this the upper ones.
            *elsewhere = (elsewhere.0.wrapping_add(1 << 56), tenants);
        }
    }

    /// Whether a tenant lives in this database, as far as anybody said.
    #[must_use]
    pub fn is_here(&self, tenant: TenantId) -> bool {
        !self.elsewhere.lock().1.contains(&tenant)
    }

    /// Leaves a duty to the other processes on the same database.
    pub fn decline(&self, duty: Duty) {
        if let Some(nodes) = &self.engine.nodes {
            nodes.decline(duty);
        }
    }

    /// From now on these news have each tenant whose read model was folded on by this process.
    ///
    /// # Errors
    /// When there is no such read model.
    pub fn inform(&self, name: &str, news: &News) -> Result<()> {
        self.engine.inform(self.model(name)?.name(), news);
        Ok(())
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
        let mut slots = self.slots.lock();
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

/// The snapshots. Each is one consistent view, and every answer from it says how far the read model had come.
impl Projections {
    /// Customers, and the stage each of them is in.
    ///
    /// # Errors
    /// [`ProjectionError::NotServing`] while no rows tell what is in the log; when the database fails.
    pub async fn board(&self, tenant: TenantId) -> Result<board::BoardSnapshot> {
        Ok(board::BoardSnapshot(self.snapshot(tenant, board::NAME).await?))
    }

    /// The board of a pipeline, of which the present is kept in memory.
    ///
    /// # Errors
    /// As [`Self::board`].
    pub async fn pipeline_board(&self, tenant: TenantId, pipeline: &str) -> Result<board::PipelineSnapshot> {
        let kept = self.engine.card_cache.of(tenant, pipeline).lock_owned().await;
        Ok(board::PipelineSnapshot { kept, board: self.board(tenant).await? })
    }

    /// Customers as lists look for them, which is kept in memory.
    ///
    /// # Errors
    /// As [`Self::board`].
    pub async fn customer_list(&self, tenant: TenantId) -> Result<board::ListSnapshot> {
        let kept = self.engine.list_cache.of(tenant, "").lock_owned().await;
        Ok(board::ListSnapshot { kept, board: self.board(tenant).await? })
    }

    /// What happened to customers.
    ///
    /// # Errors
    /// As [`Self::board`].
    pub async fn timeline(&self, tenant: TenantId) -> Result<timeline::TimelineSnapshot> {
        Ok(timeline::TimelineSnapshot(self.snapshot(tenant, timeline::NAME).await?))
    }

    /// Transitions with both times, and the figures computed from them.
    ///
    /// # Errors
    /// As [`Self::board`].
    pub async fn dwell(&self, tenant: TenantId) -> Result<dwell::DwellSnapshot> {
        Ok(dwell::DwellSnapshot(self.snapshot(tenant, dwell::NAME).await?))
    }

    /// What must be done, by people and by automation rules.
    ///
    /// # Errors
    /// As [`Self::board`].
    pub async fn work(&self, tenant: TenantId) -> Result<work::WorkSnapshot> {
        Ok(work::WorkSnapshot(self.snapshot(tenant, work::NAME).await?))
    }

    /// Who stands in each stage as lists of work look for them, which is kept in memory.
    ///
    /// # Errors
    /// As [`Self::board`].
    pub async fn standings(&self, tenant: TenantId) -> Result<work::StandingSnapshot> {
        let kept = self.engine.standing_cache.of(tenant, "").lock_owned().await;
        Ok(work::StandingSnapshot { kept, work: self.work(tenant).await? })
    }

    /// The reports, each of several read models as of one moment.
    ///
    /// # Errors
    /// As [`Self::board`].
    pub async fn reports(&self, tenant: TenantId) -> Result<ReportSnapshot> {
        Ok(ReportSnapshot(self.snapshot(tenant, dwell::NAME).await?))
    }
}
