//! Legal holds: what must be kept is not erased.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::auth::Authority;
use crate::domain::customer::command::{
    Command as DomainCommand, PlaceLegalHold as Placing, ReleaseLegalHold as Releasing,
};
use crate::http::answer::Accepted;
use crate::http::{Command, Id, Instant};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;
use crate::routes::command::{CommandRequest, execute};

/// A legal hold.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"ground": "Case 4 O 112/26", "until": "2027-12-31T16:00:00Z"}))]
pub(super) struct LegalHold {
    /// On what ground, such as the number of a case. It stays readable permanently: never text about the person.
    ground: String,
    /// From when on it is in force no longer; until it is released when absent.
    until: Option<Instant>,
}

/// The end of a legal hold.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"hold": "0190b2a4-0000-7000-8000-00000000001d", "reason": "Settled"}))]
pub(super) struct LegalHoldRelease {
    /// Which.
    hold: Uuid,
    /// Why. It stays readable permanently: never text about the person.
    reason: Option<String>,
}

impl From<LegalHoldRelease> for CommandRequest {
    fn from(body: LegalHoldRelease) -> Self {
        let LegalHoldRelease { hold, reason } = body;
        Self::now(DomainCommand::ReleaseLegalHold(Releasing { hold, reason }))
    }
}

/// Place a legal hold
///
/// While it is in force the customer is not erased, by anyone and in whatever way, and neither is a customer that it was merged
/// into. `id` of the response names it. `GET /v1/audit/legal-holds` lists holds.
#[utoipa::path(
    post, path = "/v1/customers/{id}/legal-holds", tag = "audit", request_body = LegalHold,
    params(("id" = Uuid, Path, description = "The customer.")),
    responses(
        (status = 200, description = "Placed.", body = Accepted),
        (status = 422, description = "The end is in the past.", body = ProblemDocument),
    )
)]
pub(super) async fn place(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    Command { body: LegalHold { ground, until }, meta }: Command<LegalHold>,
) -> Result<Accepted, Problem> {
    let (hold, until) = ((state.app.ids)(), until.map(|Instant(until)| until));
    let body = CommandRequest::now(DomainCommand::PlaceLegalHold(Placing { hold, ground, until }));
    execute(&state, &caller, customer, Command { body, meta }).await
}

/// Release a legal hold
///
/// The customer can be erased from then on, unless another hold is in force.
#[utoipa::path(
    post, path = "/v1/customers/{id}/legal-hold-releases", tag = "audit", request_body = LegalHoldRelease,
    params(("id" = Uuid, Path, description = "The customer.")),
    responses((status = 200, description = "Released.", body = Accepted))
)]
pub(super) async fn release(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    command: Command<LegalHoldRelease>,
) -> Result<Accepted, Problem> {
    execute(&state, &caller, customer, command).await
}
