//! Figures about the service for Prometheus.

use axum::http::header;
use axum::response::IntoResponse;

use crate::http::measure;

/// Read the metrics
///
/// In the text format of Prometheus: append rate, batch size, commit latency, queue depth, lag of projectors,
/// and requests by route. They tell nothing of any tenant.
#[utoipa::path(
    get, path = "/metrics", tag = "operations", security(()),
    responses((status = 200, description = "The metrics.", body = String, content_type = "text/plain"))
)]
pub(super) async fn metrics() -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], measure::render())
}
