//! Reactivating a lost or dormant customer.

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

/// The next cycle of a customer.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"to": "contacted", "reason": "Asked for a new quotation"}))]
pub(crate) struct Reactivation {
    /// The stage to begin it in: an open one.
    to: String,
    /// The reason.
    reason: String,
    /// When it happened; now when absent.
    effective_at: Option<Instant>,
}

impl From<Reactivation> for CommandRequest {
    fn from(body: Reactivation) -> Self {
        let reactivate = command::Reactivate { to: body.to, reason: body.reason };
        Self {
            command: DomainCommand::Reactivate(reactivate),
            effective_at: body.effective_at.map(|instant| instant.0),
        }
    }
}

/// Reactivate a lost or dormant customer
///
/// Starts the journey's next cycle; a lost cycle stays lost in every figure.
#[utoipa::path(
    post, path = "/v1/customers/{id}/reactivations", tag = "status", request_body = Reactivation,
    params(("id" = Uuid, Path, description = "The customer.")),
    responses(
        (status = 200, description = "Reactivated.", body = Accepted),
        (status = 422, description = "The customer is neither lost nor dormant.", body = ProblemDocument),
    )
)]
pub(crate) async fn reactivate(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    command: Command<Reactivation>,
) -> Result<Accepted, Problem> {
    execute(&state, &caller, customer, command).await
}
