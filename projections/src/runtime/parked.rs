//! Events set aside: what could not be folded, and what waits behind it.
//!
//! A bad event must not stop everybody's read models, and what follows it for the same customer must not be
//! folded as if it had not happened. So it parks its subject: the event and all later ones of that subject wait
//! in order until an operator has them retried or skips the bad one with a reason.
//!
//! Skipping is an event of the log, so that a reader who folds the log again skips the same and nothing else. The tables say
//! what was made of it; a skip that only they tell of was made before it was an event, and counts as well.

use std::collections::BTreeMap;

use serde::Serialize;
use utoipa::ToSchema;
use waymark_domain::company::CompanyEvent;
use waymark_domain::tags;
use waymark_eventstore::{EventStore, Position, Query};

use crate::db::{Transaction, values};
use crate::error::{ProjectionError, Result};
use crate::storage::checkpoint::ProjectionId;

pub(crate) const FORGET: &str = include_str!("parked/forget.sql");
pub(crate) const INSERT: &str = include_str!("parked/insert.sql");
pub(crate) const LIST: &str = include_str!("parked/list.sql");
pub(crate) const REMOVE: &str = include_str!("parked/remove.sql");
pub(crate) const REMOVE_ALL: &str = include_str!("parked/remove_all.sql");
pub(crate) const SKIP: &str = include_str!("parked/skip.sql");

/// An event set aside.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Parked {
    /// Its place in the log.
    pub position: Position,
    /// What it is about, such as `customer/0190…`: later events of the same subject wait behind it.
    pub subject: String,
    /// The event type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Why it could not be folded, or what it waits for.
    pub cause: String,
    /// Why an operator let it be skipped; null while it is parked.
    pub skipped: Option<String>,
}

/// All events set aside, skipped ones included, in order.
pub(crate) async fn list(transaction: &mut Transaction, id: ProjectionId) -> Result<Vec<Parked>> {
    let rows = transaction.rows(LIST, &values![id.tenant.0, id.projection]).await?;
    rows.iter()
        .map(|row| {
            Ok(Parked {
                position: row.position("position")?,
                subject: row.text("subject")?,
                event_type: row.text("event_type")?,
                cause: row.text("cause")?,
                skipped: row.opt_text("skipped")?,
            })
        })
        .collect()
}

/// Sets an event aside.
pub(crate) async fn park(transaction: &mut Transaction, id: ProjectionId, parked: &Parked) -> Result<()> {
    let values = values![
        id.tenant.0,
        id.projection,
        parked.position,
        parked.subject.as_str(),
        parked.event_type.as_str(),
        parked.cause.as_str(),
        parked.skipped.as_deref()
    ];
    transaction.execute(INSERT, &values).await?;
    Ok(())
}

/// Takes an event back: it has been folded.
pub(crate) async fn release(
    transaction: &mut Transaction,
    id: ProjectionId,
    position: Position,
) -> Result<()> {
    transaction.execute(REMOVE, &values![id.tenant.0, id.projection, position]).await?;
    Ok(())
}

/// Takes back everything up to a position: a rebuild has folded it.
pub(crate) async fn release_until(
    transaction: &mut Transaction,
    id: ProjectionId,
    position: Position,
) -> Result<()> {
    transaction.execute(REMOVE_ALL, &values![id.tenant.0, id.projection, position]).await?;
    Ok(())
}

/// Forgets everything that was set aside, skipped ones included: the positions are those of another log.
pub(crate) async fn forget(transaction: &mut Transaction, id: ProjectionId) -> Result<()> {
    transaction.execute(FORGET, &values![id.tenant.0, id.projection]).await?;
    Ok(())
}

/// Marks those parked events as never to be folded that the log says are skipped.
pub(crate) async fn skip(transaction: &mut Transaction, id: ProjectionId, skips: &Skips) -> Result<()> {
    for (position, reason) in skips {
        let values = values![id.tenant.0, id.projection, *position, reason.as_str()];
        transaction.execute(SKIP, &values).await?;
    }
    Ok(())
}

/// What a read model leaves out, and why.
pub(crate) type Skips = BTreeMap<Position, String>;

/// How many entries are read at a time.
const ENTRIES_PER_PAGE: u32 = 500;

/// What the log says a read model leaves out. All of it, whatever position is folded: an event is skipped by a later one.
pub(crate) async fn skips(store: &dyn EventStore, id: ProjectionId) -> Result<Skips> {
    let head = store.head(id.tenant).await?.position;
    let query = Query::tag(tags::skips(id.projection));
    let (mut skips, mut after) = (Skips::new(), 0);
    loop {
        let page = store.read_matching(id.tenant, &query, after, head, ENTRIES_PER_PAGE).await?;
        for entry in &page {
            after = entry.position;
            let paused = |cause: String| ProjectionError::Paused { position: entry.position, cause };
            let envelope = entry.envelope().map_err(|error| paused(error.to_string()))?;
            let event = CompanyEvent::decode(&envelope.event_type, envelope.type_version, envelope.data);
            if let Some(CompanyEvent::EventSkipped(event)) =
                event.map_err(|error| paused(error.to_string()))?
            {
                skips.insert(event.position, event.reason);
            }
        }
        if page.len() < ENTRIES_PER_PAGE as usize {
            return Ok(skips);
        }
    }
}
