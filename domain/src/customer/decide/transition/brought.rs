//! What a move brings along for the customer's record: details and documents, so that one request fills in the form and moves.

use std::collections::BTreeSet;

use crate::customer::command::{ChangeDetails, Transition};
use crate::customer::decide::{change_details, document};
use crate::customer::event::CustomerEvent;
use crate::customer::state::Customer;
use crate::refusal::Violation;
use crate::{Context, CustomerField};

/// What is wrong with it.
pub(super) fn well_formed(
    customer: &Customer,
    command: &Transition,
    context: &Context<'_>,
) -> Vec<Violation> {
    [
        change_details::well_formed(customer, &command.details, context),
        document::each_well_formed(&command.documents),
    ]
    .concat()
}

/// The events beside the move: the details that it sets, and its documents.
pub(super) fn events(
    command: &Transition,
    details: ChangeDetails,
    context: &Context<'_>,
) -> Vec<CustomerEvent> {
    let changed = change_details::beside_a_move(details, context);
    changed.into_iter().chain(command.documents.iter().cloned().map(document::added)).collect()
}

/// What a move says of the customer, by the names by which stages ask for it.
pub(super) fn facts(command: &Transition) -> BTreeSet<String> {
    let details = &command.details;
    let said = CustomerField::all().filter(|field| says(details, *field)).map(|field| field.key().to_owned());
    let fields = details.fields.iter().flatten().filter(|(_, value)| !value.is_null());
    said.chain(fields.map(|(name, _)| name.clone())).collect()
}

/// Whether details say a part of the customer.
fn says(details: &ChangeDetails, field: CustomerField) -> bool {
    let profile = &details.profile;
    match field {
        CustomerField::ExternalId => false,
        CustomerField::Name => details.name.is_some(),
        CustomerField::Contacts => details.contacts.as_ref().is_some_and(|all| !all.is_empty()),
        CustomerField::Source => details.source.is_some(),
        CustomerField::Channel => details.channel.is_some(),
        CustomerField::Tags => details.tags.as_ref().is_some_and(|all| !all.is_empty()),
        CustomerField::Tier => details.tier.is_some(),
        CustomerField::Amount => details.amount.is_some(),
        CustomerField::CreditCode => profile.credit_code.is_some(),
        CustomerField::Text(text) => profile.texts.get(text).is_some(),
        CustomerField::Contract => profile.contract.is_some(),
        CustomerField::ContractEnd => profile.contract.is_some_and(|contract| contract.ends_on.is_some()),
        CustomerField::DeliveredOn => profile.delivered_on.is_some(),
        CustomerField::PostponedUntil => profile.postponed_until.is_some(),
        CustomerField::WonAmount => profile.won_amount.is_some(),
        CustomerField::Satisfaction => profile.satisfaction.is_some(),
    }
}
