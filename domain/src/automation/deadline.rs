//! The deadlines of automations and pool rules.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::customer::Customer;
use crate::pipeline::StageType;
use crate::pipeline::automation::Automation;
use crate::pipeline::version::Versions;
use crate::pipeline::{Pipeline, VisitReminder};
use crate::pool::Pool;
use crate::pool::rules::{FirstContact, Reclaim};
use crate::{Label, Owner};

/// The definition in force of a pipeline, and the versions that tell since when a rule has been there.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The definition.
    pub pipeline: &'a Pipeline,
    /// Every version. None: the rules have always been there.
    pub versions: Option<&'a Versions>,
    /// The team for whose customers it is in force; none for those of no team.
    pub team: Option<&'a str>,
    /// When it is in force.
    pub at: DateTime<Utc>,
}

/// A deadline of an automation or of a pool's rule.
#[derive(Debug, Clone, PartialEq)]
pub struct Deadline<'a> {
    /// The rule: the id of an automation, or of a pool's rule. It acts once for a cause.
    pub rule: String,
    /// What the rule is called.
    pub name: Label,
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// The event that set it off.
    pub cause: Uuid,
    /// When it is due.
    pub due_at: DateTime<Utc>,
    /// What must be done.
    pub due: Due<'a>,
}

/// What must be done.
#[derive(Debug, Clone, PartialEq)]
pub enum Due<'a> {
    /// What an automation says; the stage is the one that it was set off in.
    Automation(&'a Automation, String),
    /// The customer goes back to its pool.
    Reclaim(&'a Pool, &'a Reclaim),
    /// Its owner is warned, this many seconds before that.
    Warning(&'a Reclaim, u64),
    /// It was due to go back, and something was recorded before anybody acted.
    Overtaken(&'a Pool, &'a Reclaim, DateTime<Utc>),
    /// Its claimant has made no contact.
    FirstContact(&'a Pool, FirstContact),
    /// A contact that was agreed is due.
    Visit(&'a VisitReminder),
    /// A task whose cause is void, and why.
    CancelTask(Uuid, &'static str),
}

impl Rules<'_> {
    /// What kind of stage one is: in the definition in force, else in the last version that has it.
    pub(super) fn kind_of(&self, stage: &str) -> Option<StageType> {
        let former = || {
            let all = self.versions.map(Versions::all).unwrap_or_default().iter().rev();
            all.filter_map(|known| known.pipeline.stage(stage)).map(|stage| stage.kind).next()
        };
        self.pipeline.stage(stage).map(|stage| stage.kind).or_else(former)
    }

    /// Since when a rule has been in force for a customer just as it is: nothing is due by it before. That ends and begins with
    /// versions, and where a team tries another one, with becoming its customer or another's.
    pub(super) fn in_force_since(
        &self,
        customer: &Customer,
        same: impl Fn(&Pipeline) -> bool,
    ) -> DateTime<Utc> {
        let Some(versions) = self.versions else { return DateTime::<Utc>::MIN_UTC };
        let since = versions.in_force_since(self.team, self.at, &same);
        let history = &customer.automation;
        let changed = match customer.owner {
            Owner::Rep(_) => history.owned.map(|owned| owned.by.effective_at),
            Owner::Pool(_) => history.losses.last().map(|loss| loss.at),
        };
        // Whose team had it before is not known: that of anybody counts.
        let another = |at: &DateTime<Utc>| since < *at && versions.differs_for_some(*at, &same);
        changed.filter(another).unwrap_or(since)
    }

    /// Since when there has been such a rule. Versions that leave it out in between do not restart it.
    pub(super) fn since(&self, has: impl Fn(&Pipeline) -> bool) -> DateTime<Utc> {
        let all = self.versions.map(Versions::all).unwrap_or_default().iter();
        let with = all.filter(|known| has(&known.pipeline)).map(|known| known.in_force_from);
        with.min().unwrap_or(DateTime::<Utc>::MIN_UTC)
    }
}
