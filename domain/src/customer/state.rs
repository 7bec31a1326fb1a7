//! What a decision needs to know of a customer: a fold of its events.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::event::{CustomerEvent, DetailsChanged, NextPlan, Recorded};
use super::timeline::{Journeys, Stay};
use crate::Owner;

/// A customer as its decisions see it. Personal values are not kept.
#[derive(Debug, Clone)]
pub struct Customer {
    /// Its id.
    pub id: Uuid,
    /// The number of its events.
    pub version: u64,
    /// Whom it belongs to.
    pub owner: Owner,
    /// The timelines of its journeys.
    pub journeys: Journeys,
    /// The id in another system.
    pub external_id: Option<String>,
    /// What is to be done next, as the last follow-up says.
    pub next_plan: Option<NextPlan>,
    /// When somebody last spoke to it.
    pub last_follow_up_at: Option<DateTime<Utc>>,
    /// The last claim.
    pub last_claim: Option<LastClaim>,
    /// The value tier.
    pub tier: Option<String>,
    /// Labels that are not statuses.
    pub tags: Vec<String>,
    /// Where the lead came from.
    pub source: Option<String>,
    /// Through which channel.
    pub channel: Option<String>,
    /// Whether the person was erased.
    pub erased: bool,
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
            last_follow_up_at: None,
            last_claim: None,
            tier: registered.tier.clone(),
            tags: registered.tags.clone(),
            source: registered.source.clone(),
            channel: registered.channel.clone(),
            erased: false,
        };
        customer.evolve(first);
        for event in events {
            customer.evolve(event);
        }
        Some(customer)
    }

    /// Folds the next event in.
    pub fn evolve(&mut self, recorded: &Recorded<CustomerEvent>) {
        self.version += 1;
        self.journeys.apply(recorded);
        match &recorded.event {
            CustomerEvent::Registered(event) => self.owner = event.owner.clone(),
            CustomerEvent::FollowedUp(event) => {
                self.next_plan = Some(event.next_plan.clone());
                self.last_follow_up_at = self.last_follow_up_at.max(Some(recorded.effective_at));
            }
            CustomerEvent::Claimed(event) => {
                self.owner = Owner::Rep(event.rep.clone());
                self.last_claim = Some(LastClaim {
                    rep: event.rep.clone(),
                    pool: event.pool.clone(),
                    at: recorded.recorded_at,
                });
            }
            CustomerEvent::Released(event) => self.owner = Owner::Pool(event.pool.clone()),
            CustomerEvent::OwnerChanged(event) => self.owner = event.to.clone(),
            CustomerEvent::Erased(_) => self.erased = true,
            CustomerEvent::DetailsChanged(event) => self.change_details(event),
            CustomerEvent::Moved(_)
            | CustomerEvent::MoveVoided(_)
            | CustomerEvent::MoveTargetCorrected(_)
            | CustomerEvent::MoveTimeCorrected(_)
            | CustomerEvent::MoveInserted(_)
            | CustomerEvent::Reactivated(_)
            | CustomerEvent::StageMigrated(_)
            | CustomerEvent::Noted(_)
            | CustomerEvent::Signalled(_) => {}
        }
    }

    fn change_details(&mut self, event: &DetailsChanged) {
        let set = |held: &mut Option<String>, new: &Option<String>| {
            if new.is_some() {
                held.clone_from(new);
            }
        };
        set(&mut self.tier, &event.tier);
        set(&mut self.source, &event.source);
        set(&mut self.channel, &event.channel);
        if let Some(tags) = &event.tags {
            self.tags.clone_from(tags);
        }
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
