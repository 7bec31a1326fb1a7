//! A page of the log.

use serde::Serialize;
use serde_json::Value;
use utoipa::ToSchema;

use crate::app::Caller;
use crate::domain::Label;
use crate::eventstore::{self, Position};
use crate::http::answer::AsOfResponse;
use crate::problem::Problem;
use crate::routes::AppState;

/// How many pages of the log one request looks at.
const LOOKS: u32 = 20;

/// A page of the event log.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct EventList {
    /// CloudEvents 1.0 documents, in order of position.
    #[schema(value_type = Vec<Object>)]
    items: Vec<Value>,
    /// The value of `after` for the next page.
    next_after: Position,
    /// The last position of the log.
    head: Position,
}

/// Insists that the log has come as far as a position after which it is read: who went on from further would miss in silence what
/// is recorded up to there.
pub(in crate::routes) fn require_reached(
    field: &str,
    after: Position,
    head: Position,
) -> Result<(), Problem> {
    if after <= head {
        return Ok(());
    }
    let message = Label::new(
        format!("日志目前只到序号 {head}，没有 {after}。"),
        format!("The log ends at position {head}: there is no {after} yet."),
    );
    Err(Problem::invalid_value(field, message).with("head", head))
}

/// What a caller sees of a part of the log.
pub(in crate::routes) struct EventPage {
    /// The documents, in order of position.
    pub(in crate::routes) items: Vec<Value>,
    /// Up to where the log was looked through.
    pub(in crate::routes) reached: Position,
    /// Where the log ended.
    pub(in crate::routes) head: Position,
}

pub(super) async fn list(
    state: &AppState,
    caller: &Caller,
    (query, after): (&eventstore::Query, Position),
    limit: u32,
) -> Result<AsOfResponse<EventList>, Problem> {
    require_reached("after", after, state.app.store.head(caller.tenant).await?.position)?;
    let EventPage { items, reached, head } = page(state, caller, (query, after), limit).await?;
    Ok(AsOfResponse { position: head, body: EventList { items, next_after: reached, head } })
}

/// What a caller sees of the events after a position, as far as one request looks.
///
/// # Errors
/// When the log cannot be read.
pub(in crate::routes) async fn page(
    state: &AppState,
    caller: &Caller,
    (query, after): (&eventstore::Query, Position),
    limit: u32,
) -> Result<EventPage, Problem> {
    let mut reached = after;
    let head = state.app.store.head(caller.tenant).await?.position;
    let mut viewer = state.app.viewer(caller).await?;
    let mut items = Vec::new();
    // Entries that are not seen make room for others, as far as one request goes.
    for _ in 0..LOOKS {
        let left = limit - u32::try_from(items.len()).unwrap_or(limit);
        let entries = state.app.store.read_matching(caller.tenant, query, reached, head, left).await?;
        let full = entries.len() == left as usize;
        // A page that is not full has looked at everything up to the head.
        reached = entries.last().filter(|_| full).map_or(head, |last| last.position);
        for entry in &entries {
            items.extend(viewer.entry(entry).await?);
        }
        if !full || items.len() == limit as usize {
            break;
        }
    }
    Ok(EventPage { items, reached, head })
}
