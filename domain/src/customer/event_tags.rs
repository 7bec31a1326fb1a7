//! What an event of a customer can be found by.

use uuid::Uuid;

use super::event::CustomerEvent;
use crate::tags;

impl CustomerEvent {
    /// What the event can be found by: an event of that customer, known by its own id.
    pub fn tags(&self, id: Uuid, event: Uuid) -> Vec<String> {
        let mut found = vec![tags::customer(id)];
        match self {
            Self::Registered(event) => found.extend(event.external_id.as_deref().map(tags::external)),
            Self::TransitionRequested(_) | Self::Proposed(_) => found.push(tags::approval(event)),
            Self::TaskCreated(_) => found.push(tags::task(event)),
            Self::FirstContactMissed(event) => found.push(tags::strikes(&event.rep)),
            Self::Scored(event) if event.assignment.is_some() => found.push(tags::ASSIGNMENTS.to_owned()),
            Self::Claimed(event) => found.push(tags::claims(&event.rep, event.quota_date)),
            Self::Viewed(event) => found.push(tags::views(&event.pool, &event.rep, event.quota_date)),
            _ => {}
        }
        found
    }
}
