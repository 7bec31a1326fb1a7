//! Something is observed about a customer: a payment, a login, a mail opened.

use super::{NewEvent, guard};
use crate::customer::command::Signal;
use crate::customer::event::{CustomerEvent, Signalled};
use crate::customer::state::Customer;
use crate::refusal::Refusal;
use crate::{Context, Personal};

pub(super) fn decide(
    customer: &Customer,
    command: &Signal,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    Refusal::unless_met([
        guard::may_work(customer, context),
        guard::effective(customer, context),
        guard::identifier("kind", &command.kind),
        command.data.as_ref().map(|data| guard::json("data", data)).unwrap_or_default(),
    ])?;
    let data = command.data.clone().map(Personal::from);
    let event = CustomerEvent::Signalled(Signalled { kind: command.kind.clone(), data });
    Ok(vec![NewEvent { event, effective_at: context.effective_at() }])
}
