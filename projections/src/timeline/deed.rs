//! What reports count an event as.

use waymark_domain::Owner;
use waymark_domain::customer::event::{CustomerEvent, DetailsChanged, FollowedUp};

use crate::fact::Fact;
use crate::figures::Micros;
use crate::figures::history::By;

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
pub(super) struct Deed {
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

impl Deed {
    /// What an event says of itself.
    pub(super) fn of(fact: &Fact) -> Self {
        let event = &fact.event;
        match By::of(event.origin.as_deref()) {
            By::Import => Self::default(),
            By::Rule => by_rule(&event.event, &event.actor),
            By::Person => by_person(fact),
        }
    }

    fn word(word: &'static str) -> Self {
        Self { word: Some(word), ..Self::default() }
    }
}

fn by_rule(event: &CustomerEvent, actor: &str) -> Deed {
    match event {
        CustomerEvent::NextContactSet(e) => {
            Deed { next_at: Some(e.at.timestamp_micros()), ..Deed::word("plan") }
        }
        CustomerEvent::OwnerChanged(e) => {
            let reclaimed = actor.starts_with("system:reclaim:");
            let word = if reclaimed { "reclaim" } else { "assign" };
            Deed { whom: rep(&e.from), ..Deed::word(word) }
        }
        CustomerEvent::FirstContactMissed(e) => Deed { whom: Some(e.rep.clone()), ..Deed::word("missed") },
        CustomerEvent::StageMigrated(_) => Deed::word("migration"),
        _ => Deed::default(),
    }
}

fn by_person(fact: &Fact) -> Deed {
    let event = &fact.event;
    match &event.event {
        CustomerEvent::Moved(e) if !e.overrides.is_empty() => {
            Deed { overrides: Some(e.overrides.join(" ")), ..Deed::word("override") }
        }
        CustomerEvent::MoveInserted(e) => Deed {
            whom: Some(event.actor.clone()),
            about_stage: Some(e.to.clone()),
            about_at: Some(event.effective_at.timestamp_micros()),
            ..Deed::word("correction")
        },
        CustomerEvent::MoveVoided(_)
        | CustomerEvent::MoveTargetCorrected(_)
        | CustomerEvent::MoveTimeCorrected(_) => Deed::word("correction"),
        CustomerEvent::FollowedUp(e) => follow_up(e),
        CustomerEvent::Noted(_) => Deed::word("note"),
        CustomerEvent::DetailsChanged(e) if !is_of_tags_alone(e) => Deed::word("details"),
        CustomerEvent::Signalled(_) => Deed::word("signal"),
        CustomerEvent::Claimed(e) => Deed { whom: Some(e.rep.clone()), ..Deed::word("claim") },
        CustomerEvent::Released(e) => Deed { whom: Some(e.rep.clone()), ..Deed::word("release") },
        CustomerEvent::OwnerChanged(e) => Deed { whom: rep(&e.from), ..Deed::word("assign") },
        CustomerEvent::FirstContactMissed(_)
        | CustomerEvent::NextContactSet(_)
        | CustomerEvent::StageMigrated(_) => by_rule(&event.event, &event.actor),
        _ => Deed::default(),
    }
}

fn follow_up(e: &FollowedUp) -> Deed {
    let chars = e.summary.clear().map(|text| i64::try_from(text.chars().count()).unwrap_or(i64::MAX));
    Deed { next_at: Some(e.next_plan.at.timestamp_micros()), chars, ..Deed::word("follow_up") }
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
