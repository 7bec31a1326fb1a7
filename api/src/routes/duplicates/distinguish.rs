//! Marking two customers as not duplicates.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::{CustomerCommand, PairCommand};
use crate::auth::Authority;
use crate::domain::customer::command::DismissDuplicate;
use crate::http::answer::Accepted;
use crate::http::{Command, Id};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// A decision that two customers are not duplicates.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"other": "01930000-0000-7000-8000-000000000000", "reason": "two branches with managers of their own"}))]
pub(crate) struct Distinction {
    /// The other customer.
    other: Uuid,
    /// The reason.
    reason: String,
}

impl From<Distinction> for PairCommand {
    fn from(body: Distinction) -> Self {
        Self::DismissDuplicate(DismissDuplicate { other: body.other, reason: body.reason })
    }
}

/// Mark two customers as not duplicates
///
/// Recorded in the history of both. The pair is no longer listed as possible duplicates, until a new name or contact
/// makes the two match exactly. If the customers have different owners, a supervisor or manager has to decide.
#[utoipa::path(
    post, path = "/v1/customers/{id}/distinctions", tag = "customers", request_body = Distinction,
    params(("id" = Uuid, Path, description = "One of the two customers.")),
    responses(
        (status = 200, description = "Marked as not duplicates.", body = Accepted),
        (status = 403, description = "The customers have different owners.", body = ProblemDocument),
        (status = 409, description = "`already-distinguished`: already marked, and nothing has changed since.", body = ProblemDocument),
    )
)]
pub(super) async fn distinguish(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    command: Command<Distinction>,
) -> Result<Accepted, Problem> {
    let pair = CustomerCommand::pair(customer, command.body.into());
    let answer = state.app.execute(&caller, &command.meta, &pair).await?;
    Ok(answer.into())
}
