//! Decided and sealed, but not yet in the log.

use std::sync::Arc;

use serde_json::{Map, Value, json};
use uuid::Uuid;
use waymark_domain::customer::{Customer, CustomerEvent, NewEvent, Recorded};
use waymark_eventstore::Draft;
use waymark_eventstore::vault::DataKey;

use super::answer::Request;
use super::receipts::StoredOutcome;
use super::{App, AppError};

/// Events of one customer about to be appended, with the answer that they give and the events as they will be folded.
pub(super) struct Sealed {
    pub(super) drafts: Vec<Draft>,
    pub(super) outcome: StoredOutcome,
    pub(super) recorded: Vec<Recorded<CustomerEvent>>,
}

/// What the answer will say beside its events.
pub(super) struct Accepted {
    pub(super) status: u16,
    pub(super) version_before: u64,
    pub(super) resource: Map<String, Value>,
}

impl Accepted {
    /// Of a customer beside the one that the answer is about.
    pub(super) fn beside(customer: &Customer) -> Self {
        Self { status: 200, version_before: customer.version, resource: Map::new() }
    }
}

impl App {
    /// Seals what is personal of the events, and prepares the answer. `records` are the other records of the same person.
    pub(super) async fn sealed(
        &self,
        request: Request<'_>,
        customer: (Uuid, &DataKey),
        events: &[NewEvent],
        records: &[Arc<Customer>],
        accepted: Accepted,
    ) -> Result<Sealed, AppError> {
        let Request { caller, meta } = request;
        let mut drafts = Vec::with_capacity(events.len());
        for new in events {
            let draft = self.customer_draft(caller, customer, records, new, meta);
            drafts.push(draft.await?);
        }
        let mut resource = accepted.resource;
        for (draft, new) in drafts.iter().zip(events) {
            let expires_at = match &new.event {
                CustomerEvent::TransitionRequested(asked) => Some(asked.expires_at),
                CustomerEvent::Proposed(proposed) => Some(proposed.expires_at),
                _ => None,
            };
            if let Some(expires_at) = expires_at {
                let approval = json!({"id": draft.id, "status": "requested", "expires_at": expires_at});
                resource.insert("approval".to_owned(), approval);
            }
        }
        let outcome = StoredOutcome::Done {
            status: accepted.status,
            version: accepted.version_before
                + events.iter().filter(|new| new.event.changes_customer()).count() as u64,
            events: drafts.iter().map(|draft| (draft.id, draft.event_type.clone().into_owned())).collect(),
            resource,
        };
        let recorded = drafts.iter().zip(events).map(|(draft, new)| unrecorded(draft, new)).collect();
        Ok(Sealed { drafts, outcome, recorded })
    }
}

/// The event as it will be folded once the log has given it a position and an instant.
fn unrecorded(draft: &Draft, new: &NewEvent) -> Recorded<CustomerEvent> {
    Recorded {
        position: 0,
        id: draft.id,
        effective_at: draft.effective_at,
        recorded_at: draft.effective_at,
        actor: draft.actor.clone(),
        origin: draft.origin.as_ref().map(|origin| origin.clone().into_owned()),
        event: new.event.clone(),
    }
}
