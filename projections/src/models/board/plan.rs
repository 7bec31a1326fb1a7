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
    /// The same in English, where a rule says it.
    pub(super) text_en: Option<String>,
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
                let (text, text_en) = (Some(e.text.zh.clone()), Some(e.text.en.clone()));
                Some(Self { at: e.at, text, text_en, said_at })
            }
            _ => None,
        }
    }

    /// What was agreed, said at that instant.
    fn of(plan: &NextPlan, said_at: DateTime<Utc>) -> Self {
        Self { at: plan.at, text: plan.text.clear().cloned(), text_en: None, said_at }
    }
}
