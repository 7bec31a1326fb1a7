//! What waits for somebody's decision: requests for moves, and proposals of agents.

use chrono::{DateTime, Utc};

use super::event::TransitionRequested;

/// A request for a move, waiting for approval.
#[derive(Debug, Clone, PartialEq)]
pub struct OpenRequest {
    /// The requester.
    pub by: String,
    /// When the move would have happened.
    pub effective_at: DateTime<Utc>,
    /// What is asked for. Its texts are not kept, only that they were given.
    pub asked: TransitionRequested,
}

/// A proposal of an agent, waiting for a person. What it says stands in its event, sealed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OpenProposal {
    /// Who proposed it: the agent, or the person for whom it acted.
    pub by: String,
    /// The agent.
    pub agent: String,
    /// When it expires.
    pub expires_at: DateTime<Utc>,
}
