//! Whose data must be kept, on what ground and until when.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::changes::position;
use crate::app::{AppError, Caller, decode_customer_event};
use crate::audit::{self, Finding, Search};
use crate::auth::Authority;
use crate::auth::disclosure::reads_people;
use crate::domain::customer::CustomerEvent;
use crate::domain::customer::event::{LegalHoldPlaced, LegalHoldReleased};
use crate::domain::tags;
use crate::eventstore::{Position, QueryItem};
use crate::http::answer::List;
use crate::http::{Page, Query};
use crate::problem::Problem;
use crate::projections::AsOf;
use crate::routes::AppState;

/// How many releases are read at a time.
const ENTRIES_PER_PAGE: u32 = 1_000;

/// Whose holds.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HoldParams {
    /// Only those of this customer.
    customer: Option<Uuid>,
}

/// A legal hold.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct LegalHoldReply {
    /// Names it.
    id: Uuid,
    /// The customer.
    customer: Uuid,
    /// What the customer is called now; null where no name is known, and to those who read none.
    customer_name: Option<String>,
    /// On what ground.
    #[schema(example = "Case 4 O 112/26")]
    ground: String,
    /// From when on it is in force no longer; null where it must be released.
    until: Option<DateTime<Utc>>,
    /// Whether the customer's data must be kept by it now.
    in_force: bool,
    /// Who placed it.
    placed_by: String,
    /// When.
    placed_at: DateTime<Utc>,
    /// Who released it; null where nobody did.
    released_by: Option<String>,
    /// When.
    released_at: Option<DateTime<Utc>>,
    /// Why.
    release_reason: Option<String>,
    /// The event's position in the log.
    position: Position,
}

/// The end of a hold.
struct Release {
    by: String,
    at: DateTime<Utc>,
    reason: Option<String>,
}

/// List legal holds
///
/// The newest first, those that ended or were released included.
#[utoipa::path(
    get, path = "/v1/audit/legal-holds", tag = "audit",
    params(HoldParams, Page),
    responses((status = 200, description = "A page of holds.", body = List<LegalHoldReply>))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(params, page, ..): Query<HoldParams, Page>,
) -> Result<Json<List<LegalHoldReply>>, Problem> {
    let types = vec![LegalHoldPlaced::TYPE.to_owned()];
    let search = Search { types, customer: params.customer, ..Search::default() };
    let (limit, below) = (page.limit()? as usize, page.cursor().map(position).transpose()?);
    let found = audit::page(&state.app, &state.histories, &caller, &search, below, limit).await?;
    let customers: Vec<Uuid> = found.findings.iter().filter_map(|finding| finding.change.customer).collect();
    let now = (state.app.clock)();
    let names = names(&state, &caller, &customers, now).await;
    let mut releases = releases(&state, &caller, customers).await?;
    let told = |finding| reply(finding, &mut releases, now);
    let mut items: Vec<LegalHoldReply> = found.findings.into_iter().filter_map(told).collect();
    items.iter_mut().for_each(|hold| hold.customer_name = names.get(&hold.customer).cloned());
    Ok(Json(List { items, next_cursor: found.next.map(|next| next.to_string()) }))
}

/// What customers are called. Holds stand in the log, and are told as well while the read models are folded: without names then.
async fn names(
    state: &AppState,
    caller: &Caller,
    customers: &[Uuid],
    now: DateTime<Utc>,
) -> HashMap<Uuid, String> {
    if !reads_people(&caller.actor) {
        return HashMap::new();
    }
    let at = AsOf { effective_at: now, known_at: now, known_position: None };
    match state.app.projections.reports(caller.tenant).await {
        Ok(mut reports) => reports.names(customers, &at).await.unwrap_or_default(),
        Err(_) => HashMap::new(),
    }
}

/// The releases of the holds of some customers, by the holds.
async fn releases(
    state: &AppState,
    caller: &Caller,
    mut customers: Vec<Uuid>,
) -> Result<HashMap<Uuid, Release>, AppError> {
    customers.sort_unstable();
    customers.dedup();
    let mut releases = HashMap::new();
    let of = |id: &Uuid| QueryItem {
        types: vec![LegalHoldReleased::TYPE.to_owned()],
        tags: vec![tags::customer(*id)],
    };
    let query = crate::eventstore::Query { items: customers.iter().map(of).collect() };
    if query.items.is_empty() {
        return Ok(releases);
    }
    let (mut after, head) = (0, state.app.store.head(caller.tenant).await?.position);
    loop {
        let entries =
            state.app.store.read_matching(caller.tenant, &query, after, head, ENTRIES_PER_PAGE).await?;
        let Some(last) = entries.last() else { return Ok(releases) };
        after = last.position;
        for entry in &entries {
            let Some(recorded) = decode_customer_event(entry)? else { continue };
            if let CustomerEvent::LegalHoldReleased(event) = recorded.event {
                let (by, at) = (recorded.actor, recorded.recorded_at);
                releases.insert(event.hold, Release { by, at, reason: event.reason });
            }
        }
    }
}

fn reply(
    Finding { change, document, .. }: Finding,
    releases: &mut HashMap<Uuid, Release>,
    now: DateTime<Utc>,
) -> Option<LegalHoldReply> {
    let placed: LegalHoldPlaced = serde_json::from_value(document.get("data")?.clone()).ok()?;
    let released = releases.remove(&placed.hold);
    let in_force = released.is_none() && placed.lasts(now);
    let (released_by, released_at, release_reason) = match released {
        Some(Release { by, at, reason }) => (Some(by), Some(at), reason),
        None => (None, None, None),
    };
    Some(LegalHoldReply {
        id: placed.hold,
        customer: change.customer?,
        customer_name: None,
        ground: placed.ground,
        until: placed.until,
        in_force,
        placed_by: change.actor,
        placed_at: change.recorded_at,
        released_by,
        released_at,
        release_reason,
        position: change.position,
    })
}
