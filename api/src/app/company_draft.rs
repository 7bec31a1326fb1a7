//! Drafts of events about what a tenant has set up, and what every draft takes from its caller.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;
use waymark_domain::company::CompanyEvent;
use waymark_eventstore::Draft;

use super::{AppError, Caller};

/// The draft of an event about what a tenant has set up, under an id.
pub(crate) fn company_draft(
    caller: &Caller,
    id: Uuid,
    event: &CompanyEvent,
    now: DateTime<Utc>,
) -> Result<Draft, AppError> {
    let data = event.to_json().map_err(|error| AppError::Unreadable(error.to_string()))?;
    Ok(Draft {
        event_type: Cow::Borrowed(event.event_type()),
        type_version: event.type_version(),
        subject: event.subject().unwrap_or_else(|| "company/settings".to_owned()),
        tags: event.tags(),
        ..draft(caller, id, now, data)
    })
}

/// What every draft takes from its caller.
pub(super) fn draft(caller: &Caller, id: Uuid, effective_at: DateTime<Utc>, data: Value) -> Draft {
    Draft {
        id,
        event_type: Cow::Borrowed(""),
        type_version: 1,
        subject: String::new(),
        effective_at,
        actor: caller.actor.name.clone(),
        via: caller.via.clone(),
        origin: caller.origin.map(Cow::Borrowed),
        endpoint: None,
        causation_id: None,
        correlation_id: None,
        tags: Vec::new(),
        blind_tags: Vec::new(),
        data,
    }
}
