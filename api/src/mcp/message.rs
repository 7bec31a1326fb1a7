//! JSON-RPC 2.0 as the protocol has it: one message a request, and errors with codes.

use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use crate::domain::{Label, Language};
use crate::problem::render::InOwnWords;

/// A message of the protocol (JSON-RPC 2.0): a request, or a notification, which has no `id`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description only: messages are read by hand")]
#[schema(example = json!({"jsonrpc": "2.0", "id": 1, "method": "tools/list"}))]
pub(super) struct RpcCall {
    /// Always `2.0`.
    jsonrpc: String,
    /// A text or a whole number, by which the answer is told.
    #[schema(value_type = Option<Value>)]
    id: Option<Value>,
    /// Such as `tools/call`.
    method: String,
    /// What the method takes.
    #[schema(value_type = Option<Object>)]
    params: Option<Value>,
}

/// An answer of the protocol (JSON-RPC 2.0): `result` or `error`.
#[derive(ToSchema)]
#[expect(dead_code, reason = "it is a description only: answers are made by hand")]
pub(super) struct RpcAnswer {
    /// Always `2.0`.
    jsonrpc: String,
    /// The `id` of the request, where it could be read.
    #[schema(value_type = Option<Value>)]
    id: Option<Value>,
    /// What came of it.
    #[schema(value_type = Option<Object>)]
    result: Option<Value>,
    /// Why nothing came of it: `code`, `message` and `data`.
    #[schema(value_type = Option<Object>)]
    error: Option<Value>,
}

/// What a client sent.
#[derive(Debug)]
pub(super) enum Message {
    /// Something that is answered.
    Request(RpcMessage),
    /// Something that is not.
    Notification,
}

/// A request.
#[derive(Debug)]
pub(super) struct RpcMessage {
    /// A text or a whole number.
    pub(super) id: Value,
    pub(super) method: String,
    pub(super) params: Map<String, Value>,
}

impl Message {
    /// Reads a message.
    ///
    /// # Errors
    /// With the id, as far as there is one, where it is none.
    pub(super) fn read(message: Value) -> Result<Self, (Option<Value>, RpcError)> {
        let Value::Object(mut members) = message else { return Err((None, RpcError::no_message())) };
        let id = members.remove("id");
        let valid = id.clone().filter(|id| id.is_string() || id.is_i64() || id.is_u64());
        let fault = |error| Err((valid.clone(), error));
        if members.get("jsonrpc") != Some(&json!("2.0")) || (id.is_some() && valid.is_none()) {
            return fault(RpcError::no_message());
        }
        let Some(Value::String(method)) = members.remove("method") else {
            return fault(RpcError::no_message());
        };
        let params = match members.remove("params") {
            None => Map::new(),
            Some(Value::Object(params)) => params,
            Some(_) => return fault(RpcError::invalid_params(params_by_name())),
        };
        Ok(match valid {
            Some(id) => Self::Request(RpcMessage { id, method, params }),
            None => Self::Notification,
        })
    }
}

fn params_by_name() -> Label {
    Label::new("params 应为对象。", "params must be an object.")
}

/// Why a message was not carried out.
#[derive(Debug, Clone, PartialEq)]
pub(super) struct RpcError {
    pub(super) status: StatusCode,
    pub(super) code: i32,
    message: Label,
    data: Option<Value>,
}

impl RpcError {
    /// The same with another status.
    pub(super) fn with_status(self, status: StatusCode) -> Self {
        Self { status, ..self }
    }

    fn new(status: StatusCode, code: i32, message: Label) -> Self {
        Self { status, code, message, data: None }
    }

    /// The body is no JSON.
    pub(super) fn unreadable(why: &str) -> Self {
        let message =
            Label::new(format!("无法解析 JSON：{why}"), format!("The JSON cannot be parsed: {why}"));
        Self::new(StatusCode::BAD_REQUEST, -32_700, message)
    }

    /// It is JSON, and no message.
    pub(super) fn no_message() -> Self {
        let message = Label::new(
            "应为一条 JSON-RPC 2.0 请求或通知：jsonrpc 为 \"2.0\"，有 method，id 为文本或整数。",
            "Must be one JSON-RPC 2.0 request or notification: jsonrpc \"2.0\", a method, and an id that is a text or a whole number.",
        );
        Self::new(StatusCode::BAD_REQUEST, -32_600, message)
    }

    /// There is no such method.
    pub(super) fn no_such_method(method: &str) -> Self {
        let message = Label::new(
            format!("没有方法 {method}；可用 server/discover、tools/list、tools/call。"),
            format!("There is no method {method}; there are server/discover, tools/list and tools/call."),
        );
        Self::new(StatusCode::NOT_FOUND, -32_601, message)
    }

    /// The parameters of the method are not as they must be.
    pub(super) fn invalid_params(message: Label) -> Self {
        Self::new(StatusCode::BAD_REQUEST, -32_602, message)
    }

    /// There is one page of tools.
    pub(super) fn no_such_page() -> Self {
        Self::invalid_params(Label::new("工具列表只有一页。", "The list of tools has one page."))
    }

    /// There is no such tool.
    pub(super) fn no_such_tool(name: &str) -> Self {
        Self::invalid_params(Label::new(
            format!("没有工具 {name}；请用 tools/list 查看。"),
            format!("There is no tool {name}; see tools/list."),
        ))
    }

    /// A header is missing, or says something else than the message.
    pub(super) fn header_mismatch(header: &str, expected: &str) -> Self {
        let message = Label::new(
            format!("请求头 {header} 应为 {expected}，与正文一致。"),
            format!("The header {header} must be {expected}, as the body has it."),
        );
        Self::new(StatusCode::BAD_REQUEST, -32_020, message)
    }

    /// That version of the protocol is not spoken.
    pub(super) fn unsupported_version(requested: &str, supported: &[&str]) -> Self {
        let message = Label::new("不支持的协议版本。", "Unsupported protocol version.");
        let data = Some(json!({"supported": supported, "requested": requested}));
        Self { data, ..Self::new(StatusCode::BAD_REQUEST, -32_022, message) }
    }

    /// A page of another host asks.
    pub(super) fn foreign_origin() -> Self {
        let message = Label::new(
            "不接受其他网站页面的请求；请使用本机上的客户端。",
            "Pages of other hosts are not answered; use a client that is no web page, or one on this machine.",
        );
        Self::new(StatusCode::FORBIDDEN, -32_600, message)
    }

    /// The answer that says so.
    pub(super) fn answered(&self, id: Option<Value>, language: Language) -> Response {
        let mut error = json!({"code": self.code, "message": self.message.text(language)});
        if let Some(data) = &self.data {
            error["data"] = data.clone();
        }
        let mut answer = json!({"jsonrpc": "2.0", "error": error});
        if let Some(id) = id {
            answer["id"] = id;
        }
        let mut response = (self.status, axum::Json(answer)).into_response();
        response.extensions_mut().insert(InOwnWords);
        response
    }
}

/// The members of an object; none of what is no object.
pub(super) fn members(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(members) => members,
        _ => Map::new(),
    }
}
