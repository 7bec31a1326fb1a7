//! Entries of the log, read for folding.

use std::collections::HashMap;
use std::sync::Arc;

use serde_json::Value;
use serde_json::value::{RawValue, to_raw_value};
use uuid::Uuid;
use waymark_domain::codec::CodecError;
use waymark_domain::customer::also_about;
use waymark_domain::customer::event::{CustomerEvent, Recorded};
use waymark_eventstore::vault::{Opening, Vault};
use waymark_eventstore::{Entry, Envelope, Position, StoreError, TenantId};

use crate::error::{ProjectionError, Result};
use crate::fairness::give_way;

/// Something that happened to a customer, as the log has it.
#[derive(Debug, Clone)]
pub(crate) struct DecodedEvent {
    pub(crate) customer: Uuid,
    pub(crate) event: Recorded<CustomerEvent>,
}

/// What an entry is to a projector.
#[derive(Debug, Clone)]
pub(crate) enum DecodedEntry {
    /// To be folded.
    DecodedEvent(Arc<DecodedEvent>),
    /// Of no concern to customers' read models.
    Other,
    /// Unreadable: parks its subject.
    Poison { subject: String, event_type: String, cause: String },
}

/// An entry as it stands in the log, and with its personal fields opened where somebody wanted that.
#[derive(Debug)]
pub(crate) struct DecodedForms {
    sealed: DecodedEntry,
    opened: Option<(String, DecodedEntry)>,
}

impl DecodedForms {
    /// As a read model wants it, which opens some types of events.
    pub(crate) fn of(&self, opens: impl Fn(&str) -> bool) -> DecodedEntry {
        match &self.opened {
            Some((event_type, opened)) if opens(event_type) => opened.clone(),
            _ => self.sealed.clone(),
        }
    }
}

/// The customer that a subject names.
pub(crate) fn customer_of(subject: &str) -> Option<Uuid> {
    subject.strip_prefix("customer/")?.parse().ok()
}

/// Reads entries, also with the personal fields opened of those types of event that `opens` names.
///
/// # Errors
/// [`ProjectionError::Paused`] for an entry of a newer program or a damaged one, which nobody may skip; errors of
/// the log.
pub(crate) async fn decode_all(
    tenant: TenantId,
    entries: &[Entry],
    vault: &Vault,
    opens: impl Fn(&str) -> bool,
) -> Result<Vec<DecodedForms>> {
    let mut envelopes = Vec::with_capacity(entries.len());
    for (number, entry) in entries.iter().enumerate() {
        give_way(number).await;
        let paused = |error: serde_json::Error| ProjectionError::Paused {
            position: entry.position,
            cause: error.to_string(),
        };
        envelopes.push(entry.envelope().map_err(paused)?);
    }
    let mut opened = open(tenant, &envelopes, vault, opens).await?;
    let mut readings = Vec::with_capacity(envelopes.len());
    for (number, envelope) in envelopes.iter().enumerate() {
        give_way(number).await;
        let opened = opened.remove(&envelope.position).map(|opened| read(envelope, Some(opened)));
        let opened = opened.transpose()?.map(|opened| (envelope.event_type.to_string(), opened));
        readings.push(DecodedForms { sealed: read(envelope, None)?, opened });
    }
    Ok(readings)
}

/// The data of an event with its personal fields readable, or why it is not.
type OpenedData = std::result::Result<Box<RawValue>, String>;

/// Opens the sealed data among these, by position.
async fn open(
    tenant: TenantId,
    envelopes: &[Envelope<'_>],
    vault: &Vault,
    opens: impl Fn(&str) -> bool,
) -> Result<HashMap<Position, OpenedData>> {
    let sealed =
        |envelope: &&Envelope<'_>| opens(&envelope.event_type) && envelope.data.get().contains("\"$sealed\"");
    let mut sealed: Vec<(&Envelope<'_>, Uuid, Value)> = envelopes
        .iter()
        .filter(sealed)
        .filter_map(|envelope| {
            let data = serde_json::from_str(envelope.data.get()).ok()?;
            Some((envelope, customer_of(&envelope.subject)?, data))
        })
        .collect();
    let mut documents: Vec<Opening<'_>> =
        sealed.iter_mut().map(|(envelope, subject, data)| opening(envelope, *subject, data)).collect();
    let all = vault.open_all(tenant, &mut documents).await;
    let mut opened = HashMap::with_capacity(sealed.len());
    for (envelope, subject, mut data) in sealed {
        // One bad document fails them all: then each is opened by itself. What is open already stays so.
        let one = match &all {
            Ok(()) => Ok(()),
            Err(_) => vault.open(tenant, opening(envelope, subject, &mut data)).await,
        };
        let result = match one {
            Ok(()) => to_raw_value(&data).map_err(|error| error.to_string()),
            Err(StoreError::UnknownKey(key)) => Err(format!("no such data key: {key}")),
            Err(StoreError::Damaged { what, .. }) => Err(what),
            Err(error) => return Err(error.into()),
        };
        opened.insert(envelope.position, result);
    }
    Ok(opened)
}

fn opening<'a>(envelope: &Envelope<'_>, subject: Uuid, data: &'a mut Value) -> Opening<'a> {
    let also = also_about(&envelope.event_type, subject, data);
    Opening { subject, also, event_id: envelope.id, data }
}

fn read(envelope: &Envelope<'_>, opened: Option<OpenedData>) -> Result<DecodedEntry> {
    let Some(customer) = customer_of(&envelope.subject) else { return Ok(DecodedEntry::Other) };
    let poison = |cause: String| {
        let (subject, event_type) = (envelope.subject.to_string(), envelope.event_type.to_string());
        Ok(DecodedEntry::Poison { subject, event_type, cause })
    };
    let opened = match opened.transpose() {
        Ok(opened) => opened,
        Err(cause) => return poison(cause),
    };
    let data = opened.as_deref().unwrap_or(envelope.data);
    match CustomerEvent::decode(&envelope.event_type, envelope.type_version, data) {
        // Nobody may skip what a newer program says of a customer.
        Ok(None) if envelope.event_type.starts_with("customer.") => Err(ProjectionError::Paused {
            position: envelope.position,
            cause: format!("{} is an event type that this program does not know", envelope.event_type),
        }),
        Ok(None) => Ok(DecodedEntry::Other),
        Ok(Some(event)) => Ok(DecodedEntry::DecodedEvent(Arc::new(DecodedEvent {
            customer,
            event: recorded(envelope, event),
        }))),
        Err(newer @ CodecError::NewerVersion { .. }) => {
            Err(ProjectionError::Paused { position: envelope.position, cause: newer.to_string() })
        }
        Err(error) => poison(error.to_string()),
    }
}

/// The event with what the log knows about it.
pub(crate) fn recorded<E>(envelope: &Envelope<'_>, event: E) -> Recorded<E> {
    Recorded {
        position: envelope.position,
        id: envelope.id,
        effective_at: envelope.effective_at,
        recorded_at: envelope.recorded_at,
        actor: envelope.actor.clone().into_owned(),
        origin: envelope.origin.clone().map(std::borrow::Cow::into_owned),
        event,
    }
}

/// Checks that entries follow a position without a gap: positions are gapless, and anyone who skips one would be
/// permanently wrong.
pub(crate) fn assert_gapless(after: Position, entries: &[Entry]) -> Result<()> {
    for (expected, entry) in (after + 1..).zip(entries) {
        if entry.position != expected {
            let cause = format!("position {expected} is missing: the next entry is {}", entry.position);
            return Err(ProjectionError::Paused { position: expected, cause });
        }
    }
    Ok(())
}
