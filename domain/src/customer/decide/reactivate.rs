//! A lost or dormant customer comes back: the journey's next cycle begins.

use super::transition::not_before_a_later_move;
use super::{NewEvent, guard};
use crate::customer::command::Reactivate;
use crate::customer::event::{CustomerEvent, Reactivated};
use crate::customer::state::Customer;
use crate::customer::timeline::Stay;
use crate::pipeline::StageType;
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Personal, Pipeline};

fn came_to_rest(pipeline: &Pipeline, from: Option<&Stay>) -> Vec<Violation> {
    let rests = |stay: &Stay| pipeline.stage(&stay.stage).is_some_and(|stage| stage.kind.is_reactivatable());
    require(from.is_some_and(rests), || {
        Violation::new(
            Code::NotReactivatable,
            "",
            Label::new("只有流失或休眠的客户可以重新激活。", "Only a lost or dormant customer can be reactivated."),
            Label::new("请改用状态变更。", "Move the customer instead."),
        )
    })
}

fn into_an_open_stage(pipeline: &Pipeline, to: &str) -> Vec<Violation> {
    let open = |stage: &crate::pipeline::Stage| stage.kind == StageType::Open;
    let stages = pipeline.stages.iter().filter(|stage| open(stage)).map(|stage| stage.id.as_str());
    require(pipeline.stage(to).is_none_or(open), || {
        Violation::new(
            Code::TransitionNotAllowed,
            "to",
            Label::new("重新激活只能进入进行中的状态。", "A cycle begins in an open stage."),
            Label::new("请选择进行中的状态。", "Choose an open stage."),
        )
        .with("allowed", stages.collect::<Vec<_>>())
    })
}

pub(super) fn decide(
    customer: &Customer,
    command: &Reactivate,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    let journey = customer.primary();
    let pipeline = guard::known_pipeline(context, journey)?;
    let current = customer.journeys.current(journey);
    let effective_at = guard::instant(context, current);
    Refusal::unless_met([
        guard::may_work(customer, context),
        guard::effective(customer, context),
        not_before_a_later_move(customer, journey, effective_at, context),
        came_to_rest(pipeline, current),
        guard::known_stage(pipeline, &command.to, "to"),
        into_an_open_stage(pipeline, &command.to),
        guard::text("reason", &command.reason),
    ])?;
    let (cycle, from) = current.map(|stay| (stay.cycle, stay.stage.clone())).unwrap_or_default();
    let event = CustomerEvent::Reactivated(Reactivated {
        journey: pipeline.key.clone(),
        pipeline_version: pipeline.version,
        cycle: cycle + 1,
        from,
        to: command.to.clone(),
        reason: Personal::Clear(command.reason.clone()),
    });
    Ok(vec![NewEvent { event, effective_at }])
}
