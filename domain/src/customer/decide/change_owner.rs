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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::decide::spec::*;

    fn give_to(owner: Owner) -> ChangeOwner {
        ChangeOwner { to: owner, reason: "region".to_owned() }
    }

    fn rep(id: &str) -> Owner {
        Owner::Rep(id.to_owned())
    }

    #[test]
    fn a_rep_hands_its_customer_over() {
        given([registered_by_li()]).when(give_to(rep("zhao"))).then([CustomerEvent::OwnerChanged(
            OwnerChanged { from: rep("li"), to: rep("zhao"), reason: Personal::Clear("region".into()) },
        )]);
    }

    #[test]
    fn assigning_from_a_pool_is_no_way_around_the_quota() {
        given([in_the_pool()]).when(give_to(rep("li"))).refuses([Code::ForbiddenRole]);
        given([in_the_pool()]).by(wang()).when(give_to(rep("li"))).event();
    }

    #[test]
    fn the_new_owner_is_another_one_that_exists() {
        given([registered_by_li()]).when(give_to(rep("li"))).refuses([Code::SameOwner]);
        given([registered_by_li()]).when(give_to(Owner::Pool("nowhere".into()))).refuses([Code::UnknownPool]);
        given([registered_by_li()]).when(give_to(rep(""))).refuses([Code::EmptyText]);
    }

    #[test]
    fn another_reps_customer_is_given_away_by_a_manager_only() {
        given([registered_by_li()]).by(zhao()).when(give_to(rep("zhao"))).refuses([Code::NotOwner]);
        given([registered_by_li()]).by(wang()).when(give_to(rep("zhao"))).event();
    }
}
