//! What is known of a customer, readable: a fold of its opened events, for decisions that carry texts from one customer to
//! another. The state that other decisions look at keeps no personal values.

use std::collections::BTreeMap;

use serde_json::Value;

use super::command::{ChangeDetails, NewContact, Register};
use super::contact::{ChannelId, Contact};
use super::event::{CustomerEvent, DetailsChanged, Money, NextPlan, Profile};
use crate::Personal;
use crate::field::{self, Fields};
use crate::identity::Key;

/// How many contacts a customer has at most.
pub(super) const MAX_CONTACTS: usize = 10;
/// How many labels a customer has at most.
pub(super) const MAX_TAGS: usize = 30;
/// How many ids that channels have for it a customer has at most.
pub(super) const MAX_CHANNEL_IDS: usize = 10;

/// What is known of a customer.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct CustomerDetails {
    /// What it is called.
    pub name: Option<Personal<String>>,
    /// Where the lead came from.
    pub source: Option<String>,
    /// Through which channel.
    pub channel: Option<String>,
    /// Ways to reach it.
    pub contacts: Vec<Contact>,
    /// Labels that are not statuses.
    pub tags: Vec<String>,
    /// The value tier.
    pub tier: Option<String>,
    /// What the deal may be worth.
    pub amount: Option<Money>,
    /// Custom fields.
    pub fields: BTreeMap<String, Value>,
    /// What else is known; nothing in it is cleared.
    pub profile: Profile,
    /// What must be done next.
    pub next_plan: Option<NextPlan>,
}

impl CustomerDetails {
    /// What events in the order of their positions tell.
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a CustomerEvent>) -> Self {
        let mut known = Self::default();
        events.into_iter().for_each(|event| known.evolve(event));
        known
    }

    fn evolve(&mut self, event: &CustomerEvent) {
        match event {
            CustomerEvent::Registered(event) => {
                self.change(&DetailsChanged {
                    name: event.name.clone(),
                    source: event.source.clone(),
                    channel: event.channel.clone(),
                    contacts: Some(event.contacts.clone()),
                    tags: Some(event.tags.clone()),
                    tier: event.tier.clone(),
                    amount: event.amount.clone(),
                    fields: event.fields.clone(),
                    profile: event.profile.clone(),
                    ..DetailsChanged::default()
                });
            }
            CustomerEvent::DetailsChanged(event) => self.change(event),
            CustomerEvent::FollowedUp(event) => self.next_plan = Some(event.next_plan.clone()),
            CustomerEvent::NextContactSet(event) => {
                let text = Personal::Clear(event.text.zh.clone());
                self.next_plan = Some(NextPlan { at: event.at, text });
            }
            CustomerEvent::Absorbed(event) => {
                event.details.iter().for_each(|details| self.change(details));
                set(&mut self.next_plan, false, &event.next_plan);
            }
            _ => {}
        }
    }

    fn change(&mut self, said: &DetailsChanged) {
        set(&mut self.name, said.clears("name"), &said.name);
        set(&mut self.source, said.clears("source"), &said.source);
        set(&mut self.channel, said.clears("channel"), &said.channel);
        set(&mut self.tier, said.clears("tier"), &said.tier);
        set(&mut self.amount, said.clears("amount"), &said.amount);
        self.contacts = said.contacts.clone().unwrap_or_else(|| std::mem::take(&mut self.contacts));
        self.tags = said.tags.clone().unwrap_or_else(|| std::mem::take(&mut self.tags));
        if let Some(fields) = &said.fields {
            if !said.adds_fields {
                self.fields.clear();
            }
            self.fields.extend(fields.clear().cloned().unwrap_or_default());
        }
        if let Some(profile) = &said.profile {
            self.learn(profile);
        }
    }

    fn learn(&mut self, said: &Profile) {
        let cleared = |name: &str| said.cleared.iter().any(|cleared| cleared == name);
        let known = &mut self.profile;
        set(&mut known.credit_code, cleared("credit_code"), &said.credit_code);
        known.texts.learn(&said.texts, cleared);
        set(&mut known.contract, cleared("contract"), &said.contract);
        set(&mut known.delivered_on, cleared("delivered_on"), &said.delivered_on);
        set(&mut known.postponed_until, cleared("postponed_until"), &said.postponed_until);
        set(&mut known.expected_close_on, cleared("expected_close_on"), &said.expected_close_on);
        set(&mut known.expected_close_reason, cleared("expected_close_on"), &said.expected_close_reason);
        set(&mut known.won_amount, cleared("won_amount"), &said.won_amount);
        set(&mut known.satisfaction, cleared("satisfaction"), &said.satisfaction);
        set(&mut known.channel_ids, false, &said.channel_ids);
    }

    /// What of another record of the same person this one lacks: lists are united, empty fields filled, and what both have
    /// stays as this one has it. None where nothing is added.
    pub fn filled_from(&self, other: &Self) -> Option<DetailsChanged> {
        let mut fields = other.fields.clone();
        fields.extend(
            self.fields.iter().filter(|(_, value)| !value.is_null()).map(|(k, v)| (k.clone(), v.clone())),
        );
        let fields = (fields != self.fields).then_some(fields);
        let field_names = fields.as_ref().map(|fields| {
            fields.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name.clone()).collect()
        });
        let profile = self.profile_filled_from(&other.profile);
        let filled = DetailsChanged {
            name: lacking(&self.name, &other.name),
            source: lacking(&self.source, &other.source),
            channel: lacking(&self.channel, &other.channel),
            contacts: united(&self.contacts, &other.contacts, same_contact, MAX_CONTACTS),
            tags: united(&self.tags, &other.tags, PartialEq::eq, MAX_TAGS),
            tier: lacking(&self.tier, &other.tier),
            amount: lacking(&self.amount, &other.amount),
            fields: fields.map(Personal::Clear),
            profile: (profile != Profile::default()).then_some(profile),
            field_names,
            adds_fields: false,
            cleared: Vec::new(),
        };
        (filled != DetailsChanged::default()).then_some(filled)
    }

    /// What a later record of the same customer says that is not known: what has one value is as that record says, lists are
    /// united. Whose it is and what else is known stays. None where it says nothing new.
    pub fn updated_by(&self, said: &Register, declared: &Fields) -> Option<ChangeDetails> {
        let other =
            |held: Option<&String>, said: &Option<String>| said.clone().filter(|said| held != Some(said));
        let contact =
            |new: &NewContact| Contact { kind: new.kind, value: Personal::Clear(new.value.clone()) };
        let contacts: Vec<Contact> = said.contacts.iter().map(contact).collect();
        let contacts = united(&self.contacts, &contacts, same_contact, usize::MAX);
        let given = |contact: Contact| {
            let value = contact.value.clear().cloned()?;
            Some(NewContact { kind: contact.kind, value })
        };
        let mut fields = self.fields.clone();
        fields.extend(field::normalised(declared, said.fields.clone().unwrap_or_default()));
        let changes = ChangeDetails {
            name: other(self.name.as_ref().and_then(Personal::clear), &said.name),
            source: other(self.source.as_ref(), &said.source),
            channel: other(self.channel.as_ref(), &said.channel),
            contacts: contacts.and_then(|all| all.into_iter().map(given).collect()),
            tags: united(&self.tags, &said.tags, PartialEq::eq, usize::MAX),
            tier: other(self.tier.as_ref(), &said.tier),
            amount: said.amount.clone().filter(|amount| self.amount.as_ref() != Some(amount)),
            fields: (fields != self.fields).then_some(fields),
            ..ChangeDetails::default()
        };
        (changes != ChangeDetails::default()).then_some(changes)
    }

    /// What takes changes back that a file made when this was known: whatever they said anything of is as it was, or not known.
    /// Files say nothing of the profile. None where they said nothing.
    pub fn restored_after(&self, changes: &[DetailsChanged]) -> Option<DetailsChanged> {
        let mut back = DetailsChanged::default();
        for change in changes {
            let cleared = &mut back.cleared;
            restore(&mut back.name, &self.name, ("name", change.name.is_some()), cleared);
            restore(&mut back.source, &self.source, ("source", change.source.is_some()), cleared);
            restore(&mut back.channel, &self.channel, ("channel", change.channel.is_some()), cleared);
            restore(&mut back.tier, &self.tier, ("tier", change.tier.is_some()), cleared);
            restore(&mut back.amount, &self.amount, ("amount", change.amount.is_some()), cleared);
            if change.contacts.is_some() {
                back.contacts = Some(self.contacts.clone());
            }
            if change.tags.is_some() {
                back.tags = Some(self.tags.clone());
            }
            if change.fields.is_some() {
                back.field_names = Some(field::named(&self.fields));
                back.fields = Some(Personal::Clear(self.fields.clone()));
            }
        }
        (back != DetailsChanged::default()).then_some(back)
    }

    fn profile_filled_from(&self, other: &Profile) -> Profile {
        let own = &self.profile;
        let ids = |profile: &Profile| profile.channel_ids.clone().unwrap_or_default();
        let same_id = |one: &ChannelId, other: &ChannelId| one == other;
        Profile {
            credit_code: lacking(&own.credit_code, &other.credit_code),
            channel_ids: united(&ids(own), &ids(other), same_id, MAX_CHANNEL_IDS),
            texts: own.texts.lacking(&other.texts),
            contract: lacking(&own.contract, &other.contract),
            delivered_on: lacking(&own.delivered_on, &other.delivered_on),
            postponed_until: lacking(&own.postponed_until, &other.postponed_until),
            expected_close_on: lacking(&own.expected_close_on, &other.expected_close_on),
            expected_close_corrected: false,
            expected_close_reason: match own.expected_close_on {
                Some(_) => None,
                None => other.expected_close_reason.clone(),
            },
            won_amount: lacking(&own.won_amount, &other.won_amount),
            satisfaction: lacking(&own.satisfaction, &other.satisfaction),
            cleared: Vec::new(),
        }
    }

    /// What this one gives back of what another one is recognised by, so that each number is one customer's again. None where
    /// it has nothing of it.
    pub fn without_keys_of(&self, other: &Self) -> Option<DetailsChanged> {
        let contacts: Vec<Contact> = self
            .contacts
            .iter()
            .filter(|held| !other.contacts.iter().any(|theirs| same_contact(held, theirs)))
            .cloned()
            .collect();
        let own_ids = self.profile.channel_ids.clone().unwrap_or_default();
        let their_ids = other.profile.channel_ids.clone().unwrap_or_default();
        let kept: Vec<ChannelId> = own_ids.iter().filter(|id| !their_ids.contains(id)).cloned().collect();
        let same_code =
            self.profile.credit_code.is_some() && self.profile.credit_code == other.profile.credit_code;
        let profile = Profile {
            channel_ids: (kept.len() < own_ids.len()).then_some(kept),
            cleared: if same_code { vec!["credit_code".to_owned()] } else { Vec::new() },
            ..Profile::default()
        };
        let given_back = DetailsChanged {
            contacts: (contacts.len() < self.contacts.len()).then_some(contacts),
            profile: (profile != Profile::default()).then_some(profile),
            ..DetailsChanged::default()
        };
        (given_back != DetailsChanged::default()).then_some(given_back)
    }

    /// The earlier of two plans, where it is not this one's already: what was agreed with the person is kept.
    pub fn earlier_plan(&self, other: &Self) -> Option<NextPlan> {
        let theirs = other.next_plan.as_ref()?;
        let later = self.next_plan.as_ref().is_none_or(|own| theirs.at < own.at);
        later.then(|| theirs.clone())
    }
}

fn set<T: Clone>(held: &mut Option<T>, cleared: bool, new: &Option<T>) {
    if new.is_some() || cleared {
        held.clone_from(new);
    }
}

/// Gives back what was known of an attribute that a change said something of: its value, or that there was none.
fn restore<T: Clone>(
    back: &mut Option<T>,
    known: &Option<T>,
    (name, was_said): (&str, bool),
    cleared: &mut Vec<String>,
) {
    if was_said && known.is_some() {
        back.clone_from(known);
    } else if was_said && !cleared.iter().any(|held| held == name) {
        cleared.push(name.to_owned());
    }
}

/// What another one has and this one has not.
fn lacking<T: Clone>(own: &Option<T>, other: &Option<T>) -> Option<T> {
    if own.is_some() { None } else { other.clone() }
}

/// Both lists in one, at most `most`; none where nothing is added to the first.
fn united<T: Clone>(own: &[T], other: &[T], same: impl Fn(&T, &T) -> bool, most: usize) -> Option<Vec<T>> {
    let mut all = own.to_vec();
    for one in other {
        if all.len() < most && !all.iter().any(|held| same(held, one)) {
            all.push(one.clone());
        }
    }
    (all.len() > own.len()).then_some(all)
}

/// Whether two ways to reach somebody are one, however they are written.
fn same_contact(one: &Contact, other: &Contact) -> bool {
    let key = |contact: &Contact| {
        let text = contact.value.clear()?;
        Key::of_contact(contact.kind, text, String::new()).map(|Key { kind, value, .. }| (kind, value))
    };
    one == other || key(one).is_some_and(|of_one| key(other) == Some(of_one))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::decide::spec::registered_in_full;
    use crate::customer::event::ContactKind;

    fn phone(value: &str) -> Contact {
        Contact { kind: ContactKind::Phone, value: Personal::Clear(value.to_owned()) }
    }

    fn full() -> CustomerDetails {
        CustomerDetails::fold([&registered_in_full()])
    }

    #[test]
    fn a_reader_who_knows_nothing_takes_everything_and_one_who_knows_all_nothing() {
        let (nobody, full) = (CustomerDetails::default(), full());
        let taken = nobody.filled_from(&full).unwrap();
        let mut after = nobody.clone();
        after.change(&taken);
        assert_eq!(
            CustomerDetails { next_plan: None, ..after },
            CustomerDetails { next_plan: None, ..full.clone() }
        );
        assert_eq!(full.filled_from(&nobody), None);
        assert_eq!(full.filled_from(&full), None);
    }

    #[test]
    fn contacts_are_united_and_one_number_written_twice_is_one() {
        let own = CustomerDetails { contacts: vec![phone("13800138000")], ..CustomerDetails::default() };
        let other = CustomerDetails {
            contacts: vec![phone("+86 138 0013 8000"), phone("13900000002")],
            ..CustomerDetails::default()
        };
        let contacts = own.filled_from(&other).unwrap().contacts.unwrap();
        assert_eq!(contacts, [phone("13800138000"), phone("13900000002")]);
        let mut after = own.clone();
        after.change(&own.filled_from(&other).unwrap());
        assert_eq!(
            after
                .without_keys_of(&CustomerDetails {
                    contacts: vec![phone("13900000002")],
                    ..CustomerDetails::default()
                })
                .unwrap()
                .contacts,
            Some(own.contacts.clone())
        );
        assert_eq!(own.without_keys_of(&CustomerDetails::default()), None);
    }

    #[test]
    fn what_a_file_changed_is_taken_back_and_nothing_else() {
        let text = |text: &str| Some(Personal::Clear(text.to_owned()));
        let before =
            CustomerDetails { name: text("Harbour"), contacts: vec![phone("13800138000")], ..full() };
        let before = CustomerDetails { source: None, fields: BTreeMap::new(), ..before };
        let changes = [
            DetailsChanged { name: text("Wrong"), source: Some("expo".into()), ..DetailsChanged::default() },
            DetailsChanged {
                contacts: Some(vec![phone("13900000002")]),
                source: Some("fair".into()),
                fields: Some(Personal::Clear(BTreeMap::from([("size".to_owned(), Value::from(3))]))),
                field_names: Some(vec!["size".to_owned()]),
                ..DetailsChanged::default()
            },
        ];
        let back = before.restored_after(&changes).unwrap();
        assert_eq!((&back.cleared[..], back.tags.is_some()), (&["source".to_owned()][..], false));
        assert_eq!(back.field_names.as_deref(), Some(&[][..]));
        let mut after = before.clone();
        changes.iter().chain([&back]).for_each(|change| after.change(change));
        assert_eq!(after, before);
        assert_eq!(before.restored_after(&[]), None);
    }

    #[test]
    fn what_both_have_stays_and_lists_keep_their_bounds() {
        let own = CustomerDetails {
            tier: Some("A".into()),
            tags: (0..29).map(|n| n.to_string()).collect(),
            ..CustomerDetails::default()
        };
        let other = CustomerDetails {
            tier: Some("B".into()),
            tags: vec!["x".into(), "y".into()],
            ..CustomerDetails::default()
        };
        let filled = own.filled_from(&other).unwrap();
        assert_eq!((filled.tier, filled.tags.unwrap().len()), (None, MAX_TAGS));
    }

    #[test]
    fn the_earlier_plan_is_kept() {
        let at = |day| CustomerDetails {
            next_plan: Some(NextPlan {
                at: crate::customer::decide::spec::day(day),
                text: Personal::Clear("call".into()),
            }),
            ..CustomerDetails::default()
        };
        assert_eq!(at(2).earlier_plan(&at(1)), at(1).next_plan);
        assert_eq!(at(1).earlier_plan(&at(2)), None);
        assert_eq!(at(1).earlier_plan(&at(1)), None);
        assert_eq!(CustomerDetails::default().earlier_plan(&at(1)), at(1).next_plan);
    }
}
