//! What of a customer's record a caller may read: the answers of the read models, less what is not disclosed.

pub use crate::domain::people::reads_people;

use crate::domain::Owner;
use crate::domain::identity::{masked, without_contacts};
use crate::domain::people::Disclosure;
use crate::projections::board::{CardReport, CustomerReport, NextAction, OwnerReport};

/// Whose a customer is, as a report says it.
#[must_use]
pub fn owner_of(report: &OwnerReport) -> Owner {
    match report.kind.as_str() {
        "pool" => Owner::Pool(report.id.clone()),
        _ => Owner::Rep(report.id.clone()),
    }
}

/// The record as somebody reads it to whom so much of the customer is disclosed: that is found by whose the customer is
/// now ([`Disclosure::to`]), of whatever instant the record is.
#[must_use]
pub fn shown(mut customer: CustomerReport, disclosure: Disclosure) -> CustomerReport {
    match disclosure {
        Disclosure::Whole => {}
        Disclosure::Masked => {
            for contact in &mut customer.contacts {
                contact.value = masked(&contact.value);
            }
            customer.channel_ids.clear();
            words(&mut customer).into_iter().for_each(without_contacts_in);
        }
        Disclosure::Figures => unnamed(&mut customer),
    }
    customer
}

/// The card as somebody reads it to whom so much of the customer is disclosed.
pub fn card_shown(card: &mut CardReport, disclosure: Disclosure) {
    if let Some(NextAction { text, .. }) = &mut card.next_action {
        text_shown(text, disclosure);
    }
    if disclosure == Disclosure::Figures {
        card.name = None;
    }
}

/// What somebody wrote of a customer, as somebody reads it to whom so much of the customer is disclosed.
pub fn text_shown(text: &mut Option<String>, disclosure: Disclosure) {
    match disclosure {
        Disclosure::Whole => {}
        Disclosure::Masked => without_contacts_in(text),
        Disclosure::Figures => *text = None,
    }
}

/// The words that people wrote, in which a telephone number or an address may stand.
fn words(customer: &mut CustomerReport) -> Vec<&mut Option<String>> {
    let CustomerReport { documents, contents, next_action, risk, model_scores, .. } = customer;
    let documents = documents.iter_mut().flat_map(|document| [&mut document.name, &mut document.reference]);
    let contents = contents.iter_mut().flat_map(|sent| [&mut sent.title, &mut sent.document]);
    let next = next_action.as_mut().map(|next| &mut next.text);
    let risk = risk.as_mut().map(|risk| &mut risk.reason);
    let scores = model_scores.iter_mut().map(|score| &mut score.explanation);
    documents.chain(contents).chain(next).chain(risk).chain(scores).collect()
}

fn without_contacts_in(text: &mut Option<String>) {
    if let Some(words) = text {
        *words = without_contacts(words);
    }
}

/// Takes everything personal out of a record.
fn unnamed(customer: &mut CustomerReport) {
    customer.name = None;
    customer.contacts.clear();
    customer.fields = None;
    customer.credit_code = None;
    customer.channel_ids.clear();
    words(customer).into_iter().for_each(|text| *text = None);
}
