//! A rep moves a customer to another stage, because the world changed.

mod brought;
pub(in crate::customer) mod form;
pub(super) mod path;
mod within;

use chrono::TimeDelta;

use super::new_event::NewEvent;
use super::proof::Proof;
use super::{deal, guard};
use crate::context::CLOCK_SKEW;
use crate::customer::command::{ChangeDetails, NewProfile, Transition};
use crate::customer::event::{CustomerEvent, Moved, TransitionRequested};
use crate::customer::state::Customer;
use crate::customer::timeline::Stay;
use crate::pipeline::Approval;
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Personal, Pipeline};
use form::{Form, unmet_form};
use path::{allowed, elsewhere, not_before_a_later_move};

/// The longest that a request waits: ten years.
const MAX_WAIT: u64 = 315_360_000;

/// The definition in force is the version that the caller has seen.
fn expected_version(pipeline: &Pipeline, command: &Transition) -> Vec<Violation> {
    let expected = command.expected_pipeline_version;
    require(expected.is_none_or(|expected| expected == pipeline.version), || {
        let current = pipeline.version;
        Violation::new(
            Code::PipelineVersionChanged,
            "expected_pipeline_version",
            Label::new(
                format!("销售流程已是第{current}版。"),
                format!("The pipeline is now at version {current}."),
            ),
            Label::new("请读取新版本后再提交。", "Read the new version and submit again."),
        )
        .with("current", current)
    })
}

fn backdated_with_a_reason(command: &Transition, context: &Context<'_>) -> Vec<Violation> {
    let backdated = context.effective_at.is_some_and(|at| at < context.now - CLOCK_SKEW);
    let explained = command.reason.is_some() || command.note.is_some();
    require(!backdated || explained || context.import, || {
        Violation::new(
            Code::BackdateReasonRequired,
            "reason",
            Label::new("补录过去的变更需要说明原因。", "A backdated change requires a reason."),
            Label::new("请填写原因或备注。", "Enter a reason or a note."),
        )
    })
}

/// The approval that a move from where the customer stands needs. The past is not asked for any.
pub(in crate::customer) fn approval<'a>(
    pipeline: &'a Pipeline,
    from: Option<&Stay>,
    to: &str,
    context: &Context<'_>,
) -> Option<&'a Approval> {
    let rule = pipeline.transition(&from?.stage, to).filter(|_| !context.import)?;
    rule.approval.as_ref()
}

/// Nobody waits for the same approval already.
fn not_asked_yet(customer: &Customer, journey: &str, to: &str, context: &Context<'_>) -> Vec<Violation> {
    let same = customer.requests.iter().find(|(_, open)| {
        open.asked.journey == journey && open.asked.to == to && context.now < open.asked.expires_at
    });
    let Some((id, _)) = same else { return Vec::new() };
    vec![
        Violation::new(
            Code::ApprovalPending,
            "to",
            Label::new("同一变更正在等待审批。", "The same transition is already awaiting approval."),
            Label::new("请等待审批，或先撤回申请。", "Wait for the approval, or withdraw the request first."),
        )
        .with("approval", id.to_string()),
    ]
}

/// The move needs an approval, and none was given.
pub(in crate::customer::decide) fn unapproved() -> Violation {
    Violation::new(
        Code::ApprovalRequired,
        "to",
        Label::new("该变更需要审批。", "The transition requires approval."),
        Label::new("请提交审批。", "Submit it for approval."),
    )
}

/// What an override may pass over.
pub(in crate::customer::decide) fn overridable(
    customer: &Customer,
    pipeline: &Pipeline,
    from: Option<&Stay>,
    to: &str,
    given: &Form<'_>,
    context: &Context<'_>,
) -> Vec<Violation> {
    let unapproved = require(approval(pipeline, from, to, context).is_none(), unapproved);
    [allowed(pipeline, from, to), unmet_form(customer, pipeline, from, to, given, context), unapproved]
        .concat()
}

/// What stands in the way of a move to a stage, whatever its form would be filled in with.
pub(in crate::customer) fn blocking_violations(
    customer: &Customer,
    pipeline: &Pipeline,
    from: Option<&Stay>,
    to: &str,
    context: &Context<'_>,
) -> Vec<Violation> {
    let entry = match from {
        Some(_) => Vec::new(),
        None => guard::stage_for_entry(pipeline, to, "to", context),
    };
    let on_the_way = allowed(pipeline, from, to);
    [
        guard::still_exists(customer),
        guard::not_merged(customer),
        guard::may_work(customer, context),
        guard::known_stage(pipeline, to, "to"),
        elsewhere(from, to, context),
        on_the_way,
        entry,
    ]
    .concat()
}

/// A reason as one of the pipeline's codes, or as words.
fn code_or_words(pipeline: &Pipeline, reason: Option<String>) -> (Option<String>, Option<Personal<String>>) {
    let is_code = |reason: &String| pipeline.reasons.iter().any(|known| known.code == *reason);
    match reason {
        Some(reason) if is_code(&reason) => (Some(reason), None),
        words => (None, words.map(Personal::from)),
    }
}

/// What is set at once although the move waits for its approval; what is said of the deal waits with it.
fn without_the_deal(said: ChangeDetails) -> ChangeDetails {
    let profile = NewProfile { postponed_until: None, won_amount: None, ..said.profile };
    ChangeDetails { profile, ..said }
}

pub(in crate::customer::decide) fn decide(
    customer: &Customer,
    command: &Transition,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    let journey = command.pipeline.as_deref().unwrap_or_else(|| customer.primary());
    let pipeline = guard::known_pipeline(context, journey)?;
    let effective_at = guard::instant(context, customer.journeys.current(journey));
    let from = customer.journeys.stay_at(journey, effective_at);
    if let Some(stay) = within::stay_of(pipeline, from, command) {
        return within::decide(customer, pipeline, stay, command, context);
    }
    let stage = pipeline.stage(&command.to);
    let sub_status = command.sub_status.as_deref();
    let kinds = stage.into_iter().flat_map(|stage| stage.evidence(sub_status));
    let proof = Proof::of(Some(customer), (stage, sub_status), &command.evidence, &command.documents);
    let proof = proof.with_transactions(journey, from, kinds);
    let command = &Transition { evidence: proof.evidence.clone(), ..command.clone() };
    let room = form::room(pipeline, from, stage);
    let needs = approval(pipeline, from, &command.to, context);
    let asked = needs.map(|_| not_asked_yet(customer, journey, &command.to, context));
    Refusal::require_all([
        expected_version(pipeline, command),
        not_before_a_later_move(customer, journey, effective_at, context),
        blocking_violations(customer, pipeline, from, &command.to, context),
        guard::effective(customer, context),
        backdated_with_a_reason(command, context),
        guard::known_sub_status(stage, command.sub_status.as_deref()),
        unmet_form(customer, pipeline, from, &command.to, &Form::of(command), context),
        asked.unwrap_or_default(),
        proof.well_formed(),
        proof.on_record(context),
        brought::well_formed(customer, command, context),
        guard::optional_text("reason", command.reason.as_deref()),
        guard::optional_text("note", command.note.as_deref()),
        guard::optional_text("next_step", command.next_step.as_deref()),
        deal::well_formed(stage, &room, &command.details.profile, effective_at),
    ])?;
    let at = |event| NewEvent { event, effective_at };
    let said = (*command.details).clone();
    let details =
        if needs.is_some() { without_the_deal(said) } else { deal::details(customer, said, stage, &room) };
    let brought = brought::events(command, details, context).into_iter().map(at);
    let command = command.clone();
    let (code, words) = code_or_words(pipeline, command.reason);
    if let Some((approval, from)) = needs.zip(from) {
        let event = CustomerEvent::TransitionRequested(TransitionRequested {
            journey: pipeline.key.clone(),
            pipeline_version: pipeline.version,
            from: from.stage.clone(),
            to: command.to,
            sub_status: command.sub_status,
            reason: code,
            reason_text: words,
            note: command.note.map(Personal::from),
            next_step: command.next_step.map(Personal::from),
            evidence: command.evidence,
            postponed_until: command.details.profile.postponed_until,
            won_amount: command.details.profile.won_amount,
            roles: approval.roles.clone(),
            effective: approval.effective,
            expires_at: context.now
                + TimeDelta::seconds(approval.expires_seconds.min(MAX_WAIT).cast_signed()),
        });
        return Ok(std::iter::once(at(event)).chain(brought).collect());
    }
    let event = CustomerEvent::Moved(Moved {
        journey: pipeline.key.clone(),
        pipeline_version: pipeline.version,
        cycle: from.map_or(1, |stay| stay.cycle),
        from: from.map(|stay| stay.stage.clone()),
        direction: from.and_then(|stay| pipeline.direction(&stay.stage, &command.to)),
        to: command.to,
        sub_status: command.sub_status,
        reason: code,
        reason_text: words,
        note: command.note.map(Personal::from),
        next_step: command.next_step.map(Personal::from),
        evidence: command.evidence,
        approval: None,
        overrides: Vec::new(),
        text: None,
    });
    Ok(std::iter::once(at(event)).chain(brought).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::command::AddDocument;
    use crate::customer::decide::spec::*;
    use crate::customer::event::{
        Direction, Evidence, Money, Reactivated, TransactionKind, TransactionRecorded,
    };

    fn document(kind: &str) -> AddDocument {
        AddDocument {
            id: uuid::Uuid::from_u128(77),
            kind: kind.to_owned(),
            name: None,
            reference: "dms-1".to_owned(),
            sha256: "0f".repeat(32),
        }
    }

    /// A customer that negotiates in its second cycle, with a payment of day 3 and perhaps one of day 9.
    fn paid_before(again: bool) -> Spec {
        let paid = || {
            CustomerEvent::TransactionRecorded(TransactionRecorded {
                kind: TransactionKind::Payment,
                reference: None,
                amount: Money { amount: 1.into(), currency: "CNY".to_owned() },
                note: None,
            })
        };
        let back = CustomerEvent::Reactivated(Reactivated {
            journey: "helloword-13".into(),
            pipeline_version: 1,
            cycle: 2,
            from: "lost".into(),
            to: "negotiating".into(),
            reason: Personal::Clear("back".into()),
            evidence: Vec::new(),
        });
        let first = [registered_by_li(), moved("new_lead", "negotiating"), paid()];
        let then = [moved("negotiating", "lost"), back];
        given(first.into_iter().chain(then).chain(again.then(paid)))
    }

    #[test]
    fn a_payment_of_this_cycle_is_as_good_as_the_paper_and_one_of_an_earlier_cycle_is_not() {
        paid_before(false).when(to("won")).refuses([Code::EvidenceRequired]);
        let event = paid_before(true).when(to("won")).event().event;
        let CustomerEvent::Moved(moved) = event else { panic!("{event:?}") };
        let shown: Vec<_> = moved.evidence.iter().map(|one| (&*one.kind, one.reference.clone())).collect();
        assert_eq!(shown, [("payment_received", event_id(6).to_string())]);
        // Who names it says the same; as another kind it shows nothing.
        let named = |kind: &str, n| Transition {
            evidence: vec![Evidence { kind: kind.into(), reference: event_id(n).to_string(), sha256: None }],
            ..to("won")
        };
        paid_before(true).when(named("payment_received", 6)).event();
        paid_before(true).when(named("contract_signed", 6)).refuses([Code::UnknownEvidence]);
    }

    fn because(stage: &str, reason: &str) -> Transition {
        Transition { reason: Some(reason.to_owned()), ..to(stage) }
    }

    #[test]
    fn a_rep_moves_its_customer_one_step_on() {
        given([registered_by_li()]).when(to("contacted")).then([moved("new_lead", "contacted")]);
    }

    #[test]
    fn going_back_is_a_move_too() {
        let event = given([registered_by_li(), moved("new_lead", "contacted")]).when(to("new_lead")).event();
        let CustomerEvent::Moved(moved) = event.event else { panic!("{event:?}") };
        assert_eq!(moved.direction, Some(Direction::Backward));
    }

    #[test]
    fn first_contact_to_won_is_refused_and_the_steps_between_are_named() {
        let first = Transition { pipeline: Some("landian-6".into()), ..to("first_contact") };
        let event = given([registered_by_li()]).when(first).event().event;
        let won = Transition { pipeline: Some("landian-6".into()), ..to("won") };
        let refusal = given([registered_by_li(), event])
            .when(won)
            .refuses([Code::TransitionNotAllowed, Code::EvidenceRequired]);
        assert_eq!(
            refusal.extra["allowed"],
            serde_json::json!(["need_confirmed", "paused", "to_reactivate"])
        );
    }

    #[test]
    fn every_template_can_be_walked_in_the_order_of_its_stages() {
        for (pipeline, walk) in [
            ("landian-6", vec!["first_contact", "need_confirmed", "quoted", "deciding", "won"]),
            (
                "helloword-13",
                vec![
                    "new_lead",
                    "contacted",
                    "need_confirmed",
                    "proposal",
                    "negotiating",
                    "awaiting_decision",
                    "won",
                    "delivered",
                    "in_service",
                    "considering_renewal",
                ],
            ),
        ] {
            let pipeline =
                crate::pipeline::templates().iter().find(|t| t.key == pipeline).map(|t| &t.pipeline).unwrap();
            for step in walk.windows(2) {
                assert!(pipeline.allows(step[0], step[1]), "{} → {}", step[0], step[1]);
            }
        }
    }

    #[test]
    fn all_violations_are_said_at_once() {
        let wrong = Transition {
            sub_status: Some("x".into()),
            note: Some(String::new()),
            evidence: vec![Evidence {
                kind: "Contract".into(),
                reference: "1".into(),
                sha256: Some("AB".into()),
            }],
            ..to("won")
        };
        given([registered_by_li()]).when(wrong).refuses([
            Code::TransitionNotAllowed,
            Code::EvidenceRequired,
            Code::UnknownSubStatus,
            Code::InvalidIdentifier,
            Code::UnknownEvidence,
            Code::InvalidDigest,
            Code::EmptyText,
        ]);
    }

    #[test]
    fn a_customer_is_not_moved_to_where_it_is() {
        given([registered_by_li()]).when(to("new_lead")).refuses([Code::AlreadyInStage]);
        let event = given([registered_by_li()]).on_import().when(to("new_lead")).event().event;
        assert!(matches!(event, CustomerEvent::Moved(Moved { from: Some(from), .. }) if from == "new_lead"));
    }

    #[test]
    fn free_text_is_no_stage() {
        given([registered_by_li()]).when(to("差不多要定了")).refuses([Code::UnknownStage]);
    }

    #[test]
    fn losing_asks_for_one_of_the_reasons() {
        given([registered_by_li()]).when(to("lost")).refuses([Code::ReasonRequired]);
        given([registered_by_li()]).when(because("lost", "boredom")).refuses([Code::UnknownReason]);
        let event = given([registered_by_li()]).when(because("lost", "price")).event().event;
        assert!(matches!(event, CustomerEvent::Moved(Moved { reason: Some(code), .. }) if code == "price"));
    }

    #[test]
    fn a_reason_in_words_is_personal() {
        let event = given([registered_by_li()]).when(because("contacted", "he called")).event().event;
        let CustomerEvent::Moved(moved) = event else { panic!("{event:?}") };
        assert_eq!((moved.reason, moved.reason_text), (None, Some(Personal::Clear("he called".to_owned()))));
    }

    #[test]
    fn what_a_stage_demands_must_be_given() {
        let mut pipeline = crate::pipeline::templates()[0].install("helloword-13");
        let stage = pipeline.stages.iter_mut().find(|stage| stage.id == "proposal").unwrap();
        stage.entry_form.note = true;
        stage.entry_form.next_step = true;
        stage.entry_form.evidence.truncate(1);
        stage.entry_form.evidence[0] = crate::pipeline::EvidenceKind {
            required: true,
            on_record: false,
            any_of: None,
            ..stage.entry_form.evidence[0].clone()
        };
        let story = || {
            given([registered_by_li(), moved("new_lead", "need_confirmed")]).with_pipeline(pipeline.clone())
        };
        story().when(to("proposal")).refuses([
            Code::NoteRequired,
            Code::NextStepRequired,
            Code::EvidenceRequired,
        ]);
        let receipt =
            Evidence { kind: "quote_receipt_confirmed".into(), reference: "mail-7".into(), sha256: None };
        let complete = Transition {
            note: Some("quoted 12".into()),
            next_step: Some("call on Monday".into()),
            evidence: vec![receipt],
            ..to("proposal")
        };
        story().when(complete).event();
    }

    #[test]
    fn a_sub_status_that_asks_for_evidence_is_not_entered_without_it() {
        let first = Transition { pipeline: Some("landian-6".into()), ..to("first_contact") };
        let event = given([registered_by_li()]).when(first).event().event;
        let story = || given([registered_by_li(), event.clone()]);
        let interested = |evidence: Vec<Evidence>| Transition {
            sub_status: Some("interested".into()),
            evidence,
            documents: vec![document("plan")],
            ..to("need_confirmed")
        };
        let said =
            |kind: &str| Evidence { kind: kind.into(), reference: "call of Monday".into(), sha256: None };
        let refusal = story().when(interested(Vec::new())).refuses([Code::EvidenceRequired]);
        assert_eq!(refusal.violations[0].data["kind"], "intent_stated");
        story()
            .when(interested(vec![said("hearsay")]))
            .refuses([Code::EvidenceRequired, Code::UnknownEvidence]);
        story().when(interested(vec![said("intent_stated")])).refuses([Code::UnknownEvidence]);
        let on_record = Transition { documents: vec![document("intent_stated")], ..interested(Vec::new()) };
        let [moved, _] = story().when(on_record).both();
        let CustomerEvent::Moved(moved) = moved else { panic!("{moved:?}") };
        assert_eq!((moved.sub_status.as_deref(), moved.evidence.len()), (Some("interested"), 1));
        story().when(to("need_confirmed")).event();
        let registration = crate::customer::command::Register {
            pipeline: "landian-6".into(),
            stage: Some("need_confirmed".into()),
            sub_status: Some("interested".into()),
            ..Default::default()
        };
        given([]).when(registration).refuses([Code::EvidenceRequired]);
    }

    #[test]
    fn another_reps_customer_is_not_moved_but_one_in_a_pool_is() {
        given([registered_by_li()]).by(zhao()).when(to("contacted")).refuses([Code::NotOwner]);
        given([registered_by_li()]).by(wang()).when(to("contacted")).event();
        given([in_the_pool()]).by(zhao()).when(to("contacted")).event();
    }

    #[test]
    fn nothing_happens_in_the_future_beyond_the_skew_of_clocks() {
        let skew = TimeDelta::minutes(5);
        let story = || given([registered_by_li()]);
        story().effective(day(10) + skew).when(to("contacted")).event();
        story()
            .effective(day(10) + skew + TimeDelta::microseconds(1))
            .when(to("contacted"))
            .refuses([Code::EffectiveInFuture]);
    }

    #[test]
    fn a_rep_records_seven_days_back_and_a_manager_ninety() {
        let tick = TimeDelta::microseconds(1);
        let late = |actor, now: i64, back: TimeDelta| {
            given([registered_by_li()])
                .by(actor)
                .at(day(now))
                .effective(day(now) - back)
                .when(because("contacted", "was ill"))
        };
        late(li(), 10, TimeDelta::days(7)).event();
        late(li(), 10, TimeDelta::days(7) + tick).refuses([Code::BackdateWindowExceeded]);
        late(wang(), 200, TimeDelta::days(90)).event();
        late(wang(), 200, TimeDelta::days(90) + tick).refuses([Code::BackdateWindowExceeded]);
        late(root(), 2000, TimeDelta::days(1999)).event();
    }

    #[test]
    fn a_backdated_move_needs_a_reason_or_a_note() {
        let story = || given([registered_by_li()]).effective(day(9));
        story().when(to("contacted")).refuses([Code::BackdateReasonRequired]);
        story().when(Transition { note: Some("was travelling".into()), ..to("contacted") }).event();
    }

    #[test]
    fn nothing_happens_before_the_customers_first_event() {
        let story = || given([registered_by_li()]).at(day(3)).effective(day(0) - TimeDelta::seconds(1));
        story().when(because("contacted", "late")).refuses([Code::EffectiveBeforeCreation]);
        story()
            .before_creation_allowed()
            .when(because("contacted", "late"))
            .refuses([Code::TimelineConflict]);
    }

    #[test]
    fn a_move_behind_a_later_one_is_a_correction() {
        let story =
            given([registered_by_li(), moved("new_lead", "contacted"), moved("contacted", "need_confirmed")]);
        let early = Transition { note: Some("forgotten".into()), ..to("contacted") };
        let refusal = story.at(day(4)).effective(day(1) + TimeDelta::hours(1)).when(early);
        let refusal = refusal.refuses([Code::TimelineConflict, Code::AlreadyInStage]);
        assert_eq!(refusal.violations.len(), 2);
    }

    #[test]
    fn a_move_on_a_server_whose_clock_is_a_little_behind_follows_the_last_one() {
        let story = given([registered_by_li()]).at(day(0) - TimeDelta::seconds(3));
        assert_eq!(story.when(to("contacted")).event().effective_at, day(0));
    }

    #[test]
    fn another_pipeline_begins_a_journey_there_and_makes_it_the_primary_one() {
        let first = Transition { pipeline: Some("landian-6".into()), ..to("first_contact") };
        let event = given([registered_by_li()]).when(first).event().event;
        assert!(matches!(&event, CustomerEvent::Moved(Moved { from: None, cycle: 1, .. })));
        let customer = given([registered_by_li(), event]).customer.unwrap();
        assert_eq!(customer.primary(), "landian-6");
        assert_eq!(customer.journeys.keys().collect::<Vec<_>>(), ["helloword-13", "landian-6"]);
    }

    #[test]
    fn imported_rows_come_late_out_of_order_and_without_forms() {
        let story = given([registered_by_li(), moved("new_lead", "contacted")]).on_import().at(day(5_000));
        let event = story.effective(day(0) + TimeDelta::hours(1)).when(to("lost")).event().event;
        assert!(matches!(event, CustomerEvent::Moved(Moved { from: Some(from), .. }) if from == "new_lead"));
    }
}
