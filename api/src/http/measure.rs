//! Metrics: one recorder per process, and the measurements of each request.

use std::sync::OnceLock;
use std::time::{Duration, Instant};

use axum::extract::{MatchedPath, Request};
use axum::http::Method;
use axum::response::Response;
use metrics_exporter_prometheus::{PrometheusBuilder, PrometheusHandle};
use tokio_util::sync::CancellationToken;

const FOLD_EVERY: Duration = Duration::from_secs(5);

static RECORDER: OnceLock<Option<PrometheusHandle>> = OnceLock::new();

/// Begins to record. Called early, so that nothing measured before the first request is lost; calling it again
/// changes nothing.
pub fn start() {
    recorder();
}

/// Everything recorded, in the text format of Prometheus.
#[must_use]
pub fn render() -> String {
    recorder().map(PrometheusHandle::render).unwrap_or_default()
}

/// None where another recorder was installed before, as a program that embeds the service may have done.
fn recorder() -> Option<&'static PrometheusHandle> {
    let install = || {
        let installed = PrometheusBuilder::new().install_recorder();
        installed.inspect_err(|error| tracing::warn!(%error, "metrics go elsewhere")).ok()
    };
    RECORDER.get_or_init(install).as_ref()
}

/// Folds what was recorded into its summaries now and then, until the token is cancelled: between two folds every
/// duration stands by itself, so without it they would heap up where nobody asks for the metrics.
pub async fn fold(stop: CancellationToken) {
    let mut ticks = tokio::time::interval(FOLD_EVERY);
    while stop.run_until_cancelled(ticks.tick()).await.is_some() {
        if let Some(recorder) = recorder() {
            recorder.run_upkeep();
        }
    }
}

/// Counts the requests of each route by status, and the time until their answer begins.
pub async fn requests(request: Request, next: impl AsyncFnOnce(Request) -> Response) -> Response {
    let began = Instant::now();
    let method = known_method(request.method());
    let route = request.extensions().get::<MatchedPath>().cloned();
    let response = next(request).await;
    if let Some(route) = route {
        let labels = [
            ("method", method.to_owned()),
            ("route", route.as_str().to_owned()),
            ("status", response.status().as_str().to_owned()),
        ];
        metrics::counter!("waymark_http_requests_total", &labels).increment(1);
        metrics::histogram!("waymark_http_request_seconds", &labels).record(began.elapsed());
    }
    response
}

/// The method as a label. Anybody can invent one, and each label is kept: those that no route has are one.
fn known_method(method: &Method) -> &'static str {
    match *method {
        Method::GET => "GET",
        Method::HEAD => "HEAD",
        Method::POST => "POST",
        Method::DELETE => "DELETE",
        Method::OPTIONS => "OPTIONS",
        _ => "other",
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn methods_that_somebody_invents_are_one_label() {
        assert_eq!(known_method(&Method::POST), "POST");
        for invented in ["PUT", "M00001", "post"] {
            assert_eq!(
                known_method(&Method::from_bytes(invented.as_bytes()).unwrap()),
                "other",
                "{invented}"
            );
        }
    }
}
