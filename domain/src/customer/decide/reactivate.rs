//! A lost or dormant customer comes back: the journey's next cycle begins.

use std::collections::BTreeSet;

use super::new_event::NewEvent;
use super::proof::{Proof, is_believed, wanted_of_who_tells};
use super::transition::form::unmet_standing;
use super::transition::path::not_before_a_later_move;
use super::{document, guard};
use crate::customer::command::Reactivate;
use crate::customer::event::{CustomerEvent, Reactivated};
use crate::customer::state::Customer;
use crate::customer::timeline::Stay;
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Personal, Pipeline};

fn came_to_rest(pipeline: &Pipeline, from: Option<&Stay>) -> Vec<Violation> {
    let rests = |stay: &Stay| pipeline.stage(&stay.stage).is_some_and(|stage| stage.kind.is_reactivatable());
    require(from.is_some_and(rests), || {
        Violation::new(
            Code::NotReactivatable,
            "",
            Label::new(
                "只有流失或休眠的客户可以重新激活。",
                "Only lost or dormant customers can be reactivated.",
            ),
            Label::new("请改用状态变更。", "Use a transition instead."),
        )
    })
}

fn into_an_open_stage(pipeline: &Pipeline, to: &str) -> Vec<Violation> {
    let open = |stage: &crate::pipeline::Stage| stage.kind.is_open();
    let stages = pipeline.stages.iter().filter(|stage| open(stage)).map(|stage| stage.id.as_str());
    require(pipeline.stage(to).is_none_or(open), || {
        Violation::new(
            Code::TransitionNotAllowed,
            "to",
            Label::new("重新激活只能进入进行中的状态。", "Reactivation must enter an open stage."),
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
    let stage = pipeline.stage(&command.to);
    let wanted = wanted_of_who_tells((stage, None), false, context);
    // What was bought belongs to the cycle that it was bought in, and this one has only begun.
    let proof = Proof::of(Some(customer), (stage, None), &command.shown.evidence, &command.shown.documents);
    let asked = stage.filter(|_| !is_believed(context));
    let unknown = asked.map(|stage| unmet_standing(customer, pipeline, current, stage, &BTreeSet::new()));
    Refusal::require_all([
        not_before_a_later_move(customer, journey, effective_at, context),
        guard::may_work(customer, context),
        guard::effective(customer, context),
        came_to_rest(pipeline, current),
        guard::known_stage(pipeline, &command.to, "to"),
        into_an_open_stage(pipeline, &command.to),
        guard::text("reason", &command.reason),
        proof.unmet(wanted.into_iter(), context),
        unknown.unwrap_or_default(),
    ])?;
    let evidence = proof.evidence;
    let (cycle, from) = current.map(|stay| (stay.cycle, stay.stage.clone())).unwrap_or_default();
    let event = CustomerEvent::Reactivated(Reactivated {
        journey: pipeline.key.clone(),
        pipeline_version: pipeline.version,
        cycle: cycle + 1,
        from,
        to: command.to.clone(),
        reason: Personal::Clear(command.reason.clone()),
        evidence,
    });
    let documents = command.shown.documents.iter().cloned().map(document::added);
    let events = std::iter::once(event).chain(documents);
    Ok(events.map(|event| NewEvent { event, effective_at }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::decide::spec::*;

    fn back_to(stage: &str) -> Reactivate {
        Reactivate { to: stage.to_owned(), reason: "a new budget".to_owned(), ..Reactivate::default() }
    }

    #[test]
    fn a_lost_customer_begins_its_next_cycle() {
        let story = given([registered_by_li(), moved("new_lead", "lost")]);
        story.when(back_to("new_lead")).then([CustomerEvent::Reactivated(Reactivated {
            journey: "helloword-13".into(),
            pipeline_version: 1,
            cycle: 2,
            from: "lost".into(),
            to: "new_lead".into(),
            reason: Personal::Clear("a new budget".into()),
            evidence: Vec::new(),
        })]);
    }

    #[test]
    fn only_a_lost_or_dormant_customer_is_reactivated() {
        given([registered_by_li()]).when(back_to("contacted")).refuses([Code::NotReactivatable]);
        given([registered_by_li(), moved("new_lead", "postponed")])
            .when(back_to("contacted"))
            .refuses([Code::NotReactivatable]);
    }

    #[test]
    fn a_cycle_does_not_begin_at_its_end_nor_without_a_reason() {
        let story = || given([registered_by_li(), moved("new_lead", "lost")]);
        story().when(back_to("won")).refuses([Code::TransitionNotAllowed, Code::EvidenceRequired]);
        story().when(Reactivate { reason: " ".into(), ..back_to("new_lead") }).refuses([Code::EmptyText]);
    }

    #[test]
    fn an_ordinary_move_does_not_leave_a_lost_stage() {
        let refusal = given([registered_by_li(), moved("new_lead", "lost")]).when(to("contacted"));
        let refusal = refusal.refuses([Code::TransitionNotAllowed]);
        assert!(refusal.violations[0].how_to_fix.en.contains("reactivation"));
    }
}
