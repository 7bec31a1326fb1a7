//! Giving a customer to somebody else.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::Authority;
use crate::domain::customer::command::{self, Command as DomainCommand};
use crate::http::answer::Accepted;
use crate::http::{Command, Id};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::Site;
use crate::routes::customers::body::OwnerName;
use crate::routes::order::{Order, carry_out};

/// Another owner.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"to": {"kind": "rep", "id": "zhao"}, "reason": "handover"}))]
pub(crate) struct OwnerChange {
    /// Who.
    to: OwnerName,
    /// Why.
    reason: String,
}

impl From<OwnerChange> for Order {
    fn from(body: OwnerChange) -> Self {
        Self::now(DomainCommand::ChangeOwner(command::ChangeOwner { to: body.to.0, reason: body.reason }))
    }
}

/// Change a customer's owner
///
/// Stage, notes and plans stay as they are.
#[utoipa::path(
    post, path = "/v1/customers/{id}/owner-changes", tag = "ownership", request_body = OwnerChange,
    params(("id" = Uuid, Path, description = "The customer.")),
    responses(
        (status = 200, description = "Changed.", body = Accepted),
        (status = 409, description = "The customer belongs there already.", body = ProblemDocument),
    )
)]
pub(crate) async fn change_owner(
    State(site): State<Site>,
    Authority(caller): Authority,
    Id(customer): Id,
    command: Command<OwnerChange>,
) -> Result<Accepted, Problem> {
    carry_out(&site, &caller, customer, command).await
}
