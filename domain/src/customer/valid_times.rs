//! Since when each attribute of a customer has its value, so that a change that was recorded late does not undo a later one.
//!
//! Of the changes of an attribute that are known, the one with the latest effective instant holds; of those at one instant the
//! one recorded last. What a registration says holds until something else is said, however early. Who owns a customer, and
//! whether it was merged, is decided when it is recorded and on what is known then, so there the change recorded last holds.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};

use super::event::{CLEARABLE, CustomerEvent, DetailsChanged, Profile, Recorded};
use crate::ProfileField;

/// The attributes that are no details: what must be done next, and the warning that a customer may be lost.
const PLAN: &str = "next_plan";
const RISK: &str = "risk";
/// The details that are replaced as a whole.
const LISTS: &[&str] = &["contacts", "tags", "fields", "channel_ids"];

/// Since when each attribute has its value: the effective instant in microseconds and the position of the change. Attributes
/// that have the value of the registration are not in it.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(transparent)]
pub struct ValidTimes(BTreeMap<Cow<'static, str>, (i64, u64)>);

/// What of an event holds from its instant on, as far as it sets attributes.
#[derive(Debug, Default)]
pub struct Admitted<'a> {
    /// The details, without those that a later change has set.
    pub details: Option<Cow<'a, DetailsChanged>>,
    /// Whether what must be done next is what the event says.
    pub plan: bool,
    /// Whether the warning of the event, or the end of one, holds.
    pub risk: bool,
}

impl ValidTimes {
    /// What of an event holds: all of it where no later change is known.
    pub fn admit<'a>(&mut self, recorded: &'a Recorded<CustomerEvent>) -> Admitted<'a> {
        let at = (recorded.effective_at.timestamp_micros(), recorded.position);
        match &recorded.event {
            CustomerEvent::DetailsChanged(event) => {
                Admitted { details: Some(self.details(event, at)), ..Admitted::default() }
            }
            CustomerEvent::Absorbed(event) => Admitted {
                details: event.details.as_ref().map(|details| self.details(details, at)),
                plan: event.next_plan.is_some() && self.takes(PLAN, at),
                risk: false,
            },
            CustomerEvent::FollowedUp(_) | CustomerEvent::NextContactSet(_) => {
                Admitted { plan: self.takes(PLAN, at), ..Admitted::default() }
            }
            CustomerEvent::RiskFlagged(_) => Admitted { risk: self.takes(RISK, at), ..Admitted::default() },
            _ => Admitted::default(),
        }
    }

    /// The latest instant since which an attribute has its value.
    pub fn latest(&self) -> Option<DateTime<Utc>> {
        self.0.values().max().and_then(|(at, _)| DateTime::from_timestamp_micros(*at))
    }

    /// Since when an attribute has its value; none where it has that of the registration.
    pub fn since(&self, attribute: &str) -> Option<DateTime<Utc>> {
        self.0.get(attribute).and_then(|(at, _)| DateTime::from_timestamp_micros(*at))
    }

    /// Whether a change at an instant holds of an attribute, which then has its value since that instant.
    fn takes(&mut self, attribute: &'static str, at: (i64, u64)) -> bool {
        let since = self.0.entry(Cow::Borrowed(attribute)).or_insert(at);
        let takes = *since <= at;
        *since = at.max(*since);
        takes
    }

    fn details<'a>(&mut self, event: &'a DetailsChanged, at: (i64, u64)) -> Cow<'a, DetailsChanged> {
        let changed = CLEARABLE.iter().chain(LISTS).filter(|attribute| event.changes(attribute));
        let superseded: Vec<&str> = changed.filter(|attribute| !self.takes(attribute, at)).copied().collect();
        if superseded.is_empty() {
            return Cow::Borrowed(event);
        }
        let mut left = event.clone();
        superseded.into_iter().for_each(|attribute| left.omit(attribute));
        Cow::Owned(left)
    }
}

impl DetailsChanged {
    /// Whether an attribute is set or taken away.
    fn changes(&self, attribute: &str) -> bool {
        let of_profile = || self.profile.as_ref().is_some_and(|profile| profile.changes(attribute));
        self.clears(attribute)
            || match attribute {
                "name" => self.name.is_some(),
                "source" => self.source.is_some(),
                "channel" => self.channel.is_some(),
                "contacts" => self.contacts.is_some(),
                "tags" => self.tags.is_some(),
                "tier" => self.tier.is_some(),
                "amount" => self.amount.is_some(),
                "fields" => self.fields.is_some() || self.field_names.is_some(),
                _ => of_profile(),
            }
    }

    /// Leaves an attribute as it was.
    fn omit(&mut self, attribute: &str) {
        self.cleared.retain(|cleared| cleared != attribute);
        match attribute {
            "name" => self.name = None,
            "source" => self.source = None,
            "channel" => self.channel = None,
            "contacts" => self.contacts = None,
            "tags" => self.tags = None,
            "tier" => self.tier = None,
            "amount" => self.amount = None,
            "fields" => (self.fields, self.field_names) = (None, None),
            _ => self.profile.iter_mut().for_each(|profile| profile.omit(attribute)),
        }
    }
}

impl Profile {
    fn changes(&self, attribute: &str) -> bool {
        self.cleared.iter().any(|cleared| cleared == attribute)
            || match attribute {
                "credit_code" => self.credit_code.is_some(),
                "channel_ids" => self.channel_ids.is_some(),
                "contract" => self.contract.is_some(),
                "delivered_on" => self.delivered_on.is_some(),
                "postponed_until" => self.postponed_until.is_some(),
                "expected_close_on" => self.expected_close_on.is_some(),
                "won_amount" => self.won_amount.is_some(),
                "satisfaction" => self.satisfaction.is_some(),
                text => ProfileField::parse(text).is_some_and(|field| self.texts.get(field).is_some()),
            }
    }

    fn omit(&mut self, attribute: &str) {
        self.cleared.retain(|cleared| cleared != attribute);
        match attribute {
            "credit_code" => self.credit_code = None,
            "channel_ids" => self.channel_ids = None,
            "contract" => self.contract = None,
            "delivered_on" => self.delivered_on = None,
            "postponed_until" => self.postponed_until = None,
            "expected_close_on" => {
                (self.expected_close_on, self.expected_close_reason) = (None, None);
                self.expected_close_corrected = false;
            }
            "won_amount" => self.won_amount = None,
            "satisfaction" => self.satisfaction = None,
            text => {
                if let Some(field) = ProfileField::parse(text) {
                    *self.texts.get_mut(field) = None;
                }
            }
        }
    }
}
