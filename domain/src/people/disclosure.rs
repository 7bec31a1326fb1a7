//! How much of a customer's personal data somebody reads.
//!
//! Analysts read figures, not people. A rep reads the ways to reach a customer of a pool masked until somebody claims the
//! customer, so that a pool is no address book. Supervisors, managers and auditors read everything. What counts is whose the
//! customer is now: with the claim its whole history becomes readable, and with a release it is masked again, entries of
//! the past included.

use serde_json::Value;

use crate::actor::Role;
use crate::identity::{masked, without_contacts};
use crate::{Actor, Owner};

/// How much of a customer's personal data somebody reads.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Disclosure {
    /// Nothing personal.
    Figures,
    /// Everything but the ways to reach the customer, of which a hint is left.
    Masked,
    /// Everything.
    Whole,
}

impl Disclosure {
    /// How much of a customer of this owner, which is the present one, the actor reads.
    pub fn to(actor: &Actor, owner: &Owner) -> Self {
        match owner {
            Owner::Pool(_) => Self::before_a_claim(actor),
            Owner::Rep(_) if reads_people(actor) => Self::Whole,
            Owner::Rep(_) => Self::Figures,
        }
    }

    /// How much of a customer of a pool the actor reads.
    pub fn before_a_claim(actor: &Actor) -> Self {
        match reads_people(actor) {
            false => Self::Figures,
            true if actor.supervises() || actor.is(Role::Auditor) => Self::Whole,
            true => Self::Masked,
        }
    }

    /// Whether personal fields are opened at all.
    pub fn opens(self) -> bool {
        self != Self::Figures
    }

    /// Masks what is not disclosed in the data of an event whose personal fields have been opened: each stands there as
    /// `{"$personal": value}`.
    pub fn apply(self, data: &mut Value) {
        if self == Self::Masked {
            mask(data, Text::Free);
        }
    }
}

/// Whether the actor reads personal fields of any customer.
pub fn reads_people(actor: &Actor) -> bool {
    [Role::Rep, Role::Supervisor, Role::Manager, Role::Admin, Role::Auditor]
        .iter()
        .any(|role| actor.is(*role))
}

/// What a personal text of an event is.
#[derive(Clone, Copy)]
enum Text {
    /// A contact: a hint is left of it.
    Contact,
    /// An id in a channel, which reaches the person as a contact does and gives no hint.
    ChannelId,
    /// Custom fields, which are shown as the tenant declared them: lists show them, too.
    Fields,
    /// Words, in which somebody may have written a telephone number or an address.
    Free,
}

/// Goes through an event's data; `inside` is what a personal text found there is.
fn mask(data: &mut Value, inside: Text) {
    match data {
        Value::Object(object) => match object.get_mut("$personal").map(|text| mask_text(text, inside)) {
            Some(()) => {}
            None => object.iter_mut().for_each(|(name, value)| {
                let inside = match name.as_str() {
                    "contacts" => Text::Contact,
                    "channel_ids" => Text::ChannelId,
                    "fields" => Text::Fields,
                    _ => inside,
                };
                mask(value, inside);
            }),
        },
        Value::Array(values) => values.iter_mut().for_each(|value| mask(value, inside)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn mask_text(text: &mut Value, sort: Text) {
    if matches!(sort, Text::Fields) {
        return;
    }
    match &mut *text {
        Value::String(words) => {
            *words = match sort {
                Text::Contact => masked(words),
                Text::ChannelId => "****".to_owned(),
                Text::Free | Text::Fields => without_contacts(words),
            }
        }
        // A program that reports a signal may write a telephone number as a number.
        Value::Number(number) => {
            let written = number.to_string();
            let hidden = without_contacts(&written);
            if hidden != written {
                *text = Value::String(hidden);
            }
        }
        Value::Array(values) => values.iter_mut().for_each(|value| mask_text(value, sort)),
        Value::Object(object) => object.values_mut().for_each(|value| mask_text(value, sort)),
        Value::Null | Value::Bool(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::customer::event::{CustomerEvent, Signalled};

    fn pool() -> Owner {
        Owner::Pool("customer_pool".to_owned())
    }

    fn zhaos() -> Owner {
        Owner::Rep("zhao".to_owned())
    }

    #[test]
    fn who_reads_what_depends_on_the_role_and_on_whether_somebody_owns_the_customer() {
        use Disclosure::{Figures, Masked, Whole};
        let read = |roles: &[Role]| {
            let actor = Actor::new("rep:li", roles.iter().copied());
            (Disclosure::to(&actor, &pool()), Disclosure::to(&actor, &zhaos()))
        };
        assert_eq!(read(&[Role::Rep]), (Masked, Whole));
        assert_eq!(read(&[Role::Rep, Role::Analyst]), (Masked, Whole));
        for whole in [Role::Supervisor, Role::Manager, Role::Admin, Role::Auditor] {
            assert_eq!(read(&[whole]), (Whole, Whole), "{whole:?}");
            assert_eq!(read(&[Role::Rep, whole]), (Whole, Whole), "{whole:?}");
        }
        assert_eq!(read(&[Role::Analyst]), (Figures, Figures));
    }

    #[test]
    fn an_events_contacts_are_masked_and_all_else_stays() {
        let mut data = json!({
            "customer": "c", "stage": "new_lead", "name": {"$personal": "Pool Ltd"},
            "contacts": [
                {"kind": "phone", "value": {"$personal": "+8613800000001"}},
                {"kind": "wechat", "value": {"$personal": "wx-pool-1"}},
                {"kind": "email", "value": {"$erased": true}},
            ],
            "profile": {"channel_ids": [{"channel": "mini", "id": {"$personal": "open-1"}}], "region": "北京"},
            "fields": {"$personal": {"site": "https://pool.example"}},
            "note": {"$personal": "ring 138 0000 0001 or write to a@pool.example before 2026-11-29"},
        });
        Disclosure::Masked.apply(&mut data);
        let masked = json!({
            "customer": "c", "stage": "new_lead", "name": {"$personal": "Pool Ltd"},
            "contacts": [
                {"kind": "phone", "value": {"$personal": "+86138****0001"}},
                {"kind": "wechat", "value": {"$personal": "wx-****-1"}},
                {"kind": "email", "value": {"$erased": true}},
            ],
            "profile": {"channel_ids": [{"channel": "mini", "id": {"$personal": "****"}}], "region": "北京"},
            "fields": {"$personal": {"site": "https://pool.example"}},
        });
        assert_eq!(data["contacts"], masked["contacts"]);
        assert_eq!(data["profile"], masked["profile"]);
        assert_eq!((&data["name"], &data["fields"]), (&masked["name"], &masked["fields"]));
        let note = data["note"]["$personal"].as_str().unwrap();
        assert!(!note.contains("138 0000 0001") && !note.contains("pool.example"), "{note}");
        assert!(note.starts_with("ring ") && note.ends_with(" before 2026-11-29"), "{note}");
    }

    #[test]
    fn a_telephone_number_among_the_particulars_of_a_signal_is_masked_however_it_is_written() {
        let particulars =
            json!({"caller": {"mobile": 13_800_000_001_u64, "tries": 3}, "mail": ["a@pool.example"]});
        let signal = Signalled { kind: "rang".to_owned(), data: Some(particulars.into()), meets: Vec::new() };
        let mut data = CustomerEvent::Signalled(signal).to_json().unwrap();
        Disclosure::Masked.apply(&mut data);
        let text = data.to_string();
        assert!(!text.contains("13800000001") && !text.contains("pool.example"), "{text}");
        assert_eq!(data["data"]["$personal"]["caller"]["tries"], 3);
    }

    #[test]
    fn nothing_is_masked_for_readers_of_the_whole() {
        let event = json!({
            "contacts": [{"kind": "phone", "value": {"$personal": "+8613800000001"}}],
            "note": {"$personal": "13800000001"},
        });
        for disclosure in [Disclosure::Whole, Disclosure::Figures] {
            let mut data = event.clone();
            disclosure.apply(&mut data);
            assert_eq!(data, event);
        }
    }
}
