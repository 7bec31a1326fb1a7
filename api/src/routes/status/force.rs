//! Overriding transition conditions.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::Authority;
use crate::domain::customer::command::{self, Command as DomainCommand};
use crate::http::answer::Accepted;
use crate::http::{Command, Id, Instant};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;
use crate::routes::command::{CommandRequest, execute};

/// A transition that overrides blocking conditions.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"to": "won", "reason": "Signed at the fair, the steps between took place on the spot"}))]
pub(crate) struct Override {
    /// The target stage.
    to: String,
    /// The pipeline of the journey; the primary one when absent.
    pipeline: Option<String>,
    /// The sub-status within the stage.
    sub_status: Option<String>,
    /// The reason in words.
    reason: String,
    /// When it happened; now when absent.
    effective_at: Option<Instant>,
}

impl From<Override> for CommandRequest {
    fn from(body: Override) -> Self {
        let Override { to, pipeline, sub_status, reason, effective_at } = body;
        let command = command::Override { to, pipeline, sub_status, reason };
        Self {
            command: DomainCommand::Override(command),
            effective_at: effective_at.map(|instant| instant.0),
        }
    }
}

/// Override transition conditions
///
/// For supervisors and managers. The event permanently records every condition that was overridden.
#[utoipa::path(
    post, path = "/v1/customers/{id}/overrides", tag = "status", request_body = Override,
    params(("id" = Uuid, Path, description = "The customer.")),
    responses(
        (status = 200, description = "Moved.", body = Accepted),
        (status = 409, description = "No condition blocks the transition, the customer is already in this stage, or later transitions conflict.", body = ProblemDocument),
        (status = 422, description = "There is no such stage, or the reason is missing.", body = ProblemDocument),
    )
)]
pub(crate) async fn force(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    command: Command<Override>,
) -> Result<Accepted, Problem> {
    execute(&state, &caller, customer, command).await
}
