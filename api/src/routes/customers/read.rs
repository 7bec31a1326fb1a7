//! Reading one customer.

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};

use super::merged::gone_on;
use super::names::Names;
use crate::auth::Authority;
use crate::auth::sight::{owner_of, shown};
use crate::domain::Owner;
use crate::domain::people::{Disclosure, Sight};
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
/// As it is now. Its past is in its timeline and its stays. A merged customer is found where it goes on. Where a pool
/// limits it, a rep who reads one of its customers uses up one of the views of the pool's local date, the first time on
/// that date; lists do not count.
#[utoipa::path(
    get, path = "/v1/customers/{id}", tag = "customers",
    params(("id" = Uuid, Path, description = "The customer."), Freshness),
    responses(
        (status = 200, description = "The customer.", body = CustomerReport, headers(("ETag", description = "The version: what `If-Match` takes."))),
        (status = 308, description = "The customer was merged: `Location` names the one that goes on."),
        (status = 404, description = "There is no such customer.", body = ProblemDocument),
        (status = 409, description = "`view-quota-exhausted` with `available_at`.", body = ProblemDocument),
        (status = 503, description = "The read model is behind `min_position`.", body = ProblemDocument),
    )
)]
pub(super) async fn read(
    State(site): State<Site>,
    Authority(caller): Authority,
    Id(id): Id,
    Wanted(language): Wanted,
    OriginalUri(uri): OriginalUri,
    Query(freshness, ..): Query<Freshness, Nothing>,
) -> Result<Response, Problem> {
    freshness.wait(&site, &caller, "board").await?;
    freshness.wait(&site, &caller, "work").await?;
    let names = Names::new(&site, &caller, language).await?;
    let now = (site.app.clock)();
    let everybody = Sight::Everything;
    let (found, position) = site
        .app
        .projections
        .customer(caller.tenant, id, &everybody, now, &|pipeline, stage| names.stage(pipeline, stage))
        .await?;
    let unknown = || Problem::not_found("customer", &id.to_string());
    let mut customer = found.ok_or_else(unknown)?;
    if customer.merged_into.is_some() {
        return gone_on(&site, &caller, id, "", &uri).await;
    }
    let owner = owner_of(&customer.owner);
    if !site.app.sight(&caller).await?.sees(customer.region.as_deref(), &owner) {
        return Err(unknown());
    }
    if matches!(owner, Owner::Pool(_)) {
        site.app.look_at(&caller, id).await?;
    }
    site.app.viewer(&caller).await?.retain_seen(&mut customer.distinct_from).await?;
    let version = customer.version;
    let body = Reading { position, body: shown(customer, Disclosure::to(&caller.actor, &owner)) };
    Ok(Versioned { version, body }.into_response())
}
