//! Pools: who owns a customer that no rep owns, and how many a rep may take from there in a day.

pub mod rules;

use chrono::{DateTime, Days, NaiveDate, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};

use crate::Label;
use crate::zones::Zones;
use rules::PoolRules;

/// What sort of pool it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PoolKind {
    /// 公海: customers that anybody may claim.
    CustomerPool,
    /// 线索池: leads that anybody may claim.
    LeadPool,
}

/// A pool as a pipeline defines it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Pool {
    /// Names the pool in the tenant.
    pub key: String,
    /// Customer pool or lead pool.
    pub kind: PoolKind,
    /// What it is called.
    pub name: Label,
    /// The IANA zone whose local date a claim counts on.
    pub timezone: Tz,
    /// How many claims a rep has per local date.
    pub claims_per_day: u32,
    /// Whether customers of the pipeline without an owner begin here.
    pub default: bool,
    /// When customers come back to it, and who may take them out.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rules: Option<PoolRules>,
}

impl Pool {
    /// The local date on which a claim made at that instant counts.
    pub fn quota_date(&self, zones: &Zones, instant: DateTime<Utc>) -> NaiveDate {
        zones.local(self.timezone, instant).date()
    }

    /// When the quota is full again: the first instant of the next local date.
    pub fn next_quota_at(&self, zones: &Zones, instant: DateTime<Utc>) -> DateTime<Utc> {
        zones.start_of_day(self.timezone, self.quota_date(zones, instant) + Days::new(1))
    }
}

/// The first instant of a local date by the rules that are compiled in: what rules and deadlines go by, so that every process
/// and every fold of the log has the same ones. Where clocks jump over midnight the day begins after the jump; where they
/// strike midnight twice, at the first stroke.
pub(crate) fn start_of_day(zone: Tz, date: NaiveDate) -> DateTime<Utc> {
    Zones::compiled().start_of_day(zone, date)
}

/// The local date at an instant, by the same rules.
pub(crate) fn local_date(zone: Tz, instant: DateTime<Utc>) -> NaiveDate {
    Zones::compiled().local(zone, instant).date()
}
