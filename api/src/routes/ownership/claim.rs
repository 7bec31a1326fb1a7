//! Claiming a customer from a pool.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::Authority;
use crate::domain::customer::command::Command as DomainCommand;
use crate::http::answer::Accepted;
use crate::http::{Command, Id};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;
use crate::routes::command::{CommandRequest, execute};

/// A claim; it has no fields.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[schema(example = json!({}))]
pub(crate) struct Claim {}

impl From<Claim> for CommandRequest {
    fn from(_: Claim) -> Self {
        Self::now(DomainCommand::Claim)
    }
}

/// Claim a customer from its pool
///
/// A rep becomes the owner, within the daily quota on the pool's local date.
#[utoipa::path(
    post, path = "/v1/customers/{id}/claims", tag = "ownership", request_body = Claim,
    params(("id" = Uuid, Path, description = "The customer.")),
    responses(
        (status = 200, description = "Claimed.", body = Accepted),
        (status = 409, description = "`already-claimed`, or `claim-quota-exhausted` with `available_at`.", body = ProblemDocument),
    )
)]
pub(crate) async fn claim(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    command: Command<Claim>,
) -> Result<Accepted, Problem> {
    execute(&state, &caller, customer, command).await
}
