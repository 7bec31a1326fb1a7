//! Duplicates: detect, merge, unmerge, mark as different.

pub(super) mod distinguish;
mod list;
pub(super) mod merge;
mod queue;
mod reconsider;
#[cfg(test)]
mod tests;
pub(super) mod unmerge;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list::list))
        .routes(routes!(queue::queue))
        .routes(routes!(merge::merge))
        .routes(routes!(unmerge::unmerge))
        .routes(routes!(distinguish::distinguish))
        .routes(routes!(reconsider::reconsider))
}
