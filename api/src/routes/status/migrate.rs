//! Choosing a customer's stage in a new version of its pipeline.

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

/// A customer's stage in the version in force.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"to": "proposal"}))]
pub(super) struct Placement {
    /// The stage of the version in force.
    to: String,
    /// The pipeline of the journey; the primary one when absent.
    pipeline: Option<String>,
}

impl From<Placement> for CommandRequest {
    fn from(body: Placement) -> Self {
        Self::now(DomainCommand::Migrate(command::Migrate { pipeline: body.pipeline, to: Some(body.to) }))
    }
}

/// Choose a customer's stage in a new version
///
/// For customers that the stage mapping of the new version leaves undecided. The stay continues in the new stage; this
/// is not a transition.
#[utoipa::path(
    post, path = "/v1/customers/{id}/migrations", tag = "status", request_body = Placement,
    params(("id" = Uuid, Path, description = "The customer.")),
    responses(
        (status = 200, description = "Migrated.", body = Accepted),
        (status = 403, description = "Requires a manager.", body = ProblemDocument),
        (status = 409, description = "The customer is already in the version in force.", body = ProblemDocument),
        (status = 422, description = "There is no such stage.", body = ProblemDocument),
    )
)]
pub(super) async fn migrate(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    command: Command<Placement>,
) -> Result<Accepted, Problem> {
    execute(&state, &caller, customer, command).await
}
