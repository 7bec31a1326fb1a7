//! Listing the read models.

use axum::Json;
use axum::extract::State;

use crate::auth::Authority;
use crate::http::answer::List;
use crate::http::{Page, Query};
use crate::problem::Problem;
use crate::projections::runtime::ProjectionStatus;
use crate::routes::AppState;

/// List read models
///
/// Position, parked events (dead letters) and rebuild status of each.
#[utoipa::path(
    get, path = "/v1/projections", tag = "operations",
    params(Page),
    responses((status = 200, description = "Every read model.", body = List<ProjectionStatus>))
)]
pub(super) async fn list(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(page, ..): Query<Page>,
) -> Result<Json<List<ProjectionStatus>>, Problem> {
    Ok(Json(List::paged(state.app.projections.status(caller.tenant).await?, &page, |one| one.name.clone())?))
}
