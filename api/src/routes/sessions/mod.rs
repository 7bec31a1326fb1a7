//! Sessions: how people sign in and out.

mod close;
mod open;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(open::open)).routes(routes!(close::close))
}
