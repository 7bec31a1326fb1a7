//! Imports of customers and histories from files.

mod columns;
mod params;
mod progress;
mod registry;
mod start;
#[cfg(test)]
mod tests;
mod undo;
mod upload;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;

pub use registry::Imports;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(start::start))
        .routes(routes!(columns::columns))
        .routes(routes!(start::customers))
        .routes(routes!(progress::progress))
        .routes(routes!(undo::undo))
}
