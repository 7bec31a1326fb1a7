//! Looks through the log for what concerns each receiver, and queues it.

use std::collections::BTreeMap;

use super::endpoint::{Endpoint, Kind};
use super::route::robots_for;
use super::store::Queued;
use super::{Outbound, OutboundError};
use crate::domain::people::People;
use crate::eventstore::{Entry, Position, Query, QueryItem, TenantId};
use crate::projections::work::ReminderReport;

/// How many events are looked at in one transaction.
const EVENTS_PER_TRANSACTION: u32 = 200;
/// How far a cursor may stay behind where nothing concerns its receiver: moving it is a write, looking again a read.
const LAZY: Position = 1_000;
/// The origin of events that tell of the past.
const IMPORT: &str = "import";
/// What a robot is sent, where a webhook is sent a type of event.
const REMINDER: &str = "reminder";

/// What a look through a page of the log found.
struct QueuePage {
    messages: Vec<Queued>,
    /// Up to where it looked.
    reached: Position,
    /// Whether there may be more after it.
    more: bool,
}

impl Outbound {
    /// Queues whatever the log has for the receivers of a tenant. Returns how many messages that were.
    ///
    /// # Errors
    /// When the log, the read models or the tables fail.
    pub async fn queue(&self, tenant: TenantId, endpoints: &[Endpoint]) -> Result<u64, OutboundError> {
        let live: Vec<&Endpoint> = endpoints.iter().filter(|endpoint| endpoint.disabled.is_none()).collect();
        if live.is_empty() {
            return Ok(0);
        }
        let company = self.app.companies.now(tenant).await?;
        let mut queued = 0;
        for endpoint in live {
            let mut endpoint = endpoint.clone();
            loop {
                let found = match endpoint.kind {
                    Kind::Webhook => self.events(tenant, &endpoint).await?,
                    _ => self.reminders(tenant, &endpoint, endpoints, &company.people).await?,
                };
                let idle = found.messages.is_empty() && found.reached < endpoint.cursor.saturating_add(LAZY);
                if found.reached <= endpoint.cursor || (idle && !found.more) {
                    break;
                }
                let now = (self.app.clock)();
                let new = self.store.queue(tenant, &endpoint, found.reached, &found.messages, now).await?;
                // Another process looked through it first, or the receiver was switched off.
                let Some(new) = new else { break };
                count(endpoint.kind, "queued", new);
                queued += new;
                endpoint.cursor = found.reached;
                if !found.more {
                    break;
                }
            }
        }
        Ok(queued)
    }

    /// The messages for a webhook of the events after its cursor.
    async fn events(&self, tenant: TenantId, endpoint: &Endpoint) -> Result<QueuePage, OutboundError> {
        let head = self.app.store.head(tenant).await?.position;
        let entries = self
            .app
            .store
            .read_matching(tenant, &wanted(endpoint), endpoint.cursor, head, EVENTS_PER_TRANSACTION)
            .await?;
        let more = entries.len() == EVENTS_PER_TRANSACTION as usize;
        let reached = entries.last().filter(|_| more).map_or(head, |last| last.position);
        let mut messages = Vec::with_capacity(entries.len());
        for entry in &entries {
            messages.extend(queued(entry)?);
        }
        Ok(QueuePage { messages, reached, more })
    }

    /// The messages for a robot of the reminders after its cursor.
    async fn reminders(
        &self,
        tenant: TenantId,
        endpoint: &Endpoint,
        endpoints: &[Endpoint],
        people: &People,
    ) -> Result<QueuePage, OutboundError> {
        let (mut found, mut reached) = self
            .app
            .projections
            .work(tenant)
            .await?
            .reminders_after(endpoint.cursor, EVENTS_PER_TRANSACTION)
            .await?;
        let more = found.len() == EVENTS_PER_TRANSACTION as usize;
        if let Some(last) = found.last().map(|last| last.position).filter(|_| more) {
            reached = last;
            // The page may end between two reminders of one event, which are told together.
            if found.iter().any(|one| one.position < last) {
                found.retain(|one| one.position < last);
                reached = last - 1;
            }
        }
        let live: Vec<Endpoint> = endpoints.iter().filter(|one| one.disabled.is_none()).cloned().collect();
        let mut messages: BTreeMap<Position, Queued> = BTreeMap::new();
        for reminder in &found {
            if robots_for(&live, reminder, people).iter().any(|robot| robot.id == endpoint.id) {
                messages.entry(reminder.position).or_insert_with(|| told(reminder)).parts.push(reminder.n);
            }
        }
        Ok(QueuePage { messages: messages.into_values().collect(), reached, more })
    }
}

/// The events that a webhook wants, as a query of the log.
pub(super) fn wanted(endpoint: &Endpoint) -> Query {
    Query { items: vec![QueryItem { types: endpoint.types.clone(), tags: Vec::new() }] }
}

/// The message for an event; none where it tells of the past.
pub(super) fn queued(entry: &Entry) -> Result<Option<Queued>, OutboundError> {
    let damaged = |error: serde_json::Error| OutboundError::Damaged {
        what: "entry",
        word: format!("position {}: {error}", entry.position),
    };
    let envelope = entry.envelope().map_err(damaged)?;
    if envelope.origin.as_deref() == Some(IMPORT) {
        return Ok(None);
    }
    Ok(Some(Queued {
        position: entry.position,
        event_id: envelope.id,
        event_type: envelope.event_type.into_owned(),
        parts: Vec::new(),
    }))
}

fn told(reminder: &ReminderReport) -> Queued {
    Queued {
        position: reminder.position,
        event_id: reminder.event_id,
        event_type: REMINDER.to_owned(),
        parts: Vec::new(),
    }
}

/// Counts messages by the kind of their receiver and by their outcome.
pub(super) fn count(kind: Kind, state: &'static str, messages: u64) {
    if messages > 0 {
        metrics::counter!("waymark_deliveries_total", "kind" => kind.as_str(), "state" => state)
            .increment(messages);
    }
}
