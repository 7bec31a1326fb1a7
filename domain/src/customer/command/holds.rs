//! Commands about legal holds.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// The customer's data must be kept for a time.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct PlaceLegalHold {
    /// The id that it gets.
    pub hold: Uuid,
    /// On what ground.
    pub ground: String,
    /// From when on it is in force no longer.
    pub until: Option<DateTime<Utc>>,
}

/// A legal hold is over.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct ReleaseLegalHold {
    /// Which.
    pub hold: Uuid,
    /// Why.
    pub reason: Option<String>,
}
