//! What must be done next with a customer.

use chrono::{DateTime, Utc};
use waymark_domain::customer::event::{CustomerEvent, NextPlan, Recorded};

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
    /// What an event says; none where it says nothing of that.
    pub(super) fn said(event: &Recorded<CustomerEvent>) -> Option<Self> {
        let said_at = event.effective_at;
        match &event.event {
            CustomerEvent::FollowedUp(e) => Some(Self::of(&e.next_plan, said_at)),
            CustomerEvent::Absorbed(e) => e.next_plan.as_ref().map(|plan| Self::of(plan, said_at)),
            CustomerEvent::NextContactSet(e) => {
                let text = if e.text.zh == e.text.en {
                    e.text.zh.clone()
                } else {
                    format!("{} {}", e.text.zh, e.text.en)
                };
                Some(Self { at: e.at, text: Some(text), said_at })
            }
            _ => None,
        }
    }

    /// What was agreed, said at that instant.
    fn of(plan: &NextPlan, said_at: DateTime<Utc>) -> Self {
        Self { at: plan.at, text: plan.text.clear().cloned(), said_at }
    }
}
