//! The pools that the pipelines in force define, with their rules.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Authority;
use crate::domain::pipeline::Pipeline;
use crate::domain::pool::Pool;
use crate::http::answer::List;
use crate::http::{ConsistencyParams, Page, Query};
use crate::problem::Problem;
use crate::routes::AppState;

/// A pool, as a pipeline defines it.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct DefinedPoolReply {
    /// Names the pool.
    #[schema(example = "customer_pool")]
    key: String,
    /// The pipeline whose definition it stands in.
    #[schema(example = "sales")]
    pipeline: String,
    /// The version of that pipeline.
    #[schema(example = 1)]
    pipeline_version: u32,
    /// The pool with its rules, as `pools` of a pipeline's definition has it.
    #[schema(value_type = Object)]
    pool: Pool,
}

/// List the rules of pools
///
/// Pools are part of pipelines: publish a version of the pipeline to change one. `GET /v1/pools` counts their customers.
#[utoipa::path(
    get, path = "/v1/admin/pools", tag = "admin",
    params(Page, ConsistencyParams),
    responses((status = 200, description = "Every pool of every pipeline, with its rules.", body = List<DefinedPoolReply>))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(page, consistency, ..): Query<Page, ConsistencyParams>,
) -> Result<Json<List<DefinedPoolReply>>, Problem> {
    consistency.defined(&state, &caller).await?;
    let pipelines = state.app.pipelines.latest(caller.tenant).await?;
    let of = |pipeline: &Pipeline, pool: &Pool| DefinedPoolReply {
        key: pool.key.clone(),
        pipeline: pipeline.key.clone(),
        pipeline_version: pipeline.version,
        pool: pool.clone(),
    };
    let pools = pipelines.values().flat_map(|pipeline| pipeline.pools.iter().map(|pool| of(pipeline, pool)));
    let place = |reply: &DefinedPoolReply| format!("{}.{}", reply.key, reply.pipeline);
    Ok(Json(List::paged(pools.collect(), &page, place)?))
}
