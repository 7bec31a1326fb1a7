//! From where to where customers go.

use axum::extract::State;

use crate::auth::Authority;
use crate::http::answer::Reading;
use crate::http::{Key, Moment, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::dwell::FlowsReport;
use crate::routes::Site;
use crate::routes::filter::{Between, Who};

/// Read the flows
///
/// Moves between stages, where journeys begin and end, what was ever reached after what, first passages.
#[utoipa::path(
    get, path = "/v1/flows/{pipeline}", tag = "analytics",
    params(("pipeline" = String, Path, description = "The pipeline."), Between, Who, Moment),
    responses(
        (status = 200, description = "The flows.", body = FlowsReport),
        (status = 404, description = "There is no such pipeline.", body = ProblemDocument),
    )
)]
pub(super) async fn flows(
    State(site): State<Site>,
    Authority(caller): Authority,
    Key(key): Key,
    Query(between, who, moment, ..): Query<Between, Who, Moment>,
) -> Result<Reading<FlowsReport>, Problem> {
    let pipeline = site.app.pipelines.find(caller.tenant, &key, None).await?;
    // Who counts is told by the customers' own read model.
    moment.wait(&site, &caller, "board").await?;
    let at = moment.at(&site, &caller, "dwell").await?;
    let (window, filter) = (between.window()?, who.filter(&site, &caller, &at).await?);
    let versions = site.app.pipelines.versions(caller.tenant, &key).await?;
    let projections = &site.app.projections;
    let report = projections.flows(caller.tenant, &pipeline, &versions, &at, &window, &filter).await?;
    Ok(Reading { position: report.position, body: report })
}
