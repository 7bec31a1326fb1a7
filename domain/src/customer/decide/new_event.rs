//! What a decision answers with.

use chrono::{DateTime, Utc};

use crate::customer::event::CustomerEvent;

/// An event that a decision asks to have recorded.
#[derive(Debug, Clone, PartialEq)]
pub struct NewEvent {
    /// What happened.
    pub event: CustomerEvent,
    /// When it happened.
    pub effective_at: DateTime<Utc>,
}
