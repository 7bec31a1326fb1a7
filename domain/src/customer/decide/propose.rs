//! An agent proposes, and a person decides: what is proposed is judged like a person's command, when it is proposed and again
//! when it is approved, by the rights of the person who approves.

use chrono::TimeDelta;
use uuid::Uuid;

use super::guard;
use super::new_event::NewEvent;
use super::settle::{by_somebody_else, by_the_clock, by_the_requester, explained, in_time};
use crate::customer::command::{Amendment, Command, Decision, Proposal, Propose, ProposedCommand, Settle};
use crate::customer::event::{CustomerEvent, ProposalOutcome, ProposalSettled, Proposed};
use crate::customer::requests::OpenProposal;
use crate::customer::state::Customer;
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Personal};

/// How long a proposal waits.
const WAITS: TimeDelta = TimeDelta::days(7);
/// How many proposals may wait at one customer.
const MOST_OPEN: usize = 20;
/// The longest prompt that is kept.
const MAX_PROMPT_CHARS: usize = 16_000;

/// How commands are decided, migrations on the way included.
type Judge = fn(Option<&Customer>, &Command, &Context<'_>) -> Result<Vec<NewEvent>, Refusal>;

/// The refusal of whatever an agent asks for beside proposals and reads.
#[must_use]
pub fn agent_may_only_propose() -> Refusal {
    let message = Label::new(
        "带有权限范围 propose 的密钥只能读取和提出建议，不能直接执行，也不能审批。",
        "A key with the scope propose can only read and propose; it carries nothing out and decides no approval.",
    );
    let how_to_fix = Label::new(
        "请用 POST /v1/customers/{id}/proposals 提出建议，由人员审批；人员请使用自己的密钥。",
        "Propose it with POST /v1/customers/{id}/proposals, for a person to decide; people use keys of their own.",
    );
    Refusal::from_code(Code::AgentMayOnlyPropose, "", message, how_to_fix)
}

/// Nothing that an agent asks for goes around a person; that it looked is recorded.
pub(super) fn not_past_people(command: &Command, context: &Context<'_>) -> Result<(), Refusal> {
    match command {
        Command::Propose(_) | Command::View => Ok(()),
        _ if context.agent => Err(agent_may_only_propose()),
        _ => Ok(()),
    }
}

fn by_an_agent(context: &Context<'_>) -> Vec<Violation> {
    require(context.agent, || {
        Violation::new(
            Code::NotAnAgent,
            "",
            Label::new(
                "提出建议需要带有权限范围 propose 的密钥。",
                "Proposals are made with a key of the scope propose.",
            ),
            Label::new(
                "人员请直接执行；智能体请使用带有权限范围 propose 的密钥。",
                "Carry it out directly, or use a key with the scope propose for an agent.",
            ),
        )
    })
}

fn not_too_many(customer: &Customer, context: &Context<'_>) -> Vec<Violation> {
    let open = customer.proposals.values().filter(|open| context.now < open.expires_at).count();
    require(open < MOST_OPEN, || {
        Violation::new(
            Code::TooManyItems,
            "",
            Label::new(
                format!("该客户已有{MOST_OPEN}条待审批的建议。"),
                format!("{MOST_OPEN} proposals await a decision at this customer."),
            ),
            Label::new("请等待审批。", "Wait until some of them are decided."),
        )
    })
}

/// What waits is carried out later than it says it happened, and so is backdated by then.
fn backdated_with_a_reason(proposed: &Proposal) -> Vec<Violation> {
    let ProposedCommand::Transition(command) = &proposed.command else { return Vec::new() };
    let explained = command.reason.is_some() || command.note.is_some();
    require(proposed.effective_at.is_none() || explained, || {
        Violation::new(
            Code::BackdateReasonRequired,
            "body.reason",
            Label::new(
                "带生效时间的建议在批准时已是补录，需要说明原因。",
                "A proposal with an effective time is backdated once it is approved, and needs a reason.",
            ),
            Label::new("请填写原因或备注。", "Enter a reason or a note."),
        )
    })
}

/// What the command would record if a person asked for it now.
fn judged(
    customer: &Customer,
    proposed: &Proposal,
    context: &Context<'_>,
    judge: Judge,
) -> Result<Vec<NewEvent>, Refusal> {
    let context = Context { agent: false, effective_at: proposed.effective_at, ..*context };
    judge(Some(customer), &proposed.command.command(), &context)
}

/// What stands in the way of a command, named where it stands in the proposal.
fn within(refused: Refusal) -> Vec<Violation> {
    let named = |violation: Violation| match violation.field.as_str() {
        "" => violation,
        field => Violation { field: format!("body.{field}"), ..violation },
    };
    refused.violations.into_iter().map(named).collect()
}

pub(super) fn decide(
    customer: &Customer,
    command: &Propose,
    context: &Context<'_>,
    judge: Judge,
) -> Result<Vec<NewEvent>, Refusal> {
    let Propose { agent, model, prompt, proposed, body } = command;
    let refused = judged(customer, proposed, context, judge).err();
    let prompt_told = require(!prompt.trim().is_empty(), empty_prompt);
    Refusal::require_all([
        by_an_agent(context),
        not_too_many(customer, context),
        guard::line("model.name", &model.name, guard::MAX_NAME_CHARS),
        guard::line("model.version", &model.version, guard::MAX_NAME_CHARS),
        prompt_told,
        guard::long_text("prompt", prompt, MAX_PROMPT_CHARS),
        backdated_with_a_reason(proposed),
        refused.map(within).unwrap_or_default(),
    ])?;
    let (journey, to) = bearing(customer, &proposed.command);
    let from = customer.journeys.current(&journey).map(|stay| stay.stage.clone());
    let event = CustomerEvent::Proposed(Proposed {
        command: proposed.command.kind(),
        from: from.unwrap_or_default(),
        journey,
        to,
        body: Personal::from(body.clone()),
        agent: agent.clone(),
        model: model.clone(),
        prompt: Personal::from(prompt.clone()),
        expires_at: context.now + WAITS,
    });
    Ok(vec![NewEvent { event, effective_at: context.now }])
}

fn empty_prompt() -> Violation {
    Violation::new(
        Code::EmptyText,
        "prompt",
        Label::new("需要说明智能体收到的请求。", "What the agent was asked is required."),
        Label::new("请填写智能体收到的请求原文。", "Enter the words of the request to the agent."),
    )
}

/// The journey that a proposal bears on, and the stage that it asks for.
fn bearing(customer: &Customer, command: &ProposedCommand) -> (String, Option<String>) {
    let primary = || customer.primary().to_owned();
    match command {
        ProposedCommand::Transition(command) => {
            (command.pipeline.clone().unwrap_or_else(primary), Some(command.to.clone()))
        }
        ProposedCommand::FollowUp(_) => (primary(), None),
        ProposedCommand::Correction(command) => {
            let named = command.corrects.and_then(|record| customer.journeys.journey_of(record));
            let to = match &command.change {
                Amendment::Target { to, .. } | Amendment::Insert { to, .. } => Some(to.clone()),
                Amendment::Void | Amendment::Time { .. } => None,
            };
            (named.map_or_else(primary, str::to_owned), to)
        }
    }
}

/// The outcome of a proposal. An approved one is carried out in the same append, as the act of the person who approves it.
pub(super) fn settle(
    customer: &Customer,
    proposal: &OpenProposal,
    command: &Settle,
    context: &Context<'_>,
    judge: Judge,
) -> Result<Vec<NewEvent>, Refusal> {
    let settled = |outcome| settled(command.request, outcome, command.note.clone(), context);
    let in_time = in_time(proposal.expires_at, context);
    let text = guard::optional_text("note", command.note.as_deref());
    match command.decision {
        Decision::Approve => {
            let proposed = command.proposed.as_deref();
            let carried_out = match proposed {
                Some(proposed) => judged(customer, proposed, context, judge),
                None => Err(unreadable()),
            };
            let by = [by_somebody_else(&proposal.agent, context), guard::may_work(customer, context)];
            let (refused, events) = match carried_out {
                Ok(events) => (Vec::new(), events),
                Err(refusal) => (within(refusal), Vec::new()),
            };
            Refusal::require_all([in_time, once(by.concat(), refused), text])?;
            Ok(std::iter::once(settled(ProposalOutcome::Approved)).chain(events).collect())
        }
        Decision::Reject => {
            let by = [by_somebody_else(&proposal.agent, context), guard::may_work(customer, context)];
            Refusal::require_all([in_time, by.concat(), explained(command), text])?;
            Ok(vec![settled(ProposalOutcome::Rejected)])
        }
        Decision::Withdraw => {
            Refusal::require_all([by_the_requester(&proposal.by, context), text])?;
            Ok(vec![settled(ProposalOutcome::Withdrawn)])
        }
        Decision::Expire => {
            Refusal::require_all([by_the_clock(proposal.expires_at, context)])?;
            let expired = settled(ProposalOutcome::Expired);
            Ok(vec![NewEvent { effective_at: proposal.expires_at, ..expired }])
        }
    }
}

/// Both, without what is said twice.
fn once(first: Vec<Violation>, then: Vec<Violation>) -> Vec<Violation> {
    let new: Vec<Violation> =
        then.into_iter().filter(|one| first.iter().all(|known| known.code != one.code)).collect();
    [first, new].concat()
}

/// The text of the proposal cannot be read any more.
fn unreadable() -> Refusal {
    let message = Label::new("建议的内容已无法读取。", "What was proposed can no longer be read.");
    let how_to_fix = Label::new("请驳回此建议。", "Reject the proposal.");
    Refusal::from_code(Code::ApprovalOutdated, "", message, how_to_fix)
}

fn settled(request: Uuid, outcome: ProposalOutcome, note: Option<String>, context: &Context<'_>) -> NewEvent {
    let event =
        CustomerEvent::ProposalSettled(ProposalSettled { request, outcome, note: note.map(Personal::from) });
    NewEvent { event, effective_at: context.now }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::customer::command::{Correct, FollowUp, Note, Plan, SuppliedEvidence, Transition};
    use crate::customer::decide::spec::*;
    use crate::customer::event::{AgentModel, OnConflict, Proposable};
    use crate::{Actor, Role};

    fn assistant() -> Actor {
        Actor::new("agent:assistant", [Role::Supervisor])
    }

    fn proposal(command: ProposedCommand) -> Proposal {
        Proposal { command, effective_at: None }
    }

    fn moving(to: &str) -> Proposal {
        proposal(ProposedCommand::Transition(Transition { to: to.to_owned(), ..Transition::default() }))
    }

    fn propose(proposed: Proposal) -> Propose {
        Propose {
            agent: "agent:assistant".to_owned(),
            model: AgentModel { name: "assistant".to_owned(), version: "2026-05".to_owned() },
            prompt: "Move those who were rung".to_owned(),
            proposed: Box::new(proposed),
            body: json!({"to": "contacted"}),
        }
    }

    fn settle(decision: Decision, proposed: Proposal) -> Settle {
        Settle {
            request: event_id(2),
            decision,
            note: Some("so be it".to_owned()),
            proposed: Some(Box::new(proposed)),
        }
    }

    fn proposed() -> CustomerEvent {
        CustomerEvent::Proposed(Proposed {
            command: Proposable::Transition,
            journey: "helloword-13".to_owned(),
            from: "new_lead".to_owned(),
            to: Some("contacted".to_owned()),
            body: Personal::from(json!({"to": "contacted"})),
            agent: "agent:assistant".to_owned(),
            model: AgentModel { name: "assistant".to_owned(), version: "2026-05".to_owned() },
            prompt: Personal::from("Move those who were rung".to_owned()),
            expires_at: day(8),
        })
    }

    /// The agent proposed it on day 1; it is day 2.
    fn waiting() -> Spec {
        given([registered_by_li(), proposed()]).at(day(2))
    }

    #[test]
    fn what_an_agent_asks_for_becomes_a_proposal_with_its_model_and_its_prompt() {
        let spec = given([registered_by_li()]).by_agent(assistant()).at(day(1));
        let event = spec.when(propose(moving("contacted"))).event();
        assert_eq!((event.event, event.effective_at), (proposed(), day(1)));
    }

    #[test]
    fn a_proposal_is_judged_like_the_command_and_refused_with_every_condition() {
        let refusal = given([registered_by_li()])
            .by_agent(assistant())
            .when(Propose { prompt: " ".to_owned(), ..propose(moving("need_confirmed")) })
            .refuses([Code::EmptyText, Code::TransitionNotAllowed]);
        let field = |code: Code| {
            let found = refusal.violations.iter().find(|violation| violation.code == code.as_str());
            found.unwrap().field.clone()
        };
        assert_eq!(field(Code::TransitionNotAllowed), "body.to");
        assert_eq!(field(Code::EmptyText), "prompt");
    }

    #[test]
    fn who_is_no_agent_proposes_nothing() {
        given([registered_by_li()]).when(propose(moving("contacted"))).refuses([Code::NotAnAgent]);
    }

    #[test]
    fn a_proposed_move_of_the_past_says_why_when_it_is_proposed() {
        let past = |note: Option<&str>| Proposal {
            command: ProposedCommand::Transition(Transition {
                to: "contacted".to_owned(),
                note: note.map(str::to_owned),
                ..Transition::default()
            }),
            effective_at: Some(day(10)),
        };
        let spec = || given([registered_by_li()]).by_agent(assistant());
        spec().when(propose(past(None))).refuses([Code::BackdateReasonRequired]);
        spec().when(propose(past(Some("rung on Monday")))).event();
    }

    #[test]
    fn no_more_than_twenty_proposals_wait_at_a_customer() {
        let full = |n: usize| {
            let story = std::iter::once(registered_by_li()).chain(std::iter::repeat_n(proposed(), n));
            given(story).by_agent(assistant())
        };
        full(20).at(day(7)).when(propose(moving("contacted"))).refuses([Code::TooManyItems]);
        full(19).at(day(7)).when(propose(moving("contacted"))).event();
        full(20).at(day(8)).when(propose(moving("contacted"))).event();
    }

    #[test]
    fn an_agent_carries_nothing_out_and_decides_nothing_for_anyone_it_acts_for() {
        for actor in [assistant(), wang(), root()] {
            let by = |spec: Spec| spec.by_agent(actor.clone());
            by(waiting()).when(to("contacted")).refuses([Code::AgentMayOnlyPropose]);
            by(waiting()).when(Note { text: "x".to_owned() }).refuses([Code::AgentMayOnlyPropose]);
            by(waiting()).when(Command::Claim).refuses([Code::AgentMayOnlyPropose]);
            for decision in [Decision::Approve, Decision::Reject, Decision::Withdraw] {
                by(waiting())
                    .when(settle(decision, moving("contacted")))
                    .refuses([Code::AgentMayOnlyPropose]);
            }
        }
    }

    #[test]
    fn an_approved_proposal_is_carried_out_as_the_act_of_the_person_who_approves() {
        let events = waiting().when(settle(Decision::Approve, moving("contacted"))).events();
        let [approved, made] = &events[..] else { panic!("{events:?}") };
        assert_eq!(
            approved.event,
            CustomerEvent::ProposalSettled(ProposalSettled {
                request: event_id(2),
                outcome: ProposalOutcome::Approved,
                note: Some(Personal::from("so be it".to_owned())),
            })
        );
        assert_eq!((made.event.clone(), made.effective_at), (moved("new_lead", "contacted"), day(2)));
    }

    #[test]
    fn follow_ups_and_corrections_are_carried_out_likewise() {
        let plan = Plan { at: day(30), text: "ring".to_owned() };
        let follow_up = FollowUp {
            channel: "phone".to_owned(),
            summary: "agreed".to_owned(),
            goal_reached: None,
            next_plan: Some(plan),
            content: None,
        };
        let follow_up = proposal(ProposedCommand::FollowUp(follow_up));
        let events = waiting().when(settle(Decision::Approve, follow_up)).events();
        assert_eq!(events[1].event.event_type(), "customer.followed_up");

        let correct = Correct {
            corrects: Some(event_id(3)),
            change: Amendment::Void,
            reason: "never happened".to_owned(),
            on_conflict: OnConflict::Reject,
            shown: SuppliedEvidence::default(),
        };
        let correct = || proposal(ProposedCommand::Correction(correct.clone()));
        let story = || given([registered_by_li(), proposed(), moved("new_lead", "contacted")]).at(day(3));
        let events = story().when(settle(Decision::Approve, correct())).events();
        assert_eq!(events[1].event.event_type(), "customer.move_voided");
        // The record is li's; zhao may not correct it, nor have it corrected.
        let refusal = story().by(zhao()).decided(settle(Decision::Approve, correct())).unwrap_err();
        assert_eq!(refusal.kind, crate::refusal::Kind::Forbidden);
    }

    #[test]
    fn the_rules_are_asked_again_and_the_proposal_stays_open() {
        let story = [registered_by_li(), proposed(), moved("new_lead", "lost")];
        let refusal = given(story)
            .at(day(3))
            .when(settle(Decision::Approve, moving("contacted")))
            .refuses([Code::TransitionNotAllowed]);
        assert_eq!(refusal.violations[0].field, "body.to");
    }

    #[test]
    fn only_those_who_may_work_the_customer_decide_and_never_the_agent_itself() {
        let approve = || settle(Decision::Approve, moving("contacted"));
        waiting().by(zhao()).when(approve()).refuses([Code::NotOwner]);
        waiting().by(assistant()).when(approve()).refuses([Code::OwnRequest]);
        waiting().by(zhao()).when(settle(Decision::Reject, moving("contacted"))).refuses([Code::NotOwner]);
        waiting().by(wang()).when(approve()).events();
    }

    #[test]
    fn a_rejection_says_why_and_settles_the_proposal() {
        let silent = Settle { note: None, ..settle(Decision::Reject, moving("contacted")) };
        waiting().when(silent).refuses([Code::NoteRequired]);
        let rejected = waiting().when(settle(Decision::Reject, moving("contacted"))).event().event;
        given([registered_by_li(), proposed(), rejected])
            .when(settle(Decision::Approve, moving("contacted")))
            .refuses([Code::ApprovalSettled]);
    }

    #[test]
    fn a_proposal_expires_at_its_instant_and_is_taken_back_by_the_person_it_was_made_for() {
        let moment = TimeDelta::microseconds(1);
        let clock = || Actor::new("system:approval-expiry", []);
        let expire = || settle(Decision::Expire, moving("contacted"));
        waiting().by(clock()).at(day(8) - moment).when(expire()).refuses([Code::ForbiddenRole]);
        assert_eq!(waiting().by(clock()).at(day(9)).when(expire()).event().effective_at, day(8));
        let approve = || settle(Decision::Approve, moving("contacted"));
        waiting().at(day(8)).when(approve()).refuses([Code::ApprovalExpired]);
        waiting().at(day(8) - moment).when(approve()).events();
        let withdraw = || settle(Decision::Withdraw, moving("contacted"));
        waiting().when(withdraw()).event();
        waiting().by(wang()).when(withdraw()).refuses([Code::NotOwnRequest]);
    }

    #[test]
    fn what_can_no_longer_be_read_is_not_carried_out() {
        let erased = Settle { proposed: None, ..settle(Decision::Approve, moving("contacted")) };
        waiting().when(erased).refuses([Code::ApprovalOutdated]);
    }
}
