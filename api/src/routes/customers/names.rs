//! Names of stages in the caller's language.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::app::{Caller, InForce};
use crate::domain::automation::{Todo, next_action};
use crate::domain::pipeline::version::Versions;
use crate::domain::{Language, Pipeline};
use crate::problem::Problem;
use crate::projections::board::{CustomerReport, NextAction};
use crate::routes::AppState;

/// When customers are due to be contacted next.
pub(in crate::routes) type NextContacts = BTreeMap<Uuid, Option<DateTime<Utc>>>;

/// When these customers are due to be contacted next.
pub(in crate::routes) async fn next_contacts(
    state: &AppState,
    caller: &Caller,
    customers: &[Uuid],
) -> Result<NextContacts, Problem> {
    Ok(state.app.projections.work(caller.tenant).await?.next_contacts(customers).await?)
}

/// The names of all stages of a tenant, in one language.
pub(in crate::routes) struct Names {
    pipelines: Arc<BTreeMap<String, Arc<Pipeline>>>,
    versions: Arc<BTreeMap<String, Arc<Versions>>>,
    /// A definition that is shown: what it has is called as it says.
    shown: Option<Arc<Pipeline>>,
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
        Ok(Self { pipelines, versions, shown: None, language })
    }

    /// The names where a definition is shown: as it has them, and the rest as the latest versions do.
    pub(in crate::routes) fn of_shown(self, shown: Arc<Pipeline>) -> Self {
        Self { shown: Some(shown), ..self }
    }

    /// What a stage is called: by the definition shown, else by the version in force, else by the last that had it; none where none
    /// ever had.
    pub(in crate::routes) fn stage(&self, pipeline: &str, stage: &str) -> Option<String> {
        let found = self.find(pipeline, |version| version.stage(stage))?;
        Some(found.name.text(self.language).to_owned())
    }

    /// What a sub-status of a stage is called, as [`Self::stage`].
    pub(in crate::routes) fn sub_status(&self, pipeline: &str, stage: &str, id: &str) -> Option<String> {
        let found = self.find(pipeline, |version| version.stage(stage)?.sub_status(id))?;
        Some(found.name.text(self.language).to_owned())
    }

    /// What must be done next, by the rule that holds everywhere. `contact` is when the next contact is due, as far as that is known:
    /// of a past instant what was agreed then counts, unless the deal was lost since.
    pub(in crate::routes) fn next(
        &self,
        contact: Option<Option<DateTime<Utc>>>,
        agreed: Option<NextAction>,
        (pipeline, stage): (&str, &str),
        entered_at: DateTime<Utc>,
    ) -> Option<NextAction> {
        let stage = self.find(pipeline, |version| version.stage(stage));
        let is_lost = stage.is_some_and(|stage| stage.kind.is_lost());
        let holds = |plan: &&NextAction| !is_lost || plan.said_at.is_none_or(|said| said > entered_at);
        let contact = contact.unwrap_or_else(|| agreed.as_ref().filter(holds).map(|plan| plan.at));
        let next = next_action(contact, agreed.as_ref().map(|plan| plan.at), stage, entered_at)?;
        let (words, source) = match next.what {
            Todo::Agreed => {
                let bare = || NextAction::agreed(next.due_at, None, None);
                let agreed = agreed.filter(|plan| plan.at == next.due_at).unwrap_or_else(bare);
                return Some(agreed.in_language(self.language));
            }
            Todo::PutOff(words) => (words, "plan"),
            Todo::Stage(words) => (words, "stage"),
        };
        Some(NextAction {
            at: next.due_at,
            text: Some(words.text(self.language).to_owned()),
            text_en: None,
            due_at: next.due_at,
            role: next.role.to_owned(),
            source: source.to_owned(),
            said_at: None,
        })
    }

    /// The customer with what must be done next in its primary journey.
    pub(in crate::routes) fn with_next_action(
        &self,
        mut customer: CustomerReport,
        contacts: &NextContacts,
    ) -> CustomerReport {
        let agreed = customer.next_action.take();
        customer.next_action = match customer.journeys.iter().find(|journey| journey.primary) {
            Some(at) if !customer.erased && !customer.withdrawn && customer.merged_into.is_none() => {
                let contact = contacts.get(&customer.id).copied();
                self.next(contact, agreed, (&at.pipeline, &at.stage), at.entered_at)
            }
            _ => agreed.map(|agreed| agreed.in_language(self.language)),
        };
        customer
    }

    fn find<'a, T>(&'a self, pipeline: &str, of: impl Fn(&'a Pipeline) -> Option<&'a T>) -> Option<&'a T> {
        let shown = self.shown.as_deref().filter(|shown| shown.key == pipeline).and_then(&of);
        let current = || of(self.pipelines.get(pipeline)?);
        let former = || self.versions.get(pipeline)?.all().iter().rev().find_map(|known| of(&known.pipeline));
        shown.or_else(current).or_else(former)
    }
}
