//! Flows between stages.

use axum::extract::State;
use futures::future::BoxFuture;

use super::groups::ReportOf;
use super::split::{Split, SplitWindowParams, split};
use super::{definition, of_all};
use crate::auth::Authority;
use crate::http::answer::AsOfResponse;
use crate::http::{AsOfParams, Key, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::dwell::FlowsReport;
use crate::projections::reports::groups::Counted;
use crate::routes::AppState;
use crate::routes::filter::CustomerFilterParams;

/// Get stage flows
///
/// Transitions between stages, where journeys start and end, which stages are reached after which, and first-passage
/// times. With a window, of the journeys that began in it.
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
    // Who counts, and in which group, is told by the other read models.
    let at = of_all(&as_of, &state, &caller).await?;
    asked.window()?;
    let filter = who.filter(&state, &caller, &at).await?;
    let definition = definition(&state, &caller, &key, &at).await?;
    let (state, caller, definition) = (&state, &caller, &definition);
    let run = |at, filter, window| -> BoxFuture<'_, Result<FlowsReport, Problem>> {
        Box::pin(async move {
            let mut dwell = state.app.projections.dwell(caller.tenant).await?;
            Ok(dwell.flows(&definition.pipeline, &definition.versions, &at, &window, &filter).await?)
        })
    };
    let of = ReportOf { state, caller, definition, counted: Counted::StaysOfBegun };
    let body = split(of, &asked, (at, filter), &run).await?;
    Ok(AsOfResponse { position: body.report().position, body })
}
