//! Deputies, who cover for reps on leave.

mod arrange;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(arrange::appoint, arrange::list)).routes(routes!(arrange::dismiss))
}
