//! From a decided event to a draft for the log: its tags, and its personal fields sealed.

use std::borrow::Cow;

use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;
use waymark_domain::company::CompanyEvent;
use waymark_domain::customer::{CustomerEvent, also_about};
use waymark_domain::pipeline::PipelineEvent;
use waymark_eventstore::Draft;
use waymark_eventstore::vault::{DataKey, SubjectKey};

use super::{App, AppError, Caller, CommandMeta};

/// The tag that all pipeline events of a tenant carry beside their own pipeline's.
pub(super) const PIPELINES_TAG: &str = "pipelines";

impl App {
    /// The draft of a customer event.
    pub(crate) async fn customer_draft(
        &self,
        caller: &Caller,
        customer: Uuid,
        event: &CustomerEvent,
        effective_at: DateTime<Utc>,
        key: &DataKey,
        meta: &CommandMeta,
    ) -> Result<Draft, AppError> {
        let id = self.new_id();
        let mut data = event.to_json().map_err(|error| AppError::Unreadable(error.to_string()))?;
        match also_about(event.event_type(), customer, &data) {
            None => self.vault.seal(caller.tenant, customer, id, &mut data, key),
            Some(other) => match self.vault.data_key(caller.tenant, other).await? {
                SubjectKey::Live(theirs) => {
                    let (own, other) = ((customer, key), (other, &theirs));
                    self.vault.seal_for_both(caller.tenant, id, &mut data, own, other);
                }
                // Somebody erased it since the decision was made on it.
                SubjectKey::Never | SubjectKey::Destroyed => return Err(AppError::Contention),
            },
        }
        let keys = self.key_tags(caller.tenant, event).await?;
        Ok(Draft {
            event_type: Cow::Borrowed(event.event_type()),
            type_version: event.type_version(),
            subject: format!("customer/{customer}"),
            tags: event.tags(customer, id),
            blind_tags: keys.into_iter().map(|key| key.tag).collect(),
            causation_id: meta.causation_id,
            correlation_id: meta.correlation_id,
            ..draft(caller, id, effective_at, data)
        })
    }

    /// The draft of a pipeline event.
    pub(super) fn pipeline_draft(
        &self,
        caller: &Caller,
        key: &str,
        event: &PipelineEvent,
        now: DateTime<Utc>,
    ) -> Result<Draft, AppError> {
        let data = event.to_json().map_err(|error| AppError::Unreadable(error.to_string()))?;
        let mut tags = event.tags();
        tags.push(PIPELINES_TAG.to_owned());
        Ok(Draft {
            event_type: Cow::Borrowed(event.event_type()),
            type_version: event.type_version(),
            subject: format!("pipeline/{key}"),
            tags,
            ..draft(caller, self.new_id(), now, data)
        })
    }
}

impl App {
    /// The draft of an event about what a tenant has set up.
    pub(super) fn company_draft(
        &self,
        caller: &Caller,
        event: &CompanyEvent,
        now: DateTime<Utc>,
    ) -> Result<Draft, AppError> {
        company_draft(caller, self.new_id(), event, now)
    }
}

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
fn draft(caller: &Caller, id: Uuid, effective_at: DateTime<Utc>, data: Value) -> Draft {
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
