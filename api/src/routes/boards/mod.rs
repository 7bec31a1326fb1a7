//! Boards: who stands where.

mod read;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Site;

pub(super) fn router() -> OpenApiRouter<Site> {
    OpenApiRouter::new().routes(routes!(read::read))
}
