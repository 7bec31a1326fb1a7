//! From a decided event to a draft for the log: its tags, and its personal fields sealed.

use std::borrow::Cow;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;
use waymark_domain::company::CompanyEvent;
use waymark_domain::customer::{Customer, CustomerEvent, NewEvent, also_about};
use waymark_domain::pipeline::PipelineEvent;
use waymark_eventstore::vault::{AlsoAbout, DataKey, SubjectKey};
use waymark_eventstore::{Draft, TenantId};

use super::company_draft::{company_draft, draft};
use super::{App, AppError, Caller, CommandMeta};

/// The tag that all pipeline events of a tenant carry beside their own pipeline's.
pub(super) const PIPELINES_TAG: &str = "pipelines";

impl App {
    /// The draft of a customer event. `records` are the other records of the same person: what tells by what one of them is
    /// recognised goes with its erasure.
    pub(crate) async fn customer_draft(
        &self,
        caller: &Caller,
        (customer, key): (Uuid, &DataKey),
        records: &[Arc<Customer>],
        new: &NewEvent,
        meta: &CommandMeta,
    ) -> Result<Draft, AppError> {
        let NewEvent { event, effective_at } = new;
        let id = self.new_id();
        let mut data = event.to_json().map_err(|error| AppError::Unreadable(error.to_string()))?;
        let also = also_about(event.event_type(), customer, &data);
        let others = self.others_of(caller.tenant, also, records, event).await?;
        let others: Vec<AlsoAbout<'_>> = others
            .iter()
            .map(|(subject, key, fields)| AlsoAbout { subject: *subject, key, fields: fields.as_deref() })
            .collect();
        self.vault.seal_shared(caller.tenant, id, &mut data, (customer, key), &others);
        let keys = self.key_tags(caller.tenant, event).await?;
        Ok(Draft {
            event_type: Cow::Borrowed(event.event_type()),
            type_version: event.type_version(),
            subject: format!("customer/{customer}"),
            tags: event.tags(customer, id),
            blind_tags: keys.into_iter().map(|key| key.tag).collect(),
            causation_id: meta.causation_id,
            correlation_id: meta.correlation_id,
            ..draft(caller, id, *effective_at, data)
        })
    }

    /// Whom an event is about beside its customer, with the fields where it is not all of them.
    async fn others_of(
        &self,
        tenant: TenantId,
        also: Option<Uuid>,
        records: &[Arc<Customer>],
        event: &CustomerEvent,
    ) -> Result<Vec<(Uuid, DataKey, Option<Vec<String>>)>, AppError> {
        let fields = self.fields_of_others(tenant, records, event).await?;
        let fields = fields.into_iter().filter(|(record, _)| Some(*record) != also);
        let about = also.map(|other| (other, None)).into_iter();
        let mut others = Vec::new();
        for (other, fields) in about.chain(fields.map(|(record, fields)| (record, Some(fields)))) {
            match self.vault.data_key(tenant, other).await? {
                SubjectKey::Live(key) => others.push((other, key, fields)),
                // Somebody erased it since the decision was made on it.
                SubjectKey::Never | SubjectKey::Destroyed => return Err(AppError::Contention),
            }
        }
        Ok(others)
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
