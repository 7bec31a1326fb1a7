//! What must be done next with a customer.

use chrono::{DateTime, Utc};
use waymark_domain::customer::event::NextPlan;

/// What must be done next, as it was agreed or set.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Plan {
    /// When.
    pub(super) at: DateTime<Utc>,
    /// What; none once the customer is erased.
    pub(super) text: Option<String>,
    /// When that was said.
    pub(super) said_at: DateTime<Utc>,
}

impl Plan {
    /// What was agreed, said at that instant.
    pub(super) fn of(plan: &NextPlan, said_at: DateTime<Utc>) -> Self {
        Self { at: plan.at, text: plan.text.clear().cloned(), said_at }
    }
}
