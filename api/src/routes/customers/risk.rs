//! Warnings that a customer may be lost.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::Authority;
use crate::domain::customer::command::{Command as DomainCommand, FlagRisk};
use crate::http::answer::Accepted;
use crate::http::{Command, Id, Instant};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;
use crate::routes::command::{CommandRequest, execute};

/// A warning, or its end.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"at_risk": true, "reason": "has not answered since Monday"}))]
pub(super) struct RiskFlag {
    /// Whether the customer is at risk from now on.
    at_risk: bool,
    /// Why; required with `at_risk`. Personal data: unreadable once the customer is erased.
    reason: Option<String>,
    /// Since when; now when absent.
    effective_at: Option<Instant>,
}

impl From<RiskFlag> for CommandRequest {
    fn from(body: RiskFlag) -> Self {
        let RiskFlag { at_risk, reason, effective_at } = body;
        Self {
            command: DomainCommand::FlagRisk(FlagRisk { at_risk, reason }),
            effective_at: effective_at.map(|instant| instant.0),
        }
    }
}

/// Flag a customer as at risk
///
/// Or clear the flag. It is no stage: the customer stays where it is, and the flag is shown on it and on its card.
#[utoipa::path(
    post, path = "/v1/customers/{id}/risk", tag = "customers", request_body = RiskFlag,
    params(("id" = Uuid, Path, description = "The customer.")),
    responses(
        (status = 200, description = "Flagged, or cleared.", body = Accepted),
        (status = 422, description = "There is no reason, or nothing to clear.", body = ProblemDocument),
    )
)]
pub(super) async fn flag(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    command: Command<RiskFlag>,
) -> Result<Accepted, Problem> {
    execute(&state, &caller, customer, command).await
}
