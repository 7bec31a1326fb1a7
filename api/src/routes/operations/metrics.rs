//! Figures about the service for Prometheus.

use axum::http::header;
use axum::response::IntoResponse;

use crate::http::measure;

/// Get metrics
///
/// In the Prometheus text format: append rate, batch size, commit latency, queue depth, projection lag, and requests by
/// route. They contain no tenant data.
#[utoipa::path(
    get, path = "/metrics", tag = "operations", security(()),
    responses((status = 200, description = "The metrics.", body = String, content_type = "text/plain"))
)]
pub(super) async fn metrics() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], measure::render())
}
