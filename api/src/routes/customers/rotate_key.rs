//! Changing the key of one customer.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::Authority;
use crate::domain::customer::command::{Command as DomainCommand, RotateKey};
use crate::http::answer::Accepted;
use crate::http::{Command, Id};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;
use crate::routes::command::{CommandRequest, execute};

/// A change of a customer's key.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"reason": "Seen in a support case"}))]
pub(super) struct KeyRotation {
    /// Why. It stays readable permanently: never text about the person.
    reason: String,
}

impl From<KeyRotation> for CommandRequest {
    fn from(body: KeyRotation) -> Self {
        Self::now(DomainCommand::RotateKey(RotateKey { reason: body.reason }))
    }
}

/// Change a customer's encryption key
///
/// What is recorded of the customer from then on is sealed by a new key. What stands in the event log stays sealed by the former one,
/// since no stored byte of it changes: anyone who learned the former key reads that, and nothing later. An erasure destroys both.
#[utoipa::path(
    post, path = "/v1/customers/{id}/key-rotations", tag = "audit", request_body = KeyRotation,
    params(("id" = Uuid, Path, description = "The customer.")),
    responses(
        (status = 200, description = "Changed.", body = Accepted),
        (status = 409, description = "The customer has been erased.", body = ProblemDocument),
    )
)]
pub(super) async fn rotate(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    command: Command<KeyRotation>,
) -> Result<Accepted, Problem> {
    execute(&state, &caller, customer, command).await
}
