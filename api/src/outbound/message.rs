//! What a message says, made of the log when it is sent.

use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};
use std::collections::BTreeMap;

use super::endpoint::{Delivery, Endpoint};
use super::text::Message;
use super::{Outbound, OutboundError};
use crate::eventstore::{Position, TenantId};

/// How many reminders one event may tell.
const MOST_REMINDERS: u32 = 200;

/// The body of a webhook (Standard Webhooks, "Payload structure").
#[derive(Serialize)]
struct Payload<'a> {
    r#type: &'a str,
    /// When it happened in the business.
    timestamp: String,
    data: &'a RawValue,
}

impl Outbound {
    /// The body that a webhook is sent: the entry as it stands in the log, to the byte, so that its hash can be checked;
    /// or with its personal fields opened, where the receiver gets them.
    ///
    /// # Errors
    /// When the event cannot be read.
    pub(super) async fn payload(
        &self,
        tenant: TenantId,
        endpoint: &Endpoint,
        message: &Delivery,
    ) -> Result<Vec<u8>, OutboundError> {
        let damaged = |word: String| OutboundError::Damaged { what: "entry", word };
        let read = self.app.store.read(tenant, message.position.saturating_sub(1), 1).await?;
        let entry = read.first().filter(|entry| entry.position == message.position);
        let entry = entry.ok_or_else(|| damaged(format!("position {} is missing", message.position)))?;
        let envelope = entry.envelope().map_err(|error| damaged(error.to_string()))?;
        let document = match endpoint.include_personal {
            true => to_raw_value(&self.app.document(tenant, entry, true).await?),
            false => serde_json::from_slice::<Box<RawValue>>(&entry.bytes),
        };
        let document = document.map_err(|error| damaged(error.to_string()))?;
        let timestamp = envelope.effective_at.to_rfc3339_opts(chrono::SecondsFormat::Micros, true);
        let payload = Payload { r#type: &envelope.event_type, timestamp, data: &document };
        serde_json::to_vec(&payload).map_err(|error| damaged(error.to_string()))
    }

    /// The reminders that messages for a robot are about, by position; none where the read model has not come that far.
    ///
    /// # Errors
    /// When the read model fails.
    pub(super) async fn told(
        &self,
        tenant: TenantId,
        endpoint: &Endpoint,
        messages: &[Delivery],
    ) -> Result<Option<BTreeMap<Position, Vec<Message>>>, OutboundError> {
        let mut told = BTreeMap::new();
        for message in messages {
            let before = message.position.saturating_sub(1);
            let (found, reached) =
                self.app.projections.work(tenant).await?.reminders_after(before, MOST_REMINDERS).await?;
            if reached < message.position {
                return Ok(None);
            }
            let of_event = found.into_iter().filter(|one| one.position == message.position);
            let carried = of_event.filter(|one| message.parts.contains(&one.n)).map(|one| Message {
                text: one.text,
                customer: one.customer_id,
                name: one.customer_name.filter(|_| endpoint.include_personal),
                journey: one.journey,
                owner: one.owner.filter(|owner| owner.kind == "rep").map(|owner| owner.id),
                at: one.at,
            });
            told.insert(message.position, carried.collect());
        }
        Ok(Some(told))
    }
}
