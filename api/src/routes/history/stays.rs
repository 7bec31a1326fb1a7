//! The stays of a customer.

use axum::extract::State;

use crate::auth::Authority;
use crate::http::answer::AsOfResponse;
use crate::http::{AsOfParams, Id, Query};
use crate::problem::Problem;
use crate::projections::dwell::StaysReport;
use crate::routes::AppState;

/// List a customer's stays
///
/// Journey by journey, in order: the stage, and from when until when.
#[utoipa::path(
    get, path = "/v1/customers/{id}/stays", tag = "history",
    params(("id" = Uuid, Path, description = "The customer."), AsOfParams),
    responses((status = 200, description = "The stays.", body = StaysReport))
)]
pub(super) async fn stays(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    Query(as_of, ..): Query<AsOfParams>,
) -> Result<AsOfResponse<StaysReport>, Problem> {
    state.app.customer_state(&caller, customer).await?;
    let at = as_of.at(&state, &caller, "dwell").await?;
    let report = state.app.projections.dwell(caller.tenant).await?.stays(customer, &at).await?;
    Ok(AsOfResponse { position: report.position, body: report })
}
