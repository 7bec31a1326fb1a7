//! Listing pipelines.

use axum::Json;
use axum::extract::State;
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Authority;
use crate::domain::Pipeline;
use crate::domain::pipeline::PipelineKind;
use crate::http::Query;
use crate::http::answer::List;
use crate::http::language::Wanted;
use crate::http::query::Nothing;
use crate::problem::Problem;
use crate::routes::Site;

/// A pipeline in short.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct PipelineSummary {
    /// Names the pipeline.
    #[schema(example = "landian-6")]
    key: String,
    /// The latest version.
    #[schema(example = 1)]
    version: u32,
    /// `sales` or `lead`.
    #[schema(value_type = String, example = "sales")]
    kind: PipelineKind,
    /// What it is called, in the language asked for.
    name: String,
    /// The ids of its stages, in order.
    stages: Vec<String>,
}

/// List the pipelines
#[utoipa::path(
    get, path = "/v1/pipelines", tag = "pipelines",
    responses((status = 200, description = "Every pipeline at its latest version.", body = List<PipelineSummary>))
)]
pub(super) async fn list(
    State(site): State<Site>,
    Authority(caller): Authority,
    Wanted(language): Wanted,
    _: Query<Nothing>,
) -> Result<Json<List<PipelineSummary>>, Problem> {
    let latest = site.app.pipelines.latest(caller.tenant).await?;
    let summary = |pipeline: &Pipeline| PipelineSummary {
        key: pipeline.key.clone(),
        version: pipeline.version,
        kind: pipeline.kind,
        name: pipeline.name.text(language).to_owned(),
        stages: pipeline.stages.iter().map(|stage| stage.id.clone()).collect(),
    };
    Ok(Json(List::whole(latest.values().map(|pipeline| summary(pipeline)).collect())))
}
