//! The time limits of stages: until when the next action of a stage must be done, and when a customer counts as stagnant.

use std::collections::BTreeMap;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::hypothesis::Span;
use crate::Pipeline;
use crate::customer::timeline::Stay;
use crate::pipeline::Stage;

/// What sets a time limit.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum DeadlineKind {
    /// The stage's next action.
    NextAction,
    /// The time after which a customer in the stage counts as stagnant.
    Stagnant,
    /// A rule with a delay or a date, by its id.
    Rule(String),
}

/// A time limit that a customer had.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Deadline {
    /// The stage.
    pub stage: String,
    /// When it was up.
    pub due_at: DateTime<Utc>,
    /// Whether the customer had left the stage by then. A rule that came to act was not forestalled.
    pub met: bool,
}

/// Deadlines by what sets them and the event that they count from.
pub(super) type Deadlines = BTreeMap<(DeadlineKind, Uuid), Deadline>;

/// Adds the limits of these stays that were up in the span, each by the definition that holds for it.
pub(super) fn of_stays<'a>(
    stays: &[Stay],
    span: Span,
    definition: impl Fn(&Stay) -> Option<&'a Pipeline>,
    found: &mut Deadlines,
) {
    for stay in stays {
        let stage = definition(stay).and_then(|pipeline| pipeline.stage(&stay.stage));
        for (kind, seconds) in stage.into_iter().flat_map(limits) {
            let limit = i64::try_from(seconds).ok().and_then(TimeDelta::try_seconds);
            let Some(due_at) = limit.and_then(|limit| stay.entered_at.checked_add_signed(limit)) else {
                continue;
            };
            if span.holds(due_at) {
                let met = stay.left_at.is_some_and(|left| left <= due_at);
                let deadline = Deadline { stage: stay.stage.clone(), due_at, met };
                found.insert((kind, stay.entered_event), deadline);
            }
        }
    }
}

/// The limits of a stage that somebody is still to leave.
fn limits(stage: &Stage) -> Vec<(DeadlineKind, u64)> {
    if stage.kind.is_final() {
        return Vec::new();
    }
    let action = stage.next_action.as_ref().map(|action| (DeadlineKind::NextAction, action.deadline_seconds));
    let stagnant = stage.stagnant_after_seconds.map(|seconds| (DeadlineKind::Stagnant, seconds));
    action.into_iter().chain(stagnant).collect()
}
