//! Listing pipelines.

use std::collections::HashMap;

use axum::Json;
use axum::extract::State;
use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;

use crate::auth::Authority;
use crate::domain::Pipeline;
use crate::domain::pipeline::PipelineKind;
use crate::domain::pipeline::version::Publication;
use crate::http::answer::List;
use crate::http::language::RequestedLanguage;
use crate::http::{ConsistencyParams, Page, Query};
use crate::problem::Problem;
use crate::routes::AppState;

/// A pipeline in short.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct PipelineSummary {
    /// The pipeline's key.
    #[schema(example = "landian-6")]
    key: String,
    /// The latest version.
    #[schema(example = 1)]
    version: u32,
    /// `sales` or `lead`.
    #[schema(value_type = String, example = "sales")]
    kind: PipelineKind,
    /// The name, in the requested language.
    name: String,
    /// The ids of its stages, in order.
    stages: Vec<String>,
    /// The versions that a team tries or has tried, oldest first.
    pilots: Vec<PilotSummary>,
}

/// A version that one team tries for a period.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct PilotSummary {
    /// Names the pilot: the pipeline and the version, as `GET /v1/pilots/{id}` takes it.
    #[schema(example = "landian-6@2")]
    id: String,
    /// The version.
    version: u32,
    /// The team.
    team: String,
    /// From when it is tried.
    from: DateTime<Utc>,
    /// Until when, exclusive; null for without end.
    until: Option<DateTime<Utc>>,
}

impl PilotSummary {
    /// The pilot that a published version is; none of versions for everybody.
    fn of(publication: &Publication) -> Option<Self> {
        let team = publication.team.as_ref()?;
        let pipeline = &publication.pipeline;
        Some(Self {
            id: format!("{}@{}", pipeline.key, pipeline.version),
            version: pipeline.version,
            team: team.id.clone(),
            from: publication.in_force_from,
            until: team.until,
        })
    }
}

/// List pipelines
#[utoipa::path(
    get, path = "/v1/pipelines", tag = "pipelines",
    params(Page, ConsistencyParams),
    responses((status = 200, description = "Every pipeline in its latest version.", body = List<PipelineSummary>))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Authority(caller): Authority,
    RequestedLanguage(language): RequestedLanguage,
    Query(page, consistency, ..): Query<Page, ConsistencyParams>,
) -> Result<Json<List<PipelineSummary>>, Problem> {
    consistency.defined(&state, &caller).await?;
    let latest = state.app.pipelines.latest(caller.tenant).await?;
    let mut pilots = HashMap::new();
    for key in latest.keys() {
        let versions = state.app.pipelines.versions(caller.tenant, key).await?;
        pilots.insert(key.clone(), versions.all().iter().filter_map(PilotSummary::of).collect::<Vec<_>>());
    }
    let mut summary = |pipeline: &Pipeline| PipelineSummary {
        pilots: pilots.remove(&pipeline.key).unwrap_or_default(),
        key: pipeline.key.clone(),
        version: pipeline.version,
        kind: pipeline.kind,
        name: pipeline.name.text(language).to_owned(),
        stages: pipeline.stages.iter().map(|stage| stage.id.clone()).collect(),
    };
    Ok(Json(List::paged(latest.values().map(|pipeline| summary(pipeline)).collect(), &page, |one| {
        one.key.clone()
    })?))
}
