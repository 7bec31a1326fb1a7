//! What of a customer's record a caller may read: the answers of the read models, less what is not disclosed.

pub use crate::domain::people::reads_people;

use crate::domain::Owner;
use crate::domain::identity::masked;
use crate::domain::people::Disclosure;
use crate::projections::board::{CustomerReport, OwnerReport};

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
        }
        Disclosure::Figures => unnamed(&mut customer),
    }
    customer
}

/// Takes everything personal out of a record.
fn unnamed(customer: &mut CustomerReport) {
    customer.name = None;
    customer.contacts.clear();
    customer.fields = None;
    customer.credit_code = None;
    customer.channel_ids.clear();
    for document in &mut customer.documents {
        document.name = None;
        document.reference = None;
    }
    for sent in &mut customer.contents {
        sent.title = None;
        sent.document = None;
    }
    if let Some(next) = &mut customer.next_action {
        next.text = None;
    }
}
