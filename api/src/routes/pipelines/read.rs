//! Reading one pipeline.

use std::sync::Arc;

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use crate::auth::Authority;
use crate::domain::Pipeline;
use crate::http::{ConsistencyParams, Key, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// Which version.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct PipelineVersionParams {
    /// The version; the latest when absent.
    version: Option<u32>,
}

/// One version of a pipeline, whole.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[serde(transparent)]
#[schema(value_type = Object)]
pub(super) struct PipelineReply(Arc<Pipeline>);

/// Get a pipeline
#[utoipa::path(
    get, path = "/v1/pipelines/{key}", tag = "pipelines",
    params(("key" = String, Path, description = "The pipeline."), PipelineVersionParams, ConsistencyParams),
    responses(
        (status = 200, description = "The definition.", body = PipelineReply),
        (status = 404, description = "There is no such pipeline or version.", body = ProblemDocument),
    )
)]
pub(super) async fn read(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(key): Key,
    Query(which, consistency, ..): Query<PipelineVersionParams, ConsistencyParams>,
) -> Result<Json<PipelineReply>, Problem> {
    consistency.defined(&state, &caller).await?;
    let pipeline = state.app.pipelines.find(caller.tenant, &key, which.version).await?;
    Ok(Json(PipelineReply(pipeline)))
}
