//! Customers: register, update, find, erase.

pub(super) mod body;
pub(super) mod change_details;
pub(super) mod documents;
mod erase;
pub(super) mod evidence;
mod former;
mod legal_holds;
pub(super) mod list;
pub(super) mod merged;
pub(super) mod names;
pub(super) mod purchases;
mod read;
pub(super) mod register;
mod risk;
mod rotate_key;
mod scores;

use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(register::register, list::list))
        .routes(routes!(read::read))
        .routes(routes!(change_details::change_details))
        .routes(routes!(documents::add))
        .routes(routes!(scores::record))
        .routes(routes!(purchases::record))
        .routes(routes!(purchases::void))
        .routes(routes!(purchases::points))
        .routes(routes!(purchases::purchases))
        .routes(routes!(risk::flag))
        .routes(routes!(erase::erase))
        .routes(routes!(rotate_key::rotate))
        .routes(routes!(legal_holds::place))
        .routes(routes!(legal_holds::release))
}
