//! What events look like, for programs: JSON Schemas, and the AsyncAPI document of everything that carries events.

mod asyncapi;
mod list;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(list::read))
        .routes(routes!(asyncapi::read))
}
