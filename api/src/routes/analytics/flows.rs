//! Flows between stages.

use axum::extract::State;

use crate::auth::Authority;
use crate::http::answer::AsOfResponse;
use crate::http::{AsOfParams, Key, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::dwell::FlowsReport;
use crate::routes::AppState;
use crate::routes::filter::{CustomerFilterParams, TimeWindowParams};

/// Get stage flows
///
/// Transitions between stages, where journeys start and end, which stages are reached after which, and first-passage
/// times.
#[utoipa::path(
    get, path = "/v1/flows/{pipeline}", tag = "analytics",
    params(("pipeline" = String, Path, description = "The pipeline."), TimeWindowParams, CustomerFilterParams, AsOfParams),
    responses(
        (status = 200, description = "The flows.", body = FlowsReport),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn flows(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(key): Key,
    Query(time_window, who, as_of, ..): Query<TimeWindowParams, CustomerFilterParams, AsOfParams>,
) -> Result<AsOfResponse<FlowsReport>, Problem> {
    let pipeline = state.app.pipelines.find(caller.tenant, &key, None).await?;
    // Who counts is told by the customers' own read model.
    as_of.wait(&state, &caller, "board").await?;
    let at = as_of.at(&state, &caller, "dwell").await?;
    let (window, filter) = (time_window.window()?, who.filter(&state, &caller, &at).await?);
    let versions = state.app.pipelines.versions(caller.tenant, &key).await?;
    let projections = &state.app.projections;
    let report =
        projections.dwell(caller.tenant).await?.flows(&pipeline, &versions, &at, &window, &filter).await?;
    Ok(AsOfResponse { position: report.position, body: report })
}
