//! What agents propose, and what becomes of it.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use uuid::Uuid;

use crate::Personal;

/// What an agent may propose: the commands whose bodies a proposal carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Proposable {
    /// Another stage.
    Transition,
    /// A conversation.
    FollowUp,
    /// Another record of a move.
    Correction,
}

impl Proposable {
    /// The word, as events and answers have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Transition => "transition",
            Self::FollowUp => "follow_up",
            Self::Correction => "correction",
        }
    }
}

/// The model that an agent ran on, as the agent says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct AgentModel {
    /// Its name.
    pub name: String,
    /// Its version.
    pub version: String,
}

/// An agent proposed something. Nothing changes until a person approves it. The proposal is known by the id of this event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Proposed {
    /// What is proposed.
    pub command: Proposable,
    /// The journey that it bears on, by its pipeline's key.
    pub journey: String,
    /// The stage that the customer was in.
    pub from: String,
    /// The stage asked for, where one is.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub to: Option<String>,
    /// The body of the single call that it would be, as it was sent.
    pub body: Personal<Value>,
    /// The agent: the actor of the key that was used.
    pub agent: String,
    /// The model that it ran on.
    pub model: AgentModel,
    /// What it was asked.
    pub prompt: Personal<String>,
    /// When the proposal expires.
    pub expires_at: DateTime<Utc>,
}

/// The outcome of a proposal.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ProposalOutcome {
    /// A person agreed. What was proposed follows in the same append, as that person's act.
    Approved,
    /// A person did not.
    Rejected,
    /// It was taken back.
    Withdrawn,
    /// Nobody decided in time.
    Expired,
}

impl ProposalOutcome {
    /// The word, as events and answers have it.
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Approved => "approved",
            Self::Rejected => "rejected",
            Self::Withdrawn => "withdrawn",
            Self::Expired => "expired",
        }
    }
}

/// A proposal is no longer open.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProposalSettled {
    /// The proposal.
    pub request: Uuid,
    /// The outcome.
    pub outcome: ProposalOutcome,
    /// What was said.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Personal<String>>,
}
