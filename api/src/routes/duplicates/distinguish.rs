//! Telling apart two customers that look alike.

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

/// A customer that looks like this one and is another.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"other": "01930000-0000-7000-8000-000000000000", "reason": "two branches with managers of their own"}))]
pub(crate) struct Distinction {
    /// The other one.
    other: Uuid,
    /// Why.
    reason: String,
}

impl From<Distinction> for PairCommand {
    fn from(body: Distinction) -> Self {
        Self::DismissDuplicate(DismissDuplicate { other: body.other, reason: body.reason })
    }
}

/// Tell a customer apart from one that looks like it
///
/// Both streams tell it. The pair is suspected no longer, in the queue or among the suspects of either, until another name or
/// contact makes the two the same to the letter. Customers of different owners are told apart by a supervisor or manager.
#[utoipa::path(
    post, path = "/v1/customers/{id}/distinctions", tag = "customers", request_body = Distinction,
    params(("id" = Uuid, Path, description = "One of the two.")),
    responses(
        (status = 200, description = "They are two.", body = Accepted),
        (status = 403, description = "The two have different owners.", body = ProblemDocument),
        (status = 409, description = "`already-distinguished`: that was said before, and nothing has changed.", body = ProblemDocument),
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
