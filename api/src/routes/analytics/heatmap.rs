//! Activity by weekday and hour.

use std::sync::Arc;

use axum::extract::State;
use chrono_tz::Tz;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::Caller;
use crate::auth::Authority;
use crate::domain::Pipeline;
use crate::http::answer::AsOfResponse;
use crate::http::{AsOfParams, Query, zone};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::dwell::{HeatmapQuery, HeatmapReport};
use crate::routes::AppState;
use crate::routes::filter::{CustomerFilterParams, TimeWindowParams};

/// Of which pipeline, on which clocks.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HeatmapParams {
    /// The pipeline; required if the tenant has several.
    pipeline: Option<String>,
    /// The IANA time zone of weekdays and hours; that of the pipeline's default pool when absent.
    #[param(example = "Asia/Shanghai")]
    zone: Option<String>,
}

/// Get the activity heat map
///
/// Recorded transitions by weekday (Monday first) and hour.
#[utoipa::path(
    get, path = "/v1/heatmap", tag = "analytics",
    params(HeatmapParams, TimeWindowParams, CustomerFilterParams, AsOfParams),
    responses(
        (status = 200, description = "Seven rows of 24 counts.", body = HeatmapReport),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn heatmap(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(which, time_window, who, as_of): Query<
        HeatmapParams,
        TimeWindowParams,
        CustomerFilterParams,
        AsOfParams,
    >,
) -> Result<AsOfResponse<HeatmapReport>, Problem> {
    let named = which.zone.as_deref().map(|name| zone("zone", name)).transpose()?;
    let pipeline = pipeline(&state, &caller, which.pipeline).await?;
    let zone = named.unwrap_or_else(|| pipeline.default_pool().map_or(Tz::UTC, |pool| pool.timezone));
    // Who counts is told by the customers' own read model.
    as_of.wait(&state, &caller, "board").await?;
    let at = as_of.at(&state, &caller, "dwell").await?;
    let (window, filter) = (time_window.window()?, who.filter(&state, &caller, &at).await?);
    let query = HeatmapQuery { at, window, filter, zone, zones: state.app.zones.clone() };
    let report = state.app.projections.dwell(caller.tenant).await?.heatmap(&pipeline.key, &query).await?;
    Ok(AsOfResponse { position: report.position, body: report })
}

/// The pipeline that was named, or the only one there is.
async fn pipeline(
    state: &AppState,
    caller: &Caller,
    named: Option<String>,
) -> Result<Arc<Pipeline>, Problem> {
    if let Some(key) = named {
        return Ok(state.app.pipelines.find(caller.tenant, &key, None).await?);
    }
    let latest = state.app.pipelines.latest(caller.tenant).await?;
    let mut all = latest.values();
    match (all.next(), all.next()) {
        (Some(only), None) => Ok(Arc::clone(only)),
        _ => Err(Problem::missing_parameter("pipeline")),
    }
}
