//! The service as one router: routes, and the layers that every request passes.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::middleware::{from_fn, from_fn_with_state};
use axum::response::IntoResponse;
use axum::routing::get;
use tokio_util::sync::CancellationToken;
use utoipa_swagger_ui::{Config, SwaggerUi};

use super::{measure, openapi};
use crate::app::App;
use crate::auth::Gate;
use crate::auth::admit::admit;
use crate::console;
use crate::outbound::Outbound;
use crate::problem::Problem;
use crate::problem::render::problems;
use crate::routes::{self, Parts, Site};

/// The whole service. Streams end when `stop` is cancelled.
///
/// From the outside in, a request passes: problem documents (which catch panics, too), measurement, admission,
/// the handler. The console's pages stand beside, and ask the API like everybody.
pub fn router(app: App, gate: Arc<Gate>, outbound: Arc<Outbound>, stop: CancellationToken) -> Router {
    measure::start();
    let ids = app.ids.clone();
    let admin = Arc::clone(&gate.admin);
    let site = Site::new(Parts { app, admin, outbound, stop, imports: Arc::default() });
    let (router, document) = routes::router().split_for_parts();
    let document: Arc<str> = openapi::complete(document).into();
    let api = router
        .route("/openapi.json", get(move || std::future::ready(described(&document))))
        .with_state(site)
        .merge(docs())
        .route_layer(from_fn_with_state(gate, admit))
        .route_layer(from_fn(measure::requests))
        .fallback(|| async { Problem::no_such_path() })
        .method_not_allowed_fallback(|| async { Problem::method_not_allowed() })
        .layer(from_fn_with_state(ids.clone(), problems));
    console::router(api.clone(), ids).merge(api)
}

fn described(document: &Arc<str>) -> impl IntoResponse + use<> {
    ([(header::CONTENT_TYPE, "application/json")], document.to_string())
}

/// The documentation page, from files that are part of this program. The validator badge of the page would ask
/// another host, so it is off.
fn docs() -> Router {
    let config = Config::from("/openapi.json").validator_url("none").try_it_out_enabled(true);
    SwaggerUi::new("/docs").config(config).into()
}
