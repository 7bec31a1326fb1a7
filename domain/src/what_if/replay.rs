//! One customer's recorded history, lived through twice: as it was, and as it would have been.

use std::collections::BTreeSet;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::hypothesis::Hypothesis;
use super::limits::{Deadline, DeadlineKind, of_stays};
use super::moves::{Judged, RefusedMove, evolve};
use super::timers::{PoolReturn, Timers};
use crate::customer::Customer;
use crate::customer::automation_state::MoveProvenance;
use crate::customer::event::{CustomerEvent, Recorded};
use crate::customer::timeline::Move;

/// Something as it was, and as it would have been.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Both<T> {
    /// As it was.
    pub before: T,
    /// As it would have been.
    pub after: T,
}

/// A deadline that would have been another one, or missed where it was met.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeadlineChange {
    /// What sets it.
    pub kind: DeadlineKind,
    /// The event that it counts from.
    pub cause: Uuid,
    /// The deadline in the span; none where there is none in it.
    pub deadline: Both<Option<Deadline>>,
}

/// A return to a pool that would have come at another time, or not at all.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ReclaimChange {
    /// The event that gave the rep the customer.
    pub owned_since: Uuid,
    /// The return; none where it does not come.
    pub returned: Both<Option<PoolReturn>>,
}

/// What comes of replaying a customer's history.
#[derive(Debug, Clone, Default)]
pub struct Replayed {
    /// How many moves were judged.
    pub judged: usize,
    /// The moves that would have been refused, in the order of their positions.
    pub refused: Vec<RefusedMove>,
    /// The deadlines that differ, by what sets them.
    pub deadlines: Vec<DeadlineChange>,
    /// How many deadlines passed unmet.
    pub passed: Both<usize>,
    /// The returns to a pool that differ.
    pub reclaims: Vec<ReclaimChange>,
    /// How many returns there were.
    pub returned: Both<usize>,
    /// The moves of the journey as they would have been, where any is otherwise.
    pub moves: Option<Vec<(Move, MoveProvenance)>>,
}

/// A history that is lived through.
#[derive(Default)]
struct World {
    customer: Option<Customer>,
    timers: Timers,
}

/// Replays the events of one customer, which come in the order of their positions. What happened after the span is left out, but
/// for corrections of what happened in it.
pub fn replay(events: &[Recorded<CustomerEvent>], hypothesis: &Hypothesis) -> Replayed {
    let mut run = Run { hypothesis, now: None, was: World::default(), would: World::default(), acting: None };
    let mut judged = Judged::default();
    for (place, recorded) in events.iter().enumerate() {
        if recorded.effective_at >= hypothesis.span.to && !is_correction(&recorded.event) {
            continue;
        }
        judged.note_request(recorded);
        run.pass_time(recorded);
        if run.is_done_by_rules(recorded) || !run.is_in_order(recorded) {
            continue;
        }
        if hypothesis.span.holds(recorded.effective_at) {
            if !judged.is_of_dropped(recorded) {
                let rest = &events[place + 1..];
                judged.take((recorded, rest), run.was.customer.as_ref(), &mut run.would.customer, hypothesis);
            }
        } else if !judged.is_of_dropped(recorded) {
            evolve(&mut run.would.customer, recorded);
        }
        evolve(&mut run.was.customer, recorded);
    }
    run.let_pass(hypothesis.span.to);
    run.result(judged)
}

/// What is replayed so far.
struct Run<'a> {
    hypothesis: &'a Hypothesis,
    /// The latest instant of the business that was recorded.
    now: Option<DateTime<Utc>>,
    was: World,
    would: World,
    /// The rule that acts, of those whose acts are computed again.
    acting: Option<String>,
}

impl Run<'_> {
    /// Lets become due what was due before an event. A rule's act shows that its time had come.
    fn pass_time(&mut self, recorded: &Recorded<CustomerEvent>) {
        let instant = match recorded.event {
            CustomerEvent::AutomationRan(_) => recorded.effective_at + TimeDelta::microseconds(1),
            _ => recorded.effective_at,
        };
        self.let_pass(instant.min(self.hypothesis.span.to));
    }

    fn let_pass(&mut self, until: DateTime<Utc>) {
        let span = self.hypothesis.span;
        let mut begin = self.now.unwrap_or(span.from).max(span.from);
        self.now = self.now.max(Some(until));
        if until <= begin {
            return;
        }
        if let Some(customer) = &mut self.would.customer {
            self.would.timers.run(customer, self.hypothesis.rules(), span, until);
        }
        let Some(customer) = &mut self.was.customer else { return };
        let changes = self.hypothesis.recorded.changes();
        let between = changes.into_iter().filter(|change| begin < *change && *change < until);
        for end in between.chain([until]).collect::<BTreeSet<_>>() {
            if let Some(rules) = self.hypothesis.rules_then(begin) {
                self.was.timers.run(customer, rules, span, end);
            }
            begin = end;
        }
    }

    /// Whether an event of the span is a note of a rule's act, or a pool's taking back: both are computed again.
    fn is_done_by_rules(&mut self, recorded: &Recorded<CustomerEvent>) -> bool {
        if recorded.origin.as_deref() != Some("rule") {
            self.acting = None;
            return false;
        }
        if recorded.effective_at < self.hypothesis.span.from {
            return false;
        }
        match &recorded.event {
            CustomerEvent::AutomationRan(event) => {
                self.acting = Some(event.rule.clone());
                true
            }
            CustomerEvent::AutomationSkipped(_) | CustomerEvent::ReclaimSkipped(_) => true,
            CustomerEvent::OwnerChanged(_) => {
                let of_a_pool = |rule: &String| rule.starts_with("reclaim:") || rule == "first_contact";
                self.acting.as_ref().is_some_and(of_a_pool)
            }
            _ => false,
        }
    }

    /// Whether there is a customer that an event can happen to.
    fn is_in_order(&self, recorded: &Recorded<CustomerEvent>) -> bool {
        self.was.customer.is_some() || matches!(recorded.event, CustomerEvent::Registered(_))
    }

    fn result(self, judged: Judged) -> Replayed {
        let Self { hypothesis, was, would, .. } = self;
        let Some(actual) = was.customer else { return Replayed::default() };
        let key = &hypothesis.pipeline.key;
        let (mut before, mut after) = (was.timers, would.timers);
        let known = |version| hypothesis.recorded.version(version).map(|known| &*known.pipeline);
        let stays = actual.journeys.stays(key);
        of_stays(stays, hypothesis.span, |stay| known(stay.pipeline_version), &mut before.deadlines);
        let supposed = would.customer.as_ref().map_or(&[][..], |customer| customer.journeys.stays(key));
        of_stays(supposed, hypothesis.span, |_| Some(&*hypothesis.pipeline), &mut after.deadlines);
        let missed = |timers: &Timers| timers.deadlines.values().filter(|deadline| !deadline.met).count();
        let refused = judged.refused.into_iter();
        Replayed {
            judged: judged.count,
            refused: refused.filter(|one| actual.journeys.voided_by(one.event).is_none()).collect(),
            passed: Both { before: missed(&before), after: missed(&after) },
            returned: Both { before: before.returns.len(), after: after.returns.len() },
            deadlines: deadlines(&before, &after),
            reclaims: reclaims(&before, &after),
            moves: judged.differs.then(|| moves(would.customer.as_ref(), key)),
        }
    }
}

fn is_correction(event: &CustomerEvent) -> bool {
    matches!(
        event,
        CustomerEvent::MoveVoided(_)
            | CustomerEvent::MoveTargetCorrected(_)
            | CustomerEvent::MoveTimeCorrected(_)
    )
}

fn deadlines(before: &Timers, after: &Timers) -> Vec<DeadlineChange> {
    let all: BTreeSet<_> = before.deadlines.keys().chain(after.deadlines.keys()).collect();
    let change = |at: &(DeadlineKind, Uuid)| {
        let of = |timers: &Timers| timers.deadlines.get(at).cloned();
        let deadline = Both { before: of(before), after: of(after) };
        let (kind, cause) = at.clone();
        (deadline.before != deadline.after).then_some(DeadlineChange { kind, cause, deadline })
    };
    all.into_iter().filter_map(change).collect()
}

fn reclaims(before: &Timers, after: &Timers) -> Vec<ReclaimChange> {
    let all: BTreeSet<&Uuid> = before.returns.keys().chain(after.returns.keys()).collect();
    let change = |owned_since: &Uuid| {
        let of = |timers: &Timers| timers.returns.get(owned_since).cloned();
        let returned = Both { before: of(before), after: of(after) };
        let differs = returned.before != returned.after;
        differs.then_some(ReclaimChange { owned_since: *owned_since, returned })
    };
    all.into_iter().filter_map(change).collect()
}

/// The moves of the journey, each with how it was recorded.
fn moves(customer: Option<&Customer>, key: &str) -> Vec<(Move, MoveProvenance)> {
    let Some(customer) = customer else { return Vec::new() };
    let each = customer.journeys.moves(key).into_iter();
    each.filter_map(|made| Some((made.clone(), customer.automation.provenance(made.event)?))).collect()
}
