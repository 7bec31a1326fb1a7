//! A wrong record is put right: a move never happened, led elsewhere, happened at another instant, or was
//! forgotten. Nothing is deleted; no clock and no quota is touched. The rules are asked of the timeline that
//! results.

use std::collections::HashMap;

use serde_json::{Value, json};
use uuid::Uuid;

use super::transition::{already_in_stage, not_allowed};
use super::{NewEvent, guard};
use crate::customer::command::{Amendment, Correct};
use crate::customer::event::{
    CustomerEvent, MoveInserted, MoveTargetCorrected, MoveTimeCorrected, MoveVoided, OnConflict, Recorded,
};
use crate::customer::state::Customer;
use crate::customer::timeline::{Journeys, Move, MoveKind};
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Personal, Pipeline};

/// Stands for the correction while nobody knows its id yet.
const PROPOSED: Uuid = Uuid::max();

fn names_a_record(customer: &Customer, command: &Correct) -> Vec<Violation> {
    let insertion = matches!(command.change, Amendment::Insert { .. });
    match command.corrects {
        None => require(insertion, || {
            Violation::new(
                Code::MissingField,
                "corrects",
                Label::new("请指明要更正的记录。", "The correction names no record."),
                Label::new("请填写该记录的事件编号。", "Give the id of the event to correct."),
            )
        }),
        Some(record) => require(customer.journeys.resolve(record).is_some(), || {
            Violation::new(
                Code::UnknownEvent,
                "corrects",
                Label::new("该客户没有这条状态变更或更正。", "No move or correction of this customer has this id."),
                Label::new("请使用时间线中的事件编号。", "Take the id from the customer's timeline."),
            )
        }),
    }
}

/// Reps correct what they recorded; the records of others are a manager's.
fn own_record(customer: &Customer, command: &Correct, context: &Context<'_>) -> Vec<Violation> {
    let Some(record) = command.corrects else { return Vec::new() };
    let Some(recorded_by) = customer.journeys.recorded_by(record) else { return Vec::new() };
    let insertion = matches!(command.change, Amendment::Insert { .. });
    require(insertion || recorded_by == context.actor.name || context.actor.supervises(), || {
        Violation::new(
            Code::NotOwnRecord,
            "corrects",
            Label::new("该记录由他人填写。", "Somebody else made this record."),
            Label::new("请由记录人或主管更正。", "Ask its author or a manager to correct it."),
        )
    })
}

fn still_in_force(customer: &Customer, command: &Correct) -> Vec<Violation> {
    let insertion = matches!(command.change, Amendment::Insert { .. });
    let Some(record) = command.corrects.filter(|_| !insertion) else { return Vec::new() };
    let Some(by) = customer.journeys.voided_by(record) else { return Vec::new() };
    vec![
        Violation::new(
            Code::AlreadyVoided,
            "corrects",
            Label::new("该记录已作废。", "The record was voided already."),
            Label::new("如需恢复，请更正作废它的记录。", "To bring it back, correct the correction that voided it."),
        )
        .with("voided_by", by.to_string()),
    ]
}

/// A journey begins with its registration, which can be moved or renamed but not taken away.
fn not_the_registration(customer: &Customer, command: &Correct, journey: &str) -> Vec<Violation> {
    let voids = command.corrects.filter(|_| command.change == Amendment::Void);
    let registers = |made: &Move| made.kind == MoveKind::Registered && Some(made.event) == voids;
    require(!customer.journeys.moves(journey).iter().any(registers), || {
        Violation::new(
            Code::RegistrationNotVoidable,
            "corrects",
            Label::new("登记记录不能作废。", "A registration cannot be voided."),
            Label::new("请更正其状态或时间。", "Correct its stage or its instant."),
        )
    })
}

fn well_formed(command: &Correct, pipeline: &Pipeline, context: &Context<'_>) -> Vec<Violation> {
    let stage = |to: &str, sub_status: &Option<String>| {
        let known = guard::known_stage(pipeline, to, "to");
        [known, guard::known_sub_status(pipeline.stage(to), sub_status.as_deref())].concat()
    };
    match &command.change {
        Amendment::Void => Vec::new(),
        Amendment::Target { to, sub_status } => stage(to, sub_status),
        Amendment::Time { moved_at } => guard::in_window(*moved_at, "effective_at", context),
        Amendment::Insert { to, sub_status, moved_at } => {
            [stage(to, sub_status), guard::in_window(*moved_at, "effective_at", context)].concat()
        }
    }
}

/// An insertion splits a stay, so there must be one, in another stage.
fn splits_a_stay(customer: &Customer, command: &Correct, journey: &str) -> Vec<Violation> {
    let Amendment::Insert { to, moved_at, .. } = &command.change else { return Vec::new() };
    match customer.journeys.stay_at(journey, *moved_at) {
        Some(stay) => require(stay.stage != *to, || already_in_stage("to")),
        None => customer.journeys.began_at().map(|at| guard::before_creation("effective_at", at)).into_iter().collect(),
    }
}

pub(super) fn decide(
    customer: &Customer,
    command: &Correct,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    let named = command.corrects.and_then(|record| customer.journeys.journey_of(record));
    let journey = named.unwrap_or_else(|| customer.primary());
    let pipeline = guard::known_pipeline(context, journey)?;
    Refusal::unless_met([
        guard::may_work(customer, context),
        names_a_record(customer, command),
        own_record(customer, command, context),
        still_in_force(customer, command),
        not_the_registration(customer, command, journey),
        well_formed(command, pipeline, context),
        splits_a_stay(customer, command, journey),
        guard::text("reason", &command.reason),
    ])?;
    let conflicts = Conflicts::of(customer, command, pipeline, context);
    let also_voids = conflicts.settle(command.on_conflict, context)?;
    let event = proposal(customer, command, pipeline, context, also_voids);
    Refusal::unless_met([fits(&resulting(customer, &event), &conflicts, journey, pipeline)])?;
    Ok(vec![event])
}

/// The correction as an event.
fn proposal(
    customer: &Customer,
    command: &Correct,
    pipeline: &Pipeline,
    context: &Context<'_>,
    also_voids: Vec<Uuid>,
) -> NewEvent {
    let journey = pipeline.key.clone();
    let reason = Personal::Clear(command.reason.clone());
    let on_conflict = command.on_conflict;
    let corrects = command.corrects.unwrap_or_default();
    let (event, effective_at) = match command.change.clone() {
        Amendment::Void => {
            let event = MoveVoided { journey, corrects, reason, on_conflict, also_voids };
            (CustomerEvent::MoveVoided(event), context.now)
        }
        Amendment::Target { to, sub_status } => {
            let event = MoveTargetCorrected { journey, corrects, to, sub_status, reason, on_conflict, also_voids };
            (CustomerEvent::MoveTargetCorrected(event), context.now)
        }
        Amendment::Time { moved_at } => {
            let event = MoveTimeCorrected { journey, corrects, moved_at, reason, on_conflict, also_voids };
            (CustomerEvent::MoveTimeCorrected(event), context.now)
        }
        Amendment::Insert { to, sub_status, moved_at } => {
            let left = customer.journeys.stay_at(&journey, moved_at);
            let event = MoveInserted {
                pipeline_version: pipeline.version,
                corrects: command.corrects,
                cycle: left.map_or(1, |stay| stay.cycle),
                from: left.map(|stay| stay.stage.clone()).unwrap_or_default(),
                journey,
                to,
                sub_status,
                reason,
                on_conflict,
                also_voids,
            };
            (CustomerEvent::MoveInserted(event), moved_at)
        }
    };
    NewEvent { event, effective_at }
}

/// The timelines as they would be with the correction.
fn resulting(customer: &Customer, event: &NewEvent) -> Journeys {
    let mut journeys = customer.journeys.clone();
    journeys.apply(&Recorded {
        position: u64::MAX,
        id: PROPOSED,
        effective_at: event.effective_at,
        recorded_at: event.effective_at,
        actor: String::new(),
        origin: None,
        event: event.event.clone(),
    });
    journeys
}

/// A move that would leave another stage than it leaves now.
struct Conflict {
    made: Move,
    left_before: Option<String>,
    leaves_now: Option<String>,
    fits: bool,
}

/// What a correction does to the moves that it is not about.
struct Conflicts {
    /// The move that the correction is about: the root of its chain, or the insertion itself.
    own: Uuid,
    /// The moves that would leave another stage.
    moves: Vec<Conflict>,
    /// The first of them and all that follow it, up to the end of the journey.
    following: Vec<Uuid>,
}

impl Conflicts {
    fn of(customer: &Customer, command: &Correct, pipeline: &Pipeline, context: &Context<'_>) -> Self {
        let journey = pipeline.key.as_str();
        let event = proposal(customer, command, pipeline, context, Vec::new());
        let insertion = matches!(command.change, Amendment::Insert { .. });
        let root = command.corrects.filter(|_| !insertion).and_then(|record| customer.journeys.resolve(record));
        let own = root.unwrap_or(PROPOSED);
        let before = with_predecessors(customer.journeys.moves(journey));
        let before: HashMap<Uuid, Option<String>> = before.into_iter().map(|(left, made)| (made.event, left)).collect();
        let after = with_predecessors(resulting(customer, &event).moves(journey));
        let differs = |left: &Option<String>, made: &Move| {
            made.event != own && before.get(&made.event).is_some_and(|left_before| left_before != left)
        };
        let first = after.iter().position(|(left, made)| differs(left, made)).unwrap_or(after.len());
        let following = after[first..].iter().map(|(_, made)| made.event).filter(|event| *event != own).collect();
        let conflict = |(left, made): (Option<String>, Move)| Conflict {
            left_before: before.get(&made.event).cloned().flatten(),
            fits: permitted(pipeline, left.as_deref(), &made),
            leaves_now: left,
            made,
        };
        let moves = after.into_iter().filter(|(left, made)| differs(left, made)).map(conflict).collect();
        Self { own, moves, following }
    }

    /// What is to be voided with the correction, as the client chose.
    fn settle(&self, choice: OnConflict, context: &Context<'_>) -> Result<Vec<Uuid>, Refusal> {
        if self.moves.is_empty() {
            return Ok(Vec::new());
        }
        match choice {
            OnConflict::Reject => Err(self.refusal(context)),
            OnConflict::Continue => Ok(Vec::new()),
            OnConflict::Truncate => {
                Refusal::unless_met([guard::supervises(context, "on_conflict")])?;
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
            Label::new("更正后，后续的状态变更不再衔接。", "Moves that follow would leave another stage than they were recorded to leave."),
            Label::new(
                "可选择on_conflict：continue（后续变更改为从更正后的状态出发）或truncate（主管：作废后续变更）。",
                "Choose on_conflict: continue (they are re-read as leaving the corrected stage) or truncate (a manager voids them).",
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
    match made.kind {
        MoveKind::Reactivated => pipeline.stage(left).is_some_and(|stage| stage.kind.is_reactivatable()),
        MoveKind::Registered | MoveKind::Moved | MoveKind::Inserted => pipeline.allows(left, &made.stage),
    }
}

/// The moves that the correction touches are permitted where they stand in the resulting timeline.
fn fits(after: &Journeys, conflicts: &Conflicts, journey: &str, pipeline: &Pipeline) -> Vec<Violation> {
    let touched = |made: &Move| {
        made.event == conflicts.own || conflicts.moves.iter().any(|conflict| conflict.made.event == made.event)
    };
    let refused = |(left, made): (Option<String>, Move)| {
        let left = left.filter(|left| touched(&made) && !permitted(pipeline, Some(left), &made))?;
        let violation = not_allowed(pipeline, &left, &made.stage, "to");
        Some(if made.event == PROPOSED { violation } else { violation.with("event", made.event.to_string()) })
    };
    with_predecessors(after.moves(journey)).into_iter().filter_map(refused).collect()
}
