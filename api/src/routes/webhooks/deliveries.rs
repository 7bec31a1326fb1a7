//! Listing the deliveries of a receiver.

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
use crate::outbound::endpoint::{Delivery, State as DeliveryState};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::ProjectionError;
use crate::routes::AppState;

/// Which messages are wanted.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(in crate::routes) struct ListDeliveriesParams {
    /// Only deliveries in this state.
    state: Option<DeliveryState>,
}

/// The delivery of one event to one receiver.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(in crate::routes) struct DeliveryReply {
    /// The event, sent as `webhook-id`.
    event_id: Uuid,
    /// The event type; `reminder` for a robot's messages.
    #[schema(example = "customer.moved")]
    r#type: String,
    /// Its place in the log.
    position: u64,
    /// The state of the delivery.
    state: DeliveryState,
    /// The number of attempts.
    attempts: u32,
    /// When the next attempt is due; null if there is none.
    next_at: Option<DateTime<Utc>>,
    /// The HTTP status of the last response; null if there was none.
    last_status: Option<u16>,
    /// The error of the last attempt; null if it succeeded.
    last_error: Option<String>,
    /// When it was queued.
    queued_at: DateTime<Utc>,
    /// When the delivery was last updated.
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

/// List a webhook's deliveries
///
/// Newest event first. Delivered messages are deleted after 30 days; dead letters are kept until they are replayed.
#[utoipa::path(
    get, path = "/v1/webhooks/{id}/deliveries", tag = "webhooks",
    params(("id" = Uuid, Path, description = "The webhook."), ListDeliveriesParams, Page),
    responses(
        (status = 200, description = "A page of messages.", body = List<DeliveryReply>),
        (status = 404, description = "There is no such webhook.", body = ProblemDocument),
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

/// List a chat robot's deliveries
///
/// Newest event first. Delivered messages are deleted after 30 days; dead letters are kept until they are replayed.
#[utoipa::path(
    get, path = "/v1/admin/robots/{id}/deliveries", tag = "admin",
    params(("id" = Uuid, Path, description = "The robot."), ListDeliveriesParams, Page),
    responses(
        (status = 200, description = "A page of messages.", body = List<DeliveryReply>),
        (status = 404, description = "There is no such robot.", body = ProblemDocument),
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
