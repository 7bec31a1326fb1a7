//! Undoing a merge.

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

/// The undoing of a merge.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"absorbed": "01930000-0000-7000-8000-000000000000", "reason": "two brothers"}))]
pub(crate) struct UnmergeRequest {
    /// The customer that had been absorbed.
    absorbed: Uuid,
    /// The reason.
    reason: String,
}

impl From<UnmergeRequest> for PairCommand {
    fn from(body: UnmergeRequest) -> Self {
        Self::Unmerge(Unmerge { absorbed: body.absorbed, reason: body.reason })
    }
}

/// Undo a merge
///
/// The absorbed customer resumes in its former stage. Events recorded since the merge stay with the survivor.
#[utoipa::path(
    post, path = "/v1/customers/{id}/unmerges", tag = "customers", request_body = UnmergeRequest,
    params(("id" = Uuid, Path, description = "The surviving customer.")),
    responses(
        (status = 200, description = "The merge was undone.", body = Accepted),
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
