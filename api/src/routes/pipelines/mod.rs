//! Pipelines: the versioned definitions of stages.

mod create;
mod list;
mod map;
mod migrations;
mod read;
mod schema;
mod versions;
mod withdraw;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create::create, list::list))
        .routes(routes!(read::read))
        .routes(routes!(versions::publish, versions::list))
        .routes(routes!(withdraw::withdraw))
        .routes(routes!(migrations::status))
        .routes(routes!(schema::read))
}
