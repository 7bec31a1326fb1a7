//! A customer's timeline.

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Authority;
use crate::auth::sight::reads_people;
use crate::http::answer::Reading;
use crate::http::{Id, Moment, Page, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::{TimelineQuery, TimelineReport, TimelineView};
use crate::routes::Site;

/// Which story.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct Story {
    /// `effective`: what happened, as far as is known. `recorded`: what was recorded, in the order of recording.
    /// `both`: everything, with what superseded what.
    #[serde(default)]
    #[param(inline)]
    view: TimelineView,
}

/// Read a customer's timeline
///
/// Newest last. A record that a correction replaced carries `superseded_by`.
#[utoipa::path(
    get, path = "/v1/customers/{id}/timeline", tag = "history",
    params(("id" = Uuid, Path, description = "The customer."), Story, Moment, Page),
    responses(
        (status = 200, description = "A page of the timeline.", body = TimelineReport),
        (status = 404, description = "There is no such customer.", body = ProblemDocument),
    )
)]
pub(super) async fn timeline(
    State(site): State<Site>,
    Authority(caller): Authority,
    Id(customer): Id,
    Query(Story { view }, moment, page, _): Query<Story, Moment, Page>,
) -> Result<Reading<TimelineReport>, Problem> {
    let limit = page.limit()? as usize;
    site.app.customer_state(&caller, customer).await?;
    let at = moment.at(&site, &caller, "timeline").await?;
    let cursor = page.cursor().map(str::to_owned);
    let personal = reads_people(&caller.actor);
    let query = TimelineQuery { customer, at, view, cursor, limit, personal };
    let report = site.app.projections.timeline(caller.tenant, &query).await?;
    Ok(Reading { position: report.position, body: report })
}
