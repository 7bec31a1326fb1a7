//! The rules of a pool: when customers come back to it, and who may take them out.
//!
//! They are declared with the pool and say nothing until something carries them out.

use chrono::TimeDelta;
use serde::{Deserialize, Serialize};

use crate::Label;
use crate::pipeline::StageType;
use crate::pipeline::automation::{Activity, Boundary};

/// What the return to a pool is called among rules, before the id of its clock; and what it is called that somebody forestalled it.
pub(crate) const RECLAIM: &str = "reclaim:";
pub(crate) const OVERTAKEN: &str = "overtaken:";

/// The rules of one pool; what is absent does not apply.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct PoolRules {
    /// Clocks whose striking takes a customer from its rep into the pool.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reclaim: Vec<Reclaim>,
    /// Whom the clocks spare.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub exempt: Option<Exempt>,
    /// The most customers that one run takes back, lest a restart empty a team's hands.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reclaims_per_run: Option<u32>,
    /// How soon a claimant must make contact.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_contact: Option<FirstContact>,
    /// For how long the rep who lost or released a customer may not claim it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub previous_owner_blocked_seconds: Option<u64>,
    /// For how long a new customer cannot be claimed.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub new_protected_seconds: Option<u64>,
    /// How often one rep may claim the same customer.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub repeated_claims: Option<RepeatedClaims>,
    /// How many open customers one rep may own (保有量).
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub holding_cap: Option<u32>,
    /// How many of the pool's customers one rep may look at in a local day.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub views_per_day: Option<u32>,
    /// The roles that may claim; every role that works customers, when none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub claimant_roles: Vec<String>,
    /// How much longer the follow-up clocks wait after another rep became the owner.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub handover_grace_seconds: Option<u64>,
}

/// A clock that takes customers back.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reclaim {
    /// Stable and opaque, such as `no_update`.
    pub id: String,
    /// What it is called.
    pub name: Label,
    /// What restarts the wait. Becoming the owner, in whatever way, starts it.
    pub reset_by: Vec<Activity>,
    /// How long it waits.
    pub seconds: u64,
    /// Whether it strikes at the instant or after it.
    #[serde(default)]
    pub boundary: Boundary,
    /// Where its deadline lies.
    #[serde(default)]
    pub unit: ReclaimUnit,
    /// The owner is warned so long before, once for each.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub warn_before_seconds: Vec<u64>,
}

impl PoolRules {
    /// After how long a silence the supervisor of the owner should step in, lest it be too late: when the owner is warned for the
    /// last time before the first of the clocks takes the customer back, a day before where it warns of nothing.
    pub fn last_warning(&self) -> Option<TimeDelta> {
        const DAY: u64 = 86_400;
        let last = |clock: &Reclaim| {
            let before = clock.warn_before_seconds.iter().copied().min().unwrap_or(DAY);
            clock.seconds.saturating_sub(before)
        };
        let seconds = self.reclaim.iter().map(last).min()?;
        i64::try_from(seconds).ok().and_then(TimeDelta::try_seconds)
    }
}

impl Reclaim {
    /// Whether another definition of the clock strikes when it does, whatever it is called and whenever it warns.
    pub fn runs_like(&self, other: &Self) -> bool {
        (&self.id, &self.reset_by, self.seconds, self.boundary, self.unit)
            == (&other.id, &other.reset_by, other.seconds, other.boundary, other.unit)
    }
}

/// Where the deadline of a clock lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ReclaimUnit {
    /// This many seconds after the last reset.
    #[default]
    Elapsed,
    /// At the end of the last local day, in the pool's zone, that the seconds reach into.
    LocalDay,
}

/// Whom the clocks spare.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize, Deserialize)]
pub struct Exempt {
    /// Customers in stages of these types.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stage_types: Vec<StageType>,
    /// Customers of these value tiers.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub tiers: Vec<String>,
    /// Customers whose next contact lies ahead.
    #[serde(default)]
    pub next_contact_planned: bool,
}

/// How soon a claimant must make contact.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct FirstContact {
    /// From the claim, inclusive: a follow-up with a real channel that happened within it.
    pub within_seconds: u64,
    /// How much later it may be recorded.
    pub grace_seconds: u64,
    /// This many failures suspend the rep from claiming.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub strikes: Option<u32>,
    /// For how long.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub ban_seconds: Option<u64>,
}

/// How often one rep may claim the same customer.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct RepeatedClaims {
    /// So often.
    pub max: u32,
    /// Within so long.
    pub within_seconds: u64,
}
