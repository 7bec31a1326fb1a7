//! The API as the pages call it: the same routes, in process.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, Bytes, to_bytes};
use axum::http::{HeaderValue, Method, Request, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Value, json};
use tower::ServiceExt as _;

use super::session::ConsoleSession;

/// The largest answer that a page is made of, in bytes.
const LARGEST_ANSWER: usize = 32 * 1024 * 1024;

/// The way to the API.
#[derive(Clone)]
pub(super) struct Gateway(Router);

/// An answer that is not a success: the problem document of the API.
#[derive(Debug, Clone)]
pub(super) struct ApiError {
    pub(super) status: StatusCode,
    pub(super) problem: Value,
}

/// What accompanies a command: against doing it twice, and against doing it to what somebody else has changed.
#[derive(Debug, Clone, Default)]
pub(super) struct CommandHeaders {
    pub(super) key: Option<String>,
    pub(super) version: Option<String>,
}

impl Gateway {
    pub(super) fn new(api: Router) -> Self {
        Self(api)
    }

    /// Asks for what a page shows.
    pub(super) async fn get(&self, session: &ConsoleSession, path: &str) -> Result<Value, ApiError> {
        self.send(session, Method::GET, path, &CommandHeaders::default(), Body::empty()).await
    }

    /// Sends a command.
    pub(super) async fn post(
        &self,
        session: &ConsoleSession,
        path: &str,
        headers: &CommandHeaders,
        body: &Value,
    ) -> Result<Value, ApiError> {
        self.send(session, Method::POST, path, headers, Body::from(body.to_string())).await
    }

    /// Sends a command of any method; null is no body.
    pub(super) async fn call(
        &self,
        method: Method,
        path: &str,
        session: &ConsoleSession,
        headers: &CommandHeaders,
        body: &Value,
    ) -> Result<Value, ApiError> {
        let body = if body.is_null() { Body::empty() } else { Body::from(body.to_string()) };
        self.send(session, method, path, headers, body).await
    }

    /// Sends a file.
    pub(super) async fn upload(
        &self,
        session: &ConsoleSession,
        path: &str,
        file: Vec<u8>,
    ) -> Result<Value, ApiError> {
        let (headers, kind) = (CommandHeaders::default(), "application/octet-stream");
        self.send_as(session, Method::POST, path, &headers, kind, Body::from(file)).await
    }

    /// Asks for what is no JSON.
    pub(super) async fn bytes(&self, session: &ConsoleSession, path: &str) -> Result<Bytes, ApiError> {
        let answer = self.answer(session, path).await?;
        to_bytes(answer.into_body(), LARGEST_ANSWER).await.map_err(|_| ApiError::unreadable())
    }

    /// The answer as the API gives it, while it comes.
    ///
    /// # Errors
    /// The problem, where it is no success.
    pub(super) async fn answer(&self, session: &ConsoleSession, path: &str) -> Result<Response, ApiError> {
        let request = Request::builder()
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", session.key))
            .header(header::ACCEPT_LANGUAGE, session.language.as_str());
        let request = request.body(Body::empty()).map_err(|_| ApiError::unreadable())?;
        let request = sent_by(session, request);
        let answer = self.0.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
        if answer.status().is_success() {
            return Ok(answer);
        }
        let status = answer.status();
        let bytes = to_bytes(answer.into_body(), LARGEST_ANSWER).await.map_err(|_| ApiError::unreadable())?;
        Err(ApiError { status, problem: serde_json::from_slice(&bytes).unwrap_or(Value::Null) })
    }

    /// Follows what happens: the answer is a stream, which begins after an event that was seen before.
    pub(super) async fn follow(
        &self,
        session: &ConsoleSession,
        path: &str,
        seen: Option<HeaderValue>,
    ) -> Response {
        let mut request = Request::builder()
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", session.key))
            .header(header::ACCEPT, "text/event-stream");
        if let Some(seen) = seen {
            request = request.header("last-event-id", seen);
        }
        match request.body(Body::empty()) {
            Ok(request) => {
                self.0.clone().oneshot(sent_by(session, request)).await.unwrap_or_else(|never| match never {})
            }
            Err(_) => StatusCode::BAD_REQUEST.into_response(),
        }
    }

    async fn send(
        &self,
        session: &ConsoleSession,
        method: Method,
        path: &str,
        headers: &CommandHeaders,
        body: Body,
    ) -> Result<Value, ApiError> {
        self.send_as(session, method, path, headers, "application/json", body).await
    }

    async fn send_as(
        &self,
        session: &ConsoleSession,
        method: Method,
        path: &str,
        headers: &CommandHeaders,
        kind: &str,
        body: Body,
    ) -> Result<Value, ApiError> {
        let mut request = Request::builder()
            .method(method)
            .uri(path)
            .header(header::AUTHORIZATION, format!("Bearer {}", session.key))
            .header(header::ACCEPT_LANGUAGE, session.language.as_str())
            .header(header::CONTENT_TYPE, kind);
        if let Some(key) = &headers.key {
            request = request.header("idempotency-key", key);
        }
        if let Some(version) = &headers.version {
            request = request.header(header::IF_MATCH, format!("\"{version}\""));
        }
        let request = sent_by(session, request.body(body).map_err(|_| ApiError::unreadable())?);
        let answer = self.0.clone().oneshot(request).await.unwrap_or_else(|never| match never {});
        let status = answer.status();
        if let Some(place) = answer.headers().get(header::LOCATION).filter(|_| status.is_redirection()) {
            let place = place.to_str().unwrap_or_default();
            return Err(ApiError { status, problem: json!({"location": place}) });
        }
        let bytes = to_bytes(answer.into_body(), LARGEST_ANSWER).await.map_err(|_| ApiError::unreadable())?;
        let value = serde_json::from_slice(&bytes).unwrap_or(Value::Null);
        if status.is_success() { Ok(value) } else { Err(ApiError { status, problem: value }) }
    }
}

/// The request as one from where the page was asked from.
fn sent_by(session: &ConsoleSession, mut request: Request<Body>) -> Request<Body> {
    if let Some(endpoint) = &session.endpoint {
        request.extensions_mut().insert(Arc::clone(endpoint));
    }
    request
}

impl ApiError {
    /// A question that cannot be put to the API: its address is none.
    fn unreadable() -> Self {
        Self { status: StatusCode::NOT_FOUND, problem: Value::Null }
    }

    /// What the console can make no request of.
    pub(super) fn unusable(title: &str, detail: &str) -> Self {
        let problem = json!({"title": title, "detail": detail});
        Self { status: StatusCode::UNPROCESSABLE_ENTITY, problem }
    }

    /// The customer that goes on in the place of the one that was asked for.
    pub(super) fn survivor(&self) -> Option<&str> {
        let rest = self.problem["location"].as_str()?.strip_prefix("/v1/customers/")?;
        rest.split(['/', '?']).next()
    }

    /// Whether the key opens nothing any more.
    pub(super) fn is_signed_out(&self) -> bool {
        self.status == StatusCode::UNAUTHORIZED
    }
}
