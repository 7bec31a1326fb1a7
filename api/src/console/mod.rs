//! The console: pages for people, made on the server.
//!
//! It is a client of the API and nothing else: each page asks the routes that any program asks, in process, with the
//! visitor's key. What a role may not read or do over HTTP, it may not here, and no rule is written twice.
//! The pages need no script and are better with it ([`script`]), and load nothing from another host.

mod address;
mod charts;
mod form;
mod gateway;
mod i18n;
mod layout;
mod multipart;
mod pages;
mod repeats;
mod script;
mod session;
mod vocabulary;

use std::sync::Arc;

use axum::Router;
use axum::http::{HeaderValue, header};
use axum::middleware::{Next, from_fn, from_fn_with_state};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use tower_http::catch_panic::CatchPanicLayer;

use crate::ambient::IdGenerator;
use crate::eventstore::Clock;
use crate::http::measure;
use gateway::Gateway;
use repeats::Repeats;

/// What pages may load: style sheet, scripts and pictures of their own, and nothing else; no script within a page runs.
const POLICY: &str = "default-src 'none'; script-src 'self'; connect-src 'self'; style-src 'self'; \
                      img-src 'self' data:; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

/// What pages work with.
#[derive(Clone)]
struct Console {
    api: Gateway,
    ids: IdGenerator,
    clock: Clock,
    repeats: Arc<Repeats>,
}

impl Console {
    /// A token for a form, by which it is known when it comes twice.
    fn once(&self) -> String {
        (self.ids)().to_string()
    }
}

/// The pages, in front of the API's routes.
pub(crate) fn router(api: Router, ids: IdGenerator, clock: Clock) -> Router {
    let console = Console { api: Gateway::new(api), ids, clock, repeats: Arc::default() };
    Router::new()
        .route("/console", get(pages::home))
        .route("/console/sign-in", get(pages::sign_in::show).post(pages::sign_in::enter))
        .route("/console/sign-out", post(pages::sign_in::leave))
        .route("/console/language/{language}", get(pages::sign_in::speak))
        .route("/console/boards/{pipeline}", get(pages::board::show))
        .route("/console/choices/{pipeline}", get(pages::choices::show))
        .route("/console/figures/{pipeline}", get(pages::figures::show))
        .route("/console/figures/{pipeline}/changes/customers", get(pages::figures::changes::customers))
        .route("/console/figures/{pipeline}/{tab}", get(pages::figures::tab).post(pages::figures::send))
        .route("/console/reports", get(pages::reports::download))
        .route("/console/work", get(pages::work::show))
        .route("/console/tasks/{id}", post(pages::work::complete))
        .route("/console/audit", get(pages::audit::show))
        .route("/console/audit/access", get(pages::access::show))
        .route("/console/audit/erasures", get(pages::erasures::show))
        .route("/console/audit/legal-holds", get(pages::legal_holds::show).post(pages::legal_holds::send))
        .route("/console/audit/proofs/{id}", get(pages::audit::proof))
        .route("/console/approvals/{id}", post(pages::approvals::decide))
        .route("/console/pools", get(pages::pools::show))
        .route("/console/inbox", post(pages::work::mark_read))
        .route("/console/customers", get(pages::customers::show).post(pages::registering::send))
        .route("/console/customers/new", get(pages::registering::show))
        .route("/console/customers/{id}", get(pages::customer::show))
        .route("/console/customers/{id}/move", get(pages::moving::show).post(pages::moving::send))
        .route("/console/customers/{id}/undo", post(pages::moving::undo))
        .route("/console/customers/{id}/{act}", get(pages::customer::again).post(pages::customer::act))
        .route("/console/imports", get(pages::imports::show).post(pages::imports::send))
        .route("/console/imports/{id}/undo", post(pages::imports::undo))
        .route("/console/settings", get(pages::settings::home))
        .route("/console/settings/{section}", get(pages::settings::show))
        .route(
            "/console/settings/pipelines/versions",
            get(pages::settings::publishing::show).post(pages::settings::publishing::send),
        )
        .route("/console/settings/{section}/{act}", get(pages::settings::again).post(pages::settings::act))
        .route("/console/live", get(pages::live::stream))
        .route("/console/script/{name}", get(script::module))
        .route("/console/style.css", get(style))
        .route("/console/{*rest}", get(pages::nowhere))
        .with_state(console.clone())
        .route_layer(from_fn_with_state(console, repeats::once))
        .route_layer(from_fn(enter))
        .layer(CatchPanicLayer::new())
}

async fn style() -> impl IntoResponse {
    let headers = [(header::CONTENT_TYPE, "text/css; charset=utf-8"), (header::CACHE_CONTROL, "max-age=300")];
    (headers, include_str!("style.css"))
}

/// Pages are measured like every request; they are for one person, and in no other site's frame.
async fn enter(request: axum::extract::Request, next: Next) -> Response {
    let mut response = measure::requests(request, async |request| next.run(request).await).await;
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, HeaderValue::from_static(POLICY));
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
    headers.insert(header::REFERRER_POLICY, HeaderValue::from_static("same-origin"));
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests;
