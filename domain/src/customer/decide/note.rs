//! A rep writes something down.

use super::{NewEvent, guard};
use crate::customer::command::Note;
use crate::customer::event::{CustomerEvent, Noted};
use crate::customer::state::Customer;
use crate::refusal::Refusal;
use crate::{Context, Personal};

pub(super) fn decide(
    customer: &Customer,
    command: &Note,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    Refusal::unless_met([
        guard::may_work(customer, context),
        guard::effective(customer, context),
        guard::text("text", &command.text),
    ])?;
    let event = CustomerEvent::Noted(Noted { text: Personal::Clear(command.text.clone()) });
    Ok(vec![NewEvent { event, effective_at: context.effective_at() }])
}
