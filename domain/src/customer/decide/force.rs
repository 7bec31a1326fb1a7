//! An override: somebody with permission moves a customer although conditions are unmet. The event records which.

use std::collections::BTreeSet;

use super::new_event::NewEvent;
use super::transition;
use super::transition::form::Form;
use super::transition::path;
use super::{change_details, deal, guard};
use crate::customer::command::{ChangeDetails, Override};
use crate::customer::event::{CustomerEvent, Moved};
use crate::customer::state::Customer;
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Personal};

/// Something is there to be passed over.
fn needed(passed_over: &[Violation]) -> Vec<Violation> {
    require(!passed_over.is_empty(), || {
        Violation::new(
            Code::NothingToOverride,
            "",
            Label::new("该变更无需特批。", "This transition needs no override."),
            Label::new("请使用普通的状态变更。", "Use an ordinary transition."),
        )
    })
}

pub(super) fn decide(
    customer: &Customer,
    command: &Override,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    let journey = command.pipeline.as_deref().unwrap_or_else(|| customer.primary());
    let pipeline = guard::known_pipeline(context, journey)?;
    let effective_at = guard::instant(context, customer.journeys.current(journey));
    let from = customer.journeys.stay_at(journey, effective_at);
    let stage = pipeline.stage(&command.to);
    let given = Form {
        sub_status: command.sub_status.as_deref(),
        reason: None,
        note: true,
        next_step: false,
        evidence: &[],
        facts: BTreeSet::new(),
    };
    let passed_over = transition::overridable(customer, pipeline, from, &command.to, &given, context);
    Refusal::require_all([
        guard::supervises(context, ""),
        guard::known_stage(pipeline, &command.to, "to"),
        guard::known_sub_status(stage, command.sub_status.as_deref()),
        path::elsewhere(from, &command.to, context),
        path::not_before_a_later_move(customer, journey, effective_at, context),
        guard::effective(customer, context),
        guard::text("reason", &command.reason),
    ])?;
    Refusal::require_all([needed(&passed_over)])?;
    let mut overrides: Vec<String> = passed_over.iter().map(|unmet| unmet.code.to_string()).collect();
    overrides.sort_unstable();
    overrides.dedup();
    let event = CustomerEvent::Moved(Moved {
        journey: pipeline.key.clone(),
        pipeline_version: pipeline.version,
        cycle: from.map_or(1, |stay| stay.cycle),
        from: from.map(|stay| stay.stage.clone()),
        direction: from.and_then(|stay| pipeline.direction(&stay.stage, &command.to)),
        to: command.to.clone(),
        sub_status: command.sub_status.clone(),
        reason: None,
        reason_text: Some(Personal::from(command.reason.clone())),
        note: None,
        next_step: None,
        evidence: Vec::new(),
        approval: None,
        overrides,
        text: None,
    });
    let room = transition::form::room(pipeline, from, stage);
    let details = deal::details(customer, ChangeDetails::default(), stage, &room);
    let details = change_details::beside_a_move(details, context);
    Ok([event].into_iter().chain(details).map(|event| NewEvent { event, effective_at }).collect())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::decide::spec::*;

    fn jump(to: &str) -> Override {
        Override { to: to.to_owned(), reason: "signed at the fair".to_owned(), ..Override::default() }
    }

    #[test]
    fn what_was_passed_over_stands_in_the_event_permanently() {
        let event = given([registered_by_li()]).by(wang()).when(jump("won")).event().event;
        let CustomerEvent::Moved(moved) = event else { panic!("{event:?}") };
        assert_eq!(moved.overrides, ["evidence-required", "transition-not-allowed"]);
        assert_eq!(moved.reason_text, Some(Personal::from("signed at the fair".to_owned())));
    }

    #[test]
    fn a_rep_overrides_nothing() {
        given([registered_by_li()]).when(jump("won")).refuses([Code::ForbiddenRole]);
    }

    #[test]
    fn it_needs_a_reason_and_something_to_pass_over() {
        let silent = Override { reason: " ".to_owned(), ..jump("contacted") };
        given([registered_by_li()]).by(wang()).when(silent).refuses([Code::EmptyText]);
        given([registered_by_li()]).by(wang()).when(jump("contacted")).refuses([Code::NothingToOverride]);
    }

    #[test]
    fn a_stage_that_is_not_there_or_is_held_already_cannot_be_forced() {
        given([registered_by_li()]).by(wang()).when(jump("nearly sure")).refuses([Code::UnknownStage]);
        given([registered_by_li()]).by(wang()).when(jump("new_lead")).refuses([Code::AlreadyInStage]);
    }
}
