//! What people and programs record about a customer: notes, conversations, observations.

pub(super) mod follow_up;
pub(super) mod note;
pub(super) mod signal;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(note::note))
        .routes(routes!(follow_up::follow_up))
        .routes(routes!(signal::signal))
}
