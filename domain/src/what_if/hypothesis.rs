//! What is supposed: another definition of a pipeline, in force from an instant on.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::automation::Rules;
use crate::pipeline::version::{Publication, StageMapping, Versions};
use crate::{Actor, Pipeline};

/// Who judges recorded moves again: what a person was allowed to do is not what is supposed to be otherwise, so that nobody's
/// permission is asked.
const JUDGE: &str = "system:what-if";

/// A half-open span of business time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Span {
    /// Its beginning.
    pub from: DateTime<Utc>,
    /// Its end, not in it.
    pub to: DateTime<Utc>,
}

impl Span {
    /// Whether an instant lies in it.
    pub fn holds(self, at: DateTime<Utc>) -> bool {
        self.from <= at && at < self.to
    }
}

/// Another definition of a pipeline, as if it had taken force at the beginning of a span.
#[derive(Debug, Clone)]
pub struct Hypothesis {
    /// When.
    pub span: Span,
    /// Every version that there was.
    pub recorded: Arc<Versions>,
    /// The definition, with the number after the last one.
    pub pipeline: Arc<Pipeline>,
    pub(super) judge: Actor,
    /// The definition alone, as decisions look it up.
    pub(super) supposed: BTreeMap<String, Arc<Pipeline>>,
    /// All versions with the supposed one.
    pub(super) versions: BTreeMap<String, Arc<Versions>>,
    /// Each version that there was, as decisions look it up.
    pub(super) then: BTreeMap<u32, BTreeMap<String, Arc<Pipeline>>>,
}

impl Hypothesis {
    /// The definition instead of what was in force, with the map that leads from the stages of the version for everybody that
    /// was published last.
    pub fn of(recorded: Arc<Versions>, pipeline: Pipeline, map: Vec<StageMapping>, span: Span) -> Self {
        let key = pipeline.key.clone();
        let pipeline = Arc::new(pipeline);
        let mut versions = (*recorded).clone();
        versions.add(Publication {
            pipeline: pipeline.clone(),
            base: recorded.base_of_next().map(|base| base.pipeline.version),
            map,
            team: None,
            in_force_from: span.from,
            event: Uuid::nil(),
            published_at: span.from,
            published_by: JUDGE.to_owned(),
        });
        let each = recorded.all().iter().map(|known| &known.pipeline);
        let then = each.map(|one| (one.version, BTreeMap::from([(key.clone(), one.clone())])));
        Self {
            span,
            then: then.collect(),
            judge: Actor::new(JUDGE, []),
            supposed: BTreeMap::from([(key.clone(), pipeline.clone())]),
            versions: BTreeMap::from([(key, Arc::new(versions))]),
            pipeline,
            recorded,
        }
    }

    /// All versions with the supposed one.
    pub fn versions(&self) -> Option<&Arc<Versions>> {
        self.versions.get(&self.pipeline.key)
    }

    /// The rules that are supposed.
    pub(super) fn rules(&self) -> Rules<'_> {
        let versions = self.versions().map(AsRef::as_ref);
        Rules { pipeline: &self.pipeline, versions, team: None, at: self.span.to }
    }

    /// The rules that were in force for everybody at an instant: before the first version its own.
    pub(super) fn rules_then(&self, at: DateTime<Utc>) -> Option<Rules<'_>> {
        let known = self.recorded.in_force(None, at).or(self.recorded.all().first())?;
        Some(Rules { pipeline: &known.pipeline, versions: Some(&self.recorded), team: None, at })
    }
}
