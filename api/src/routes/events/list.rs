//! A page of the log.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use super::Wanted;
use super::readable::readable;
use crate::app::Caller;
use crate::eventstore::Position;
use crate::http::answer::Reading;
use crate::problem::Problem;
use crate::routes::Site;

/// A page of the log.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct EventList {
    /// CloudEvents 1.0 documents, in order of position.
    #[schema(value_type = Vec<Object>)]
    items: Vec<Value>,
    /// What the next page takes as `after`.
    next_after: Position,
    /// Where the log ends.
    head: Position,
}

pub(super) async fn list(
    site: &Site,
    caller: &Caller,
    wanted: &Wanted,
    limit: u32,
) -> Result<Reading<EventList>, Problem> {
    let after = wanted.after.unwrap_or(0);
    let head = site.app.store.head(caller.tenant).await?.position;
    let entries = site.app.store.read_matching(caller.tenant, &wanted.query(), after, head, limit).await?;
    let full = entries.len() == limit as usize;
    // A page that is not full has looked at everything up to the head.
    let next_after = entries.last().filter(|_| full).map_or(head.max(after), |last| last.position);
    let mut items = Vec::with_capacity(entries.len());
    for entry in &entries {
        items.push(readable(site, caller, entry).await?);
    }
    Ok(Reading { position: head, body: EventList { items, next_after, head } })
}
