//! The published pipelines of every tenant, folded from the log.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::sync::RwLock;
use waymark_domain::pipeline::{Pipeline, PipelineEvent};
use waymark_eventstore::{Clock, EventStore, Position, Query, TenantId};

use super::AppError;

/// The tag that all pipeline events of a tenant carry beside their own pipeline's.
pub(super) const PIPELINES_TAG: &str = "pipelines";
/// How long another process's publication may go unnoticed.
const FRESH_FOR: TimeDelta = TimeDelta::seconds(1);
/// How many entries are read at a time.
const PAGE: u32 = 100;

/// The latest version of each pipeline, by key.
pub(crate) type Latest = Arc<BTreeMap<String, Arc<Pipeline>>>;

/// The published pipelines. Versions are immutable, so what was read once stays right.
pub struct Pipelines {
    store: Arc<dyn EventStore>,
    clock: Clock,
    tenants: RwLock<HashMap<TenantId, Known>>,
}

#[derive(Clone)]
struct Known {
    read_to: Position,
    read_at: DateTime<Utc>,
    latest: Latest,
    versions: Arc<BTreeMap<(String, u32), Arc<Pipeline>>>,
}

impl Pipelines {
    pub(super) fn new(store: Arc<dyn EventStore>, clock: Clock) -> Self {
        Self { store, clock, tenants: RwLock::new(HashMap::new()) }
    }

    /// The latest version of every pipeline of a tenant.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn latest(&self, tenant: TenantId) -> Result<Latest, AppError> {
        Ok(self.known(tenant).await?.latest)
    }

    /// A pipeline: its latest version, or the one asked for.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is no such pipeline or version; else when the log cannot be read.
    pub async fn find(
        &self,
        tenant: TenantId,
        key: &str,
        version: Option<u32>,
    ) -> Result<Arc<Pipeline>, AppError> {
        let known = self.known(tenant).await?;
        let found = match version {
            None => known.latest.get(key),
            Some(version) => known.versions.get(&(key.to_owned(), version)),
        };
        found.cloned().ok_or_else(|| AppError::NotFound { what: "pipeline", id: key.to_owned() })
    }

    /// The versions of a pipeline, oldest first.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn versions(&self, tenant: TenantId, key: &str) -> Result<Vec<Arc<Pipeline>>, AppError> {
        let known = self.known(tenant).await?;
        Ok(known
            .versions
            .iter()
            .filter(|((of, _), _)| of == key)
            .map(|(_, pipeline)| pipeline.clone())
            .collect())
    }

    /// Reads what was published since, whatever is known.
    pub(super) async fn refresh(&self, tenant: TenantId) -> Result<(), AppError> {
        self.read_on(tenant).await.map(|_| ())
    }

    async fn known(&self, tenant: TenantId) -> Result<Known, AppError> {
        let now = (self.clock)();
        if let Some(known) = self.tenants.read().await.get(&tenant)
            && now - known.read_at < FRESH_FOR
        {
            return Ok(known.clone());
        }
        self.read_on(tenant).await
    }

    async fn read_on(&self, tenant: TenantId) -> Result<Known, AppError> {
        // One reader at a time: the others find its work done.
        let mut tenants = self.tenants.write().await;
        let mut known = tenants.get(&tenant).cloned().unwrap_or_else(Known::nothing);
        let head = self.store.head(tenant).await?.position;
        let query = Query::tag(PIPELINES_TAG);
        loop {
            let page = self.store.read_matching(tenant, &query, known.read_to, head, PAGE).await?;
            for entry in &page {
                known.learn(entry)?;
            }
            if page.len() < PAGE as usize {
                break;
            }
        }
        known.read_to = head;
        known.read_at = (self.clock)();
        tenants.insert(tenant, known.clone());
        Ok(known)
    }
}

impl Known {
    fn nothing() -> Self {
        Self {
            read_to: 0,
            read_at: DateTime::<Utc>::MIN_UTC,
            latest: Arc::default(),
            versions: Arc::default(),
        }
    }

    fn learn(&mut self, entry: &waymark_eventstore::Entry) -> Result<(), AppError> {
        let unreadable = |why: String| AppError::Unreadable(format!("position {}: {why}", entry.position));
        let envelope = entry.envelope().map_err(|error| unreadable(error.to_string()))?;
        let event = PipelineEvent::decode(&envelope.event_type, envelope.type_version, envelope.data)
            .map_err(|error| unreadable(error.to_string()))?;
        if let Some(PipelineEvent::Published(published)) = event {
            let pipeline = Arc::new(published.pipeline);
            Arc::make_mut(&mut self.latest).insert(pipeline.key.clone(), pipeline.clone());
            Arc::make_mut(&mut self.versions).insert((pipeline.key.clone(), pipeline.version), pipeline);
        }
        self.read_to = entry.position;
        Ok(())
    }
}
