//! A rep gives a customer back to a pool. The claim that it took is not refunded.

use super::{NewEvent, guard};
use crate::customer::command::Release;
use crate::customer::event::{CustomerEvent, Released};
use crate::customer::state::Customer;
use crate::refusal::{Code, Refusal, Violation};
use crate::{Context, Label, Owner, Personal};

fn not_owned() -> Violation {
    Violation::new(
        Code::NotOwned,
        "",
        Label::new("客户已在公海中。", "The customer is in a pool already."),
        Label::new("无需释放。", "There is nothing to release."),
    )
}

pub(super) fn decide(
    customer: &Customer,
    command: &Release,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    let pool = pool(customer, command, context);
    let owner = match &customer.owner {
        Owner::Rep(rep) => Ok(rep.clone()),
        Owner::Pool(_) => Err(vec![not_owned()]),
    };
    Refusal::unless_met([
        guard::may_work(customer, context),
        owner.clone().err().unwrap_or_default(),
        guard::known_pool(context, customer.primary(), &pool, "pool"),
        guard::text("reason", &command.reason),
    ])?;
    let reason = Personal::Clear(command.reason.clone());
    let event = CustomerEvent::Released(Released { rep: owner.unwrap_or_default(), pool, reason });
    Ok(vec![NewEvent { event, effective_at: context.now }])
}

/// The pool named, else the one it was claimed from, else its pipeline's default.
fn pool(customer: &Customer, command: &Release, context: &Context<'_>) -> String {
    let claimed_from = || customer.last_claim.as_ref().map(|claim| claim.pool.clone());
    let default = || Some(context.pipeline(customer.primary())?.default_pool()?.key.clone());
    command.pool.clone().or_else(claimed_from).or_else(default).unwrap_or_default()
}
