//! The progress of a migration to a new pipeline version.

use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::Remaining;
use crate::auth::Authority;
use crate::http::answer::AsOfResponse;
use crate::http::{ConsistencyParams, Key, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// Customers in a stage of an earlier version.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct RemainingReply {
    /// The stage.
    stage: String,
    /// The version that it is of.
    version: u32,
    /// How many there are.
    count: u64,
    /// Some of them.
    sample: Vec<Uuid>,
}

/// The progress of a migration.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct MigrationReply {
    /// The pipeline.
    pipeline: String,
    /// The version in effect for all teams.
    version: u32,
    /// The number of customers that are still to be migrated or wait for a manager's choice.
    remaining: u64,
    /// The remaining customers, by current stage.
    items: Vec<RemainingReply>,
}

/// Get migration progress
///
/// Customers are migrated automatically, in batches. Those that remain match no rule of a split and wait for a manager
/// to choose their stage.
#[utoipa::path(
    get, path = "/v1/pipelines/{key}/migrations", tag = "pipelines",
    params(("key" = String, Path, description = "The pipeline."), ConsistencyParams),
    responses(
        (status = 200, description = "The remaining customers.", body = MigrationReply, headers(("Waymark-Position" = u64, description = "How far the read model had come."))),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn status(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(key): Key,
    Query(consistency, ..): Query<ConsistencyParams>,
) -> Result<AsOfResponse<MigrationReply>, Problem> {
    consistency.wait(&state, &caller, "board").await?;
    let status = state.app.migration_status(&caller, &key).await?;
    let item = |remaining: Remaining| RemainingReply {
        stage: remaining.group.stage,
        version: remaining.group.version,
        count: remaining.group.count,
        sample: remaining.sample,
    };
    let items: Vec<RemainingReply> = status.remaining.into_iter().map(item).collect();
    let remaining = items.iter().map(|item| item.count).sum();
    let body = MigrationReply { pipeline: key, version: status.version, remaining, items };
    Ok(AsOfResponse { position: status.position, body })
}
