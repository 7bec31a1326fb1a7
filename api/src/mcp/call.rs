//! Calling a tool: a request to its route, in process.

use std::sync::Arc;

use axum::Router;
use axum::body::{Body, to_bytes};
use axum::extract::Request;
use axum::http::{HeaderMap, HeaderName, HeaderValue, Method, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};
use tower::ServiceExt as _;

use super::message::{RpcError, members};
use super::schemas::IDEMPOTENCY_KEY;
use super::tools::{TOOLS, Tool, ToolKind};
use crate::app::Endpoint;
use crate::auth::Counted;
use crate::domain::{Label, Language};
use crate::http::query::percent_encoded;
use crate::problem::Problem;

/// The largest answer that is a result, in bytes: what an agent reads is far below it.
const LARGEST_ANSWER: usize = 8 * 1024 * 1024;
/// The arguments that say how fresh an answer must be.
const WAITING: [&str; 2] = ["min_position", "wait_ms"];
/// How often an answer may lead elsewhere: a merged customer to the one that it goes on as.
const DETOURS: usize = 3;
/// The headers of the caller that a tool's request carries on.
const CARRIED: [&str; 4] = ["authorization", "accept-language", "waymark-actor", "traceparent"];

/// The way to the routes, as the caller.
pub(super) struct Inner {
    api: Router,
    headers: HeaderMap,
    endpoint: Option<Arc<Endpoint>>,
}

/// A tool's request to its route.
struct ToolRequest {
    method: Method,
    address: String,
    body: Option<Value>,
    key: Option<HeaderValue>,
}

impl Inner {
    /// The way of the caller who sent a request.
    pub(super) fn of(api: Router, request: &Request) -> Self {
        let headers = CARRIED.into_iter().filter_map(|name| {
            let value = request.headers().get(name)?;
            Some((HeaderName::from_static(name), value.clone()))
        });
        let endpoint = request.extensions().get::<Arc<Endpoint>>().cloned();
        Self { api, headers: headers.collect(), endpoint }
    }

    /// The route's answer.
    async fn send(&self, request: &ToolRequest) -> Result<(StatusCode, Value), Problem> {
        let mut address = request.address.clone();
        for _ in 0..=DETOURS {
            let sent = self.request(request, &address).ok_or_else(Problem::no_such_path)?;
            let answer = self.api.clone().oneshot(sent).await.unwrap_or_else(|never| match never {});
            let status = answer.status();
            let elsewhere = answer.headers().get(header::LOCATION).filter(|_| status.is_redirection());
            if let Some(place) = elsewhere.and_then(|place| place.to_str().ok()) {
                place.clone_into(&mut address);
                continue;
            }
            let bytes = to_bytes(answer.into_body(), LARGEST_ANSWER).await;
            let bytes = bytes.map_err(|_| Problem::invalid_value("limit", too_much()))?;
            return Ok((status, serde_json::from_slice(&bytes).unwrap_or_default()));
        }
        Err(Problem::no_such_path())
    }

    fn request(&self, request: &ToolRequest, address: &str) -> Option<Request> {
        let body = request.body.as_ref().map_or_else(Body::empty, |body| Body::from(body.to_string()));
        let mut sent = Request::builder().method(&request.method).uri(address).body(body).ok()?;
        sent.headers_mut().extend(self.headers.clone());
        if request.body.is_some() {
            sent.headers_mut().insert(header::CONTENT_TYPE, HeaderValue::from_static("application/json"));
        }
        if let Some(key) = &request.key {
            sent.headers_mut().insert("idempotency-key", key.clone());
        }
        // The call was counted when it came in.
        sent.extensions_mut().insert(Counted);
        if let Some(endpoint) = &self.endpoint {
            sent.extensions_mut().insert(Arc::clone(endpoint));
        }
        Some(sent)
    }
}

/// Calls a tool.
///
/// # Errors
/// When there is no such tool, or its arguments are no object. What the route refuses is a result, which says so.
pub(super) async fn tool(
    inner: &Inner,
    params: &Map<String, Value>,
    language: Language,
) -> Result<Map<String, Value>, RpcError> {
    let name = params.get("name").and_then(Value::as_str).unwrap_or_default();
    let tool = TOOLS.iter().find(|tool| tool.name == name).ok_or_else(|| RpcError::no_such_tool(name))?;
    let nothing = Map::new();
    let arguments = match params.get("arguments") {
        None => &nothing,
        Some(Value::Object(arguments)) => arguments,
        Some(_) => {
            let message = Label::new("arguments 应为对象。", "arguments must be an object.");
            return Err(RpcError::invalid_params(message));
        }
    };
    let answer = match request(tool, arguments) {
        Ok(request) => inner.send(&request).await,
        Err(problem) => Err(problem),
    };
    Ok(match answer {
        Ok((status, answer)) if status.is_success() => given(&answer),
        Ok((_, problem)) => refused(&problem),
        Err(problem) => {
            let document = problem.document(language, tool.path, "");
            refused(&serde_json::to_value(document).unwrap_or_default())
        }
    })
}

fn too_much() -> Label {
    Label::new(
        "结果过大；请缩小范围，例如减小 limit。",
        "The answer is too large: ask for less, such as with a smaller limit.",
    )
}

/// The request that a call of the tool is. What is wrong with arguments is told by the route, like any request's.
fn request(tool: &Tool, arguments: &Map<String, Value>) -> Result<ToolRequest, Problem> {
    let mut rest = arguments.clone();
    let mut address = String::new();
    for part in tool.path.split_inclusive('/') {
        let (segment, slash) = part.strip_suffix('/').map_or((part, ""), |segment| (segment, "/"));
        match segment.strip_prefix('{').and_then(|name| name.strip_suffix('}')) {
            None => address.push_str(segment),
            Some(name) => match rest.remove(name) {
                Some(Value::String(value)) if !value.is_empty() => address.push_str(&percent_encoded(&value)),
                Some(_) => return Err(Problem::invalid_value(name, must_be_text())),
                None => return Err(Problem::missing_field(name)),
            },
        }
        address.push_str(slash);
    }
    let post = |address, rest: Map<String, Value>, key| ToolRequest {
        method: Method::POST,
        address,
        body: Some(Value::Object(rest)),
        key,
    };
    match tool.kind {
        ToolKind::Read => Ok(ToolRequest {
            method: Method::GET,
            address: with_query(address, &rest)?,
            body: None,
            key: None,
        }),
        ToolKind::Ask => {
            // What is asked stands in the body; how fresh the answer must be, in the address.
            let waiting = WAITING.iter().filter_map(|name| rest.remove_entry(*name)).collect();
            Ok(post(with_query(address, &waiting)?, rest, None))
        }
        ToolKind::Propose { command, .. } => {
            let key = match rest.remove(IDEMPOTENCY_KEY) {
                None | Some(Value::Null) => None,
                Some(Value::String(key)) => Some(
                    HeaderValue::try_from(key)
                        .map_err(|_| Problem::invalid_value(IDEMPOTENCY_KEY, must_be_ascii()))?,
                ),
                Some(_) => return Err(Problem::invalid_value(IDEMPOTENCY_KEY, must_be_ascii())),
            };
            if rest.insert("command".to_owned(), command.into()).is_some() {
                return Err(Problem::invalid_value("command", settled()));
            }
            Ok(post(address, rest, key))
        }
    }
}

fn must_be_text() -> Label {
    Label::new("应为文本。", "Must be a text.")
}

fn must_be_ascii() -> Label {
    Label::new("应为 1 至 255 个可见 ASCII 字符。", "Must be 1 to 255 visible ASCII characters.")
}

fn settled() -> Label {
    Label::new("由工具决定，请勿填写。", "The tool says which it is; leave it out.")
}

/// The address with the arguments that are no part of its path.
fn with_query(address: String, arguments: &Map<String, Value>) -> Result<String, Problem> {
    let mut pairs = Vec::new();
    for (name, value) in arguments {
        let text = match value {
            Value::Null => continue,
            Value::String(text) => text.clone(),
            Value::Bool(_) | Value::Number(_) => value.to_string(),
            Value::Array(_) | Value::Object(_) => return Err(Problem::invalid_value(name, must_be_text())),
        };
        pairs.push(format!("{}={}", percent_encoded(name), percent_encoded(&text)));
    }
    Ok(if pairs.is_empty() { address } else { format!("{address}?{}", pairs.join("&")) })
}

/// What a tool gave.
fn given(answer: &Value) -> Map<String, Value> {
    members(json!({
        "content": [{"type": "text", "text": answer.to_string()}],
        "structuredContent": answer,
        "isError": false,
    }))
}

/// What a tool refused, with every unmet condition and how to meet it: the problem document of its route.
fn refused(problem: &Value) -> Map<String, Value> {
    members(json!({"content": [{"type": "text", "text": problem.to_string()}], "isError": true}))
}

/// The answer with a result.
pub(super) fn answered(id: &Value, result: &Map<String, Value>) -> Response {
    axum::Json(json!({"jsonrpc": "2.0", "id": id, "result": result})).into_response()
}
