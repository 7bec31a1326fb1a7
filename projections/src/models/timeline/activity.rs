//! What reports count an event as.

use waymark_domain::Owner;
use waymark_domain::customer::event::{CustomerEvent, DetailsChanged, FollowedUp};

use crate::log::decoded::DecodedEvent;
use crate::stats::Micros;
use crate::stats::journeys::Origin;

/// A person's move that was voided.
pub(super) const VOIDED: &str = "voided";
/// What an event itself says that it is. The statements of this folder name them.
const KEPT: &[&str] = &[
    // A record was wrong, or forgotten.
    "correction",
    // A move for which conditions were passed over.
    "override",
    // Somebody spoke to the customer, wrote something down, changed what is known, observed something.
    "follow_up",
    "note",
    "details",
    "signal",
    // When to contact the customer next, said otherwise than with a conversation.
    "plan",
    // A rep took the customer from a pool, or gave it back; a pool's clock took it; somebody gave it to another.
    "claim",
    "release",
    "reclaim",
    "assign",
    // A claimant made no contact in time.
    "missed",
    // Another version gave a stay another label.
    "migration",
];

/// What an event is to reports.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct ActivityRecord {
    pub(super) word: Option<&'static str>,
    pub(super) whom: Option<String>,
    pub(super) about_stage: Option<String>,
    pub(super) about_at: Option<Micros>,
    pub(super) next_at: Option<Micros>,
    pub(super) chars: Option<i64>,
    pub(super) overrides: Option<String>,
}

/// The word of an event, of the word that stands in its row: that a move was voided is said of it, not by it.
pub(super) fn kept(word: &str) -> Option<&'static str> {
    KEPT.iter().copied().find(|kept| *kept == word)
}

impl ActivityRecord {
    /// What an event says of itself.
    pub(super) fn of(fact: &DecodedEvent) -> Self {
        let event = &fact.event;
        match Origin::of(event.origin.as_deref()) {
            Origin::Import => Self::default(),
            Origin::Rule => by_rule(&event.event, &event.actor),
            Origin::Person => by_person(fact),
        }
    }

    fn word(word: &'static str) -> Self {
        Self { word: Some(word), ..Self::default() }
    }
}

fn by_rule(event: &CustomerEvent, actor: &str) -> ActivityRecord {
    match event {
        CustomerEvent::NextContactSet(e) => {
            ActivityRecord { next_at: Some(e.at.timestamp_micros()), ..ActivityRecord::word("plan") }
        }
        CustomerEvent::OwnerChanged(e) => {
            let reclaimed = actor.starts_with("system:reclaim:");
            let word = if reclaimed { "reclaim" } else { "assign" };
            ActivityRecord { whom: rep(&e.from), ..ActivityRecord::word(word) }
        }
        CustomerEvent::FirstContactMissed(e) => {
            ActivityRecord { whom: Some(e.rep.clone()), ..ActivityRecord::word("missed") }
        }
        CustomerEvent::StageMigrated(_) => ActivityRecord::word("migration"),
        _ => ActivityRecord::default(),
    }
}

fn by_person(fact: &DecodedEvent) -> ActivityRecord {
    let event = &fact.event;
    match &event.event {
        CustomerEvent::Moved(e) if !e.overrides.is_empty() => {
            ActivityRecord { overrides: Some(e.overrides.join(" ")), ..ActivityRecord::word("override") }
        }
        CustomerEvent::MoveInserted(e) => ActivityRecord {
            whom: Some(event.actor.clone()),
            about_stage: Some(e.to.clone()),
            about_at: Some(event.effective_at.timestamp_micros()),
            ..ActivityRecord::word("correction")
        },
        CustomerEvent::MoveVoided(_)
        | CustomerEvent::MoveTargetCorrected(_)
        | CustomerEvent::MoveTimeCorrected(_) => ActivityRecord::word("correction"),
        CustomerEvent::FollowedUp(e) => follow_up(e),
        CustomerEvent::Noted(_) => ActivityRecord::word("note"),
        CustomerEvent::DetailsChanged(e) if !is_of_tags_alone(e) => ActivityRecord::word("details"),
        CustomerEvent::Signalled(_) => ActivityRecord::word("signal"),
        CustomerEvent::SubStatusSet(_) => ActivityRecord::word("sub_status"),
        CustomerEvent::Claimed(e) => {
            ActivityRecord { whom: Some(e.rep.clone()), ..ActivityRecord::word("claim") }
        }
        CustomerEvent::Released(e) => {
            ActivityRecord { whom: Some(e.rep.clone()), ..ActivityRecord::word("release") }
        }
        CustomerEvent::OwnerChanged(e) => {
            ActivityRecord { whom: rep(&e.from), ..ActivityRecord::word("assign") }
        }
        CustomerEvent::FirstContactMissed(_)
        | CustomerEvent::NextContactSet(_)
        | CustomerEvent::StageMigrated(_) => by_rule(&event.event, &event.actor),
        _ => ActivityRecord::default(),
    }
}

fn follow_up(e: &FollowedUp) -> ActivityRecord {
    let chars = e.summary.clear().map(|text| i64::try_from(text.chars().count()).unwrap_or(i64::MAX));
    ActivityRecord {
        next_at: Some(e.next_plan.at.timestamp_micros()),
        chars,
        ..ActivityRecord::word("follow_up")
    }
}

/// Labels are no work on a customer: setting them is no activity.
fn is_of_tags_alone(e: &DetailsChanged) -> bool {
    *e == DetailsChanged { tags: e.tags.clone(), ..DetailsChanged::default() }
}

fn rep(owner: &Owner) -> Option<String> {
    match owner {
        Owner::Rep(rep) => Some(rep.clone()),
        Owner::Pool(_) => None,
    }
}
