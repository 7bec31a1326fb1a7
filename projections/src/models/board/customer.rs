//! A customer as it is now: the state that the board's fold keeps, and its rows.

use std::collections::BTreeMap;

use chrono::{DateTime, Utc};
use uuid::Uuid;
use waymark_domain::customer::ValidTimes;
use waymark_domain::customer::event::{
    Contact, ContactKind, ContentKind, CustomerEvent, DetailsChanged, DocumentAdded, FollowedUp, LeadTouched,
    Money, Recorded,
};
use waymark_domain::customer::timeline::{Journeys, LatestStay};
use waymark_domain::{Owner, identity};

use super::plan::Plan;
use super::profile::{ClearProfile, ClearRisk, clear};
use crate::log::history::{JourneyChange, JourneyEnd, place};
use crate::stats::Micros;

/// Whether what is personal of such an event is shown of customers.
pub(super) fn is_opened(event_type: &str) -> bool {
    matches!(
        event_type,
        "customer.registered"
            | "customer.details_changed"
            | "customer.followed_up"
            | "customer.document_added"
            | "customer.absorbed"
            | "customer.scored"
            | "customer.risk_flagged"
    )
}

/// A way to reach a customer, readable.
#[derive(Debug, Clone, PartialEq, Eq, serde::Serialize, serde::Deserialize)]
pub(super) struct ClearContact {
    pub(super) kind: ContactKind,
    pub(super) value: String,
}

/// What boards and filters look at: its changes are kept.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct TrackedAttributes {
    pub(super) owner: Owner,
    pub(super) tier: Option<String>,
    pub(super) amount: Option<Money>,
    pub(super) source: Option<String>,
    pub(super) channel: Option<String>,
    pub(super) tags: Vec<String>,
    pub(super) merged: bool,
}

/// A time at which the customer came in as a lead again.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct InquiryRecord {
    pub(super) at: Micros,
    pub(super) source: Option<String>,
    pub(super) channel: Option<String>,
    /// Whether somebody has spoken to the customer since.
    #[serde(default)]
    pub(super) answered: bool,
}

/// A document by reference.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Document {
    pub(super) id: Uuid,
    pub(super) kind: String,
    pub(super) name: Option<String>,
    pub(super) reference: Option<String>,
    pub(super) sha256: String,
    pub(super) by: String,
    pub(super) at: Micros,
}

/// Something to read that was sent to the customer.
#[derive(Debug, Clone, PartialEq, serde::Serialize, serde::Deserialize)]
pub(super) struct Sent {
    pub(super) event: Uuid,
    pub(super) kind: ContentKind,
    pub(super) title: Option<String>,
    pub(super) document: Option<String>,
    pub(super) by: String,
    pub(super) at: Micros,
}

/// How many of the things sent to one customer are shown: the latest ones. The log has them all.
const CONTENTS: usize = 100;
/// How many documents of one customer are shown: the latest ones. The log has them all.
const DOCUMENTS: usize = 200;
/// How many touches of one customer are shown: the latest ones. The log has them all.
const TOUCHES: usize = 100;

/// A customer.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct Customer {
    pub(super) id: Uuid,
    pub(super) created_position: u64,
    pub(super) version: u64,
    pub(super) external_id: Option<String>,
    pub(super) name: Option<String>,
    pub(super) contacts: Vec<ClearContact>,
    pub(super) fields: Option<BTreeMap<String, serde_json::Value>>,
    pub(super) traits: TrackedAttributes,
    pub(super) owned_since: DateTime<Utc>,
    pub(super) next: Option<Plan>,
    pub(super) erased: bool,
    pub(super) profile: ClearProfile,
    pub(super) touches: Vec<InquiryRecord>,
    pub(super) merged_into: Option<Uuid>,
    pub(super) withdrawn: bool,
    pub(super) documents: Vec<Document>,
    pub(super) grace_until: Option<Micros>,
    pub(super) contents: Vec<Sent>,
    /// The customers that it was marked as different from, and where in the log.
    pub(super) distinct_from: BTreeMap<Uuid, u64>,
    /// Where its name or a contact was said last.
    pub(super) looks_since: u64,
    /// Since when its attributes have their values.
    pub(super) valid_times: ValidTimes,
    /// The latest instant of those that something tracked was said of.
    pub(super) tracked_until: Micros,
    pub(super) cards: BTreeMap<String, Card>,
}

/// Where a journey stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Card {
    pub(super) pipeline_version: u32,
    pub(super) cycle: u32,
    pub(super) stage: String,
    pub(super) sub_status: Option<String>,
    pub(super) entered_at: Micros,
    pub(super) last_at: Micros,
    pub(super) last_position: u64,
    pub(super) moved_position: u64,
}

impl Customer {
    /// The customer that a registration makes; none of any other event.
    pub(super) fn registered(id: Uuid, event: &Recorded<CustomerEvent>) -> Option<Self> {
        let CustomerEvent::Registered(e) = &event.event else { return None };
        let mut customer = Self {
            id,
            created_position: event.position,
            version: 0,
            external_id: e.external_id.clone(),
            name: clear(&e.name),
            contacts: readable(&e.contacts),
            fields: clear(&e.fields),
            traits: TrackedAttributes {
                owner: e.owner.clone(),
                tier: e.tier.clone(),
                amount: e.amount.clone(),
                source: e.source.clone(),
                channel: e.channel.clone(),
                tags: e.tags.clone(),
                merged: false,
            },
            owned_since: event.effective_at,
            next: None,
            erased: false,
            profile: ClearProfile::default(),
            touches: Vec::new(),
            merged_into: None,
            withdrawn: false,
            documents: Vec::new(),
            grace_until: None,
            contents: Vec::new(),
            distinct_from: BTreeMap::new(),
            looks_since: event.position,
            valid_times: ValidTimes::default(),
            tracked_until: event.effective_at.timestamp_micros(),
            cards: BTreeMap::new(),
        };
        customer.profile.learn(e.profile.as_ref());
        Some(customer)
    }

    /// Whether the two have the same row but for the version; cards have rows of their own.
    pub(super) fn looks_like(self, other: &Self) -> bool {
        Self { version: other.version, cards: other.cards.clone(), ..self } == *other
    }

    /// Folds one event in. The journey is named when it must be folded from the log again.
    pub(super) fn apply<'a>(&mut self, event: &'a Recorded<CustomerEvent>) -> Option<&'a str> {
        self.version += u64::from(event.event.changes_customer());
        let admitted = self.valid_times.admit(event);
        if let Some(details) = &admitted.details {
            self.set_details(details, event.position);
        }
        if admitted.plan {
            self.next = Plan::said(event);
        }
        match &event.event {
            CustomerEvent::FollowedUp(e) => {
                self.send(e, event);
                self.answer_touches(event.effective_at.timestamp_micros());
            }
            CustomerEvent::Claimed(e) => self.set_owner(Owner::Rep(e.rep.clone()), event.effective_at),
            CustomerEvent::Released(e) => self.set_owner(Owner::Pool(e.pool.clone()), event.effective_at),
            CustomerEvent::OwnerChanged(e) => {
                self.set_owner(e.to.clone(), event.effective_at);
                self.grace_until = e.grace_until.map(|until| until.timestamp_micros());
            }
            CustomerEvent::DocumentAdded(e) => self.add_document(e, event),
            CustomerEvent::Erased(_) => self.erase(),
            CustomerEvent::Withdrawn(_) => (self.withdrawn, self.external_id) = (true, None),
            CustomerEvent::LeadTouched(e) => self.touch(e, event.effective_at),
            CustomerEvent::RiskFlagged(e) if admitted.risk => {
                self.profile.risk = e.at_risk.then(|| ClearRisk {
                    reason: clear(&e.reason),
                    by: event.actor.clone(),
                    since: event.effective_at.timestamp_micros(),
                });
            }
            CustomerEvent::Scored(e) => self.profile.scored(e, event.effective_at.timestamp_micros()),
            CustomerEvent::Distinguished(e) => {
                self.distinct_from.insert(e.other, event.position);
            }
            CustomerEvent::DistinctionWithdrawn(e) => {
                self.distinct_from.remove(&e.other);
            }
            CustomerEvent::Absorbed(e) => {
                self.distinct_from.remove(&e.absorbed);
            }
            CustomerEvent::MergedInto(e) => {
                self.distinct_from.remove(&e.survivor);
                self.merge_into(Some(e.survivor));
            }
            CustomerEvent::Unmerged(e) if e.absorbed == self.id => self.merge_into(None),
            _ => {}
        }
        self.move_card(event)
    }

    fn merge_into(&mut self, survivor: Option<Uuid>) {
        self.merged_into = survivor;
        self.traits.merged = survivor.is_some();
    }

    fn touch(&mut self, e: &LeadTouched, at: DateTime<Utc>) {
        self.touches.push(InquiryRecord {
            at: at.timestamp_micros(),
            source: e.source.clone(),
            channel: e.channel.clone(),
            answered: false,
        });
        let surplus = self.touches.len().saturating_sub(TOUCHES);
        self.touches.drain(..surplus);
    }

    /// Whether somebody told the two apart, and neither has become the same as the other to the letter since.
    pub(super) fn is_distinct_from(&self, other: &Self, duplicate_match: &identity::DuplicateMatch) -> bool {
        let told = [self.distinct_from.get(&other.id), other.distinct_from.get(&self.id)];
        let Some(told_at) = told.into_iter().flatten().max() else { return false };
        let changed = self.looks_since > *told_at || other.looks_since > *told_at;
        !(changed && duplicate_match.reasons.iter().any(|reason| reason.is_exact()))
    }

    fn answer_touches(&mut self, spoken_at: Micros) {
        for touch in self.touches.iter_mut().filter(|touch| touch.at <= spoken_at) {
            touch.answered = true;
        }
    }

    /// Whether the customer came in as a lead again and nobody has spoken to it since.
    pub(super) fn waits_for_an_answer(&self) -> bool {
        !self.erased && self.touches.iter().any(|touch| !touch.answered)
    }

    fn send(&mut self, e: &FollowedUp, event: &Recorded<CustomerEvent>) {
        let Some(content) = &e.content else { return };
        self.contents.push(Sent {
            event: event.id,
            kind: content.kind,
            title: content.title.clear().cloned(),
            document: clear(&content.document),
            by: event.actor.clone(),
            at: event.effective_at.timestamp_micros(),
        });
        let surplus = self.contents.len().saturating_sub(CONTENTS);
        self.contents.drain(..surplus);
    }

    fn add_document(&mut self, e: &DocumentAdded, event: &Recorded<CustomerEvent>) {
        self.documents.push(Document {
            id: e.document,
            kind: e.kind.clone(),
            name: clear(&e.name),
            reference: e.reference.clear().cloned(),
            sha256: e.sha256.clone(),
            by: event.actor.clone(),
            at: event.recorded_at.timestamp_micros(),
        });
        let surplus = self.documents.len().saturating_sub(DOCUMENTS);
        self.documents.drain(..surplus);
    }

    fn set_owner(&mut self, owner: Owner, since: DateTime<Utc>) {
        self.traits.owner = owner;
        self.grace_until = None;
        self.owned_since = since;
    }

    fn set_details(&mut self, e: &DetailsChanged, position: u64) {
        if e.name.is_some() || e.clears("name") || e.contacts.is_some() {
            self.looks_since = position;
        }
        fn set<T: Clone>(held: &mut Option<T>, cleared: bool, new: &Option<T>) {
            if new.is_some() || cleared {
                held.clone_from(new);
            }
        }
        if e.name.is_some() || e.clears("name") {
            self.name = clear(&e.name);
        }
        set_fields(&mut self.fields, e);
        if let Some(contacts) = &e.contacts {
            self.contacts = readable(contacts);
        }
        if let Some(tags) = &e.tags {
            self.traits.tags.clone_from(tags);
        }
        set(&mut self.traits.source, e.clears("source"), &e.source);
        set(&mut self.traits.channel, e.clears("channel"), &e.channel);
        set(&mut self.traits.tier, e.clears("tier"), &e.tier);
        set(&mut self.traits.amount, e.clears("amount"), &e.amount);
        self.profile.learn(e.profile.as_ref());
    }

    /// Whether it had its name, or none, as long as it was there: nobody said another since it was registered.
    pub(super) fn was_always_called_so(&self) -> bool {
        self.looks_since == self.created_position && !self.withdrawn && !self.erased
    }

    pub(super) fn erase(&mut self) {
        self.erased = true;
        self.name = None;
        self.external_id = None;
        self.contacts.clear();
        self.fields = None;
        self.profile.credit_code = None;
        self.profile.channel_ids.clear();
        self.profile.risk.iter_mut().for_each(|risk| risk.reason = None);
        self.profile.scores.iter_mut().for_each(|score| score.explanation = None);
        for document in &mut self.documents {
            (document.name, document.reference) = (None, None);
        }
        for sent in &mut self.contents {
            (sent.title, sent.document) = (None, None);
        }
        self.next.iter_mut().for_each(|plan| (plan.text, plan.text_en) = (None, None));
    }

    fn move_card<'a>(&mut self, event: &'a Recorded<CustomerEvent>) -> Option<&'a str> {
        let (journey, kind, pipeline_version, stage, sub_status) = match JourneyChange::of(&event.event) {
            JourneyChange::None => return None,
            JourneyChange::Rewrite { journey } => return Some(journey),
            JourneyChange::Move { journey, kind, pipeline_version, stage, sub_status } => {
                (journey, kind, pipeline_version, stage, sub_status)
            }
        };
        let at = event.effective_at.timestamp_micros();
        let held = self.cards.get_mut(journey);
        let tail = held.as_ref().map(|card| card.tail());
        let (cycle, repeat) = place(tail.as_ref(), kind, stage);
        let moved = if kind == waymark_domain::customer::timeline::MoveKind::Inserted {
            held.as_ref().map_or(0, |card| card.moved_position)
        } else {
            event.position
        };
        match held {
            Some(card) if at < card.last_at => return Some(journey),
            Some(card) if repeat => {
                (card.last_at, card.last_position, card.moved_position) = (at, event.position, moved);
            }
            _ => {
                let card = Card {
                    pipeline_version,
                    cycle,
                    stage: stage.to_owned(),
                    sub_status: sub_status.map(str::to_owned),
                    entered_at: at,
                    last_at: at,
                    last_position: event.position,
                    moved_position: moved,
                };
                self.cards.insert(journey.to_owned(), card);
            }
        }
        None
    }

    /// Puts a journey's card where its timeline says, or away when all of its moves are voided.
    pub(super) fn put_card(&mut self, journey: &str, journeys: &Journeys) {
        let Some(LatestStay { last, entry, cycle, last_moved }) = journeys.latest(journey) else {
            self.cards.remove(journey);
            return;
        };
        let card = Card {
            pipeline_version: entry.pipeline_version,
            cycle,
            stage: entry.stage,
            sub_status: entry.sub_status,
            entered_at: entry.effective_at.timestamp_micros(),
            last_at: last.effective_at.timestamp_micros(),
            last_position: last.position,
            moved_position: last_moved,
        };
        self.cards.insert(journey.to_owned(), card);
    }

    /// The journey that the customer is in: the one moved in last.
    pub(super) fn primary(&self) -> Option<&str> {
        let latest = self.cards.iter().max_by_key(|(_, card)| card.moved_position);
        latest.map(|(pipeline, _)| pipeline.as_str())
    }

    /// The sub-status of each journey that has one, by the journey.
    pub(super) fn sub_statuses(&self) -> BTreeMap<String, String> {
        let finer = |(journey, card): (&String, &Card)| Some((journey.clone(), card.sub_status.clone()?));
        self.cards.iter().filter_map(finer).collect()
    }

    /// The pipeline version that the customer's stage is of.
    pub(super) fn pipeline_version(&self) -> u32 {
        self.primary().and_then(|primary| self.cards.get(primary)).map_or(0, |card| card.pipeline_version)
    }
}

impl Card {
    fn tail(&self) -> JourneyEnd {
        JourneyEnd {
            at: self.last_at,
            position: self.last_position,
            stage: self.stage.clone(),
            cycle: self.cycle,
        }
    }
}

/// What customers' own fields hold after a change of details.
pub(super) fn set_fields(held: &mut Option<BTreeMap<String, serde_json::Value>>, e: &DetailsChanged) {
    match (clear(&e.fields), held) {
        (Some(added), Some(held)) if e.adds_fields => held.extend(added),
        (set, held) if e.fields.is_some() => *held = set,
        _ => {}
    }
}

fn readable(contacts: &[Contact]) -> Vec<ClearContact> {
    let clear =
        |contact: &Contact| Some(ClearContact { kind: contact.kind, value: contact.value.clear()?.clone() });
    contacts.iter().filter_map(clear).collect()
}
