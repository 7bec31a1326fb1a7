//! Who may be the same customer.

use axum::extract::State;
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Authority;
use crate::auth::disclosure::reads_people;
use crate::domain::Label;
use crate::http::answer::Reading;
use crate::http::query::Nothing;
use crate::http::{Freshness, Id, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::board::SuspectsReport;
use crate::routes::Site;

/// How many suspects are shown unless the request says otherwise, and at most.
const USUAL: usize = 20;
const MOST: usize = 100;

/// How many.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct HowMany {
    /// How many at most: 20 unless given, 100 at most.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
}

/// List who may be the same customer
///
/// Names are compared without legal form, place, brackets and width, in Chinese and English; a company's e-mail domain
/// counts too. The surest first, with the reasons. Nothing is done about them: merge those that are one.
#[utoipa::path(
    get, path = "/v1/customers/{id}/duplicates", tag = "customers",
    params(("id" = Uuid, Path, description = "The customer."), HowMany, Freshness),
    responses(
        (status = 200, description = "Who may be the same.", body = SuspectsReport),
        (status = 404, description = "There is no such customer.", body = ProblemDocument),
    )
)]
pub(super) async fn list(
    State(site): State<Site>,
    Authority(caller): Authority,
    Id(customer): Id,
    Query(how_many, freshness, ..): Query<HowMany, Freshness, Nothing>,
) -> Result<Reading<SuspectsReport>, Problem> {
    let limit = how_many.limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        let message = Label::new(format!("应为 1 至 {MOST}。"), format!("It must be 1 to {MOST}."));
        return Err(Problem::invalid_value("limit", message));
    }
    site.app.customer_state(&caller, customer).await?;
    freshness.wait(&site, &caller, "board").await?;
    let visibility = site.app.visibility(&caller).await?;
    let mut report = site.app.projections.suspects(caller.tenant, customer, limit, &visibility).await?;
    if !reads_people(&caller.actor) {
        report.items.iter_mut().for_each(|item| item.name = None);
    }
    Ok(Reading { position: report.position, body: report })
}
