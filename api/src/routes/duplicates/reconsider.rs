//! Taking back that two customers are two.

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
    /// The other one.
    other: Uuid,
    /// Why.
    reason: String,
}

impl From<DistinctionWithdrawal> for PairCommand {
    fn from(body: DistinctionWithdrawal) -> Self {
        Self::ReopenDuplicate(ReopenDuplicate { other: body.other, reason: body.reason })
    }
}

/// Take back that two customers are two
///
/// The pair may be suspected again. A merge of the two takes it back by itself.
#[utoipa::path(
    post, path = "/v1/customers/{id}/distinction-withdrawals", tag = "customers", request_body = DistinctionWithdrawal,
    params(("id" = Uuid, Path, description = "One of the two.")),
    responses(
        (status = 200, description = "They may be one.", body = Accepted),
        (status = 403, description = "The two have different owners.", body = ProblemDocument),
        (status = 409, description = "`not-distinguished`: nobody said that they are two.", body = ProblemDocument),
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
