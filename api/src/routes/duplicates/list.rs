//! Possible duplicates of a customer.

use axum::extract::{OriginalUri, State};
use axum::response::{IntoResponse, Response};
use serde::Deserialize;
use utoipa::IntoParams;

use crate::auth::Authority;
use crate::auth::disclosure::reads_people;
use crate::domain::Label;
use crate::http::answer::AsOfResponse;
use crate::http::query::Nothing;
use crate::http::{ConsistencyParams, Id, Query};
use crate::problem::Problem;
use crate::projections::board::SuspectsReport;
use crate::routes::AppState;
use crate::routes::customers::merged::gone_on;

/// How many suspects are shown unless the request says otherwise, and at most.
const USUAL: usize = 20;
const MOST: usize = 100;

/// How many.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ListDuplicatesParams {
    /// The maximum number: 20 by default, 100 at most.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<usize>,
}

/// List possible duplicates of a customer
///
/// Names are compared without legal form, place, brackets and character width, in Chinese and English; the e-mail
/// domain of a company counts, too. Most likely first, with reasons. Nothing is changed: merge confirmed duplicates
/// yourself.
#[utoipa::path(
    get, path = "/v1/customers/{id}/duplicates", tag = "customers",
    params(("id" = Uuid, Path, description = "The customer."), ListDuplicatesParams, ConsistencyParams),
    responses(
        (status = 200, description = "Possible duplicates.", body = SuspectsReport),
        (status = 308, description = "The customer was merged: `Location` names the survivor's duplicates."),
    )
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    OriginalUri(uri): OriginalUri,
    Query(how_many, consistency, ..): Query<ListDuplicatesParams, ConsistencyParams, Nothing>,
) -> Result<Response, Problem> {
    let limit = how_many.limit.unwrap_or(USUAL);
    if !(1..=MOST).contains(&limit) {
        let message =
            Label::new(format!("应在 1 至 {MOST} 之间。"), format!("Must be between 1 and {MOST}."));
        return Err(Problem::invalid_value("limit", message));
    }
    if state.app.customer_state(&caller, customer).await?.merged_into.is_some() {
        return gone_on(&state, &caller, customer, "/duplicates", &uri).await;
    }
    consistency.wait(&state, &caller, "board").await?;
    let visibility = state.app.visibility(&caller).await?;
    let mut report =
        state.app.projections.board(caller.tenant).await?.suspects(customer, limit, &visibility).await?;
    if !reads_people(&caller.actor) {
        report.items.iter_mut().for_each(|item| item.name = None);
    }
    Ok(AsOfResponse { position: report.position, body: report }.into_response())
}
