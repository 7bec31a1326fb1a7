//! A wrong record is put right: a move never happened, led elsewhere, happened at another instant, or was
//! forgotten. Nothing is deleted; no clock and no quota is touched. The rules are evaluated on the resulting timeline.

mod conflicts;
mod proposal;

use super::new_event::NewEvent;
use super::proof::{Proof, wanted_of_who_tells};
use super::transition::path::already_in_stage;
use super::{document, guard};
use crate::customer::command::{Amendment, Correct};
use crate::customer::state::Customer;
use crate::customer::timeline::{Move, MoveKind};
use crate::pipeline::EvidenceKind;
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Pipeline};
use conflicts::{Conflicts, fits};
use proposal::{proposal, resulting};

fn names_a_record(customer: &Customer, command: &Correct) -> Vec<Violation> {
    let insertion = matches!(command.change, Amendment::Insert { .. });
    match command.corrects {
        None => require(insertion, || {
            Violation::new(
                Code::MissingField,
                "corrects",
                Label::new("缺少要更正的记录。", "The record to correct is missing."),
                Label::new("请填写该记录的事件编号。", "Enter the event ID of the record."),
            )
        }),
        Some(record) => require(customer.journeys.resolve(record).is_some(), || {
            Violation::new(
                Code::UnknownEvent,
                "corrects",
                Label::new(
                    "该客户没有这条状态变更或更正。",
                    "The customer has no stage change or correction with this ID.",
                ),
                Label::new("请使用时间线中的事件编号。", "Use an event ID from the timeline."),
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
            Label::new("该记录由他人填写。", "This record was made by someone else."),
            Label::new("请由记录人或主管更正。", "Ask its author or a supervisor to correct it."),
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
            Label::new("该记录已撤销。", "The record has already been voided."),
            Label::new("如需恢复，请更正撤销它的记录。", "To restore it, correct the record that voided it."),
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
            Label::new("登记记录不能撤销。", "The registration record cannot be voided."),
            Label::new("请更正其状态或时间。", "Correct its stage or time instead."),
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
        None => customer
            .journeys
            .began_at()
            .map(|at| guard::before_creation("effective_at", at))
            .into_iter()
            .collect(),
    }
}

pub(in crate::customer::decide) fn decide(
    customer: &Customer,
    command: &Correct,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    let named = command.corrects.and_then(|record| customer.journeys.journey_of(record));
    let journey = named.unwrap_or_else(|| customer.primary());
    let pipeline = guard::known_pipeline(context, journey)?;
    Refusal::require_all([
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
    let (proof, wanted) = proof(customer, command, pipeline, context);
    let event = proposal(customer, command, pipeline, context, (also_voids, proof.evidence.clone()));
    Refusal::require_all([
        fits(&resulting(customer, &event), &conflicts, journey, pipeline, context),
        proof.unmet(wanted.into_iter(), context),
    ])?;
    let documents = command.shown.documents.iter().cloned().map(document::added);
    let documents = documents.map(|event| NewEvent { event, effective_at: context.now });
    Ok(std::iter::once(event).chain(documents).collect())
}

/// What a correction shows, and what the stage wants shown that it says the customer stood in.
fn proof<'a>(
    customer: &'a Customer,
    command: &'a Correct,
    pipeline: &'a Pipeline,
    context: &Context<'_>,
) -> (Proof<'a>, Vec<&'a EvidenceKind>) {
    let journey = pipeline.key.as_str();
    let root = command.corrects.and_then(|record| customer.journeys.resolve(record));
    let (into, from, is_there_already) = match &command.change {
        Amendment::Void | Amendment::Time { .. } => ((None, None), None, true),
        Amendment::Target { to, sub_status } => {
            let made = customer.journeys.moves(journey).into_iter().find(|made| Some(made.event) == root);
            let at_the_door = |made: &Move| made.kind == MoveKind::Registered && *to == pipeline.entry_stage;
            let there = made.is_some_and(|made| made.stage == *to || at_the_door(&made));
            let stays = customer.journeys.stays(journey);
            let stay = stays.iter().find(|stay| Some(stay.entered_event) == root);
            ((pipeline.stage(to), sub_status.as_deref()), stay, there)
        }
        Amendment::Insert { to, sub_status, moved_at } => {
            let left = customer.journeys.stay_at(journey, *moved_at);
            ((pipeline.stage(to), sub_status.as_deref()), left, false)
        }
    };
    let wanted = wanted_of_who_tells(into, is_there_already, context);
    let proof = Proof::of(Some(customer), into, &command.shown.evidence, &command.shown.documents);
    (proof.with_transactions(journey, from, wanted.iter().copied()), wanted)
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::customer::command::SuppliedEvidence;
    use crate::customer::decide::spec::*;
    use crate::customer::event::{CustomerEvent, OnConflict};
    use crate::{Owner, Personal};

    const JOURNEY: &str = "helloword-13";

    /// new_lead on day 0, contacted on day 1, need_confirmed on day 2, proposal on day 3; it is day 4.
    fn story() -> Spec {
        story_with([])
    }

    fn story_with<const N: usize>(more: [CustomerEvent; N]) -> Spec {
        let moves = [
            registered_by_li(),
            moved("new_lead", "contacted"),
            moved("contacted", "need_confirmed"),
            moved("need_confirmed", "proposal"),
        ];
        given(moves.into_iter().chain(more)).at(day(10))
    }

    fn correct(record: u128, change: Amendment) -> Correct {
        let reason = "wrong row".to_owned();
        let on_conflict = OnConflict::Reject;
        Correct {
            corrects: Some(event_id(record)),
            change,
            reason,
            on_conflict,
            shown: SuppliedEvidence::default(),
        }
    }

    fn settled(on_conflict: OnConflict, command: Correct) -> Correct {
        Correct { on_conflict, ..command }
    }

    fn target(stage: &str) -> Amendment {
        Amendment::Target { to: stage.to_owned(), sub_status: None }
    }

    fn insert(stage: &str, moved_at: chrono::DateTime<chrono::Utc>) -> Amendment {
        Amendment::Insert { to: stage.to_owned(), sub_status: None, moved_at }
    }

    /// The stages after the correction was recorded.
    #[track_caller]
    fn stages_after(command: Correct) -> Vec<String> {
        let event = story().by(wang()).when(command).event();
        let customer = story_with([event.event]).customer.unwrap();
        customer.journeys.stays(JOURNEY).iter().map(|stay| stay.stage.clone()).collect()
    }

    #[test]
    fn the_last_move_never_happened() {
        assert_eq!(stages_after(correct(4, Amendment::Void)), ["new_lead", "contacted", "need_confirmed"]);
    }

    #[test]
    fn the_last_move_led_elsewhere() {
        assert_eq!(
            stages_after(correct(4, target("postponed"))),
            ["new_lead", "contacted", "need_confirmed", "postponed"]
        );
    }

    #[test]
    fn correcting_a_registration_is_no_way_past_the_rules_of_entry() {
        story().when(settled(OnConflict::Continue, correct(1, target("won")))).refuses([
            Code::StageNotForEntry,
            Code::TransitionNotAllowed,
            Code::EvidenceRequired,
        ]);
        let only = given([registered_by_li()]).when(correct(1, target("contacted"))).event().event;
        let customer = given([registered_by_li(), only]).customer.unwrap();
        assert_eq!(customer.current().map(|stay| stay.stage.as_str()), Some("contacted"));
    }

    #[test]
    fn a_corrected_target_must_be_reachable_from_the_stage_before() {
        let unmet = [Code::TransitionNotAllowed, Code::EvidenceRequired];
        story().when(correct(4, target("won"))).refuses(unmet);
    }

    #[test]
    fn voiding_a_step_that_others_rest_on_is_a_conflict_with_offers() {
        let refusal = story().when(correct(3, Amendment::Void)).refuses([Code::TimelineConflict]);
        assert_eq!(refusal.extra["conflicts"][0]["event"], serde_json::json!(event_id(4)));
        assert_eq!(refusal.extra["conflicts"][0]["from_before"], "need_confirmed");
        assert_eq!(refusal.extra["conflicts"][0]["from_after"], "contacted");
        // From contacted to proposal no transition leads, and a rep does not truncate.
        assert_eq!(refusal.extra["offers"], serde_json::json!(["reject"]));
        let refusal = story().by(wang()).when(correct(3, Amendment::Void)).refuses([Code::TimelineConflict]);
        assert_eq!(refusal.extra["offers"], serde_json::json!(["reject", "truncate"]));
    }

    #[test]
    fn following_moves_are_read_again_where_the_pipeline_permits_it() {
        let back = moved("proposal", "contacted");
        let command = settled(OnConflict::Continue, correct(4, target("postponed")));
        let event = story_with([back.clone()]).when(command).event().event;
        let customer = story_with([back, event]).customer.unwrap();
        let stages: Vec<_> =
            customer.journeys.stays(JOURNEY).iter().map(|stay| stay.stage.as_str()).collect();
        assert_eq!(stages, ["new_lead", "contacted", "need_confirmed", "postponed", "contacted"]);
    }

    #[test]
    fn following_moves_are_not_read_again_against_the_pipeline() {
        let command = settled(OnConflict::Continue, correct(3, Amendment::Void));
        story().when(command).refuses([Code::TransitionNotAllowed]);
    }

    #[test]
    fn a_manager_voids_what_follows_and_a_rep_does_not() {
        let command = settled(OnConflict::Truncate, correct(2, Amendment::Void));
        story().when(command.clone()).refuses([Code::ForbiddenRole]);
        let event = story().by(wang()).when(command.clone()).event().event;
        let CustomerEvent::MoveVoided(voided) = &event else { panic!("{event:?}") };
        assert_eq!(voided.also_voids, [event_id(3), event_id(4)]);
        assert_eq!(stages_after(command), ["new_lead"]);
    }

    #[test]
    fn a_move_happened_at_another_instant_between_its_neighbours() {
        let command =
            correct(3, Amendment::Time { moved_at: day(4) - TimeDelta::days(2) - TimeDelta::hours(3) });
        let event = story().by(wang()).when(command).event();
        assert_eq!(event.effective_at, day(10), "the correction itself happens now");
        let customer = story_with([event.event]).customer.unwrap();
        let contacted = &customer.journeys.stays(JOURNEY)[1];
        assert_eq!(contacted.left_at, Some(day(2) - TimeDelta::hours(3)));
    }

    #[test]
    fn a_move_that_is_carried_past_another_is_a_conflict() {
        let command = correct(3, Amendment::Time { moved_at: day(5) });
        story().when(command).refuses([Code::TimelineConflict]);
    }

    #[test]
    fn a_new_instant_obeys_the_window_of_the_role() {
        let late = correct(4, Amendment::Time { moved_at: day(3) - TimeDelta::seconds(1) });
        story().when(late.clone()).refuses([Code::BackdateWindowExceeded]);
        story().by(wang()).when(late).event();
        let ahead = correct(4, Amendment::Time { moved_at: day(11) });
        story().when(ahead).refuses([Code::EffectiveInFuture]);
    }

    #[test]
    fn a_forgotten_step_splits_a_stay() {
        let command =
            settled(OnConflict::Continue, correct(4, insert("negotiating", day(3) + TimeDelta::hours(2))));
        let stages = stages_after(command);
        assert_eq!(stages, ["new_lead", "contacted", "need_confirmed", "proposal", "negotiating"]);
        let event = story()
            .by(wang())
            .when(correct(4, insert("postponed", day(2) + TimeDelta::hours(2))))
            .refuses([Code::TimelineConflict]);
        assert_eq!(event.extra["offers"], serde_json::json!(["reject", "continue", "truncate"]));
    }

    #[test]
    fn a_forgotten_step_is_checked_where_it_would_stand() {
        story()
            .by(wang())
            .when(correct(4, insert("won", day(3) + TimeDelta::hours(2))))
            .refuses([Code::TransitionNotAllowed]);
        story()
            .by(wang())
            .when(correct(4, insert("contacted", day(1) + TimeDelta::hours(2))))
            .refuses([Code::AlreadyInStage]);
        story()
            .by(wang())
            .when(correct(4, insert("contacted", day(-1))))
            .refuses([Code::EffectiveBeforeCreation]);
    }

    #[test]
    fn reps_correct_their_own_records_and_managers_all() {
        let assigned = CustomerEvent::OwnerChanged(crate::customer::event::OwnerChanged {
            from: Owner::Rep("li".into()),
            to: Owner::Rep("zhao".into()),
            reason: Personal::Clear("region".into()),
            occasion: None,
            grace_until: None,
            text: None,
        });
        let command = || correct(4, Amendment::Void);
        story_with([assigned.clone()]).by(zhao()).when(command()).refuses([Code::NotOwnRecord]);
        story_with([assigned]).by(wang()).when(command()).event();
        story().by(zhao()).when(command()).refuses([Code::NotOwner, Code::NotOwnRecord]);
    }

    #[test]
    fn a_void_can_be_voided() {
        let void = story().when(correct(4, Amendment::Void)).event().event;
        story_with([void.clone()]).when(correct(4, target("lost"))).refuses([Code::AlreadyVoided]);
        let again = story_with([void.clone()]).when(correct(5, Amendment::Void)).event().event;
        let customer = story_with([void, again]).customer.unwrap();
        assert_eq!(customer.current().map(|stay| stay.stage.as_str()), Some("proposal"));
    }

    #[test]
    fn a_correction_names_a_record_of_the_customer_and_a_reason() {
        let nameless = Correct { corrects: None, reason: String::new(), ..correct(1, Amendment::Void) };
        story().when(nameless).refuses([Code::MissingField, Code::EmptyText]);
        story().when(correct(99, Amendment::Void)).refuses([Code::UnknownEvent]);
        story().when(correct(1, Amendment::Void)).refuses([Code::RegistrationNotVoidable]);
    }

    #[test]
    fn a_correction_touches_neither_owner_nor_clocks() {
        let before = story().customer.unwrap();
        let event = story().when(correct(4, Amendment::Void)).event().event;
        let after = story_with([event]).customer.unwrap();
        assert_eq!(
            (before.owner, before.next_plan, before.last_follow_up_at, before.last_claim),
            (after.owner, after.next_plan, after.last_follow_up_at, after.last_claim)
        );
    }
}
