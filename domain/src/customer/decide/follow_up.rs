//! A rep records a conversation, and what comes next. Without the next plan nothing is recorded.

use super::{NewEvent, guard};
use crate::customer::command::{FollowUp, Plan};
use crate::customer::event::{CHANNELS, CustomerEvent, FollowedUp, NextPlan};
use crate::customer::state::Customer;
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Personal};

fn through_a_known_channel(channel: &str) -> Vec<Violation> {
    require(CHANNELS.contains(&channel), || {
        let channels = CHANNELS.join(", ");
        Violation::new(
            Code::UnknownChannel,
            "channel",
            Label::new("没有这个沟通渠道。", "There is no such channel."),
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
            Label::new("没有下次计划不能提交。", "A follow-up cannot be submitted without the next plan."),
            Label::new("请填写下次联系的时间和内容。", "Say when and what comes next."),
        )
    })
}

fn plan_well_formed(plan: &Plan, context: &Context<'_>) -> Vec<Violation> {
    let out_of_range = guard::in_range(plan.at, "next_plan.at");
    let ahead = require(!out_of_range.is_empty() || plan.at > context.effective_at(), || {
        Violation::new(
            Code::NextPlanInPast,
            "next_plan.at",
            Label::new("下次计划须在本次跟进之后。", "The next plan must lie after the follow-up."),
            Label::new("请填写将来的时间。", "Give a later instant."),
        )
    });
    [out_of_range, ahead, guard::text("next_plan.text", &plan.text)].concat()
}

pub(super) fn decide(
    customer: &Customer,
    command: &FollowUp,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    let plan = command.next_plan.as_ref();
    Refusal::unless_met([
        guard::may_work(customer, context),
        guard::effective(customer, context),
        through_a_known_channel(&command.channel),
        guard::text("summary", &command.summary),
        with_a_next_plan(plan),
        plan.map(|plan| plan_well_formed(plan, context)).unwrap_or_default(),
    ])?;
    let next_plan = plan.map(|plan| NextPlan { at: plan.at, text: Personal::Clear(plan.text.clone()) });
    let followed_up = next_plan.map(|next_plan| FollowedUp {
        channel: command.channel.clone(),
        summary: Personal::Clear(command.summary.clone()),
        goal_reached: command.goal_reached,
        next_plan,
    });
    let effective_at = context.effective_at();
    let event = followed_up.map(|event| NewEvent { event: CustomerEvent::FollowedUp(event), effective_at });
    Ok(event.into_iter().collect())
}
