//! Decided, but not yet in the log.

use serde_json::{Map, Value, json};
use uuid::Uuid;
use waymark_domain::customer::{CustomerEvent, NewEvent, Recorded};
use waymark_eventstore::vault::DataKey;
use waymark_eventstore::{Append, Draft};

use super::receipts::StoredOutcome;
use super::{App, AppError, Caller, CommandMeta};

/// An append about to be made, with the answer it will have and the events as they will be folded.
pub(crate) struct Pending {
    pub(crate) append: Append,
    pub(super) outcome: StoredOutcome,
    pub(super) recorded: Vec<Recorded<CustomerEvent>>,
}

/// What the answer will say beside its events.
pub(super) struct Accepted {
    pub(super) status: u16,
    pub(super) version_before: u64,
    pub(super) resource: Map<String, Value>,
}

impl App {
    /// Seals the events, and prepares their receipt and the answer.
    pub(super) async fn pending(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        customer: Uuid,
        events: &[NewEvent],
        key: &DataKey,
        accepted: Accepted,
    ) -> Result<Pending, AppError> {
        let mut drafts = Vec::with_capacity(events.len());
        for new in events {
            drafts
                .push(self.customer_draft(caller, customer, &new.event, new.effective_at, key, meta).await?);
        }
        let mut resource = accepted.resource;
        for (draft, new) in drafts.iter().zip(events) {
            if let CustomerEvent::TransitionRequested(asked) = &new.event {
                let approval = json!({"id": draft.id, "status": "requested", "expires_at": asked.expires_at});
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
        let receipt = outcome.receipt(caller, meta)?;
        let recorded = drafts.iter().zip(events).map(|(draft, new)| unrecorded(draft, new)).collect();
        let append = Append { receipt, ..Append::new(caller.tenant, drafts) };
        Ok(Pending { append, outcome, recorded })
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
