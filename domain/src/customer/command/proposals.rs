//! What agents ask for.

use chrono::{DateTime, Utc};
use serde_json::Value;

use super::{Command, Correct, FollowUp, Transition};
use crate::customer::event::{AgentModel, Proposable};

/// An agent proposes a command; a person decides about it.
#[derive(Debug, Clone, PartialEq)]
pub struct Propose {
    /// The agent: the actor of the key that is used.
    pub agent: String,
    /// The model that it runs on.
    pub model: AgentModel,
    /// What it was asked.
    pub prompt: String,
    /// What it proposes.
    pub proposed: Box<Proposal>,
    /// The same as it was sent: the body of the single call.
    pub body: Value,
}

/// What is proposed, and when it happened where that is said.
#[derive(Debug, Clone, PartialEq)]
pub struct Proposal {
    /// The command.
    pub command: ProposedCommand,
    /// When it happened; when it is carried out, where absent.
    pub effective_at: Option<DateTime<Utc>>,
}

/// The commands that may be proposed.
#[derive(Debug, Clone, PartialEq)]
pub enum ProposedCommand {
    /// Another stage.
    Transition(Transition),
    /// A conversation.
    FollowUp(FollowUp),
    /// Another record of a move.
    Correction(Correct),
}

impl ProposedCommand {
    /// Which it is.
    pub fn kind(&self) -> Proposable {
        match self {
            Self::Transition(_) => Proposable::Transition,
            Self::FollowUp(_) => Proposable::FollowUp,
            Self::Correction(_) => Proposable::Correction,
        }
    }

    /// The same as a person's command.
    pub fn command(&self) -> Command {
        match self {
            Self::Transition(command) => Command::Transition(command.clone()),
            Self::FollowUp(command) => Command::FollowUp(command.clone()),
            Self::Correction(command) => Command::Correct(command.clone()),
        }
    }
}
