//! A request for a move is approved, rejected, taken back, or expires.

use chrono::{DateTime, Utc};

use super::new_event::NewEvent;
use super::proof::Proof;
use super::transition::form::{self, Form, unmet_form};
use super::transition::path;
use super::{change_details, deal, guard};
use crate::customer::command::{ChangeDetails, Decision, NewProfile, Settle};
use crate::customer::event::{
    CustomerEvent, Moved, TransitionApproved, TransitionExpired, TransitionRejected, TransitionWithdrawn,
};
use crate::customer::requests::OpenRequest;
use crate::customer::state::Customer;
use crate::pipeline::ApprovedAt;
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Personal};

pub(super) fn in_time(expires_at: DateTime<Utc>, context: &Context<'_>) -> Vec<Violation> {
    require(context.now < expires_at, || {
        Violation::new(
            Code::ApprovalExpired,
            "",
            Label::new("申请已超过审批期限。", "The request has expired."),
            Label::new("请重新提交状态变更。", "Submit the transition again."),
        )
        .with_instant("expired_at", expires_at)
    })
}

fn by_an_approver(request: &OpenRequest, context: &Context<'_>) -> Vec<Violation> {
    let roles = &request.asked.roles;
    let may = roles.iter().any(|role| context.actor.is(*role));
    require(may, || {
        Violation::new(
            Code::NotApprover,
            "",
            Label::new("该角色不能审批此变更。", "This role cannot approve this transition."),
            Label::new("请由有审批权限的人处理。", "Ask someone with approval permission."),
        )
        .with("roles", serde_json::json!(roles))
    })
}

pub(super) fn by_somebody_else(asked_by: &str, context: &Context<'_>) -> Vec<Violation> {
    require(context.actor.name != asked_by, || {
        Violation::new(
            Code::OwnRequest,
            "",
            Label::new("不能审批自己的申请。", "You cannot approve your own request."),
            Label::new("请由另一位审批人处理。", "Ask another approver."),
        )
    })
}

pub(super) fn by_the_requester(asked_by: &str, context: &Context<'_>) -> Vec<Violation> {
    require(context.actor.name == asked_by, || {
        Violation::new(
            Code::NotOwnRequest,
            "",
            Label::new("只有申请人可以撤回。", "Only the requester can withdraw the request."),
            Label::new(
                "请由申请人撤回，或由审批人驳回。",
                "Ask the requester to withdraw it, or an approver to reject it.",
            ),
        )
    })
}

pub(super) fn by_the_clock(expires_at: DateTime<Utc>, context: &Context<'_>) -> Vec<Violation> {
    let due = context.actor.is_system() && context.now >= expires_at;
    require(due, || {
        guard::forbidden_role(
            Label::new("申请到期由系统处理。", "Expired requests are handled by the system."),
            Label::new("如不再需要，请撤回申请。", "If it is no longer needed, withdraw the request."),
        )
    })
}

/// The customer is still where the request began.
fn still_there(customer: &Customer, request: &OpenRequest) -> Vec<Violation> {
    let stage = customer.journeys.current(&request.asked.journey).map(|stay| stay.stage.as_str());
    require(stage == Some(request.asked.from.as_str()), || {
        Violation::new(
            Code::ApprovalOutdated,
            "",
            Label::new(
                "申请提交后客户状态已变化。",
                "The customer's stage has changed since the request was submitted.",
            ),
            Label::new(
                "请驳回此申请，并按当前状态重新提交。",
                "Reject the request, and submit a new one from the current stage.",
            ),
        )
        .with("stage", stage)
    })
}

pub(super) fn explained(command: &Settle) -> Vec<Violation> {
    require(command.note.is_some(), || {
        Violation::new(
            Code::NoteRequired,
            "note",
            Label::new("驳回需要说明原因。", "A rejection requires a reason."),
            Label::new("请填写备注。", "Enter a note."),
        )
    })
}

pub(super) fn decide(
    customer: &Customer,
    command: &Settle,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    let request = customer.requests.get(&command.request).ok_or_else(|| {
        let message = Label::new("没有待处理的此申请。", "There is no such pending request.");
        let how_to_fix = Label::new(
            "它可能已被处理；请查看审批列表。",
            "It may have been decided already; check the list of approvals.",
        );
        Refusal::from_code(Code::ApprovalSettled, "", message, how_to_fix)
    })?;
    let text = guard::optional_text("note", command.note.as_deref());
    let (id, note) = (command.request, command.note.clone().map(Personal::from));
    let now = |event| vec![NewEvent { event, effective_at: context.now }];
    match command.decision {
        Decision::Approve => approve(customer, request, command, context),
        Decision::Reject => {
            let by = [by_an_approver(request, context), by_somebody_else(&request.by, context)].concat();
            Refusal::require_all([in_time(request.asked.expires_at, context), by, explained(command), text])?;
            let note = note.unwrap_or_else(|| Personal::from(String::new()));
            Ok(now(CustomerEvent::TransitionRejected(TransitionRejected { request: id, note })))
        }
        Decision::Withdraw => {
            Refusal::require_all([by_the_requester(&request.by, context), text])?;
            Ok(now(CustomerEvent::TransitionWithdrawn(TransitionWithdrawn { request: id, note })))
        }
        Decision::Expire => {
            Refusal::require_all([by_the_clock(request.asked.expires_at, context)])?;
            let event = CustomerEvent::TransitionExpired(TransitionExpired { request: id });
            Ok(vec![NewEvent { event, effective_at: request.asked.expires_at }])
        }
    }
}

/// Everything that the move would be asked now is asked: the world may have changed since the request.
fn approve(
    customer: &Customer,
    request: &OpenRequest,
    command: &Settle,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    let asked = &request.asked;
    let pipeline = guard::known_pipeline(context, &asked.journey)?;
    let from = customer.journeys.current(&asked.journey);
    let effective_at = moved_at(request, customer, context);
    let into = (pipeline.stage(&asked.to), asked.sub_status.as_deref());
    let proof = Proof::of(Some(customer), into, &asked.evidence, &[]);
    Refusal::require_all([
        in_time(request.asked.expires_at, context),
        by_an_approver(request, context),
        by_somebody_else(&request.by, context),
        still_there(customer, request),
        guard::optional_text("note", command.note.as_deref()),
        guard::known_stage(pipeline, &asked.to, "to"),
        path::allowed(pipeline, from, &asked.to),
        path::not_before_a_later_move(customer, &asked.journey, effective_at, context),
        unmet_form(customer, pipeline, from, &asked.to, &Form::of_request(asked), context),
        proof.on_record(context),
    ])?;
    let approved = CustomerEvent::TransitionApproved(TransitionApproved {
        request: command.request,
        note: command.note.clone().map(Personal::from),
    });
    let moved = CustomerEvent::Moved(Moved {
        journey: asked.journey.clone(),
        pipeline_version: pipeline.version,
        cycle: from.map_or(1, |stay| stay.cycle),
        from: Some(asked.from.clone()),
        to: asked.to.clone(),
        sub_status: asked.sub_status.clone(),
        direction: pipeline.direction(&asked.from, &asked.to),
        reason: asked.reason.clone(),
        reason_text: None,
        note: None,
        next_step: None,
        evidence: asked.evidence.clone(),
        approval: Some(command.request),
        overrides: Vec::new(),
        text: None,
    });
    let profile = NewProfile {
        postponed_until: asked.postponed_until,
        won_amount: asked.won_amount.clone(),
        ..NewProfile::default()
    };
    let said = ChangeDetails { profile, ..ChangeDetails::default() };
    let (stage, _) = into;
    let details = deal::details(customer, said, stage, &form::room(pipeline, from, stage));
    let details = change_details::beside_a_move(details, context);
    let approved = NewEvent { event: approved, effective_at: context.now };
    let then = [moved].into_iter().chain(details).map(|event| NewEvent { event, effective_at });
    Ok(std::iter::once(approved).chain(then).collect())
}

fn moved_at(request: &OpenRequest, customer: &Customer, context: &Context<'_>) -> DateTime<Utc> {
    match request.asked.effective {
        ApprovedAt::Request => request.effective_at,
        ApprovedAt::Approval => guard::instant(context, customer.journeys.current(&request.asked.journey)),
    }
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;
    use uuid::Uuid;

    use super::*;
    use crate::Pipeline;
    use crate::actor::Role;
    use crate::customer::decide::spec::*;
    use crate::customer::event::TransitionRequested;
    use crate::pipeline::{Approval, TransitionRule, Transitions, templates};

    /// helloword-13, where a manager approves that a lead counts as contacted.
    fn guarded(effective: ApprovedAt) -> Pipeline {
        let mut pipeline = templates()[0].install("helloword-13");
        let Transitions::Listed(rules) = &mut pipeline.transitions else {
            unreachable!("it lists its moves")
        };
        let approval = Approval { roles: vec![Role::Manager], effective, expires_seconds: 86_400 };
        let approves =
            |rule: &&mut TransitionRule| (rule.from.as_str(), rule.to.as_str()) == ("new_lead", "contacted");
        rules.iter_mut().find(approves).unwrap().approval = Some(approval);
        pipeline
    }

    /// As the event of day 1 asks.
    fn requested(effective: ApprovedAt) -> CustomerEvent {
        CustomerEvent::TransitionRequested(TransitionRequested {
            journey: "helloword-13".to_owned(),
            pipeline_version: 1,
            from: "new_lead".to_owned(),
            to: "contacted".to_owned(),
            sub_status: None,
            reason: None,
            reason_text: None,
            note: None,
            next_step: None,
            evidence: Vec::new(),
            postponed_until: None,
            won_amount: None,
            roles: vec![Role::Manager],
            effective,
            expires_at: day(2),
        })
    }

    /// Li asked on day 1; it is half a day later.
    fn asked(effective: ApprovedAt) -> Spec {
        given([registered_by_li(), requested(effective)])
            .with_pipeline(guarded(effective))
            .at(day(1) + TimeDelta::hours(12))
    }

    fn settle(decision: Decision) -> Settle {
        Settle { request: event_id(2), decision, note: Some("so be it".to_owned()), proposed: None }
    }

    #[test]
    fn a_move_that_needs_approval_becomes_a_request_and_the_customer_stays() {
        let spec = given([registered_by_li()]).with_pipeline(guarded(ApprovedAt::Request)).at(day(1));
        let event = spec.when(to("contacted")).event();
        assert_eq!(event.effective_at, day(1));
        assert_eq!(event.event, requested(ApprovedAt::Request));
    }

    #[test]
    fn the_same_move_is_not_asked_for_twice_until_the_request_expires() {
        asked(ApprovedAt::Request).when(to("contacted")).refuses([Code::ApprovalPending]);
        asked(ApprovedAt::Request).at(day(2)).when(to("contacted")).event();
    }

    #[test]
    fn an_approved_move_happened_when_it_was_asked_for_or_when_it_was_approved() {
        for (effective, at) in
            [(ApprovedAt::Request, day(1)), (ApprovedAt::Approval, day(1) + TimeDelta::hours(12))]
        {
            let events = asked(effective).by(wang()).when(settle(Decision::Approve)).events();
            let [approved, moved] = &events[..] else { panic!("{events:?}") };
            assert_eq!(approved.event.event_type(), "customer.transition_approved");
            let CustomerEvent::Moved(made) = &moved.event else { panic!("{moved:?}") };
            assert_eq!((made.to.as_str(), made.approval), ("contacted", Some(event_id(2))));
            assert_eq!(moved.effective_at, at);
        }
    }

    #[test]
    fn nobody_approves_a_request_of_their_own_nor_without_the_role() {
        let spec = || asked(ApprovedAt::Request);
        spec().when(settle(Decision::Approve)).refuses([Code::NotApprover, Code::OwnRequest]);
        spec().by(zhao()).when(settle(Decision::Approve)).refuses([Code::NotApprover]);
        let li_as_manager = crate::Actor::new("rep:li", [Role::Manager]);
        spec().by(li_as_manager).when(settle(Decision::Approve)).refuses([Code::OwnRequest]);
    }

    #[test]
    fn guards_are_evaluated_again_when_it_is_approved() {
        let mut stricter = guarded(ApprovedAt::Request);
        let contacted = stricter.stages.iter_mut().find(|stage| stage.id == "contacted").unwrap();
        contacted.entry_form.note = true;
        contacted.entry_form.fields = vec!["amount".to_owned()];
        contacted.entry_form.min_follow_ups = 1;
        let spec = asked(ApprovedAt::Request).with_pipeline(stricter).by(wang());
        let unmet = [Code::NoteRequired, Code::FieldRequired, Code::FollowUpsRequired];
        spec.when(settle(Decision::Approve)).refuses(unmet);
    }

    #[test]
    fn a_customer_that_has_moved_meanwhile_is_not_moved_by_an_old_request() {
        let story = [registered_by_li(), requested(ApprovedAt::Approval), moved("new_lead", "lost")];
        let spec = given(story)
            .with_pipeline(guarded(ApprovedAt::Approval))
            .at(day(2) - TimeDelta::hours(1))
            .by(wang());
        let unmet = [Code::ApprovalOutdated, Code::TimelineConflict, Code::TransitionNotAllowed];
        spec.when(settle(Decision::Approve)).refuses(unmet);
    }

    #[test]
    fn a_rejection_says_why_and_settles_the_request() {
        let silent = Settle { note: None, ..settle(Decision::Reject) };
        asked(ApprovedAt::Request).by(wang()).when(silent).refuses([Code::NoteRequired]);
        let rejected = asked(ApprovedAt::Request).by(wang()).when(settle(Decision::Reject)).event().event;
        let story = [registered_by_li(), requested(ApprovedAt::Request), rejected];
        given(story).by(wang()).when(settle(Decision::Approve)).refuses([Code::ApprovalSettled]);
    }

    #[test]
    fn the_requester_may_withdraw_it() {
        let event = asked(ApprovedAt::Request).when(settle(Decision::Withdraw)).event().event;
        assert_eq!(event.event_type(), "customer.transition_withdrawn");
        asked(ApprovedAt::Request).by(zhao()).when(settle(Decision::Withdraw)).refuses([Code::NotOwnRequest]);
    }

    #[test]
    fn a_request_expires_at_its_instant_and_not_a_moment_before() {
        let moment = TimeDelta::microseconds(1);
        let system = || crate::Actor::new("system:approval-expiry", []);
        let spec = || asked(ApprovedAt::Request).by(system());
        spec().at(day(2) - moment).when(settle(Decision::Expire)).refuses([Code::ForbiddenRole]);
        let expired = spec().at(day(5)).when(settle(Decision::Expire)).event();
        assert_eq!(expired.effective_at, day(2));
        let late = || asked(ApprovedAt::Request).by(wang()).at(day(2));
        late().when(settle(Decision::Approve)).refuses([Code::ApprovalExpired]);
        late().at(day(2) - moment).when(settle(Decision::Approve)).events();
    }

    #[test]
    fn an_unknown_request_is_said_to_be_settled() {
        let other = Settle { request: Uuid::nil(), ..settle(Decision::Approve) };
        asked(ApprovedAt::Request).by(wang()).when(other).refuses([Code::ApprovalSettled]);
    }

    #[test]
    fn an_import_of_the_past_asks_nobody() {
        let spec = given([registered_by_li()]).with_pipeline(guarded(ApprovedAt::Request)).on_import();
        assert!(matches!(spec.when(to("contacted")).event().event, CustomerEvent::Moved(_)));
    }
}
