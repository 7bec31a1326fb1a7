//! Stages: transitions, corrections, overrides, reactivations.

mod allowed;
pub(super) mod correct;
pub(super) mod force;
mod migrate;
pub(super) mod reactivate;
#[cfg(test)]
mod tests;
pub(super) mod transition;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(allowed::allowed))
        .routes(routes!(transition::transition))
        .routes(routes!(force::force))
        .routes(routes!(correct::correct))
        .routes(routes!(reactivate::reactivate))
        .routes(routes!(migrate::migrate))
}
