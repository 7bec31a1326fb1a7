//! Approvals of transitions, and of what agents propose.

mod decide;
mod explain;
mod list;
mod propose;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(decide::decide))
        .routes(routes!(propose::propose))
        .routes(routes!(explain::explain))
}
