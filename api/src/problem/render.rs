//! The one way out: every answer passes here, and every error leaves as a problem document.

use std::any::Any;
use std::panic::AssertUnwindSafe;

use axum::Json;
use axum::extract::Request;
use axum::http::header::{self, HeaderName, HeaderValue};
use axum::http::{Method, StatusCode};
use axum::response::{IntoResponse, Response};
use futures::FutureExt;
use tracing::Instrument;

use super::Problem;
use crate::ambient::IdGenerator;
use crate::domain::Language;
use crate::http::language::negotiate;
use crate::http::trace::TraceId;

const TRACE_ID: HeaderName = HeaderName::from_static("trace-id");

/// Gives the request its trace id and language, catches panics, and writes problem documents.
pub async fn problems(
    ids: &IdGenerator,
    mut request: Request,
    next: impl AsyncFnOnce(Request) -> Response,
) -> Response {
    let trace_id = TraceId::of(request.headers(), ids);
    let language = negotiate(request.headers());
    let method = request.method().clone();
    let path = request.uri().path().to_owned();
    request.extensions_mut().insert(trace_id.clone());
    request.extensions_mut().insert(Reader { language, trace_id: trace_id.clone() });

    let span = tracing::debug_span!("request", %trace_id, %method, path);
    let answer = AssertUnwindSafe(next(request)).catch_unwind().instrument(span).await;
    let response =
        answer.unwrap_or_else(|panic| Problem::internal(panic_text(panic.as_ref())).into_response());

    let mut response = match problem_of(&response) {
        Some(problem) => {
            log(&problem, &trace_id, &method, &path);
            written(&problem, response, language, &path, &trace_id)
        }
        None => response,
    };
    if let Ok(value) = HeaderValue::try_from(trace_id.to_string()) {
        response.headers_mut().insert(TRACE_ID, value);
    }
    response
}

/// For whom a problem must be written where it is not the whole answer: a line of a bulk reply.
#[derive(Debug, Clone)]
pub struct Reader {
    /// The language asked for.
    pub language: Language,
    /// The request's trace id.
    pub trace_id: TraceId,
}

/// On an answer that says what is wrong in the words of another protocol.
#[derive(Debug, Clone, Copy)]
pub struct InOwnWords;

/// The problem in an answer: our own, or the one that stands for an error the framework made.
fn problem_of(response: &Response) -> Option<Problem> {
    if response.extensions().get::<InOwnWords>().is_some() {
        return None;
    }
    if let Some(problem) = response.extensions().get::<Problem>() {
        return Some(problem.clone());
    }
    match response.status() {
        status if !status.is_client_error() && !status.is_server_error() => None,
        StatusCode::NOT_FOUND => Some(Problem::no_such_path()),
        StatusCode::METHOD_NOT_ALLOWED => Some(Problem::method_not_allowed()),
        status if status.is_client_error() => Some(Problem::refused_by_the_framework(status)),
        status => Some(Problem::internal(format!("a handler answered {status} without saying why"))),
    }
}

/// The document in place of the body, keeping headers such as `Allow` and `Retry-After`.
fn written(
    problem: &Problem,
    response: Response,
    language: Language,
    path: &str,
    trace_id: &TraceId,
) -> Response {
    let document = problem.document(language, path, &trace_id.to_string());
    let mut written = (problem.status(), Json(document)).into_response();
    let (head, _) = response.into_parts();
    for (name, value) in &head.headers {
        if *name != header::CONTENT_LENGTH && *name != header::CONTENT_TYPE {
            written.headers_mut().insert(name.clone(), value.clone());
        }
    }
    let headers = written.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("application/problem+json"));
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(language.as_str()));
    headers.insert(header::VARY, HeaderValue::from_static("accept-language"));
    written
}

/// Our own faults are logged here, once; what clients do wrong is told to them alone.
fn log(problem: &Problem, trace_id: &TraceId, method: &Method, path: &str) {
    if let Some(cause) = &problem.0.cause {
        let (code, status) = (problem.code(), problem.status().as_u16());
        tracing::error!(%trace_id, %method, path, code, status, cause, "request failed");
    }
}

fn panic_text(panic: &(dyn Any + Send)) -> String {
    let text = panic.downcast_ref::<&str>().map(ToString::to_string);
    text.or_else(|| panic.downcast_ref::<String>().cloned())
        .unwrap_or_else(|| "a panic without words".to_owned())
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use axum::Router;
    use axum::body::{Body, to_bytes};
    use axum::http::{Request, StatusCode};
    use axum::routing::get;
    use tower::ServiceExt as _;
    use uuid::Uuid;

    use super::problems;
    use crate::ambient::IdGenerator;

    async fn answer(path: &str) -> (StatusCode, serde_json::Value) {
        let ids: IdGenerator = Arc::new(|| Uuid::from_u128(7));
        let router: Router = Router::new()
            .route("/panic", get(async || -> &'static str { panic!("the secret of Li") }))
            .route("/bare", get(async || StatusCode::IM_A_TEAPOT));
        let request = Request::get(path).body(Body::empty()).unwrap();
        let response = problems(&ids, request, async |request| router.oneshot(request).await.unwrap()).await;
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 100_000).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn a_panic_is_a_problem_that_tells_nothing_of_its_cause() {
        let (status, document) = answer("/panic").await;
        assert_eq!(status, StatusCode::INTERNAL_SERVER_ERROR);
        assert_eq!(document["code"], "internal-error");
        assert_eq!(document["trace_id"], "00000000000000000000000000000007");
        assert!(!document.to_string().contains("secret"));
    }

    #[tokio::test]
    async fn a_bare_error_of_the_framework_is_a_problem_of_its_own_status() {
        let (status, document) = answer("/bare").await;
        assert_eq!((status, &document["status"]), (StatusCode::IM_A_TEAPOT, &serde_json::json!(418)));
    }
}
