//! What a move brings along for the customer's record: an amount, custom fields and documents, so that one request fills in the
//! form and moves.

use crate::customer::command::Transition;
use crate::customer::decide::{document, guard, register};
use crate::customer::event::{CustomerEvent, DetailsChanged};
use crate::refusal::Violation;
use crate::{Context, Personal, field};

const MAX_DOCUMENTS: usize = 10;

/// What is wrong with it.
pub(super) fn well_formed(command: &Transition, context: &Context<'_>) -> Vec<Violation> {
    let documents = command.documents.iter().enumerate();
    let each = documents.flat_map(|(n, one)| document::well_formed(one, &format!("documents[{n}].")));
    [
        guard::money("amount", command.amount.as_ref(), context),
        guard::fields(command.fields.as_ref(), context),
        guard::at_most("documents", command.documents.len(), MAX_DOCUMENTS),
        each.collect(),
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
        changed.field_names = Some(register::named(&fields));
        changed.fields = Some(Personal::from(field::normalised(context.fields, fields)));
        changed.adds_fields = true;
    }
    let changed = (changed != DetailsChanged::default()).then_some(CustomerEvent::DetailsChanged(changed));
    changed.into_iter().chain(command.documents.iter().cloned().map(document::added)).collect()
}
