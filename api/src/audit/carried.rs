//! Who outside may hold what the log tells of a customer: receivers of messages, consumers of the log, and those who carried
//! files away. An erasure does not reach them, so they must hear of it.
//!
//! All of it follows from the log and from what is kept of deliveries; nothing is kept for it. Where that does not tell, somebody
//! is named rather than left out: a message whose outcome is forgotten counts as delivered, a file as holding everybody that its
//! stretch of the log tells of, whatever it was filtered by.

use std::collections::{BTreeMap, HashMap};

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::company::CompanyEvent;
use waymark_domain::company::event::{ExportStarted, Receiver};
use waymark_domain::tags;
use waymark_eventstore::{Entry, Position, Query, QueryItem, TenantId};

use crate::app::{App, AppError};
use crate::outbound::{Outbound, OutboundError};

/// How many entries are read at a time.
const ENTRIES_PER_PAGE: u32 = 1_000;
/// The kind of receiver that is told events.
const WEBHOOK: &str = "webhook";
/// The origin of events that are told to nobody: they tell of the past.
const IMPORT: &str = "import";
/// The filter of files that are about one customer.
const CUSTOMER: &str = "customer";

/// Who may hold what the log tells of a customer.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct Carried {
    /// How many entries of the log are about the customer.
    pub(crate) entries: u64,
    /// The webhooks and robots that were sent messages of them. Of a robot those count whose outcome is still kept.
    pub(crate) receivers: Vec<ReceiverTold>,
    /// The consumers that have acknowledged some of them.
    pub(crate) consumers: Vec<ConsumerTold>,
    /// The files that could hold some of them, the newest first: exports, change reviews, bundles.
    pub(crate) files: Vec<FileTold>,
}

/// A receiver of messages about a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ReceiverTold {
    /// Names it.
    id: Uuid,
    /// `webhook`, or the platform of a robot.
    #[schema(example = "webhook")]
    kind: String,
    /// The host of a webhook; null of a robot.
    #[schema(example = "erp.example")]
    host: Option<String>,
    /// Whether it is told what is personal, in clear.
    include_personal: bool,
    /// Whether it was deleted.
    deleted: bool,
    /// How many messages it was sent.
    messages: u64,
    /// When the first was sent; when its event was recorded, where the outcome is forgotten.
    first_at: DateTime<Utc>,
    /// When the last was, likewise.
    last_at: DateTime<Utc>,
}

/// A consumer that fetched what happened to a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ConsumerTold {
    /// What it is called.
    name: String,
    /// Who follows by it.
    #[schema(example = "app:warehouse")]
    actor: String,
    /// How many of the entries it has acknowledged since it began last.
    entries: u64,
    /// When it acknowledged last.
    acknowledged_at: Option<DateTime<Utc>>,
}

/// A file that could hold what the log tells of a customer.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct FileTold {
    /// The event that tells of it.
    event_id: Uuid,
    /// What it is of.
    #[schema(example = "customers")]
    kind: String,
    /// Its format.
    #[schema(example = "csv")]
    format: String,
    /// Who carried it away.
    #[schema(example = "manager:wang")]
    actor: String,
    /// When.
    at: DateTime<Utc>,
    /// What it was filtered by; null where the value may be a person's name, number or address.
    filters: BTreeMap<String, Option<String>>,
    /// How many entries about the customer are in its stretch of the log.
    entries: u64,
}

/// An entry about the customer.
struct About {
    position: Position,
    event_type: String,
    recorded_at: DateTime<Utc>,
    is_import: bool,
}

/// A receiver, and between which positions there was one.
struct ReceiverTime {
    receiver: Receiver,
    from: Position,
    until: Option<Position>,
}

/// Finds out who may hold what the log tells of a customer; none where it tells of no such customer.
///
/// # Errors
/// When the log or the tables of messages cannot be read.
pub(crate) async fn carried(
    app: &App,
    outbound: &Outbound,
    tenant: TenantId,
    customer: Uuid,
) -> Result<Option<Carried>, OutboundError> {
    let mut entries = Vec::new();
    each(app, tenant, Query::tag(tags::customer(customer)), |entry| {
        let envelope = entry.envelope().map_err(|error| unreadable(&error))?;
        entries.push(About {
            position: entry.position,
            event_type: envelope.event_type.into_owned(),
            recorded_at: entry.recorded_at,
            is_import: envelope.origin.as_deref() == Some(IMPORT),
        });
        Ok(())
    })
    .await?;
    if entries.is_empty() {
        return Ok(None);
    }
    let receivers = receivers(app, outbound, tenant, &entries).await?;
    let told = |types: &[String], after: Position, until: Position| {
        let of_it = entries.iter().filter(|entry| entry.position > after && entry.position <= until);
        of_it.filter(|entry| is_wanted(types, &entry.event_type)).count() as u64
    };
    let consumers = outbound.consumers().all(tenant).await?.into_iter().map(|state| {
        let consumer = state.rights.consumer;
        ConsumerTold {
            entries: told(&consumer.types, consumer.position, state.position),
            name: consumer.name,
            actor: consumer.actor,
            acknowledged_at: state.acknowledged_at,
        }
    });
    let consumers = consumers.filter(|consumer| consumer.entries > 0).collect();
    let files = files(app, tenant, customer, |after, until| told(&[], after, until)).await?;
    Ok(Some(Carried { entries: entries.len() as u64, receivers, consumers, files }))
}

/// Whether a type is among those that somebody is told; all of them where none is named.
fn is_wanted(types: &[String], event_type: &str) -> bool {
    types.is_empty() || types.iter().any(|wanted| wanted == event_type)
}

/// The receivers that were sent messages of these entries, in the order in which they were set up.
async fn receivers(
    app: &App,
    outbound: &Outbound,
    tenant: TenantId,
    entries: &[About],
) -> Result<Vec<ReceiverTold>, OutboundError> {
    let cursors: HashMap<Uuid, Position> = outbound
        .store()
        .endpoints(tenant)
        .await?
        .into_iter()
        .map(|endpoint| (endpoint.id, endpoint.cursor))
        .collect();
    let mut told = Vec::new();
    for ReceiverTime { receiver, from, until } in all_receivers(app, tenant).await? {
        let positions = entries.iter().map(|entry| entry.position);
        let kept = outbound.store().delivered(tenant, receiver.id, positions).await?;
        let kept: HashMap<Position, Option<DateTime<Utc>>> = kept.into_iter().collect();
        // Beyond what it heard of, nothing was sent. Of one that is gone, the end stands for it.
        let reached = until.or(cursors.get(&receiver.id).copied()).unwrap_or_default();
        let is_told = |entry: &About| {
            receiver.kind == WEBHOOK
                && entry.position > from
                && entry.position <= reached
                && !entry.is_import
                && is_wanted(&receiver.types, &entry.event_type)
        };
        let sent = entries.iter().filter_map(|entry| match kept.get(&entry.position) {
            Some(at) => *at,
            None => is_told(entry).then_some(entry.recorded_at),
        });
        let sent: Vec<DateTime<Utc>> = sent.collect();
        let (Some(first_at), Some(last_at)) = (sent.iter().min(), sent.iter().max()) else { continue };
        told.push(ReceiverTold {
            id: receiver.id,
            kind: receiver.kind,
            host: receiver.host,
            include_personal: receiver.include_personal,
            deleted: until.is_some(),
            messages: sent.len() as u64,
            first_at: *first_at,
            last_at: *last_at,
        });
    }
    Ok(told)
}

/// Every receiver that there is or was.
async fn all_receivers(app: &App, tenant: TenantId) -> Result<Vec<ReceiverTime>, AppError> {
    let types = ["receiver.created", "receiver.adopted", "receiver.deleted"];
    let mut known: Vec<ReceiverTime> = Vec::new();
    each(app, tenant, of_types(&types), |entry| {
        let from = entry.position;
        match event(entry)? {
            Some(CompanyEvent::ReceiverCreated(event)) => {
                known.push(ReceiverTime { receiver: event.receiver, from, until: None });
            }
            // It was there before the log said so.
            Some(CompanyEvent::ReceiverAdopted(event)) => {
                known.push(ReceiverTime { receiver: event.receiver, from: 0, until: None });
            }
            Some(CompanyEvent::ReceiverDeleted(event)) => {
                let gone = known.iter_mut().filter(|one| one.receiver.id == event.id);
                gone.for_each(|one| one.until = Some(from));
            }
            _ => {}
        }
        Ok(())
    })
    .await?;
    Ok(known)
}

/// The files whose stretch of the log tells of the customer, by how many entries there are in it.
async fn files(
    app: &App,
    tenant: TenantId,
    customer: Uuid,
    told: impl Fn(Position, Position) -> u64,
) -> Result<Vec<FileTold>, AppError> {
    let (customer, mut files) = (customer.to_string(), Vec::new());
    each(app, tenant, Query::tag(tags::EXPORTS), |entry| {
        let Some(CompanyEvent::ExportStarted(export)) = event(entry)? else { return Ok(()) };
        let envelope = entry.envelope().map_err(|error| unreadable(&error))?;
        let ExportStarted { kind, format, filters, first_position, position, .. } = export;
        let is_of_another = filters.get(CUSTOMER).is_some_and(|of| of.as_ref() != Some(&customer));
        let entries = told(first_position.unwrap_or(1) - 1, position);
        if entries > 0 && !is_of_another {
            let (event_id, actor, at) = (envelope.id, envelope.actor.into_owned(), entry.recorded_at);
            files.push(FileTold { event_id, kind, format, actor, at, filters, entries });
        }
        Ok(())
    })
    .await?;
    files.reverse();
    Ok(files)
}

fn event(entry: &Entry) -> Result<Option<CompanyEvent>, AppError> {
    let envelope = entry.envelope().map_err(|error| unreadable(&error))?;
    let event = CompanyEvent::decode(&envelope.event_type, envelope.type_version, envelope.data);
    event.map_err(|error| unreadable(&error))
}

fn unreadable(error: &dyn std::error::Error) -> AppError {
    AppError::Unreadable(error.to_string())
}

fn of_types(types: &[&str]) -> Query {
    let types = types.iter().map(|name| (*name).to_owned()).collect();
    Query { items: vec![QueryItem { types, tags: Vec::new() }] }
}

/// Reads every entry that matches a query, in order.
async fn each(
    app: &App,
    tenant: TenantId,
    query: Query,
    mut take: impl FnMut(&Entry) -> Result<(), AppError>,
) -> Result<(), AppError> {
    let until = app.store.head(tenant).await?.position;
    let mut after = 0;
    loop {
        let page = app.store.read_matching(tenant, &query, after, until, ENTRIES_PER_PAGE).await?;
        for entry in &page {
            after = entry.position;
            take(entry)?;
        }
        if page.len() < ENTRIES_PER_PAGE as usize {
            return Ok(());
        }
    }
}
