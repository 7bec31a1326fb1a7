//! What happened to a customer, as clocks look at it.

use chrono::{DateTime, Utc};

use crate::customer::Customer;
use crate::customer::automation_state::{MoveProvenance, Occurrence};
use crate::customer::timeline::MoveKind;
use crate::pipeline::automation::Activity;

/// Whether the next contact lies after an instant.
pub(super) fn planned_after(customer: &Customer, instant: DateTime<Utc>) -> bool {
    customer.next_plan.as_ref().is_some_and(|plan| plan.at > instant)
}

/// The last two things among these activities, the last one first. Of moves count those of people, as they stand
/// after corrections, and no late entries. A correction begins no clock again: a move that was put later counts from where it was
/// first said to be.
pub(super) fn latest(customer: &Customer, journey: &str, activities: &[Activity]) -> [Option<Occurrence>; 2] {
    let mut all: Vec<Occurrence> =
        activities.iter().flat_map(|activity| customer.automation.last(activity)).collect();
    if activities.iter().any(|activity| matches!(activity, Activity::Move | Activity::Update)) {
        let moves = customer.journeys.moves(journey);
        all.extend(moves.iter().filter(|made| made.kind != MoveKind::Inserted).filter_map(|made| {
            let record = customer.automation.provenance(made.event).filter(|record| !record.by_rule)?;
            let MoveProvenance { effective_at: said_at, recorded_at, .. } = record;
            let (effective_at, event, position) = (made.effective_at.min(said_at), made.event, made.position);
            Some(Occurrence { effective_at, recorded_at, event, position })
        }));
    }
    all.sort_by_key(|at| std::cmp::Reverse((at.effective_at, at.recorded_at, at.event)));
    all.dedup_by_key(|at| at.event);
    let mut all = all.into_iter();
    [all.next(), all.next()]
}
