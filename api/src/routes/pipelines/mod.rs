//! Pipelines: the versioned definitions of stages.

mod create;
mod list;
mod read;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Site;

pub(super) fn router() -> OpenApiRouter<Site> {
    OpenApiRouter::new().routes(routes!(create::create, list::list)).routes(routes!(read::read))
}
