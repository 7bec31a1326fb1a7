//! Figures: how long, from where to where, along which paths, when.

mod dwell;
mod flows;
mod heatmap;
mod paths;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Site;

pub(super) fn router() -> OpenApiRouter<Site> {
    OpenApiRouter::new()
        .routes(routes!(dwell::dwell))
        .routes(routes!(flows::flows))
        .routes(routes!(paths::paths))
        .routes(routes!(heatmap::heatmap))
}
