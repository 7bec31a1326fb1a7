//! What a move brings along for the customer's record: an amount, custom fields and documents, so that one request fills in the
//! form and moves.

use crate::customer::command::Transition;
use crate::customer::decide::{document, guard};
use crate::customer::event::{CustomerEvent, DetailsChanged};
use crate::refusal::Violation;
use crate::{Context, Personal, field};

/// What is wrong with it.
pub(super) fn well_formed(command: &Transition, context: &Context<'_>) -> Vec<Violation> {
    [
        guard::money("amount", command.amount.as_ref(), context),
        guard::fields(command.fields.as_ref(), context),
        document::each_well_formed(&command.documents),
    ]
    .concat()
}

/// The events beside the move. `details` is what the move itself changes of the deal.
pub(super) fn events(
    command: &Transition,
    details: Option<DetailsChanged>,
    context: &Context<'_>,
) -> Vec<CustomerEvent> {
    let mut changed = details.unwrap_or_default();
    changed.amount.clone_from(&command.amount);
    if let Some(fields) = command.fields.clone().filter(|fields| !fields.is_empty()) {
        changed.field_names = Some(field::named(&fields));
        changed.fields = Some(Personal::from(field::normalised(context.fields, fields)));
        changed.adds_fields = true;
    }
    let changed = (changed != DetailsChanged::default()).then_some(CustomerEvent::DetailsChanged(changed));
    changed.into_iter().chain(command.documents.iter().cloned().map(document::added)).collect()
}
