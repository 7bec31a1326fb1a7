//! Flows between stages.

use axum::extract::State;
use futures::future::BoxFuture;

use super::of_all;
use super::split::{Split, SplitWindowParams, split};
use crate::auth::Authority;
use crate::http::answer::AsOfResponse;
use crate::http::{AsOfParams, Key, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::dwell::FlowsReport;
use crate::routes::AppState;
use crate::routes::filter::CustomerFilterParams;

/// Get stage flows
///
/// Transitions between stages, where journeys start and end, which stages are reached after which, and first-passage
/// times.
#[utoipa::path(
    get, path = "/v1/flows/{pipeline}", tag = "analytics",
    params(("pipeline" = String, Path, description = "The pipeline."), SplitWindowParams, CustomerFilterParams, AsOfParams),
    responses(
        (status = 200, description = "The flows.", body = Split<FlowsReport>),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn flows(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Key(key): Key,
    Query(asked, who, as_of, ..): Query<SplitWindowParams, CustomerFilterParams, AsOfParams>,
) -> Result<AsOfResponse<Split<FlowsReport>>, Problem> {
    let pipeline = state.app.pipelines.find(caller.tenant, &key, None).await?;
    // Who counts, and in which group, is told by the other read models.
    let at = of_all(&as_of, &state, &caller).await?;
    asked.window()?;
    let filter = who.filter(&state, &caller, &at).await?;
    let versions = state.app.pipelines.versions(caller.tenant, &key).await?;
    let (state, pipeline, versions) = (&state, &pipeline, &versions);
    let run = |at, filter, window| -> BoxFuture<'_, Result<FlowsReport, Problem>> {
        Box::pin(async move {
            let mut dwell = state.app.projections.dwell(caller.tenant).await?;
            Ok(dwell.flows(pipeline, versions, &at, &window, &filter).await?)
        })
    };
    let body = split((state, &caller, &key), &asked, (at, filter), &run).await?;
    Ok(AsOfResponse { position: body.report().position, body })
}
