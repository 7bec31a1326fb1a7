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
    let summary = RequestSummary::of(&request, ids);
    request.extensions_mut().insert(summary.reader.trace_id.clone());
    request.extensions_mut().insert(summary.reader.clone());

    let RequestSummary { reader: Reader { trace_id, .. }, method, path } = &summary;
    let span = tracing::debug_span!("request", %trace_id, %method, path);
    let answer = AssertUnwindSafe(next(request)).catch_unwind().instrument(span).await;
    let response =
        answer.unwrap_or_else(|panic| Problem::internal(panic_text(panic.as_ref())).into_response());
    summary.complete(response)
}

/// What is kept of a request until it is answered: all that a problem document and the log say of it.
pub struct RequestSummary {
    reader: Reader,
    method: Method,
    path: String,
}

impl RequestSummary {
    /// Of a request, which has the caller's trace id or a new one.
    #[must_use]
    pub fn of(request: &Request, ids: &IdGenerator) -> Self {
        let headers = request.headers();
        Self {
            reader: Reader { language: negotiate(headers), trace_id: TraceId::of(headers, ids) },
            method: request.method().clone(),
            path: request.uri().path().to_owned(),
        }
    }

    /// The answer as it leaves: a problem as its document, everything with its trace id, and kept by nobody unless it says
    /// otherwise. Answers change with the log and are for who asked; so is where a merged customer is now, until the merge
    /// is undone.
    #[must_use]
    pub fn complete(&self, response: Response) -> Response {
        let mut response = match problem_of(&response) {
            Some(problem) => {
                self.log(&problem);
                self.written(&problem, response)
            }
            None => response,
        };
        let headers = response.headers_mut();
        headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
        if let Ok(value) = HeaderValue::try_from(self.reader.trace_id.to_string()) {
            headers.insert(TRACE_ID, value);
        }
        response
    }

    /// The document in place of the body, keeping headers such as `Allow` and `Retry-After`.
    fn written(&self, problem: &Problem, response: Response) -> Response {
        let Reader { language, trace_id } = &self.reader;
        let document = problem.document(*language, &self.path, &trace_id.to_string());
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
    fn log(&self, problem: &Problem) {
        if let Some(cause) = &problem.0.cause {
            let Self { reader: Reader { trace_id, .. }, method, path } = self;
            let (code, status) = (problem.code(), problem.status().as_u16());
            tracing::error!(%trace_id, %method, path, code, status, cause, "request failed");
        }
    }
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
    use axum::response::Response;
    use axum::routing::get;
    use tower::ServiceExt as _;
    use uuid::Uuid;

    use super::problems;
    use crate::ambient::IdGenerator;

    async fn respond(path: &str) -> Response {
        let ids: IdGenerator = Arc::new(|| Uuid::from_u128(7));
        let router: Router = Router::new()
            .route("/panic", get(async || -> &'static str { panic!("the secret of Li") }))
            .route("/bare", get(async || StatusCode::IM_A_TEAPOT))
            .route("/tile", get(async || ([("cache-control", "immutable")], "a tile")));
        let request = Request::get(path).body(Body::empty()).unwrap();
        problems(&ids, request, async |request| router.oneshot(request).await.unwrap()).await
    }

    async fn answer(path: &str) -> (StatusCode, serde_json::Value) {
        let response = respond(path).await;
        let status = response.status();
        let bytes = to_bytes(response.into_body(), 100_000).await.unwrap();
        (status, serde_json::from_slice(&bytes).unwrap())
    }

    #[tokio::test]
    async fn nobody_keeps_an_answer_that_does_not_say_that_it_may_be_kept() {
        for (path, kept) in [("/panic", "no-store"), ("/nowhere", "no-store"), ("/tile", "immutable")] {
            assert_eq!(respond(path).await.headers()["cache-control"], kept, "{path}");
        }
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
