//! The stays of a customer.

use axum::extract::State;

use crate::auth::Authority;
use crate::http::answer::Reading;
use crate::http::{Id, Moment, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::dwell::StaysReport;
use crate::routes::Site;

/// Read a customer's stays
///
/// Journey by journey, each in order: which stage, from when until when.
#[utoipa::path(
    get, path = "/v1/customers/{id}/stays", tag = "history",
    params(("id" = Uuid, Path, description = "The customer."), Moment),
    responses(
        (status = 200, description = "The stays.", body = StaysReport),
        (status = 404, description = "There is no such customer.", body = ProblemDocument),
    )
)]
pub(super) async fn stays(
    State(site): State<Site>,
    Authority(caller): Authority,
    Id(customer): Id,
    Query(moment, ..): Query<Moment>,
) -> Result<Reading<StaysReport>, Problem> {
    site.app.customer_state(&caller, customer).await?;
    let at = moment.at(&site, &caller, "dwell").await?;
    let report = site.app.projections.stays(caller.tenant, customer, &at).await?;
    Ok(Reading { position: report.position, body: report })
}
