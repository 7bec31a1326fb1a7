//! The published pipelines of every tenant, folded from the log.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use tokio::sync::RwLock;
use waymark_domain::pipeline::version::{Publication, Versions};
use waymark_domain::pipeline::{Pipeline, PipelineEvent};
use waymark_eventstore::{Clock, EventStore, Position, Query, TenantId};

use super::AppError;
use super::definitions::Seen;

/// The tag that all pipeline events of a tenant carry beside their own pipeline's.
pub(super) const PIPELINES_TAG: &str = "pipelines";
/// How many entries are read at a time.
const PAGE: u32 = 100;

/// The version in force of each pipeline, by key.
pub(crate) type Latest = Arc<BTreeMap<String, Arc<Pipeline>>>;
/// Every version of each pipeline, by key.
pub(crate) type AllVersions = Arc<BTreeMap<String, Arc<Versions>>>;

/// The published pipelines. Versions are immutable, so what was read once stays right.
pub struct Pipelines {
    store: Arc<dyn EventStore>,
    clock: Clock,
    tenants: RwLock<HashMap<TenantId, Known>>,
}

/// What is in force for one team, and what there is.
#[derive(Debug, Clone)]
pub(crate) struct InForce {
    /// The version in force of each pipeline.
    pub(crate) pipelines: Latest,
    /// Every version of each.
    pub(crate) versions: AllVersions,
}

#[derive(Clone)]
struct Known {
    seen: Seen,
    /// When the last of them was recorded: what takes force at once is in force from then on, whatever our clock says.
    newest: DateTime<Utc>,
    /// What is in force for those of no team.
    latest: Latest,
    /// When that changes next.
    next_change: Option<DateTime<Utc>>,
    versions: AllVersions,
}

impl Pipelines {
    pub(super) fn new(store: Arc<dyn EventStore>, clock: Clock) -> Self {
        Self { store, clock, tenants: RwLock::new(HashMap::new()) }
    }

    /// The version in force of every pipeline of a tenant, for customers of no team.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn latest(&self, tenant: TenantId) -> Result<Latest, AppError> {
        Ok(self.known(tenant).await?.latest)
    }

    /// The versions in force for a team's customers, beside all versions.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn in_force(&self, tenant: TenantId, team: Option<&str>) -> Result<InForce, AppError> {
        let known = self.known(tenant).await?;
        let pipelines = match team {
            None => known.latest.clone(),
            Some(_) => Arc::new(known.in_force(team, (self.clock)())),
        };
        Ok(InForce { pipelines, versions: known.versions })
    }

    /// A pipeline: the version in force for customers of no team, or the one asked for.
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
            None => known.latest.get(key).cloned(),
            Some(version) => {
                let versions = known.versions.get(key);
                versions.and_then(|versions| Some(versions.version(version)?.pipeline.clone()))
            }
        };
        found.ok_or_else(|| no_such_pipeline(key))
    }

    /// Every version of a pipeline.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is no such pipeline; else when the log cannot be read.
    pub async fn versions(&self, tenant: TenantId, key: &str) -> Result<Arc<Versions>, AppError> {
        let known = self.known(tenant).await?;
        known.versions.get(key).cloned().ok_or_else(|| no_such_pipeline(key))
    }

    /// Reads what was published since, whatever is known.
    pub(super) async fn refresh(&self, tenant: TenantId) -> Result<(), AppError> {
        self.read_on(tenant).await.map(|_| ())
    }

    /// Up to where what is known is all that was defined.
    pub(super) async fn known_to(&self, tenant: TenantId) -> Result<Position, AppError> {
        if let Some(known) = self.tenants.read().await.get(&tenant) {
            return Ok(known.seen.position());
        }
        Ok(self.read_on(tenant).await?.seen.position())
    }

    /// Reads on, unless everything up to a position is known.
    pub(super) async fn at_least(&self, tenant: TenantId, position: Position) -> Result<(), AppError> {
        let known = self.tenants.read().await.get(&tenant).map(|known| known.seen.position());
        if known.is_none_or(|known| known < position) {
            self.read_on(tenant).await?;
        }
        Ok(())
    }

    /// Nothing was defined up to a position that is not known.
    pub(super) async fn confirm(&self, tenant: TenantId, position: Position, now: DateTime<Utc>) {
        if let Some(known) = self.tenants.read().await.get(&tenant) {
            known.seen.reaches(position, now);
        }
    }

    async fn known(&self, tenant: TenantId) -> Result<Known, AppError> {
        let now = (self.clock)();
        if let Some(known) = self.tenants.read().await.get(&tenant)
            && known.seen.is_fresh(now)
            && known.next_change.is_none_or(|change| now < change)
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
        // Nothing counts as seen before all of it is known: what is not read now is read the next time.
        let mut after = known.seen.position();
        loop {
            let page = self.store.read_matching(tenant, &query, after, head, PAGE).await?;
            for entry in &page {
                known.learn(entry)?;
                after = entry.position;
            }
            if page.len() < PAGE as usize {
                break;
            }
        }
        known.seen.reaches(head, (self.clock)());
        known.settle((self.clock)());
        tenants.insert(tenant, known.clone());
        Ok(known)
    }
}

fn no_such_pipeline(key: &str) -> AppError {
    AppError::NotFound { what: "pipeline", id: key.to_owned() }
}

impl Known {
    fn nothing() -> Self {
        Self {
            seen: Seen::default(),
            newest: DateTime::<Utc>::MIN_UTC,
            latest: Arc::default(),
            next_change: None,
            versions: Arc::default(),
        }
    }

    /// What is in force for a team at an instant.
    fn in_force(&self, team: Option<&str>, at: DateTime<Utc>) -> BTreeMap<String, Arc<Pipeline>> {
        let at = at.max(self.newest);
        let each = self.versions.iter();
        each.filter_map(|(key, versions)| Some((key.clone(), versions.in_force(team, at)?.pipeline.clone())))
            .collect()
    }

    /// Works out what is in force now, and until when.
    fn settle(&mut self, now: DateTime<Utc>) {
        let now = now.max(self.newest);
        self.latest = Arc::new(self.in_force(None, now));
        let changes = self.versions.values().flat_map(|versions| versions.changes());
        self.next_change = changes.filter(|change| *change > now).min();
    }

    fn learn(&mut self, entry: &waymark_eventstore::Entry) -> Result<(), AppError> {
        let unreadable = |why: String| AppError::Unreadable(format!("position {}: {why}", entry.position));
        let envelope = entry.envelope().map_err(|error| unreadable(error.to_string()))?;
        let event = PipelineEvent::decode(&envelope.event_type, envelope.type_version, envelope.data)
            .map_err(|error| unreadable(error.to_string()))?;
        if let Some(PipelineEvent::Published(published)) = event {
            let starts = published.team.as_ref().and_then(|pilot| pilot.from).or(published.effective_from);
            let publication = Publication {
                pipeline: Arc::new(published.pipeline),
                base: published.base,
                map: published.map,
                team: published.team,
                in_force_from: starts.unwrap_or(entry.recorded_at),
                event: envelope.id,
                published_at: entry.recorded_at,
                published_by: envelope.actor.into_owned(),
            };
            let key = publication.pipeline.key.clone();
            let versions = Arc::make_mut(&mut self.versions).entry(key).or_default();
            Arc::make_mut(versions).add(publication);
            self.newest = self.newest.max(entry.recorded_at);
        }
        Ok(())
    }
}
