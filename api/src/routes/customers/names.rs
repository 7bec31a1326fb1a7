//! Names of stages in the caller's language.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};

use crate::app::{Caller, InForce};
use crate::domain::pipeline::version::Versions;
use crate::domain::{Language, Pipeline};
use crate::problem::Problem;
use crate::projections::board::{CustomerReport, NextAction};
use crate::routes::AppState;

/// The names of all stages of a tenant, in one language.
pub(in crate::routes) struct Names {
    pipelines: Arc<BTreeMap<String, Arc<Pipeline>>>,
    versions: Arc<BTreeMap<String, Arc<Versions>>>,
    language: Language,
}

impl Names {
    /// The names as the latest versions have them.
    pub(in crate::routes) async fn new(
        state: &AppState,
        caller: &Caller,
        language: Language,
    ) -> Result<Self, Problem> {
        let InForce { pipelines, versions } = state.app.pipelines.in_force(caller.tenant, None).await?;
        Ok(Self { pipelines, versions, language })
    }

    /// What a stage is called: by the version in force, else by the last that had it; none where none ever had.
    pub(in crate::routes) fn stage(&self, pipeline: &str, stage: &str) -> Option<String> {
        let found = self.find(pipeline, |version| version.stage(stage))?;
        Some(found.name.text(self.language).to_owned())
    }

    /// What a sub-status of a stage is called, as [`Self::stage`].
    pub(in crate::routes) fn sub_status(&self, pipeline: &str, stage: &str, id: &str) -> Option<String> {
        let found = self.find(pipeline, |version| version.stage(stage)?.sub_status(id))?;
        Some(found.name.text(self.language).to_owned())
    }

    /// What a stage says must be done by whom, until when after its entry.
    pub(in crate::routes) fn next_action(
        &self,
        pipeline: &str,
        stage: &str,
        entered_at: DateTime<Utc>,
    ) -> Option<NextAction> {
        let next = self.find(pipeline, |version| version.stage(stage)?.next_action.as_ref())?;
        let wait = i64::try_from(next.deadline_seconds).ok().and_then(TimeDelta::try_seconds)?;
        let due_at = entered_at.checked_add_signed(wait)?;
        let text = Some(next.what.text(self.language).to_owned());
        Some(NextAction {
            at: due_at,
            text,
            due_at,
            role: next.role.clone(),
            source: "stage".to_owned(),
            said_at: None,
        })
    }

    /// What must be done next: what was agreed, unless the deal was lost since; else what the stage says.
    pub(in crate::routes) fn next_of(
        &self,
        planned: Option<NextAction>,
        (pipeline, stage): (&str, &str),
        entered_at: DateTime<Utc>,
    ) -> Option<NextAction> {
        let is_lost =
            self.find(pipeline, |version| version.stage(stage)).is_some_and(|stage| stage.kind.is_lost());
        let holds = |plan: &NextAction| !is_lost || plan.said_at.is_none_or(|said| said > entered_at);
        planned.filter(holds).or_else(|| self.next_action(pipeline, stage, entered_at))
    }

    /// The customer with what must be done next in its primary journey.
    pub(in crate::routes) fn with_next_action(&self, mut customer: CustomerReport) -> CustomerReport {
        if !customer.erased && !customer.withdrawn && customer.merged_into.is_none() {
            let planned = customer.next_action.take();
            customer.next_action = match customer.journeys.iter().find(|journey| journey.primary) {
                Some(at) => self.next_of(planned, (&at.pipeline, &at.stage), at.entered_at),
                None => planned,
            };
        }
        customer
    }

    fn find<'a, T>(&'a self, pipeline: &str, of: impl Fn(&'a Pipeline) -> Option<&'a T>) -> Option<&'a T> {
        let current = self.pipelines.get(pipeline).and_then(|version| of(version));
        let former = || self.versions.get(pipeline)?.all().iter().rev().find_map(|known| of(&known.pipeline));
        current.or_else(former)
    }
}
