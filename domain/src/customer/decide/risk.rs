//! Somebody warns that a customer may be lost, or says that this is over. A warning says why; it moves nobody.

use super::guard;
use super::new_event::NewEvent;
use crate::customer::command::FlagRisk;
use crate::customer::event::{CustomerEvent, RiskFlagged};
use crate::customer::state::Customer;
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Personal};

fn changes_something(customer: &Customer, command: &FlagRisk) -> Vec<Violation> {
    require(command.at_risk || customer.at_risk, || {
        Violation::new(
            Code::NothingToChange,
            "at_risk",
            Label::new("该客户没有风险预警。", "The customer is not flagged as at risk."),
            Label::new("无需取消。", "There is nothing to clear."),
        )
    })
}

fn explained(command: &FlagRisk) -> Vec<Violation> {
    require(!command.at_risk || command.reason.is_some(), || {
        Violation::new(
            Code::ReasonRequired,
            "reason",
            Label::new("风险预警需要说明原因。", "A risk flag requires a reason."),
            Label::new("请填写原因。", "Enter a reason."),
        )
    })
}

pub(super) fn decide(
    customer: &Customer,
    command: &FlagRisk,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    Refusal::require_all([
        guard::may_work(customer, context),
        guard::effective(customer, context),
        changes_something(customer, command),
        explained(command),
        guard::optional_text("reason", command.reason.as_deref()),
    ])?;
    let reason = command.reason.clone().map(Personal::Clear);
    let event = CustomerEvent::RiskFlagged(RiskFlagged { at_risk: command.at_risk, reason });
    Ok(vec![NewEvent { event, effective_at: guard::changed_at(customer, context) }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::decide::spec::*;

    fn flag(at_risk: bool, reason: Option<&str>) -> FlagRisk {
        FlagRisk { at_risk, reason: reason.map(str::to_owned) }
    }

    #[test]
    fn a_flag_says_why_moves_nobody_and_is_cleared_once() {
        given([registered_by_li()]).when(flag(true, None)).refuses([Code::ReasonRequired]);
        given([registered_by_li()]).by(zhao()).when(flag(true, Some("x"))).refuses([Code::NotOwner]);
        given([registered_by_li()]).when(flag(false, None)).refuses([Code::NothingToChange]);
        let flagged = given([registered_by_li()]).when(flag(true, Some("silent"))).event().event;
        let story = || given([registered_by_li(), flagged.clone()]);
        let customer = story().customer.unwrap();
        assert_eq!((customer.at_risk, customer.current().unwrap().stage.as_str()), (true, "new_lead"));
        let cleared = story().when(flag(false, Some("she rang"))).event().event;
        assert!(!given([registered_by_li(), flagged.clone(), cleared]).customer.unwrap().at_risk);
    }
}
