//! Erasing personal data.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::Authority;
use crate::domain::customer::command::{Command as DomainCommand, Erase};
use crate::http::answer::Accepted;
use crate::http::{Command, Id};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;
use crate::routes::command::{CommandRequest, execute};

/// The ground for an erasure.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"ground": "request"}))]
pub(crate) struct Erasure {
    /// The legal ground as a code; never text about the person.
    #[serde(default = "request")]
    ground: String,
}

fn request() -> String {
    "request".to_owned()
}

impl From<Erasure> for CommandRequest {
    fn from(erasure: Erasure) -> Self {
        Self::now(DomainCommand::Erase(Erase { ground: erasure.ground }))
    }
}

/// Erase personal data
///
/// Destroys the encryption key of the customer's names, contacts and texts. No stored byte of the event log changes, so
/// earlier proofs still verify; the fields become permanently unreadable, and the read models delete them.
#[utoipa::path(
    post, path = "/v1/customers/{id}/erasure", tag = "audit", request_body = Erasure,
    params(("id" = Uuid, Path, description = "The customer.")),
    responses(
        (status = 200, description = "Erased.", body = Accepted),
        (status = 409, description = "The customer has already been erased, or its data must be kept by a legal hold.", body = ProblemDocument),
    )
)]
pub(super) async fn erase(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    command: Command<Erasure>,
) -> Result<Accepted, Problem> {
    execute(&state, &caller, customer, command).await
}
