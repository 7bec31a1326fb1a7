//! Leads from websites, events, forms, WeChat or mini-programs.

mod take_in;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(take_in::take_in))
}
