//! The pipelines that come with the product.

mod list;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::Site;

pub(super) fn router() -> OpenApiRouter<Site> {
    OpenApiRouter::new().routes(routes!(list::list))
}
