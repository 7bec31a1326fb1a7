//! Replaying deliveries.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use utoipa::ToSchema;
use uuid::Uuid;

use super::{ROBOT, WEBHOOK, found};
use crate::app::{Caller, CommandMeta};
use crate::auth::Authority;
use crate::domain::Label;
use crate::eventstore::Position;
use crate::http::command::read_body;
use crate::http::{Command, Id};
use crate::outbound::ReplaySelection;
use crate::outbound::endpoint::Endpoint;
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// The most positions of one replay.
const MOST_POSITIONS: u64 = 10_000;

/// What must be sent again: one event, the events between two positions, or, where nothing is named, every dead letter.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[schema(example = json!({"from_position": 100, "to_position": 200}))]
pub(super) struct ReplayBody {
    /// The message of this event.
    event_id: Option<Uuid>,
    /// What the webhook receives of the events from this position on, whether it was sent before or not.
    from_position: Option<Position>,
    /// Up to this one, included; at most 10,000 positions in all.
    to_position: Option<Position>,
}

/// What must be sent to a robot again: one event's message, or, where none is named, every dead letter.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[schema(example = json!({}))]
pub(in crate::routes) struct RobotReplayBody {
    /// The message of this event.
    event_id: Option<Uuid>,
}

/// How much is sent again.
#[derive(Debug, Clone, Copy, Serialize, ToSchema)]
pub(in crate::routes) struct ReplayReply {
    /// How many messages were queued.
    queued: u64,
}

/// Replay a webhook's deliveries
///
/// Delivery starts again with a first attempt. The receiver recognises repeated messages by `webhook-id`.
#[utoipa::path(
    post, path = "/v1/webhooks/{id}/replay", tag = "webhooks", request_body = ReplayBody,
    params(("id" = Uuid, Path, description = "The webhook.")),
    responses(
        (status = 200, description = "Queued.", body = ReplayReply),
        (status = 404, description = "There is no such webhook, or no message for that event.", body = ProblemDocument),
        (status = 409, description = "The webhook is disabled.", body = ProblemDocument),
    )
)]
pub(super) async fn of_webhook(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(id): Id,
    Command { body, meta }: Command<Value>,
) -> Result<Json<Value>, Problem> {
    // Whose it is comes first: another tenant's is not there, whatever the body says.
    let webhook = found(&state, caller.tenant, id, WEBHOOK).await?;
    let wanted = wanted(&read_body(&body)?)?;
    let wanted = match wanted {
        ReplaySelection::Positions(from, to) => {
            let head = state.app.store.head(caller.tenant).await?.position;
            ReplaySelection::Positions(from.min(head.saturating_add(1)), to.min(head))
        }
        other => other,
    };
    replay(&state, &caller, &meta, &webhook, wanted).await
}

/// Replay a chat robot's deliveries
///
/// Delivery starts again with a first attempt.
#[utoipa::path(
    post, path = "/v1/admin/robots/{id}/replay", tag = "admin", request_body = RobotReplayBody,
    params(("id" = Uuid, Path, description = "The robot.")),
    responses(
        (status = 200, description = "Queued.", body = ReplayReply),
        (status = 404, description = "There is no such robot, or no message for that event.", body = ProblemDocument),
    )
)]
pub(in crate::routes) async fn of_robot(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(id): Id,
    Command { body, meta }: Command<Value>,
) -> Result<Json<Value>, Problem> {
    let robot = found(&state, caller.tenant, id, ROBOT).await?;
    let body: RobotReplayBody = read_body(&body)?;
    replay(
        &state,
        &caller,
        &meta,
        &robot,
        body.event_id.map_or(ReplaySelection::Dead, ReplaySelection::Event),
    )
    .await
}

async fn replay(
    state: &AppState,
    caller: &Caller,
    meta: &CommandMeta,
    endpoint: &Endpoint,
    wanted: ReplaySelection,
) -> Result<Json<Value>, Problem> {
    let replayed = async {
        if endpoint.disabled.is_some() {
            return Err(Problem::switched_off());
        }
        let queued = state.outbound.replay(caller.tenant, endpoint, wanted).await?;
        match wanted {
            ReplaySelection::Event(event) if queued == 0 => {
                Err(Problem::not_found("message of event", &event.to_string()))
            }
            _ => Ok(json!(ReplayReply { queued })),
        }
    };
    Ok(Json(state.app.once(caller, meta, replayed).await?))
}

fn wanted(body: &ReplayBody) -> Result<ReplaySelection, Problem> {
    match (body.event_id, body.from_position, body.to_position) {
        (None, None, None) => Ok(ReplaySelection::Dead),
        (Some(event), None, None) => Ok(ReplaySelection::Event(event)),
        (None, Some(from), Some(to)) => positions(from, to),
        (None, Some(_), None) => Err(Problem::missing_field("to_position")),
        (None, None, Some(_)) => Err(Problem::missing_field("from_position")),
        (Some(_), ..) => {
            let message = Label::new(
                "event_id 与序号区间只能给出一个。",
                "Specify either event_id or a range of positions, not both.",
            );
            Err(Problem::invalid_value("event_id", message))
        }
    }
}

fn positions(from: Position, to: Position) -> Result<ReplaySelection, Problem> {
    if from == 0 {
        let message = Label::new("序号从 1 开始。", "Positions start at 1.");
        return Err(Problem::invalid_value("from_position", message));
    }
    if to < from || to - from >= MOST_POSITIONS {
        let message = Label::new(
            format!("不能小于 from_position，且一次最多重放 {MOST_POSITIONS} 个序号。"),
            format!(
                "Must not be less than from_position, and at most {MOST_POSITIONS} positions can be replayed at once."
            ),
        );
        return Err(Problem::invalid_value("to_position", message));
    }
    Ok(ReplaySelection::Positions(from, to))
}
