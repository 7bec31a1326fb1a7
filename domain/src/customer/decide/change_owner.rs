//! A customer is given to somebody else: a hand-over, an assignment, a return. Its stage stays as it is.

use super::{NewEvent, guard};
use crate::customer::command::ChangeOwner;
use crate::customer::event::{CustomerEvent, OwnerChanged};
use crate::customer::state::Customer;
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Owner, Personal};

/// A rep hands over what it owns. Taking from a pool is a claim, which counts; only who supervises assigns.
fn may_give_away(customer: &Customer, context: &Context<'_>) -> Vec<Violation> {
    match &customer.owner {
        Owner::Rep(_) => guard::may_work(customer, context),
        Owner::Pool(_) => guard::supervises(context, ""),
    }
}

fn to_somebody_else(customer: &Customer, to: &Owner) -> Vec<Violation> {
    require(customer.owner != *to, || {
        Violation::new(
            Code::SameOwner,
            "to",
            Label::new("归属没有变化。", "The customer belongs there already."),
            Label::new("请选择其他归属。", "Name another owner."),
        )
    })
}

pub(super) fn decide(
    customer: &Customer,
    command: &ChangeOwner,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    Refusal::unless_met([
        may_give_away(customer, context),
        to_somebody_else(customer, &command.to),
        guard::known_owner(context, customer.primary(), &command.to, "to"),
        guard::text("reason", &command.reason),
    ])?;
    let event = CustomerEvent::OwnerChanged(OwnerChanged {
        from: customer.owner.clone(),
        to: command.to.clone(),
        reason: Personal::Clear(command.reason.clone()),
    });
    Ok(vec![NewEvent { event, effective_at: context.now }])
}
