//! Acknowledging events.

use axum::Json;
use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use super::{ConsumerReply, own};
use crate::auth::Authority;
use crate::eventstore::Position;
use crate::http::{Command, Key};
use crate::outbound::Acknowledgement;
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;
use crate::routes::events::list::require_reached;

/// Up to where a consumer is done.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[schema(as = ConsumerAcknowledgement, example = json!({"position": 42}))]
pub(super) struct AcknowledgementBody {
    /// The position up to which everything was processed: that of an event, or the `next_position` of a page.
    position: Position,
}

/// Acknowledge events
///
/// Everything up to the position is done, and does not come again. A position acknowledged before is accepted again and
/// changes nothing; an earlier one is refused, because positions only move forward.
#[utoipa::path(
    post, path = "/v1/consumers/{name}/acknowledgements", tag = "log", request_body = AcknowledgementBody,
    params(("name" = String, Path, description = "The consumer.")),
    responses(
        (status = 200, description = "Acknowledged.", body = ConsumerReply),
        (status = 404, description = "There is no such consumer.", body = ProblemDocument),
        (status = 409, description = "`already-acknowledged`, with the `position` that it has come to.", body = ProblemDocument),
    )
)]
pub(super) async fn acknowledge(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(name): Key,
    Command { body, .. }: Command<AcknowledgementBody>,
) -> Result<Json<ConsumerReply>, Problem> {
    let consumer = own(&state, &caller, &name).await?;
    let head = state.app.store.head(caller.tenant).await?.position;
    require_reached("position", body.position, head)?;
    match state.outbound.consumers().acknowledge(&caller, &consumer, body.position).await? {
        Acknowledgement::Held(now) => Ok(Json(ConsumerReply::of(&state, &caller, now).await?)),
        Acknowledgement::Backward(position) => Err(Problem::already_acknowledged(position)),
    }
}
