//! Where the description is served: as a document, and as a page made from it.

use std::sync::Arc;

use axum::Router;
use axum::http::header;
use axum::response::IntoResponse;
use utoipa_swagger_ui::{Config, SwaggerUi};

/// Get the OpenAPI document
///
/// OpenAPI 3.1: every operation of the service.
#[utoipa::path(
    get, path = "/openapi.json", tag = "operations", security(()),
    responses((status = 200, description = "The document.", body = Object))
)]
pub(in crate::http) fn described(document: &Arc<str>) -> impl IntoResponse + use<> {
    ([(header::CONTENT_TYPE, "application/json")], document.to_string())
}

/// Read the documentation
///
/// A page for people, made from the OpenAPI document.
// Its files are part of this program. The validator badge of the page would ask another host, so it is off.
#[utoipa::path(
    get, path = "/docs", tag = "operations", security(()),
    responses(
        (status = 200, description = "The page, which is at `/docs/`.", body = String, content_type = "text/html"),
        (status = 303, description = "`Location` is the page."),
    )
)]
pub(in crate::http) fn docs() -> Router {
    let config = Config::from("/openapi.json").validator_url("none").try_it_out_enabled(true);
    SwaggerUi::new("/docs").config(config).into()
}
