//! The published definitions, as far as the log was read.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use waymark_domain::Pipeline;
use waymark_domain::automation::Rules;
use waymark_domain::pipeline::PipelineEvent;
use waymark_domain::pipeline::version::{Publication, Versions};
use waymark_eventstore::{Entry, Position, Query};

use crate::error::{ProjectionError, Result};
use crate::model::Scope;

/// The tag that all pipeline events of a tenant carry.
const PIPELINES: &str = "pipelines";
/// How many entries are read at a time.
const PAGE: u32 = 100;

/// Every version of each pipeline, by key.
#[derive(Debug, Default)]
pub(super) struct Definitions {
    read_to: Position,
    newest: DateTime<Utc>,
    pipelines: BTreeMap<String, Versions>,
}

impl Definitions {
    /// Reads on to a position. Answers the pipelines of which something was published after `since`.
    pub(super) async fn read_on(&mut self, scope: &Scope<'_>) -> Result<BTreeSet<String>> {
        let mut published = BTreeSet::new();
        let query = Query::tag(PIPELINES);
        loop {
            let page =
                scope.store.read_matching(scope.tenant, &query, self.read_to, scope.reached, PAGE).await?;
            for entry in &page {
                let key = self.learn(entry)?;
                published.extend(key.filter(|_| entry.position > scope.after));
            }
            if page.len() < PAGE as usize {
                break;
            }
        }
        self.read_to = self.read_to.max(scope.reached);
        Ok(published)
    }

    fn learn(&mut self, entry: &Entry) -> Result<Option<String>> {
        let paused = |cause: String| ProjectionError::Paused { position: entry.position, cause };
        let envelope = entry.envelope().map_err(|error| paused(error.to_string()))?;
        let event = PipelineEvent::decode(&envelope.event_type, envelope.type_version, envelope.data)
            .map_err(|error| paused(error.to_string()))?;
        self.read_to = entry.position;
        let Some(PipelineEvent::Published(published)) = event else { return Ok(None) };
        let starts = published.team.as_ref().and_then(|pilot| pilot.from).or(published.effective_from);
        let key = published.pipeline.key.clone();
        self.newest = self.newest.max(entry.recorded_at);
        self.pipelines.entry(key.clone()).or_default().add(Publication {
            pipeline: Arc::new(published.pipeline),
            base: published.base,
            map: published.map,
            team: published.team,
            in_force_from: starts.unwrap_or(entry.recorded_at),
            event: envelope.id,
            published_at: entry.recorded_at,
            published_by: envelope.actor.into_owned(),
        });
        Ok(Some(key))
    }

    /// A version of a pipeline.
    pub(super) fn version(&self, key: &str, version: u32) -> Option<&Pipeline> {
        Some(&self.pipelines.get(key)?.version(version)?.pipeline)
    }

    /// The rules of a pipeline that are in force for anybody, or will be.
    pub(super) fn rules(&self, key: &str) -> Vec<Rules<'_>> {
        let Some(versions) = self.pipelines.get(key) else { return Vec::new() };
        let teams = versions.all().iter().filter_map(|known| Some(known.team.as_ref()?.id.as_str()));
        let scopes: BTreeSet<Option<&str>> = std::iter::once(None).chain(teams.map(Some)).collect();
        let now = scopes.into_iter().filter_map(|team| versions.in_force(team, self.newest));
        let to_come = versions.all().iter().filter(|known| known.in_force_from > self.newest);
        let mut found: Vec<&Publication> = now.chain(to_come).collect();
        found.sort_by_key(|known| known.pipeline.version);
        found.dedup_by_key(|known| known.pipeline.version);
        found.into_iter().map(|known| Rules { pipeline: &known.pipeline, versions: Some(versions) }).collect()
    }
}
