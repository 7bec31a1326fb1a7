//! A rep records a conversation, and what comes next. Without the next plan nothing is recorded.

use super::guard;
use super::new_event::NewEvent;
use crate::customer::command::{FollowUp, Plan};
use crate::customer::event::{CHANNELS, Content, CustomerEvent, FollowedUp, NextPlan};
use crate::customer::state::Customer;
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Personal};

/// The channel of what is sent to be read.
const SENDING: &str = "content";
const MAX_REFERENCE_CHARS: usize = 300;

fn through_a_known_channel(channel: &str) -> Vec<Violation> {
    require(CHANNELS.contains(&channel), || {
        let channels = CHANNELS.join(", ");
        Violation::new(
            Code::UnknownChannel,
            "channel",
            Label::new("没有这个沟通渠道。", "Unknown communication channel."),
            Label::new(format!("请选择其一：{channels}。"), format!("Choose one of: {channels}.")),
        )
        .with("channels", CHANNELS.to_vec())
    })
}

fn with_a_next_plan(plan: Option<&Plan>) -> Vec<Violation> {
    require(plan.is_some(), || {
        Violation::new(
            Code::MissingField,
            "next_plan",
            Label::new("没有下次计划不能提交。", "A follow-up cannot be submitted without a next plan."),
            Label::new("请填写下次联系的时间和内容。", "Enter the time and content of the next contact."),
        )
    })
}

fn plan_well_formed(plan: &Plan, context: &Context<'_>) -> Vec<Violation> {
    let out_of_range = guard::in_range(plan.at, "next_plan.at");
    let ahead = require(!out_of_range.is_empty() || plan.at > context.effective_at(), || {
        Violation::new(
            Code::NextPlanInPast,
            "next_plan.at",
            Label::new("下次计划须在本次跟进之后。", "The next plan must be after this follow-up."),
            Label::new("请填写将来的时间。", "Enter a time in the future."),
        )
    });
    [out_of_range, ahead, guard::text("next_plan.text", &plan.text)].concat()
}

/// What was sent is named, and it was sent: nothing is handed over on the telephone.
fn content_well_formed(command: &FollowUp) -> Vec<Violation> {
    let Some(content) = &command.content else { return Vec::new() };
    let sent = require(command.channel == SENDING, || {
        Violation::new(
            Code::InvalidValue,
            "channel",
            Label::new(
                "发送的内容须用 content 渠道记录。",
                "Content that was sent must be recorded with the channel content.",
            ),
            Label::new(
                "请将 channel 设为 content，或去掉 content。",
                "Set channel to content, or remove content.",
            ),
        )
    });
    [
        sent,
        guard::line("content.title", &content.title, guard::MAX_NAME_CHARS),
        guard::optional_line("content.document", content.document.as_deref(), MAX_REFERENCE_CHARS),
    ]
    .concat()
}

pub(super) fn decide(
    customer: &Customer,
    command: &FollowUp,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    let plan = command.next_plan.as_ref();
    Refusal::require_all([
        guard::may_work(customer, context),
        guard::effective(customer, context),
        through_a_known_channel(&command.channel),
        guard::text("summary", &command.summary),
        with_a_next_plan(plan),
        plan.map(|plan| plan_well_formed(plan, context)).unwrap_or_default(),
        content_well_formed(command),
    ])?;
    let content = command.content.clone().map(|sent| Content {
        kind: sent.kind,
        title: Personal::Clear(sent.title),
        document: sent.document.map(Personal::Clear),
    });
    let followed_up = |plan: &Plan| FollowedUp {
        channel: command.channel.clone(),
        summary: Personal::Clear(command.summary.clone()),
        goal_reached: command.goal_reached,
        next_plan: NextPlan { at: plan.at, text: Personal::Clear(plan.text.clone()) },
        content: content.clone(),
    };
    let effective_at = guard::changed_at(customer, context);
    let event = plan.map(followed_up).map(CustomerEvent::FollowedUp);
    Ok(event.map(|event| NewEvent { event, effective_at }).into_iter().collect())
}

#[cfg(test)]
mod tests {
    use chrono::TimeDelta;

    use super::*;
    use crate::customer::command::NewContent;
    use crate::customer::decide::spec::*;
    use crate::customer::event::{Claimed, ContentKind};
    use crate::pipeline::automation::Activity;

    fn call() -> FollowUp {
        let next_plan = Some(Plan { at: day(12), text: "send the offer".into() });
        FollowUp {
            channel: "phone".into(),
            summary: "wants two".into(),
            goal_reached: Some(true),
            next_plan,
            content: None,
        }
    }

    #[test]
    fn a_conversation_is_recorded_with_what_comes_next() {
        given([registered_by_li()]).when(call()).then([CustomerEvent::FollowedUp(FollowedUp {
            channel: "phone".into(),
            summary: Personal::Clear("wants two".into()),
            goal_reached: Some(true),
            next_plan: NextPlan { at: day(12), text: Personal::Clear("send the offer".into()) },
            content: None,
        })]);
    }

    fn report() -> FollowUp {
        let content = NewContent {
            kind: ContentKind::IndustryReport,
            title: "Cold chains".into(),
            document: Some("library/7".into()),
        };
        FollowUp { channel: "content".into(), content: Some(content), ..call() }
    }

    #[test]
    fn what_was_sent_is_recorded_with_its_kind_title_and_document() {
        let event = given([registered_by_li()]).when(report()).event().event;
        let CustomerEvent::FollowedUp(sent) = event else { panic!("{event:?}") };
        let content = sent.content.unwrap();
        assert_eq!(content.kind, ContentKind::IndustryReport);
        assert_eq!(content.title.clear().unwrap(), "Cold chains");
        assert_eq!(content.document.unwrap().clear().unwrap(), "library/7");
    }

    #[test]
    fn content_is_sent_and_has_a_title() {
        given([registered_by_li()])
            .when(FollowUp { channel: "phone".into(), ..report() })
            .refuses([Code::InvalidValue]);
        let mut nameless = report();
        nameless.content = nameless.content.map(|content| NewContent {
            title: " ".into(),
            document: Some("a\nb".into()),
            ..content
        });
        given([registered_by_li()]).when(nameless).refuses([Code::EmptyText, Code::ControlCharacter]);
    }

    #[test]
    fn content_sent_counts_for_clocks_of_updates_and_follow_ups_but_is_no_first_contact() {
        let claimed = CustomerEvent::Claimed(Claimed {
            rep: "li".into(),
            pool: "customer_pool".into(),
            quota_date: day(1).date_naive(),
        });
        let sent = given([in_the_pool(), claimed.clone()]).when(report()).event().event;
        let called = given([in_the_pool(), claimed.clone()]).when(call()).event().event;
        let work = |event| given([in_the_pool(), claimed.clone(), event]).customer.unwrap().automation;
        for activity in [Activity::Update, Activity::FollowUp] {
            let last = work(sent.clone()).last(&activity).next().map(|at| at.effective_at);
            assert_eq!(last, Some(day(2)), "{activity:?}");
        }
        assert_eq!((work(sent).contacts.len(), work(called).contacts.len()), (0, 1));
    }

    #[test]
    fn it_cannot_be_submitted_without_the_next_plan() {
        given([registered_by_li()])
            .when(FollowUp { next_plan: None, ..call() })
            .refuses([Code::MissingField]);
    }

    #[test]
    fn the_next_plan_lies_after_the_conversation() {
        let plan = |at| FollowUp { next_plan: Some(Plan { at, text: "call".into() }), ..call() };
        given([registered_by_li()]).when(plan(day(10))).refuses([Code::NextPlanInPast]);
        given([registered_by_li()]).when(plan(day(10) + TimeDelta::microseconds(1))).event();
        given([registered_by_li()]).effective(day(8)).when(plan(day(9))).event();
    }

    #[test]
    fn channel_and_summary_are_asked_for() {
        let wrong = FollowUp { channel: "telepathy".into(), summary: String::new(), ..call() };
        given([registered_by_li()]).when(wrong).refuses([Code::UnknownChannel, Code::EmptyText]);
    }

    #[test]
    fn the_state_keeps_the_next_plan() {
        let event = given([registered_by_li()]).when(call()).event().event;
        let customer = given([registered_by_li(), event]).customer.unwrap();
        assert_eq!(customer.next_plan.map(|plan| plan.at), Some(day(12)));
        assert_eq!(customer.last_follow_up_at, Some(day(1)));
    }
}
