//! Who a customer is: erasure, repeat inquiries, merges and dismissed duplicates.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::activities::NextPlan;
use super::details::DetailsChanged;
use super::purchases::CarriedOver;
use crate::{Label, Personal};

/// The person asked to be forgotten: the key of the personal fields was destroyed with this event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Erased {
    /// On what ground, such as `request`; never free text about the person.
    pub ground: String,
}

impl Erased {
    /// The type under which it stands in the log.
    pub const TYPE: &str = "customer.erased";
}

/// The import that brought the customer was undone: it is in no list, board or figure any more, its moves are voided, and what it
/// was known by is free for others.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Withdrawn {
    /// The import.
    pub import: Uuid,
}

/// Somebody who is a customer already came in as a lead again: another source, another day.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct LeadTouched {
    /// Where the lead came from this time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub source: Option<String>,
    /// Through which channel.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub channel: Option<String>,
    /// By which kinds of key the customer was recognised, such as `phone`.
    pub recognised_by: Vec<String>,
    /// What the lead said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Personal<String>>,
}

impl LeadTouched {
    /// What the owner is told.
    pub fn told(&self) -> Label {
        let from = [self.source.as_deref(), self.channel.as_deref()];
        let from: Vec<&str> = from.into_iter().flatten().collect();
        if from.is_empty() {
            return Label::new(
                "老客户再次来访，请尽快联系。",
                "A known customer inquired again. Contact them soon.",
            );
        }
        Label::new(
            format!("老客户再次来访（来源：{}），请尽快联系。", from.join("，")),
            format!("A known customer inquired again (source: {}). Contact them soon.", from.join(", ")),
        )
    }
}

/// How the stage of a merged customer is found.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum StagePolicy {
    /// It stays where the survivor stands.
    #[default]
    Survivor,
    /// The stage that is further on; what is lost, dormant or paused is behind what is not.
    Furthest,
    /// The stage that was entered last.
    LatestEffective,
}

/// The survivor of a merge took another customer in. Where that gave it another stage, a move follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Absorbed {
    /// The customer that was taken in.
    pub absorbed: Uuid,
    /// How the stage was found.
    pub stage_policy: StagePolicy,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Personal<String>>,
    /// What was known of the other one alone, and is now known of the survivor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub details: Option<DetailsChanged>,
    /// What was agreed with the other one and comes before what was agreed with the survivor.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_plan: Option<NextPlan>,
    /// What the other one had bought and earned.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub carried_over: Option<CarriedOver>,
    /// Who had claimed and lost the other one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub claim_history: Option<ClaimHistory>,
}

/// Who had claimed a customer out of pools, and who had lost it to them.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct ClaimHistory {
    /// The claims, in order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claims: Vec<HeldBy>,
    /// The losses and releases, in order of time.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub losses: Vec<HeldBy>,
}

impl ClaimHistory {
    /// Adds another one. What both have, as when a customer is absorbed again, counts once.
    pub(crate) fn add(&mut self, other: Self) {
        for (known, more) in [(&mut self.claims, other.claims), (&mut self.losses, other.losses)] {
            known.extend(more);
            known.sort_unstable();
            known.dedup();
        }
    }
}

/// A rep, and when it claimed or lost a customer.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct HeldBy {
    /// When.
    pub at: DateTime<Utc>,
    /// The rep.
    pub rep: String,
}

/// The customer turned out to be another one, which goes on in its place. Its stream ends here.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MergedInto {
    /// The customer that goes on.
    pub survivor: Uuid,
    /// How that one's stage was found.
    pub stage_policy: StagePolicy,
}

/// A merge was undone: the two are two again. It stands in both streams; what happened since stays with the
/// survivor.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Unmerged {
    /// The customer that had gone on.
    pub survivor: Uuid,
    /// The customer that goes on by itself again.
    pub absorbed: Uuid,
    /// Why.
    pub reason: Personal<String>,
    /// How many points of the absorbed the survivor had spent: they do not go back.
    #[serde(default, skip_serializing_if = "is_none")]
    pub points_kept: u64,
}

fn is_none(points: &u64) -> bool {
    *points == 0
}

/// Somebody made sure that this customer and another, who look alike, are two. It stands in both streams.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Distinguished {
    /// The other one.
    pub other: Uuid,
    /// Why.
    pub reason: Personal<String>,
}

/// That this customer and another are two is no longer said: they may be suspected again. It stands in both streams.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct DistinctionWithdrawn {
    /// The other one.
    pub other: Uuid,
    /// Why.
    pub reason: Personal<String>,
}
