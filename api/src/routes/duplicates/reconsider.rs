//! Withdrawing a not-a-duplicate decision.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::{CustomerCommand, PairCommand};
use crate::auth::Authority;
use crate::domain::customer::command::ReopenDuplicate;
use crate::http::answer::Accepted;
use crate::http::{Command, Id};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// A customer that may be this one after all.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"other": "01930000-0000-7000-8000-000000000000", "reason": "one legal seat after all"}))]
pub(super) struct DistinctionWithdrawal {
    /// The other customer.
    other: Uuid,
    /// The reason.
    reason: String,
}

impl From<DistinctionWithdrawal> for PairCommand {
    fn from(body: DistinctionWithdrawal) -> Self {
        Self::ReopenDuplicate(ReopenDuplicate { other: body.other, reason: body.reason })
    }
}

/// Withdraw a not-a-duplicate decision
///
/// The pair can be listed as possible duplicates again. Merging the two withdraws the decision automatically.
#[utoipa::path(
    post, path = "/v1/customers/{id}/distinction-withdrawals", tag = "customers", request_body = DistinctionWithdrawal,
    params(("id" = Uuid, Path, description = "One of the two customers.")),
    responses(
        (status = 200, description = "The decision was withdrawn.", body = Accepted),
        (status = 403, description = "The customers have different owners.", body = ProblemDocument),
        (status = 409, description = "`not-distinguished`: the customers were not marked as different.", body = ProblemDocument),
    )
)]
pub(super) async fn reconsider(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    command: Command<DistinctionWithdrawal>,
) -> Result<Accepted, Problem> {
    let pair = CustomerCommand::pair(customer, command.body.into());
    let answer = state.app.execute(&caller, &command.meta, &pair).await?;
    Ok(answer.into())
}
