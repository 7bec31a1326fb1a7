//! Ownership: whose a customer is. It never changes a stage.

pub(super) mod change_owner;
pub(super) mod claim;
mod pools;
pub(super) mod release;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(claim::claim))
        .routes(routes!(release::release))
        .routes(routes!(change_owner::change_owner))
        .routes(routes!(pools::list))
        .routes(routes!(pools::customers))
}
