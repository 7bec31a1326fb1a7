//! What a correction does to the moves that it is not about, and whether the resulting timeline is permitted.

use std::collections::HashMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::proposal::{PROPOSED, proposal, resulting};
use crate::customer::command::{Amendment, Correct};
use crate::customer::decide::guard;
use crate::customer::decide::transition::path::not_allowed;
use crate::customer::event::OnConflict;
use crate::customer::state::Customer;
use crate::customer::timeline::{Journeys, Move, MoveKind};
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Pipeline};

/// A move that would leave another stage than it leaves now.
struct Conflict {
    made: Move,
    left_before: Option<String>,
    leaves_now: Option<String>,
    fits: bool,
}

/// What a correction does to the moves that it is not about.
pub(super) struct Conflicts {
    /// The move that the correction is about: the root of its chain, or the insertion itself.
    own: Uuid,
    /// The moves that would leave another stage.
    moves: Vec<Conflict>,
    /// The first of them and all that follow it, up to the end of the journey.
    following: Vec<Uuid>,
}

impl Conflicts {
    pub(super) fn of(
        customer: &Customer,
        command: &Correct,
        pipeline: &Pipeline,
        context: &Context<'_>,
    ) -> Self {
        let journey = pipeline.key.as_str();
        let event = proposal(customer, command, pipeline, context, Default::default());
        let insertion = matches!(command.change, Amendment::Insert { .. });
        let root =
            command.corrects.filter(|_| !insertion).and_then(|record| customer.journeys.resolve(record));
        let own = root.unwrap_or(PROPOSED);
        let before = with_predecessors(customer.journeys.moves(journey));
        let before: HashMap<Uuid, Option<String>> =
            before.into_iter().map(|(left, made)| (made.event, left)).collect();
        let after = with_predecessors(resulting(customer, &event).moves(journey));
        let differs = |left: &Option<String>, made: &Move| {
            made.event != own && before.get(&made.event).is_some_and(|left_before| left_before != left)
        };
        let first = after.iter().position(|(left, made)| differs(left, made)).unwrap_or(after.len());
        let voidable = |made: &&Move| made.event != own && made.kind != MoveKind::Registered;
        let following = after[first..].iter().map(|(_, made)| made).filter(voidable);
        let following = following.map(|made| made.event).collect();
        let conflict = |(left, made): (Option<String>, Move)| Conflict {
            left_before: before.get(&made.event).cloned().flatten(),
            fits: permitted(pipeline, left.as_deref(), &made),
            leaves_now: left,
            made,
        };
        let moves = after.into_iter().filter(|(left, made)| differs(left, made)).map(conflict).collect();
        Self { own, moves, following }
    }

    /// What must be voided with the correction, as the client chose.
    pub(super) fn settle(&self, choice: OnConflict, context: &Context<'_>) -> Result<Vec<Uuid>, Refusal> {
        if self.moves.is_empty() {
            return Ok(Vec::new());
        }
        match choice {
            OnConflict::Reject => Err(self.refusal(context)),
            OnConflict::Continue => Ok(Vec::new()),
            OnConflict::Truncate => {
                Refusal::require_all([guard::supervises(context, "on_conflict")])?;
                Ok(self.following.clone())
            }
        }
    }

    fn refusal(&self, context: &Context<'_>) -> Refusal {
        let continues = self.moves.iter().all(|conflict| conflict.fits);
        let mut offers = vec!["reject"];
        offers.extend(continues.then_some("continue"));
        offers.extend(context.actor.supervises().then_some("truncate"));
        let violation = Violation::new(
            Code::TimelineConflict,
            "on_conflict",
            Label::new("更正后，后续的状态变更不再衔接。", "After this correction, later stage changes no longer connect."),
            Label::new(
                "可选择on_conflict：continue（后续变更改为从更正后的状态出发）或truncate（主管：撤销后续变更）。",
                "Set on_conflict to continue (later changes start from the corrected stage) or truncate (supervisors: void the later changes).",
            ),
        )
        .with("conflicts", self.moves.iter().map(Conflict::to_json).collect::<Vec<_>>())
        .with("offers", offers);
        Refusal {
            kind: Code::TimelineConflict.kind(),
            code: violation.code.clone(),
            title: Code::TimelineConflict.title(),
            detail: violation.message.clone(),
            extra: violation.data.clone(),
            violations: vec![violation],
        }
    }
}

impl Conflict {
    fn to_json(&self) -> Value {
        json!({
            "event": self.made.event,
            "position": self.made.position,
            "effective_at": self.made.effective_at,
            "to": self.made.stage,
            "from_before": self.left_before,
            "from_after": self.leaves_now,
            "allowed": self.fits,
        })
    }
}

/// Each move with the stage that it leaves.
fn with_predecessors(moves: Vec<Move>) -> Vec<(Option<String>, Move)> {
    let mut held: Option<String> = None;
    let with = |made: Move| (held.replace(made.stage.clone()), made);
    moves.into_iter().map(with).collect()
}

/// Whether the pipeline permits a move from the stage before it. The first move of a journey leaves none, and a
/// repeat leaves none either.
fn permitted(pipeline: &Pipeline, left: Option<&str>, made: &Move) -> bool {
    let Some(left) = left.filter(|left| *left != made.stage) else { return true };
    // A stage of an earlier definition: what was permitted then is not judged by the one in force.
    if pipeline.stage(left).is_none() || pipeline.stage(&made.stage).is_none() {
        return true;
    }
    match made.kind {
        MoveKind::Reactivated => pipeline.stage(left).is_some_and(|stage| stage.kind.is_reactivatable()),
        MoveKind::Registered | MoveKind::Moved | MoveKind::Inserted => pipeline.allows(left, &made.stage),
    }
}

/// The moves that the correction touches are permitted where they stand in the resulting timeline: each from the
/// stage before it, and one that has none before it as the entry of a journey.
pub(super) fn fits(
    after: &Journeys,
    conflicts: &Conflicts,
    journey: &str,
    pipeline: &Pipeline,
    context: &Context<'_>,
) -> Vec<Violation> {
    let touched = |made: &Move| {
        made.event == conflicts.own
            || conflicts.moves.iter().any(|conflict| conflict.made.event == made.event)
    };
    let unmet = |(left, made): (Option<String>, Move)| {
        let Some(left) = left else { return guard::stage_for_entry(pipeline, &made.stage, "to", context) };
        require(permitted(pipeline, Some(&left), &made), || {
            let violation = not_allowed(pipeline, &left, &made.stage, "to");
            if made.event == PROPOSED { violation } else { violation.with("event", made.event.to_string()) }
        })
    };
    let moves = with_predecessors(after.moves(journey)).into_iter();
    moves.filter(|(_, made)| touched(made)).flat_map(unmet).collect()
}
