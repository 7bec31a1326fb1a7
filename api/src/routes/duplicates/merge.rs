//! Merging duplicates.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::{CustomerCommand, PairCommand};
use crate::auth::Authority;
use crate::domain::customer::command::Merge;
use crate::domain::customer::event::StagePolicy;
use crate::http::answer::Accepted;
use crate::http::{Command, Id};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// A merge of two customers.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"absorbed": "01930000-0000-7000-8000-000000000000", "stage_policy": "furthest"}))]
pub(crate) struct MergeRequest {
    /// The absorbed customer. Its history ends and its open cycles are censored, which is not lost.
    absorbed: Uuid,
    /// How the survivor's stage is determined: unchanged (`survivor`), the more advanced one (`furthest`), or the one
    /// entered last (`latest_effective`).
    #[serde(default)]
    stage_policy: Policy,
    /// The reason in words.
    reason: Option<String>,
}

/// How the survivor's stage is determined.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = StagePolicy)]
enum Policy {
    /// It stays.
    #[default]
    Survivor,
    /// The one further on.
    Furthest,
    /// The one entered last.
    LatestEffective,
}

impl From<MergeRequest> for PairCommand {
    fn from(body: MergeRequest) -> Self {
        let stage_policy = match body.stage_policy {
            Policy::Survivor => StagePolicy::Survivor,
            Policy::Furthest => StagePolicy::Furthest,
            Policy::LatestEffective => StagePolicy::LatestEffective,
        };
        Self::Merge(Merge { absorbed: body.absorbed, stage_policy, reason: body.reason })
    }
}

/// Merge a customer into this one
///
/// Recorded in the history of both; neither is rewritten, so boards as of earlier instants show both. If the customers
/// have different owners, a supervisor or manager has to merge them.
#[utoipa::path(
    post, path = "/v1/customers/{id}/merges", tag = "customers", request_body = MergeRequest,
    params(("id" = Uuid, Path, description = "The surviving customer.")),
    responses(
        (status = 200, description = "Merged.", body = Accepted),
        (status = 403, description = "The customers have different owners.", body = ProblemDocument),
        (status = 409, description = "`merged`: one of the two has already been merged.", body = ProblemDocument),
    )
)]
pub(super) async fn merge(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    command: Command<MergeRequest>,
) -> Result<Accepted, Problem> {
    let pair = CustomerCommand::pair(customer, command.body.into());
    let answer = state.app.execute(&caller, &command.meta, &pair).await?;
    Ok(answer.into())
}
