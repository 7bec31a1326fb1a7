//! Finds who read what, the newest first.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::tags;
use waymark_eventstore::{Entry, EventStore, Position, Query, QueryItem, TenantId};

use super::{AccessKind, OF_MANY, ReadRecord};
use crate::app::AppError;
use crate::audit::same_person;

/// How many positions are looked at at a time.
const STRETCH: u64 = 1_000;
/// How many stretches are looked at for one page of an answer.
const MOST_STRETCHES: usize = 50;

/// Which reads. What is absent chooses nothing.
#[derive(Debug, Clone, Default)]
pub(crate) struct AccessSearch {
    /// Who read. A rep is meant by either form of the name.
    pub(crate) actor: Option<String>,
    /// Whose data.
    pub(crate) customer: Option<Uuid>,
    /// What kind of thing.
    pub(crate) kind: Option<AccessKind>,
    /// It was read at this instant or later
    pub(crate) from: Option<DateTime<Utc>>,
    /// and before this one.
    pub(crate) to: Option<DateTime<Utc>>,
}

/// Who read what, and when.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(crate) struct AccessEntry {
    /// The position in the access log.
    pub(crate) position: Position,
    /// The entry's id.
    pub(crate) id: Uuid,
    /// When it was read.
    pub(crate) at: DateTime<Utc>,
    /// Who read.
    #[schema(example = "rep:li")]
    pub(crate) actor: String,
    /// The credential that acted for somebody else.
    pub(crate) via: Option<String>,
    /// The trace id of the request.
    pub(crate) request_id: Option<String>,
    /// What was read.
    #[serde(flatten)]
    pub(crate) read: ReadRecord,
}

/// A page of entries.
pub(crate) struct AccessPage {
    /// The newest first.
    pub(crate) items: Vec<AccessEntry>,
    /// Below which position to look on; none where everything was looked at.
    pub(crate) next: Option<Position>,
}

/// Looks for reads below a position (from the end of the log without one) until the page is full, everything was looked at, or
/// enough for one request.
///
/// # Errors
/// When the log cannot be read, or an entry is damaged.
pub(crate) async fn page(
    store: &dyn EventStore,
    log: TenantId,
    search: &AccessSearch,
    below: Option<Position>,
    limit: usize,
) -> Result<AccessPage, AppError> {
    let end = store.head(log).await?.position;
    let mut below = below.map_or(end + 1, |below| below.min(end + 1));
    let (query, mut items) = (search.query(), Vec::new());
    for _ in 0..MOST_STRETCHES {
        let after = below.saturating_sub(STRETCH + 1);
        if below <= 1 {
            break;
        }
        let entries = store.read_matching(log, &query, after, below - 1, STRETCH as u32).await?;
        for entry in entries.iter().rev() {
            let read = opened(entry)?;
            if search.finds(&read) {
                items.push(read);
            }
            if items.len() == limit {
                return Ok(AccessPage { items, next: (entry.position > 1).then_some(entry.position) });
            }
        }
        below = after + 1;
    }
    Ok(AccessPage { items, next: (below > 1).then_some(below) })
}

fn opened(entry: &Entry) -> Result<AccessEntry, AppError> {
    let damaged =
        |error: serde_json::Error| AppError::Unreadable(format!("position {}: {error}", entry.position));
    let envelope = entry.envelope().map_err(damaged)?;
    Ok(AccessEntry {
        position: entry.position,
        id: envelope.id,
        at: envelope.effective_at,
        actor: envelope.actor.into_owned(),
        via: envelope.via.map(std::borrow::Cow::into_owned),
        request_id: envelope.correlation_id.map(|id| id.simple().to_string()),
        read: serde_json::from_str(envelope.data.get()).map_err(damaged)?,
    })
}

impl AccessSearch {
    /// What the index of tags tells of it.
    fn query(&self) -> Query {
        let tagged = |tag: String| QueryItem { types: Vec::new(), tags: vec![tag] };
        match self.customer {
            Some(customer) => {
                Query { items: vec![tagged(tags::customer(customer)), tagged(OF_MANY.to_owned())] }
            }
            None => Query::all(),
        }
    }

    fn finds(&self, entry: &AccessEntry) -> bool {
        let AccessEntry { at, actor, read, .. } = entry;
        self.actor.as_deref().is_none_or(|wanted| same_person(wanted, actor))
            && self.customer.is_none_or(|customer| read.customers.contains(&customer))
            && self.kind.is_none_or(|kind| kind == read.kind)
            && self.from.is_none_or(|from| *at >= from)
            && self.to.is_none_or(|to| *at < to)
    }
}
