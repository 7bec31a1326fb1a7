//! When customers are worked: by weekday and hour.

use std::sync::Arc;

use axum::extract::State;
use chrono_tz::Tz;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::Caller;
use crate::auth::Authority;
use crate::domain::Pipeline;
use crate::http::answer::Reading;
use crate::http::{Moment, Query, zone};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::dwell::{HeatmapQuery, HeatmapReport};
use crate::routes::Site;
use crate::routes::filter::{Between, Who};

/// Of which pipeline, on which clocks.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// The pipeline; needed where the tenant has several.
    pipeline: Option<String>,
    /// The IANA zone whose weekdays and hours are counted: that of the pipeline's default pool unless given.
    #[param(example = "Asia/Shanghai")]
    zone: Option<String>,
}

/// Read the heat map
///
/// Records of moves by weekday (Monday first) and hour.
#[utoipa::path(
    get, path = "/v1/heatmap", tag = "analytics",
    params(Which, Between, Who, Moment),
    responses(
        (status = 200, description = "Seven rows of 24 counts.", body = HeatmapReport),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn heatmap(
    State(site): State<Site>,
    Authority(caller): Authority,
    Query(which, between, who, moment): Query<Which, Between, Who, Moment>,
) -> Result<Reading<HeatmapReport>, Problem> {
    let named = which.zone.as_deref().map(|name| zone("zone", name)).transpose()?;
    let pipeline = pipeline(&site, &caller, which.pipeline).await?;
    let zone = named.unwrap_or_else(|| pipeline.default_pool().map_or(Tz::UTC, |pool| pool.timezone));
    // Who counts is told by the customers' own read model.
    moment.wait(&site, &caller, "board").await?;
    let at = moment.at(&site, &caller, "dwell").await?;
    let (window, filter) = (between.window()?, who.filter(&site, &caller, &at).await?);
    let query = HeatmapQuery { at, window, filter, zone, zones: site.app.zones.clone() };
    let report = site.app.projections.heatmap(caller.tenant, &pipeline.key, &query).await?;
    Ok(Reading { position: report.position, body: report })
}

/// The pipeline that was named, or the only one there is.
async fn pipeline(site: &Site, caller: &Caller, named: Option<String>) -> Result<Arc<Pipeline>, Problem> {
    if let Some(key) = named {
        return Ok(site.app.pipelines.find(caller.tenant, &key, None).await?);
    }
    let latest = site.app.pipelines.latest(caller.tenant).await?;
    let mut all = latest.values();
    match (all.next(), all.next()) {
        (Some(only), None) => Ok(Arc::clone(only)),
        _ => Err(Problem::missing_parameter("pipeline")),
    }
}
