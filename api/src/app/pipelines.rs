//! The published pipelines of every tenant, folded from the log.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use waymark_domain::pipeline::version::{Publication, Versions};
use waymark_domain::pipeline::{Pipeline, PipelineEvent};
use waymark_eventstore::{Clock, Entry, EventStore, Position, Query, TenantId};
use waymark_projections::AsOf;
use waymark_projections::dwell::StandardPath;
use waymark_projections::reports::Definition;

use super::AppError;
use super::draft::PIPELINES_TAG;
use super::fold_cache::{Fold, FoldCache};

/// The version in force of each pipeline, by key.
pub(crate) type Latest = Arc<BTreeMap<String, Arc<Pipeline>>>;
/// Every version of each pipeline, by key.
pub(crate) type AllVersions = Arc<BTreeMap<String, Arc<Versions>>>;

/// The published pipelines. Versions are immutable, so what was read once stays right.
pub struct Pipelines {
    folds: FoldCache<PipelineFold>,
    clock: Clock,
}

/// What is in force for one team, and what there is.
#[derive(Debug, Clone)]
pub(crate) struct InForce {
    /// The version in force of each pipeline.
    pub(crate) pipelines: Latest,
    /// Every version of each.
    pub(crate) versions: AllVersions,
}

#[derive(Clone, Default)]
pub(super) struct PipelineFold {
    /// When the last of them was recorded: what takes force at once is in force from then on, whatever our clock says.
    newest: DateTime<Utc>,
    /// What is in force for those of no team.
    latest: Latest,
    /// When that changes next.
    next_change: Option<DateTime<Utc>>,
    versions: AllVersions,
    /// The ways that were said to be the standard of each pipeline, by key, oldest first.
    standards: Arc<BTreeMap<String, Vec<StandardPath>>>,
}

/// The version in force for a team's customers at an instant; of the time before anything was published, of which histories that
/// were recorded later tell, the first version.
pub(super) fn in_force_or_first(
    versions: &Versions,
    team: Option<&str>,
    at: DateTime<Utc>,
) -> Option<Arc<Pipeline>> {
    let first = || versions.all().iter().find(|one| one.team.is_none());
    versions.in_force(team, at).or_else(first).map(|one| one.pipeline.clone())
}

/// Those of the versions of a pipeline that were known at an instant.
fn known_then(versions: &Arc<Versions>, known_at: DateTime<Utc>) -> Arc<Versions> {
    let was_known = versions.all().iter().all(|one| one.published_at <= known_at);
    if was_known && versions.withdrawn().iter().all(|one| one.at <= known_at) {
        return versions.clone();
    }
    Arc::new(versions.known_at(known_at))
}

impl Pipelines {
    pub(super) fn new(store: Arc<dyn EventStore>, clock: Clock) -> Self {
        Self { folds: FoldCache::new(store, clock.clone()), clock }
    }

    /// Every version of each pipeline that was known at an instant.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn versions_then(
        &self,
        tenant: TenantId,
        known_at: DateTime<Utc>,
    ) -> Result<BTreeMap<String, Arc<Versions>>, AppError> {
        let all = self.in_force(tenant, None).await?.versions;
        Ok(all.iter().map(|(key, versions)| (key.clone(), known_then(versions, known_at))).collect())
    }

    /// The version in force of every pipeline at an instant, by what was known of it, for customers of no team.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn in_force_then(
        &self,
        tenant: TenantId,
        (at, known_at): (DateTime<Utc>, DateTime<Utc>),
    ) -> Result<BTreeMap<String, Arc<Pipeline>>, AppError> {
        let versions = self.versions_then(tenant, known_at).await?;
        let in_force = |versions: &Versions| in_force_or_first(versions, None, at);
        Ok(versions.into_iter().filter_map(|(key, versions)| Some((key, in_force(&versions)?))).collect())
    }

    /// The pipelines as reports of a moment look at them, by key. Where a state of knowledge is asked about, only what had been
    /// published by then counts, and of that what was in force at the later of both instants: what is published since changes
    /// no such answer.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn definitions_then(
        &self,
        tenant: TenantId,
        at: &AsOf,
    ) -> Result<BTreeMap<String, Definition>, AppError> {
        let now = self.folds.recent(tenant).await?.0;
        let each = now.versions.iter();
        Ok(each.filter_map(|(key, all)| Some((key.clone(), now.definition(key, all, at)?))).collect())
    }

    /// The one of that key; of a moment at which it was not known yet, its first version.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is no such pipeline; else when the log cannot be read.
    pub(crate) async fn definition_then(
        &self,
        tenant: TenantId,
        key: &str,
        at: &AsOf,
    ) -> Result<Definition, AppError> {
        let now = self.folds.recent(tenant).await?.0;
        let all = now.versions.get(key).ok_or_else(|| no_such_pipeline(key))?;
        if let Some(known) = now.definition(key, all, at) {
            return Ok(known);
        }
        let first = all.all().iter().find(|one| one.team.is_none() && at.known_position.is_some());
        let first = first.cloned().ok_or_else(|| no_such_pipeline(key))?;
        let (pipeline, mut versions) = (first.pipeline.clone(), Versions::default());
        versions.add(first);
        Ok(Definition { pipeline, versions: Arc::new(versions) })
    }

    /// The version in force of every pipeline of a tenant, for customers of no team.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn latest(&self, tenant: TenantId) -> Result<Latest, AppError> {
        Ok(self.folds.recent(tenant).await?.0.latest)
    }

    /// The versions in force for a team's customers, beside all versions.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn in_force(&self, tenant: TenantId, team: Option<&str>) -> Result<InForce, AppError> {
        let known = self.folds.recent(tenant).await?.0;
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
        let known = self.folds.recent(tenant).await?.0;
        let Some(version) = version else {
            return known.latest.get(key).cloned().ok_or_else(|| no_such_pipeline(key));
        };
        let versions = known.versions.get(key).ok_or_else(|| no_such_pipeline(key))?;
        let found = versions.version(version).map(|found| found.pipeline.clone());
        found.ok_or_else(|| AppError::NotFound {
            what: "pipeline version".into(),
            id: format!("{key}@{version}"),
        })
    }

    /// Every version of a pipeline.
    ///
    /// # Errors
    /// [`AppError::NotFound`] when there is no such pipeline; else when the log cannot be read.
    pub async fn versions(&self, tenant: TenantId, key: &str) -> Result<Arc<Versions>, AppError> {
        let known = self.folds.recent(tenant).await?.0;
        known.versions.get(key).cloned().ok_or_else(|| no_such_pipeline(key))
    }

    /// The way that customers of a pipeline are to go, as known at a position, or now; none where none is set, or it was
    /// taken away.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn standard_path(
        &self,
        tenant: TenantId,
        key: &str,
        known: Option<Position>,
    ) -> Result<Option<StandardPath>, AppError> {
        let standards = self.folds.recent(tenant).await?.0.standards;
        let said = standards.get(key).into_iter().flatten().rev();
        let mut by_then = said.filter(|path| known.is_none_or(|known| path.position <= known));
        Ok(by_then.next().filter(|path| !path.stages.is_empty()).cloned())
    }

    /// The folds themselves.
    pub(super) fn folds(&self) -> &FoldCache<PipelineFold> {
        &self.folds
    }
}

fn no_such_pipeline(key: &str) -> AppError {
    AppError::NotFound { what: "pipeline".into(), id: key.to_owned() }
}

impl PipelineFold {
    /// A pipeline as reports of a moment look at it: none where nothing of it was in force or known then.
    fn definition(&self, key: &str, all: &Arc<Versions>, at: &AsOf) -> Option<Definition> {
        if at.known_position.is_none() {
            let pipeline = self.latest.get(key)?.clone();
            return Some(Definition { pipeline, versions: all.clone() });
        }
        let versions = known_then(all, at.known_at);
        let pipeline = in_force_or_first(&versions, None, at.effective_at.max(at.known_at))?;
        Some(Definition { pipeline, versions })
    }

    /// What is in force for a team at an instant.
    fn in_force(&self, team: Option<&str>, at: DateTime<Utc>) -> BTreeMap<String, Arc<Pipeline>> {
        let at = at.max(self.newest);
        let each = self.versions.iter();
        each.filter_map(|(key, versions)| Some((key.clone(), versions.in_force(team, at)?.pipeline.clone())))
            .collect()
    }
}

impl Fold for PipelineFold {
    fn query() -> Query {
        Query::tag(PIPELINES_TAG)
    }

    fn apply(&mut self, entry: &Entry) -> Result<(), AppError> {
        let unreadable = |why: String| AppError::Unreadable(format!("position {}: {why}", entry.position));
        let envelope = entry.envelope().map_err(|error| unreadable(error.to_string()))?;
        let event = PipelineEvent::decode(&envelope.event_type, envelope.type_version, envelope.data)
            .map_err(|error| unreadable(error.to_string()))?;
        if let Some(PipelineEvent::StandardPathSet(set)) = &event {
            let standard = StandardPath {
                stages: set.stages.clone(),
                position: entry.position,
                set_at: entry.recorded_at,
                set_by: envelope.actor.clone().into_owned(),
            };
            Arc::make_mut(&mut self.standards).entry(set.pipeline.clone()).or_default().push(standard);
        }
        if let Some(PipelineEvent::VersionWithdrawn(withdrawn)) = &event
            && let Some(versions) = Arc::make_mut(&mut self.versions).get_mut(&withdrawn.pipeline)
        {
            let (version, by) = (withdrawn.pipeline_version, &envelope.actor);
            Arc::make_mut(versions).withdraw(version, entry.recorded_at, by);
            self.newest = self.newest.max(entry.recorded_at);
        }
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

    /// Works out what is in force now, and until when.
    fn settle(&mut self, now: DateTime<Utc>) {
        let now = now.max(self.newest);
        self.latest = Arc::new(self.in_force(None, now));
        let changes = self.versions.values().flat_map(|versions| versions.changes());
        self.next_change = changes.filter(|change| *change > now).min();
    }

    fn changes_at(&self) -> Option<DateTime<Utc>> {
        self.next_change
    }
}
