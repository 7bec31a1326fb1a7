//! Deputies: who stands in for whom while somebody is away.

mod arrange;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(arrange::appoint, arrange::list)).routes(routes!(arrange::dismiss))
}
