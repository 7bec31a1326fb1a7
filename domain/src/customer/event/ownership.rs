//! Who has a customer.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::{Label, Owner, Personal};

/// A rep took the customer from a pool.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Claimed {
    /// Who (an actor name without prefix, as in [`Owner::Rep`]).
    pub rep: String,
    /// From which pool.
    pub pool: String,
    /// The pool's local date on which the claim counts against the quota.
    pub quota_date: NaiveDate,
}

/// A rep looked at the customer while it was in a pool that limits that. Once for a rep and a date.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Viewed {
    /// Who (an actor name without prefix, as in [`Owner::Rep`]).
    pub rep: String,
    /// In which pool.
    pub pool: String,
    /// The pool's local date on which the view counts against the limit.
    pub quota_date: NaiveDate,
}

/// A rep gave the customer back.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Released {
    /// Who had it.
    pub rep: String,
    /// Into which pool.
    pub pool: String,
    /// Why.
    pub reason: Personal<String>,
}

/// On what occasion a customer is given to somebody else.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Occasion {
    /// Between colleagues.
    Handover,
    /// The owner is away.
    Leave,
    /// The owner has left the company.
    Resign,
    /// Regions were reorganized.
    Region,
    /// A rule did it.
    Auto,
}

impl Occasion {
    /// The occasion of that word.
    pub fn parse(word: &str) -> Option<Self> {
        match word {
            "handover" => Some(Self::Handover),
            "leave" => Some(Self::Leave),
            "resign" => Some(Self::Resign),
            "region" => Some(Self::Region),
            "auto" => Some(Self::Auto),
            _ => None,
        }
    }
}

/// The customer was given to somebody else.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct OwnerChanged {
    /// Who had it.
    pub from: Owner,
    /// Who has it.
    pub to: Owner,
    /// Why.
    pub reason: Personal<String>,
    /// On what occasion.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub occasion: Option<Occasion>,
    /// Until when the new owner is not blamed for what the former one left undone.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub grace_until: Option<DateTime<Utc>>,
    /// What the rule says that did it, of which `reason` has the Chinese.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub text: Option<Label>,
}

/// A claimant made no contact in time. It counts against the rep, not against the customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct FirstContactMissed {
    /// Who claimed.
    pub rep: String,
    /// From which pool.
    pub pool: String,
    /// When.
    pub claimed_at: DateTime<Utc>,
    /// The follow-up that was recorded too late to count, though it is said to have happened in time.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub recorded_late: Option<Uuid>,
}

/// A customer was due to go back to a pool and stays, because something was recorded before anybody acted.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ReclaimSkipped {
    /// The rule.
    pub rule: String,
    /// The pool.
    pub pool: String,
    /// When it was due.
    pub deadline: DateTime<Utc>,
    /// What was recorded after that.
    pub because: Uuid,
}
