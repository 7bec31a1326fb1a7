//! Reading one customer.

use axum::extract::State;

use super::names::Names;
use crate::auth::Authority;
use crate::auth::sight::shown_to;
use crate::http::answer::{Reading, Versioned};
use crate::http::language::Wanted;
use crate::http::query::Nothing;
use crate::http::{Freshness, Id, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::CustomerReport;
use crate::routes::Site;

/// Read a customer
///
/// As it is now. Its past is in its timeline and its stays.
#[utoipa::path(
    get, path = "/v1/customers/{id}", tag = "customers",
    params(("id" = Uuid, Path, description = "The customer."), Freshness),
    responses(
        (status = 200, description = "The customer.", body = CustomerReport),
        (status = 404, description = "There is no such customer.", body = ProblemDocument),
        (status = 503, description = "The read model is behind `min_position`.", body = ProblemDocument),
    )
)]
pub(super) async fn read(
    State(site): State<Site>,
    Authority(caller): Authority,
    Id(id): Id,
    Wanted(language): Wanted,
    Query(freshness, ..): Query<Freshness, Nothing>,
) -> Result<Versioned<Reading<CustomerReport>>, Problem> {
    freshness.wait(&site, &caller, "board").await?;
    let names = Names::new(&site, &caller, language).await?;
    let now = (site.app.clock)();
    let (found, position) = site
        .app
        .projections
        .customer(caller.tenant, id, now, &|pipeline, stage| names.stage(pipeline, stage))
        .await?;
    let customer = found.ok_or_else(|| Problem::not_found("customer", &id.to_string()))?;
    let version = customer.version;
    Ok(Versioned { version, body: Reading { position, body: shown_to(&caller.actor, customer) } })
}
