//! Chat robots, which post reminders to group chats.

mod create;
mod list;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::webhooks::{deliveries, replay};

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(create::create, list::list))
        .routes(routes!(list::remove))
        .routes(routes!(deliveries::of_robot))
        .routes(routes!(replay::of_robot))
}
