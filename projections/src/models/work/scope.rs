//! What lists of work are asked for: whose customers, how long in a stage, after whom.

use chrono::{DateTime, Utc};
use uuid::Uuid;
use waymark_domain::people::Visibility;

use crate::query::AnyOf;

/// Whose customers a list of work is of.
#[derive(Debug, Clone, Default)]
pub struct WorkScope {
    /// Of this rep.
    pub owner: Option<String>,
    /// Not those whose next contact lies from one instant up to another.
    pub not_between: Option<(DateTime<Utc>, DateTime<Utc>)>,
    /// Whose journey stands in one of these sub-statuses.
    pub sub_status: Option<AnyOf>,
    /// Which customers are visible to the caller.
    pub visibility: Visibility,
}

/// Who stands in a stage for long.
#[derive(Debug, Clone)]
pub struct StageAgeFilter {
    /// The journey.
    pub journey: String,
    /// The stage.
    pub stage: String,
    /// Entered at or before this instant.
    pub entered_until: DateTime<Utc>,
    /// Only what reps own.
    pub owned: bool,
    /// Only of these tiers, and none that went back in this cycle.
    pub tiers: Option<Vec<String>>,
    /// Only where nothing was recorded after this instant and nothing is planned,
    pub silent_until: Option<DateTime<Utc>>,
    /// or where the next contact was due by this one.
    pub overdue_until: Option<DateTime<Utc>>,
    /// The instant that the list is of.
    pub now: DateTime<Utc>,
    /// Whose.
    pub whose: WorkScope,
}

/// Where a customer stands in a list of work.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub struct WorkCursor {
    /// What it is there by: when it must be contacted, or when it entered its stage.
    pub at: DateTime<Utc>,
    /// Who.
    pub customer: Uuid,
    /// In which journey; empty in lists that look at none.
    pub journey: String,
}
