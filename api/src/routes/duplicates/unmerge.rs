//! Parting two customers that were merged and are two after all.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::{CustomerCommand, PairCommand};
use crate::auth::Authority;
use crate::domain::customer::command::Unmerge;
use crate::http::answer::Accepted;
use crate::http::{Command, Id};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// A customer that is another one after all.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"absorbed": "01930000-0000-7000-8000-000000000000", "reason": "two brothers"}))]
pub(crate) struct UnmergeRequest {
    /// Who had been taken in.
    absorbed: Uuid,
    /// Why.
    reason: String,
}

impl From<UnmergeRequest> for PairCommand {
    fn from(body: UnmergeRequest) -> Self {
        Self::Unmerge(Unmerge { absorbed: body.absorbed, reason: body.reason })
    }
}

/// Undo a merge
///
/// The customer goes on where it stood. What happened since the merge stays with this one.
#[utoipa::path(
    post, path = "/v1/customers/{id}/unmerges", tag = "customers", request_body = UnmergeRequest,
    params(("id" = Uuid, Path, description = "The customer that the other was merged into.")),
    responses(
        (status = 200, description = "Two again.", body = Accepted),
        (status = 409, description = "`not-merged`: that customer was not merged into this one.", body = ProblemDocument),
    )
)]
pub(super) async fn unmerge(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    command: Command<UnmergeRequest>,
) -> Result<Accepted, Problem> {
    let pair = CustomerCommand::pair(customer, command.body.into());
    let answer = state.app.execute(&caller, &command.meta, &pair).await?;
    Ok(answer.into())
}
