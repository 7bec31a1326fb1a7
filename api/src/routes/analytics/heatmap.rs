//! When customers are worked: by weekday and hour.

use axum::extract::State;
use chrono_tz::Tz;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::app::Caller;
use crate::auth::Authority;
use crate::http::answer::Reading;
use crate::http::{Moment, Query, zone};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::{HeatmapQuery, HeatmapReport};
use crate::routes::Site;
use crate::routes::filter::{Between, Who};

/// Of which pipeline, on which clocks.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Which {
    /// The pipeline; needed where the tenant has several.
    pipeline: Option<String>,
    /// The IANA zone whose weekdays and hours are counted: UTC unless given.
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
    let zone = which.zone.as_deref().map_or(Ok(Tz::UTC), |name| zone("zone", name))?;
    let pipeline = pipeline(&site, &caller, which.pipeline).await?;
    // Who counts is told by the customers' own read model.
    moment.wait(&site, &caller, "board").await?;
    let at = moment.at(&site, &caller, "dwell").await?;
    let (window, filter) = (between.into(), who.filter(&site, &caller, &at).await?);
    let query = HeatmapQuery { at, window, filter, zone };
    let report = site.app.projections.heatmap(caller.tenant, &pipeline, &query).await?;
    Ok(Reading { position: report.position, body: report })
}

/// The pipeline that was named, or the only one there is.
async fn pipeline(site: &Site, caller: &Caller, named: Option<String>) -> Result<String, Problem> {
    if let Some(key) = named {
        return Ok(site.app.pipelines.find(caller.tenant, &key, None).await?.key.clone());
    }
    let latest = site.app.pipelines.latest(caller.tenant).await?;
    let mut keys = latest.keys();
    match (keys.next(), keys.next()) {
        (Some(only), None) => Ok(only.clone()),
        _ => Err(Problem::missing_parameter("pipeline")),
    }
}
