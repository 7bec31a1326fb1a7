//! What a decision needs to know of a customer: a fold of its events.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, Utc};
use rust_decimal::prelude::ToPrimitive as _;
use uuid::Uuid;

use super::automation_state::AutomationState;
use super::event::{
    ContactKind, CustomerEvent, DetailsChanged, LegalHoldPlaced, NextPlan, Profile, Recorded, Scorer,
};
use super::expected_close::{CloseEntry, ExpectedClose};
use super::purchases::Purchases;
use super::requests::{OpenProposal, OpenRequest};
use super::timeline::{Journeys, Stay};
use super::valid_times::{Admitted, ValidTimes};
use crate::identity::KeyKind;
use crate::{CustomerField, Owner, Personal};

/// A customer as its decisions see it. Personal values are not kept.
#[derive(Debug, Clone)]
pub struct Customer {
    /// Its id.
    pub id: Uuid,
    /// The number of its events, without those that change nothing of it.
    pub version: u64,
    /// Whom it belongs to.
    pub owner: Owner,
    /// The timelines of its journeys.
    pub journeys: Journeys,
    /// The id in another system.
    pub external_id: Option<String>,
    /// What must be done next, as the last follow-up says.
    pub next_plan: Option<NextPlan>,
    /// When it last came in as a lead again, unless somebody has followed up since.
    pub touched_at: Option<DateTime<Utc>>,
    /// When somebody last spoke to it.
    pub last_follow_up_at: Option<DateTime<Utc>>,
    /// The last claim.
    pub last_claim: Option<LastClaim>,
    /// The last pool that each rep looked at it in, and the pool's local date of that.
    pub views: BTreeMap<String, (String, NaiveDate)>,
    /// The value tier.
    pub tier: Option<String>,
    /// Since when its attributes have their values.
    pub valid_times: ValidTimes,
    /// The region, by which teams see it or not.
    pub region: Option<String>,
    /// Labels that are not statuses.
    pub tags: Vec<String>,
    /// Where the lead came from.
    pub source: Option<String>,
    /// Through which channel.
    pub channel: Option<String>,
    /// Whether its name is known.
    pub has_name: bool,
    /// The kinds of ways to reach it that are known.
    pub contact_kinds: BTreeSet<ContactKind>,
    /// Whether an id is known that a channel has for it.
    pub has_channel_ids: bool,
    /// Whether it is known what the deal may be worth.
    pub has_amount: bool,
    /// What is known beside, by the names of [`CustomerField`] and what can be cleared.
    pub facts: BTreeSet<&'static str>,
    /// The names of the custom fields that have a value.
    pub fields: BTreeSet<String>,
    /// When it was spoken to.
    pub follow_ups: Vec<DateTime<Utc>>,
    /// The requests for moves that nobody has settled, by their ids.
    pub requests: BTreeMap<Uuid, OpenRequest>,
    /// The proposals of agents that nobody has settled, by their ids.
    pub proposals: BTreeMap<Uuid, OpenProposal>,
    /// The reason codes of the moves that had one, by the ids of their events.
    pub reasons: BTreeMap<Uuid, String>,
    /// Whether the person was erased.
    pub erased: bool,
    /// Whether the import that brought it was undone.
    pub withdrawn: bool,
    /// The customer that it was merged into.
    pub merged_into: Option<Uuid>,
    /// The customers that were merged into it.
    pub absorbed: Vec<Uuid>,
    /// The customers that it was marked as different from, and where in the log.
    pub distinct_from: BTreeMap<Uuid, u64>,
    /// Where what it is recognised by was said last.
    pub keyed_at: KeyedAt,
    /// The day until which the deal is put off.
    pub postponed_until: Option<NaiveDate>,
    /// How satisfied it said to be, from 0 to 10.
    pub satisfaction: Option<u8>,
    /// When the deal is expected to close, or was until that was withdrawn.
    pub expected_close: Option<ExpectedClose>,
    /// Who said so, and when.
    pub close_entry: Option<CloseEntry>,
    /// The documents on record, by their ids: kind and SHA-256.
    pub documents: BTreeMap<Uuid, (String, String)>,
    /// The score by the rules of intake.
    pub score: Option<u32>,
    /// The legal holds that were not released, in the order in which they were placed.
    pub legal_holds: Vec<LegalHoldPlaced>,
    /// Whether somebody warned that it may be lost.
    pub at_risk: bool,
    /// How often it came in as a lead again.
    pub touches: u32,
    /// What it bought, and the points that it has.
    pub purchases: Purchases,
    /// What clocks look at, what rules have done, and what must be done.
    pub automation: AutomationState,
}

/// The positions of the events that said last what a customer is recognised by: a key of an earlier event is no
/// longer the customer's.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct KeyedAt {
    /// Its name.
    pub name: u64,
    /// Its contacts.
    pub contacts: u64,
    /// Its credit code.
    pub credit_code: u64,
    /// Its ids in channels.
    pub channel_ids: u64,
}

/// A claim that was made.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LastClaim {
    /// Who claimed.
    pub rep: String,
    /// From which pool.
    pub pool: String,
    /// When it was recorded.
    pub at: DateTime<Utc>,
}

impl Customer {
    /// The state after these events, in the order of their positions; none when the first is no registration.
    pub fn fold<'a>(events: impl IntoIterator<Item = &'a Recorded<CustomerEvent>>) -> Option<Self> {
        let mut events = events.into_iter();
        let first = events.next()?;
        let CustomerEvent::Registered(registered) = &first.event else { return None };
        let mut customer = Self {
            id: registered.customer,
            version: 0,
            owner: registered.owner.clone(),
            journeys: Journeys::default(),
            external_id: registered.external_id.clone(),
            next_plan: None,
            touched_at: None,
            last_follow_up_at: None,
            last_claim: None,
            views: BTreeMap::new(),
            tier: registered.tier.clone(),
            valid_times: ValidTimes::default(),
            region: None,
            tags: registered.tags.clone(),
            source: registered.source.clone(),
            channel: registered.channel.clone(),
            has_name: registered.name.is_some(),
            contact_kinds: registered.contacts.iter().map(|contact| contact.kind).collect(),
            has_channel_ids: false,
            has_amount: registered.amount.is_some(),
            facts: BTreeSet::new(),
            fields: registered.field_names.iter().cloned().collect(),
            follow_ups: Vec::new(),
            requests: BTreeMap::new(),
            proposals: BTreeMap::new(),
            reasons: BTreeMap::new(),
            erased: false,
            withdrawn: false,
            merged_into: None,
            absorbed: Vec::new(),
            distinct_from: BTreeMap::new(),
            keyed_at: KeyedAt::default(),
            postponed_until: None,
            satisfaction: None,
            expected_close: None,
            close_entry: None,
            documents: BTreeMap::new(),
            score: None,
            legal_holds: Vec::new(),
            at_risk: false,
            touches: 0,
            purchases: Purchases::default(),
            automation: AutomationState::default(),
        };
        customer.evolve(first);
        for event in events {
            customer.evolve(event);
        }
        Some(customer)
    }

    /// Folds the next event in.
    pub fn evolve(&mut self, recorded: &Recorded<CustomerEvent>) {
        self.version += u64::from(recorded.event.changes_customer());
        let corrects = matches!(
            recorded.event,
            CustomerEvent::MoveVoided(_)
                | CustomerEvent::MoveTargetCorrected(_)
                | CustomerEvent::MoveTimeCorrected(_)
        );
        let before = corrects.then(|| self.automation.causes_of_tasks(&self.journeys));
        self.journeys.apply(recorded);
        if let Some(before) = before {
            self.automation.retime_tasks(&before, &self.journeys);
        }
        let admitted = self.valid_times.admit(recorded);
        self.automation.evolve(&self.owner, recorded, &admitted);
        self.purchases.evolve(recorded);
        self.set_attributes(recorded, &admitted);
        match &recorded.event {
            CustomerEvent::Registered(event) => {
                self.owner = event.owner.clone();
                self.keyed_at.name = recorded.position;
                self.keyed_at.contacts = recorded.position;
                self.learn(event.profile.as_ref(), recorded);
            }
            CustomerEvent::Moved(event) => {
                self.reasons.extend(event.reason.clone().map(|reason| (recorded.id, reason)));
            }
            CustomerEvent::TransitionRequested(event) => {
                let (by, effective_at) = (recorded.actor.clone(), recorded.effective_at);
                self.requests.insert(recorded.id, OpenRequest { by, effective_at, asked: event.untold() });
            }
            CustomerEvent::TransitionApproved(event) => drop(self.requests.remove(&event.request)),
            CustomerEvent::TransitionRejected(event) => drop(self.requests.remove(&event.request)),
            CustomerEvent::TransitionWithdrawn(event) => drop(self.requests.remove(&event.request)),
            CustomerEvent::TransitionExpired(event) => drop(self.requests.remove(&event.request)),
            CustomerEvent::Proposed(event) => {
                let (agent, expires_at) = (event.agent.clone(), event.expires_at);
                let proposal = OpenProposal { by: recorded.actor.clone(), agent, expires_at };
                self.proposals.insert(recorded.id, proposal);
            }
            CustomerEvent::ProposalSettled(event) => drop(self.proposals.remove(&event.request)),
            CustomerEvent::FollowedUp(_) => {
                self.follow_ups.push(recorded.effective_at);
                self.last_follow_up_at = self.last_follow_up_at.max(Some(recorded.effective_at));
                self.touched_at = self.touched_at.filter(|at| *at > recorded.effective_at);
            }
            CustomerEvent::Claimed(event) => {
                self.owner = Owner::Rep(event.rep.clone());
                self.last_claim = Some(LastClaim {
                    rep: event.rep.clone(),
                    pool: event.pool.clone(),
                    at: recorded.recorded_at,
                });
            }
            CustomerEvent::Viewed(event) => {
                self.views.insert(event.rep.clone(), (event.pool.clone(), event.quota_date));
            }
            CustomerEvent::Released(event) => self.owner = Owner::Pool(event.pool.clone()),
            CustomerEvent::OwnerChanged(event) => self.owner = event.to.clone(),
            CustomerEvent::Erased(_) => (self.erased, self.external_id) = (true, None),
            CustomerEvent::Withdrawn(_) => (self.withdrawn, self.external_id) = (true, None),
            CustomerEvent::Absorbed(event) => {
                self.distinct_from.remove(&event.absorbed);
                self.absorbed.push(event.absorbed);
            }
            CustomerEvent::MergedInto(event) => {
                self.distinct_from.remove(&event.survivor);
                self.merged_into = Some(event.survivor);
            }
            CustomerEvent::Distinguished(event) => {
                self.distinct_from.insert(event.other, recorded.position);
            }
            CustomerEvent::DistinctionWithdrawn(event) => drop(self.distinct_from.remove(&event.other)),
            CustomerEvent::Unmerged(event) if event.absorbed == self.id => self.merged_into = None,
            CustomerEvent::Unmerged(event) => self.absorbed.retain(|id| *id != event.absorbed),
            CustomerEvent::LeadTouched(_) => {
                self.touched_at = self.touched_at.max(Some(recorded.effective_at));
                self.touches += 1;
            }
            CustomerEvent::LegalHoldPlaced(event) => self.legal_holds.push(event.clone()),
            CustomerEvent::LegalHoldReleased(event) => self.legal_holds.retain(|one| one.hold != event.hold),
            CustomerEvent::Scored(event) => {
                if matches!(event.by, Scorer::Intake { .. }) {
                    self.score = event.score.to_u32();
                }
            }
            CustomerEvent::DocumentAdded(event) => {
                self.documents.insert(event.document, (event.kind.clone(), event.sha256.clone()));
            }
            CustomerEvent::DetailsChanged(_)
            | CustomerEvent::NextContactSet(_)
            | CustomerEvent::RiskFlagged(_)
            | CustomerEvent::MoveVoided(_)
            | CustomerEvent::MoveTargetCorrected(_)
            | CustomerEvent::MoveTimeCorrected(_)
            | CustomerEvent::MoveInserted(_)
            | CustomerEvent::Reactivated(_)
            | CustomerEvent::StageMigrated(_)
            | CustomerEvent::Noted(_)
            | CustomerEvent::Signalled(_)
            | CustomerEvent::AutomationRan(_)
            | CustomerEvent::AutomationSkipped(_)
            | CustomerEvent::TaskCreated(_)
            | CustomerEvent::TaskCompleted(_)
            | CustomerEvent::TaskCancelled(_)
            | CustomerEvent::Reminded(_)
            | CustomerEvent::ProcessStarted(_)
            | CustomerEvent::SubStatusSet(_)
            | CustomerEvent::TransactionRecorded(_)
            | CustomerEvent::TransactionVoided(_)
            | CustomerEvent::PointsRecorded(_)
            | CustomerEvent::FirstContactMissed(_)
            | CustomerEvent::ReclaimSkipped(_)
            | CustomerEvent::KeyRotated(_) => {}
        }
    }

    /// Sets what of an event is not superseded by a change with a later effective instant.
    fn set_attributes(&mut self, recorded: &Recorded<CustomerEvent>, admitted: &Admitted<'_>) {
        if let Some(details) = &admitted.details {
            self.change_details(details, recorded);
        }
        match &recorded.event {
            CustomerEvent::FollowedUp(event) if admitted.plan => {
                self.next_plan = Some(event.next_plan.clone());
            }
            CustomerEvent::NextContactSet(event) if admitted.plan => {
                let text = Personal::Clear(event.text.zh.clone());
                self.next_plan = Some(NextPlan { at: event.at, text });
            }
            CustomerEvent::Absorbed(event) if admitted.plan => self.next_plan.clone_from(&event.next_plan),
            CustomerEvent::RiskFlagged(event) if admitted.risk => self.at_risk = event.at_risk,
            _ => {}
        }
    }

    fn change_details(&mut self, event: &DetailsChanged, recorded: &Recorded<CustomerEvent>) {
        let position = recorded.position;
        let set = |held: &mut Option<String>, name: &str, new: &Option<String>| {
            if new.is_some() || event.clears(name) {
                held.clone_from(new);
            }
        };
        set(&mut self.tier, "tier", &event.tier);
        set(&mut self.source, "source", &event.source);
        set(&mut self.channel, "channel", &event.channel);
        if let Some(tags) = &event.tags {
            self.tags.clone_from(tags);
        }
        if let Some(names) = &event.field_names {
            if !event.adds_fields {
                self.fields.clear();
            }
            self.fields.extend(names.iter().cloned());
        }
        self.has_name = (self.has_name && !event.clears("name")) || event.name.is_some();
        self.has_amount = (self.has_amount && !event.clears("amount")) || event.amount.is_some();
        if event.name.is_some() || event.clears("name") {
            self.keyed_at.name = position;
        }
        if let Some(contacts) = &event.contacts {
            self.contact_kinds = contacts.iter().map(|contact| contact.kind).collect();
            self.keyed_at.contacts = position;
        }
        self.learn(event.profile.as_ref(), recorded);
    }

    /// Whether something of a customer is known, by its name among the fields that stages ask for: that of a
    /// [`CustomerField`], or of a custom field.
    pub fn knows(&self, field: &str) -> bool {
        match CustomerField::parse(field) {
            Some(CustomerField::Name) => self.has_name,
            Some(CustomerField::ExternalId) => self.external_id.is_some(),
            Some(CustomerField::Contacts) => !self.contact_kinds.is_empty(),
            Some(CustomerField::Source) => self.source.is_some(),
            Some(CustomerField::Channel) => self.channel.is_some(),
            Some(CustomerField::Tags) => !self.tags.is_empty(),
            Some(CustomerField::Tier) => self.tier.is_some(),
            Some(CustomerField::Amount) => self.has_amount,
            Some(
                CustomerField::CreditCode
                | CustomerField::Text(_)
                | CustomerField::Contract
                | CustomerField::ContractEnd
                | CustomerField::DeliveredOn
                | CustomerField::PostponedUntil
                | CustomerField::WonAmount
                | CustomerField::Satisfaction,
            )
            | None => self.facts.contains(field) || self.fields.contains(field),
        }
    }

    /// How many follow-ups there were since an instant.
    pub fn follow_ups_since(&self, instant: DateTime<Utc>) -> usize {
        self.follow_ups.iter().filter(|at| **at >= instant).count()
    }

    /// The reason code with which the customer came to where it stands in a journey.
    pub fn reason_of_standing(&self, journey: &str) -> Option<&str> {
        let entered = self.journeys.current(journey)?.entered_event;
        self.reasons.get(&entered).map(String::as_str)
    }

    fn learn(&mut self, profile: Option<&Profile>, recorded: &Recorded<CustomerEvent>) {
        let Some(profile) = profile else { return };
        let position = recorded.position;
        let Profile { contract, .. } = profile;
        let texts = profile.texts.iter().map(|(field, text)| (field.key(), text.is_some()));
        let others = [
            ("credit_code", profile.credit_code.is_some()),
            ("expected_close_on", profile.expected_close_on.is_some()),
            ("contract", contract.is_some()),
            ("contract_end", contract.is_some_and(|contract| contract.ends_on.is_some())),
            ("delivered_on", profile.delivered_on.is_some()),
            ("postponed_until", profile.postponed_until.is_some()),
            ("won_amount", profile.won_amount.is_some()),
            ("satisfaction", profile.satisfaction.is_some()),
        ];
        for (name, said) in texts.chain(others) {
            let whole = name.strip_suffix("_end").unwrap_or(name);
            if profile.cleared.iter().any(|cleared| cleared == whole) {
                self.facts.remove(name);
            } else if said {
                self.facts.insert(name);
            }
        }
        let cleared = |name: &str| profile.cleared.iter().any(|cleared| cleared == name);
        if profile.credit_code.is_some() || cleared("credit_code") {
            self.keyed_at.credit_code = position;
        }
        if let Some(ids) = &profile.channel_ids {
            self.keyed_at.channel_ids = position;
            self.has_channel_ids = !ids.is_empty();
        }
        let region = profile.texts.region();
        if region.is_some() || cleared("region") {
            self.region = region.map(str::to_owned);
        }
        if profile.postponed_until.is_some() || cleared("postponed_until") {
            self.postponed_until = profile.postponed_until;
        }
        if profile.satisfaction.is_some() || cleared("satisfaction") {
            self.satisfaction = profile.satisfaction;
        }
        if let Some(on) = profile.expected_close_on {
            let (held, corrects) = (self.expected_close.as_ref(), profile.expected_close_corrected);
            let since = self.close_entry.as_ref().map(|entry| entry.at);
            let since = since.filter(|_| corrects || held.is_some_and(|held| held.last() == on));
            let at = since.unwrap_or(recorded.recorded_at);
            self.close_entry = Some(CloseEntry { by: recorded.actor.clone(), at });
            self.expected_close = Some(ExpectedClose::said(held, on, corrects));
        } else if cleared("expected_close_on") {
            self.expected_close.iter_mut().for_each(ExpectedClose::withdraw);
        }
    }

    /// Whether a key of this kind that the event at a position gave is still the customer's.
    pub fn holds_key(&self, kind: KeyKind, position: u64) -> bool {
        let said_last = match kind {
            KeyKind::Phone | KeyKind::Email | KeyKind::Wechat => self.keyed_at.contacts,
            KeyKind::CreditCode => self.keyed_at.credit_code,
            KeyKind::ChannelId => self.keyed_at.channel_ids,
        };
        !self.is_gone() && said_last == position
    }

    /// Whether it was erased or withdrawn: what it was known by is free for others.
    pub fn is_gone(&self) -> bool {
        self.erased || self.withdrawn
    }

    /// Whether nothing is due about it any more: it is gone, or goes on as another.
    pub fn has_left(&self) -> bool {
        self.is_gone() || self.merged_into.is_some()
    }

    /// Where what anybody looking for duplicates goes by was said last: its name, or a contact.
    pub fn looks_since(&self) -> u64 {
        self.keyed_at.name.max(self.keyed_at.contacts)
    }

    /// The journey that commands mean when they name none.
    pub fn primary(&self) -> &str {
        self.journeys.primary().unwrap_or_default()
    }

    /// Where the customer stands in its primary journey.
    pub fn current(&self) -> Option<&Stay> {
        self.journeys.current(self.primary())
    }

    /// The pool that the customer is in, if no rep owns it.
    pub fn pool(&self) -> Option<&str> {
        match &self.owner {
            Owner::Pool(pool) => Some(pool),
            Owner::Rep(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use crate::CustomerField;
    use crate::customer::decide::spec::{given, registered_by_li, registered_in_full};

    /// What entry forms may ask for and what a customer can be asked are the same list.
    #[test]
    fn every_field_that_an_entry_form_may_name_is_known_once_it_is_filled_in() {
        let full = given([registered_in_full()]).customer.unwrap();
        let unknown: Vec<_> = CustomerField::all().filter(|field| !full.knows(field.key())).collect();
        assert!(unknown.is_empty(), "no event makes these known: {unknown:?}");
        let bare = given([registered_by_li()]).customer.unwrap();
        let known: Vec<_> = CustomerField::all().filter(|field| bare.knows(field.key())).collect();
        assert!(known.is_empty(), "known without being filled in: {known:?}");
        // Whether a close is expected is asked of the deal, and not of a form.
        let of_forms = full.facts.iter().filter(|fact| **fact != "expected_close_on");
        let unlisted: Vec<_> = of_forms.filter(|fact| CustomerField::parse(fact).is_none()).collect();
        assert!(unlisted.is_empty(), "known, and not among the fields that a form may name: {unlisted:?}");
    }
}
