//! What of a person a caller may read.
//!
//! Analysts see figures, not people: personal fields are withheld from them everywhere. A rep sees the contacts
//! of a customer in a pool masked until the customer is claimed, so that a pool is no address book.

use crate::domain::{Actor, Role};
use crate::projections::{ContactReport, CustomerReport};

/// Whether personal fields may be read at all.
#[must_use]
pub fn reads_people(actor: &Actor) -> bool {
    [Role::Rep, Role::Supervisor, Role::Manager, Role::Admin, Role::Auditor]
        .iter()
        .any(|role| actor.is(*role))
}

/// Whether contacts may be read before a claim.
fn reads_pools(actor: &Actor) -> bool {
    actor.supervises() || actor.is(Role::Auditor)
}

/// The customer as this actor may read it.
#[must_use]
pub fn shown_to(actor: &Actor, mut customer: CustomerReport) -> CustomerReport {
    if !reads_people(actor) {
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
        customer.next_action = customer.next_action.map(|mut next| {
            next.text = None;
            next
        });
    }
    if customer.owner.kind == "pool" && !reads_pools(actor) {
        customer.contacts.iter_mut().for_each(mask);
        customer.channel_ids.clear();
    }
    customer
}

fn mask(contact: &mut ContactReport) {
    contact.value = masked(&contact.value);
}

/// A contact of which too little is left to use it: `+86138****8000` gives the first six and last four characters
/// of a long one, less of a short one.
fn masked(value: &str) -> String {
    let signs: Vec<char> = value.chars().collect();
    let (head, tail) = match signs.len() {
        0..=4 => (0, 0),
        5..=8 => (1, 1),
        9..=11 => (3, 2),
        _ => (6, 4),
    };
    let (head, tail): (String, String) =
        (signs[..head].iter().collect(), signs[signs.len() - tail..].iter().collect());
    format!("{head}****{tail}")
}

#[cfg(test)]
mod tests {
    use super::{masked, reads_people, reads_pools};
    use crate::domain::{Actor, Role};

    #[test]
    fn too_little_of_a_masked_contact_is_left_to_use_it() {
        assert_eq!(masked("+8613800138000"), "+86138****8000");
        assert_eq!(masked("li@x.cn"), "l****n");
        assert_eq!(masked("weixin_li"), "wei****li");
        assert_eq!(masked("123"), "****");
        assert_eq!(masked(""), "****");
        assert_eq!(masked("张伟的微信号码呀"), "张****呀");
    }

    #[test]
    fn who_reads_what_depends_on_the_role() {
        let actor = |role| Actor::new("x", [role]);
        let seen = [Role::Rep, Role::Manager, Role::Admin, Role::Analyst, Role::Auditor]
            .map(|role| (reads_people(&actor(role)), reads_pools(&actor(role))));
        assert_eq!(seen, [(true, false), (true, true), (true, true), (false, false), (true, true)]);
    }
}
