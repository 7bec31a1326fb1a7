//! The deadlines of automations and pool rules.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::Label;
use crate::pipeline::StageType;
use crate::pipeline::automation::Automation;
use crate::pipeline::version::Versions;
use crate::pipeline::{Pipeline, VisitReminder};
use crate::pool::Pool;
use crate::pool::rules::{FirstContact, Reclaim};

/// The definition in force of a pipeline, and the versions that tell since when a rule has been there.
#[derive(Debug, Clone, Copy)]
pub struct Rules<'a> {
    /// The definition.
    pub pipeline: &'a Pipeline,
    /// Every version. None: the rules have always been there.
    pub versions: Option<&'a Versions>,
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

    /// Since when there has been such a rule. Versions that leave it out in between do not restart it.
    pub(super) fn since(&self, has: impl Fn(&Pipeline) -> bool) -> DateTime<Utc> {
        let all = self.versions.map(Versions::all).unwrap_or_default().iter();
        let with = all.filter(|known| has(&known.pipeline)).map(|known| known.in_force_from);
        with.min().unwrap_or(DateTime::<Utc>::MIN_UTC)
    }
}
