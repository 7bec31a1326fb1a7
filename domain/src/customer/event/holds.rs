//! Legal holds: that a customer's data must be kept for a time.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// The customer's data must be kept: it is not erased while the hold is in force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegalHoldPlaced {
    /// Names the hold.
    pub hold: Uuid,
    /// On what ground, such as the number of a case; never text about the person, since it stays readable.
    pub ground: String,
    /// From when on it is in force no longer; none where it must be released.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub until: Option<DateTime<Utc>>,
}

impl LegalHoldPlaced {
    /// The type under which it stands in the log.
    pub const TYPE: &str = "customer.legal_hold_placed";

    /// Whether it is in force at an instant, if it was not released.
    #[must_use]
    pub fn lasts(&self, at: DateTime<Utc>) -> bool {
        self.until.is_none_or(|until| at < until)
    }
}

/// A legal hold is over.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct LegalHoldReleased {
    /// Which.
    pub hold: Uuid,
    /// Why, where somebody said; never text about the person.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

impl LegalHoldReleased {
    /// The type under which it stands in the log.
    pub const TYPE: &str = "customer.legal_hold_released";
}
