//! Releasing a customer to a pool.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::Authority;
use crate::domain::customer::command::{self, Command as DomainCommand};
use crate::http::answer::Accepted;
use crate::http::{Command, Id};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;
use crate::routes::command::{CommandRequest, execute};

/// The customer goes back to a pool.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"reason": "No budget this year"}))]
pub(crate) struct Release {
    /// Which pool; the one it was claimed from, or else its pipeline's default pool, when absent.
    pool: Option<String>,
    /// The reason.
    reason: String,
}

impl From<Release> for CommandRequest {
    fn from(body: Release) -> Self {
        Self::now(DomainCommand::Release(command::Release { pool: body.pool, reason: body.reason }))
    }
}

/// Release a customer to a pool
///
/// Releasing a customer on the day of the claim does not restore the claim quota.
#[utoipa::path(
    post, path = "/v1/customers/{id}/releases", tag = "ownership", request_body = Release,
    params(("id" = Uuid, Path, description = "The customer.")),
    responses(
        (status = 200, description = "Released.", body = Accepted),
        (status = 409, description = "The customer is already in a pool.", body = ProblemDocument),
        (status = 422, description = "There is no such pool, or the reason is missing.", body = ProblemDocument),
    )
)]
pub(crate) async fn release(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    command: Command<Release>,
) -> Result<Accepted, Problem> {
    execute(&state, &caller, customer, command).await
}
