//! History: what happened to a customer, when it happened, and when we learned it.

mod stays;
mod timeline;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(timeline::timeline)).routes(routes!(stays::stays))
}
