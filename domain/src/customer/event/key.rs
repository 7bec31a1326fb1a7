//! The key that a customer's personal fields are sealed with.

use serde::{Deserialize, Serialize};

/// The customer's key was changed: what is sealed from this event on is sealed by other bytes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct KeyRotated {
    /// Why; never text about the person, since it stays readable.
    pub reason: String,
}
