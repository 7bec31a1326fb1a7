//! The published definitions, as far as the log was read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;
use waymark_domain::Pipeline;
use waymark_domain::automation::Rules;
use waymark_domain::pipeline::PipelineEvent;
use waymark_domain::pipeline::event::Message;
use waymark_domain::pipeline::version::{Publication, Versions};
use waymark_eventstore::{Entry, EventStore, Position, Query, TenantId};

use crate::error::{ProjectionError, Result};
use crate::models::read_model::Scope;

/// The tag that all pipeline events of a tenant carry.
const PIPELINES: &str = "pipelines";
/// How many entries are read at a time.
const ENTRIES_PER_PAGE: u32 = 100;

/// What a page has of pipelines.
#[derive(Debug, Default)]
pub(super) struct News {
    /// The pipelines of which something was published.
    pub(super) published: BTreeSet<String>,
    /// What the calendar and alerts of shares set off.
    pub(super) reminders: Vec<(EventAt, WholeReminders)>,
}

/// What a rule tells of a pipeline as a whole.
#[derive(Debug)]
pub(super) struct WholeReminders {
    pub(super) pipeline: String,
    pub(super) rule: String,
    pub(super) reminders: Vec<Message>,
}

impl WholeReminders {
    fn by(pipeline: String, rule: String, reminders: Vec<Message>) -> Self {
        Self { pipeline, rule, reminders }
    }
}

/// Where an event stands, and when it happened.
#[derive(Debug, Clone, Copy)]
pub(super) struct EventAt {
    pub(super) position: Position,
    pub(super) id: Uuid,
    pub(super) at: DateTime<Utc>,
}

fn said(entry: &Entry) -> Result<EventAt> {
    let envelope = entry
        .envelope()
        .map_err(|error| ProjectionError::Paused { position: entry.position, cause: error.to_string() })?;
    Ok(EventAt { position: entry.position, id: envelope.id, at: envelope.effective_at })
}

/// Every version of each pipeline, by key.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    read_to: Position,
    newest: DateTime<Utc>,
    pipelines: BTreeMap<String, Versions>,
    /// Where each publication stands, by its event.
    published_at: BTreeMap<Uuid, Position>,
}

/// Whether a version of any pipeline was published or withdrawn, or anything else was said of pipelines, between two positions.
pub(crate) async fn has_published(
    store: &dyn EventStore,
    tenant: TenantId,
    (after, until): (Position, Position),
) -> Result<bool> {
    Ok(!store.read_matching(tenant, &Query::tag(PIPELINES), after, until, 1).await?.is_empty())
}

impl Definitions {
    /// Reads on to the end of a page. Returns what of it the page has.
    pub(super) async fn read_on(&mut self, scope: &Scope<'_>) -> Result<News> {
        let mut news = News::default();
        let query = Query::tag(PIPELINES);
        loop {
            let page = scope
                .store
                .read_matching(scope.tenant, &query, self.read_to, scope.reached, ENTRIES_PER_PAGE)
                .await?;
            for entry in &page {
                let told = self.learn(entry)?;
                if entry.position <= scope.after {
                    continue;
                }
                match told {
                    Some(PipelineEvent::Published(event)) => drop(news.published.insert(event.pipeline.key)),
                    Some(PipelineEvent::VersionWithdrawn(event)) => {
                        news.published.insert(event.pipeline);
                    }
                    Some(PipelineEvent::Scheduled(event)) => {
                        news.reminders.push((
                            said(entry)?,
                            WholeReminders::by(event.pipeline, event.rule, event.reminders),
                        ));
                    }
                    Some(PipelineEvent::Alerted(event)) => {
                        news.reminders.push((
                            said(entry)?,
                            WholeReminders::by(event.pipeline, event.rule, event.reminders),
                        ));
                    }
                    Some(PipelineEvent::StandardPathSet(_)) | None => {}
                }
            }
            if page.len() < ENTRIES_PER_PAGE as usize {
                break;
            }
        }
        self.read_to = self.read_to.max(scope.reached);
        Ok(news)
    }

    fn learn(&mut self, entry: &Entry) -> Result<Option<PipelineEvent>> {
        let paused = |cause: String| ProjectionError::Paused { position: entry.position, cause };
        let envelope = entry.envelope().map_err(|error| paused(error.to_string()))?;
        let event = PipelineEvent::decode(&envelope.event_type, envelope.type_version, envelope.data)
            .map_err(|error| paused(error.to_string()))?;
        self.read_to = entry.position;
        if let Some(PipelineEvent::VersionWithdrawn(withdrawn)) = &event
            && let Some(versions) = self.pipelines.get_mut(&withdrawn.pipeline)
        {
            versions.withdraw(withdrawn.pipeline_version, entry.recorded_at, &envelope.actor);
            self.newest = self.newest.max(entry.recorded_at);
        }
        let Some(PipelineEvent::Published(published)) = &event else { return Ok(event) };
        let published = published.clone();
        let starts = published.team.as_ref().and_then(|pilot| pilot.from).or(published.effective_from);
        let key = published.pipeline.key.clone();
        self.newest = self.newest.max(entry.recorded_at);
        self.published_at.insert(envelope.id, entry.position);
        self.pipelines.entry(key).or_default().add(Publication {
            pipeline: Arc::new(published.pipeline),
            base: published.base,
            map: published.map,
            team: published.team,
            in_force_from: starts.unwrap_or(entry.recorded_at),
            event: envelope.id,
            published_at: entry.recorded_at,
            published_by: envelope.actor.into_owned(),
        });
        Ok(event)
    }

    /// A version of a pipeline that was published before a position.
    pub(super) fn version(&self, key: &str, version: u32, before: Position) -> Option<&Pipeline> {
        let known = self.pipelines.get(key)?.version(version)?;
        self.published_at.get(&known.event).filter(|at| **at < before).map(|_| &*known.pipeline)
    }

    /// The rules of a pipeline that are in force for anybody, or will be.
    pub(super) fn rules(&self, key: &str) -> Vec<Rules<'_>> {
        let Some(versions) = self.pipelines.get(key) else { return Vec::new() };
        let teams = versions.all().iter().filter_map(|known| Some(known.team.as_ref()?.id.as_str()));
        let scopes: BTreeSet<Option<&str>> = std::iter::once(None).chain(teams.map(Some)).collect();
        let to_come = versions.changes().into_iter().filter(|change| *change > self.newest);
        let instants: BTreeSet<DateTime<Utc>> = std::iter::once(self.newest).chain(to_come).collect();
        let all = instants.iter().flat_map(|at| scopes.iter().map(|team| (*team, *at)));
        let in_force = all.filter_map(|(team, at)| {
            let known = versions.in_force(team, at)?;
            Some(Rules { pipeline: &known.pipeline, versions: Some(versions), team, at })
        });
        let mut found: Vec<_> = in_force.collect();
        found.sort_by_key(|rules| (rules.pipeline.version, rules.at, rules.team));
        found
    }
}
