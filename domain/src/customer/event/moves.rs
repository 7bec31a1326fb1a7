//! Moves between stages, requests for them, and migrations to another definition.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::details::Money;
use super::evidence::Evidence;
use crate::actor::Role;
use crate::pipeline::direction::{ApprovedAt, Direction};
use crate::pipeline::version::MappingKind;
use crate::{Label, Personal};

/// The world changed: the customer is in another stage. On import, also a repeated status.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Moved {
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// The definition in force.
    pub pipeline_version: u32,
    /// The cycle of the journey, from 1.
    pub cycle: u32,
    /// The stage left; none when the journey begins with this move.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// The stage entered.
    pub to: String,
    /// The sub-status within it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_status: Option<String>,
    /// Which way; absent where the stages have no order.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direction: Option<Direction>,
    /// Why: a reason code of the pipeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, in words, where the stage asks for no code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_text: Option<Personal<String>>,
    /// Key progress, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Personal<String>>,
    /// What comes next, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_step: Option<Personal<String>>,
    /// What shows that the entry criterion is met.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// The request that was approved, where the move needed it. Its texts stand there.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub approval: Option<Uuid>,
    /// The codes of the conditions that an override passed over.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub overrides: Vec<String>,
    /// What the rule says that did it, of which `note` has the Chinese.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Label>,
}

/// Somebody asked for a move that needs approval. The customer stays where it is. The request is known by the id of
/// this event, and what it asks for happened at the event's own `effective_at`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransitionRequested {
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// The definition in force.
    pub pipeline_version: u32,
    /// The stage that the customer is in.
    pub from: String,
    /// The stage asked for.
    pub to: String,
    /// The sub-status within it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_status: Option<String>,
    /// Why: a reason code of the pipeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, in words, where the stage asks for no code.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_text: Option<Personal<String>>,
    /// Key progress, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Personal<String>>,
    /// What comes next, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_step: Option<Personal<String>>,
    /// What shows that the entry criterion is met.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
    /// The day until which the deal must be put off.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub postponed_until: Option<NaiveDate>,
    /// How much is won.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub won_amount: Option<Money>,
    /// The roles of which any may approve.
    pub roles: Vec<Role>,
    /// When the move will have happened, once approved.
    pub effective: ApprovedAt,
    /// When the request expires.
    pub expires_at: DateTime<Utc>,
}

impl TransitionRequested {
    /// The request without its texts, but not without the fact that they were given.
    pub fn untold(&self) -> Self {
        let sealed = |text: &Option<Personal<String>>| text.as_ref().map(|_| Personal::Sealed);
        Self {
            reason_text: sealed(&self.reason_text),
            note: sealed(&self.note),
            next_step: sealed(&self.next_step),
            ..self.clone()
        }
    }
}

/// Somebody approved a request. The move follows in the same breath.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransitionApproved {
    /// The request.
    pub request: Uuid,
    /// What was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Personal<String>>,
}

/// Somebody rejected a request.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransitionRejected {
    /// The request.
    pub request: Uuid,
    /// What was said.
    pub note: Personal<String>,
}

/// The requester took a request back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransitionWithdrawn {
    /// The request.
    pub request: Uuid,
    /// What was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Personal<String>>,
}

/// Nobody decided a request in time.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TransitionExpired {
    /// The request.
    pub request: Uuid,
}

/// A lost or dormant customer came back: the journey's next cycle began.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reactivated {
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// The definition in force.
    pub pipeline_version: u32,
    /// The cycle that begins.
    pub cycle: u32,
    /// The stage left.
    pub from: String,
    /// The stage entered.
    pub to: String,
    /// Why.
    pub reason: Personal<String>,
    /// What shows that the stage's criterion is met.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// Another version of the pipeline took force: the stay that the customer is in has another label. It is no move:
/// the stay continues, no rule is evaluated and no clock restarts.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct StageMigrated {
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// The definition under which the stay had its old label.
    pub from_version: u32,
    /// The definition that took force.
    pub pipeline_version: u32,
    /// The stage in the old definition.
    pub from: String,
    /// The stage in the new one.
    pub to: String,
    /// The sub-status within it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_status: Option<String>,
    /// How the new stage was found.
    pub kind: MappingKind,
}

/// The stay that the customer is in has another sub-status. It is no move: no stay begins, and no clock of the stage restarts.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct SubStatusSet {
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// The definition that the sub-status is of.
    pub pipeline_version: u32,
    /// The stage.
    pub stage: String,
    /// The sub-status within it.
    pub sub_status: String,
    /// The sub-status before, where there was one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub from: Option<String>,
    /// Why: a reason code of the pipeline.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
    /// Why, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason_text: Option<Personal<String>>,
    /// Key progress, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Personal<String>>,
    /// What comes next, in words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub next_step: Option<Personal<String>>,
    /// What shows that the sub-status is right.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}
