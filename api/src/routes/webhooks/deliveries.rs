//! What was and is on its way to a receiver.

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::{ROBOT, WEBHOOK, found};
use crate::app::Caller;
use crate::auth::Authority;
use crate::http::answer::List;
use crate::http::{Id, Page, Query};
use crate::outbound::endpoint::{Delivery, State as Fate};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::ProjectionError;
use crate::routes::AppState;

/// Which messages are wanted.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::routes) struct ListDeliveriesParams {
    /// Those of which this has become.
    state: Option<Fate>,
}

/// One event on its way to one receiver.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in crate::routes) struct DeliveryReply {
    /// The event: what the receiver is sent as `webhook-id`.
    event_id: Uuid,
    /// Its type; `reminder` for what a robot says.
    #[schema(example = "customer.moved")]
    r#type: String,
    /// Its place in the log.
    position: u64,
    /// What has become of it.
    state: Fate,
    /// How many attempts were made.
    attempts: u32,
    /// When the next is due; null when there will be none.
    next_at: Option<DateTime<Utc>>,
    /// What the receiver answered last, as an HTTP status; null where it answered nothing.
    last_status: Option<u16>,
    /// Why the last attempt failed; null where it did not.
    last_error: Option<String>,
    /// When it was queued.
    queued_at: DateTime<Utc>,
    /// When anything was last recorded of it.
    changed_at: DateTime<Utc>,
}

impl From<Delivery> for DeliveryReply {
    fn from(delivery: Delivery) -> Self {
        Self {
            event_id: delivery.event_id,
            r#type: delivery.event_type,
            position: delivery.position,
            state: delivery.state,
            attempts: delivery.attempts,
            next_at: delivery.next_at,
            last_status: delivery.last_status,
            last_error: delivery.last_error,
            queued_at: delivery.queued_at,
            changed_at: delivery.changed_at,
        }
    }
}

/// List a webhook's messages
///
/// The last event first. What was delivered is forgotten after 30 days; dead letters stay until they are replayed.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}/deliveries", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The webhook."), ListDeliveriesParams, Page),
    responses(
        (status = 200, description = "A page of messages.", body = List<DeliveryReply>),
        (status = 404, description = "There is no such webhook.", body = ProblemDocument),
        (status = 422, description = "A parameter is unknown or wrong.", body = ProblemDocument),
    )
)]
pub(super) async fn of_webhook(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(id): Id,
    Query(params, page, ..): Query<ListDeliveriesParams, Page>,
) -> Result<Json<List<DeliveryReply>>, Problem> {
    list(&state, &caller, found(&state, caller.tenant, id, WEBHOOK).await?.id, params, &page).await
}

/// List a robot's messages
///
/// The last event first. What was delivered is forgotten after 30 days; dead letters stay until they are replayed.
#[utoipa::path(
    get, path = "/v1/admin/robots/{id}/deliveries", tag = "admin",
    params(("id" = Uuid, Path, description = "The robot."), ListDeliveriesParams, Page),
    responses(
        (status = 200, description = "A page of messages.", body = List<DeliveryReply>),
        (status = 404, description = "There is no such robot.", body = ProblemDocument),
        (status = 422, description = "A parameter is unknown or wrong.", body = ProblemDocument),
    )
)]
pub(in crate::routes) async fn of_robot(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(id): Id,
    Query(params, page, ..): Query<ListDeliveriesParams, Page>,
) -> Result<Json<List<DeliveryReply>>, Problem> {
    list(&state, &caller, found(&state, caller.tenant, id, ROBOT).await?.id, params, &page).await
}

async fn list(
    state: &AppState,
    caller: &Caller,
    endpoint: Uuid,
    params: ListDeliveriesParams,
    page: &Page,
) -> Result<Json<List<DeliveryReply>>, Problem> {
    let limit = page.limit()?;
    let before = page.cursor().map(place).transpose()?;
    let store = state.outbound.store();
    let mut items = store.deliveries(caller.tenant, endpoint, params.state, before, limit + 1).await?;
    let more = items.len() > limit as usize;
    items.truncate(limit as usize);
    let next_cursor = items.last().filter(|_| more).map(|last| last.position.to_string());
    Ok(Json(List { items: items.into_iter().map(DeliveryReply::from).collect(), next_cursor }))
}

/// Where the page before ended.
fn place(cursor: &str) -> Result<u64, ProjectionError> {
    let position = cursor.parse().ok().filter(|position| i64::try_from(*position).is_ok());
    position.ok_or(ProjectionError::BadCursor)
}
