//! The Model Context Protocol: the tools by which agents read and propose, over HTTP.
//!
//! A tool is a route of the API with another way in: what it is called with becomes a request to the same router, with the same
//! credential, so rights, masks, the access log and the turns of reports are those of the route, and its answer is the tool's
//! result. The stateless revision 2026-07-28 is spoken, and its predecessors with their handshake, of which nothing is kept either.

mod call;
mod era;
mod message;
mod schemas;
mod tools;

use std::sync::{Arc, OnceLock};

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{HeaderMap, StatusCode, Uri, header};
use axum::response::{IntoResponse as _, Response};
use serde_json::{Map, Value, json};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::domain::{Label, Language};
use crate::http::body;
use crate::http::language::RequestedLanguage;
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use call::{Inner, answered};
use era::{Era, LATEST_EARLIER, is_earlier};
use message::{Message, RpcAnswer, RpcCall, RpcError, RpcMessage, members};
use tools::TOOLS;

/// How long a client may keep the list of tools, in milliseconds: it changes with the program alone.
const TOOLS_KEPT_MS: u64 = 3_600_000;

/// What the endpoint is made of. Cheap to clone.
#[derive(Clone)]
pub(crate) struct Mcp(Arc<Parts>);

struct Parts {
    /// The routes that tools are.
    api: Router,
    /// The served description of the routes.
    document: Arc<str>,
    /// The same, once somebody has asked for the tools.
    read: OnceLock<Value>,
}

impl Mcp {
    /// The endpoint before these routes, which that document describes.
    pub(crate) fn new(api: Router, document: Arc<str>) -> Self {
        Self(Arc::new(Parts { api, document, read: OnceLock::new() }))
    }

    fn document(&self) -> &Value {
        self.0.read.get_or_init(|| serde_json::from_str(&self.0.document).unwrap_or_default())
    }
}

/// The route, with its description.
pub(crate) fn router() -> OpenApiRouter<Mcp> {
    OpenApiRouter::new().routes(routes!(answer))
}

/// Speak the Model Context Protocol
///
/// For agents: tools that read, and tools that propose, which need a key with the scope `propose`. Revision 2026-07-28,
/// stateless: `server/discover`, `tools/list` and `tools/call`, each request with its `_meta` and the headers
/// `MCP-Protocol-Version`, `Mcp-Method` and, for `tools/call`, `Mcp-Name`. Clients of 2025-11-25 and earlier that begin
/// with `initialize` are answered, too; no session is kept. Every answer is JSON.
#[utoipa::path(
    post, path = "/mcp", tag = "agents", request_body = RpcCall,
    responses(
        (status = 200, description = "The result, or an error of the protocol. What a tool refuses is a result with `isError`.", body = RpcAnswer),
        (status = 202, description = "A notification was taken note of."),
        (status = 400, description = "The message is malformed, or its headers do not match it.",
            content((RpcAnswer = "application/json"), (ProblemDocument = "application/problem+json"))),
        (status = 403, description = "The `Origin` is a page elsewhere, or the caller's roles do not permit this.",
            content((RpcAnswer = "application/json"), (ProblemDocument = "application/problem+json"))),
        (status = 404, description = "There is no such method.",
            content((RpcAnswer = "application/json"), (ProblemDocument = "application/problem+json"))),
    )
)]
pub(crate) async fn answer(
    State(mcp): State<Mcp>,
    RequestedLanguage(language): RequestedLanguage,
    request: Request,
) -> Result<Response, Problem> {
    let told = |id: Option<Value>, error: &RpcError| error.answered(id, language);
    if !is_from_here(request.headers()) {
        return Ok(told(None, &RpcError::foreign_origin()));
    }
    let inner = Inner::of(mcp.0.api.clone(), &request);
    let headers = request.headers().clone();
    let message = match body::json(request).await {
        Ok(message) => message,
        Err(problem) if problem.code() == "malformed-body" => {
            return Ok(told(None, &RpcError::unreadable(&problem.document(language, "/mcp", "").detail)));
        }
        Err(problem) => return Err(problem),
    };
    let message = match Message::read(message) {
        Ok(Message::Request(message)) => message,
        Ok(Message::Notification) => return Ok(StatusCode::ACCEPTED.into_response()),
        Err((id, error)) => return Ok(told(id, &error)),
    };
    let RpcMessage { id, .. } = &message;
    let era = match Era::of(&message, &headers) {
        Ok(era) => era,
        Err(error) => return Ok(told(Some(id.clone()), &error)),
    };
    match carried_out(&mcp, &inner, &message, era, language).await {
        Ok(result) => Ok(answered(id, &era.complete(result))),
        Err(error) => Ok(era.judged(error).answered(Some(id.clone()), language)),
    }
}

/// What a request of the protocol comes to.
async fn carried_out(
    mcp: &Mcp,
    inner: &Inner,
    message: &RpcMessage,
    era: Era,
    language: Language,
) -> Result<Map<String, Value>, RpcError> {
    let RpcMessage { method, params, .. } = message;
    match (method.as_str(), era) {
        ("tools/call", _) => call::tool(inner, params, language).await,
        ("tools/list", _) if params.contains_key("cursor") => Err(RpcError::no_such_page()),
        ("tools/list", _) => {
            let tools: Vec<Value> =
                TOOLS.iter().map(|tool| schemas::described(tool, mcp.document(), language)).collect();
            Ok(members(json!({"tools": tools, "ttlMs": TOOLS_KEPT_MS, "cacheScope": "private"})))
        }
        ("server/discover", Era::Stateless) => Ok(members(json!({
            "supportedVersions": [era::STATELESS],
            "capabilities": {"tools": {}},
            "instructions": instructions(language),
            "ttlMs": TOOLS_KEPT_MS,
            "cacheScope": "private",
        }))),
        ("initialize", Era::Handshake) => {
            let asked = params.get("protocolVersion").and_then(Value::as_str);
            let version = asked.filter(|version| is_earlier(version)).unwrap_or(LATEST_EARLIER);
            Ok(members(json!({
                "protocolVersion": version,
                "capabilities": {"tools": {}},
                "serverInfo": era::server_info(),
                "instructions": instructions(language),
            })))
        }
        ("ping", Era::Handshake) => Ok(Map::new()),
        _ => Err(RpcError::no_such_method(method)),
    }
}

/// What an agent should know before it calls a tool.
fn instructions(language: Language) -> String {
    Label::new(
        "Waymark 记录每个客户走到成交的哪一步。先用 pipelines 了解流程和状态，再查找和读取客户；任何时刻都可以用 effective_at 和 known_at 查询。\
         您只能提出建议：propose_ 开头的工具生成待人员审批的建议，请如实填写模型和收到的请求原文。",
        "Waymark keeps where every customer stands on the way to a deal. Read pipelines first for the pipelines and their stages, \
         then find and read customers; every question can be asked as of any instant with effective_at and known_at. You only \
         propose: the tools whose names begin with propose_ make proposals that a person decides. Give your model and the words \
         of the request truthfully.",
    )
    .text(language)
    .to_owned()
}

/// Whether a request is from no page, or from a page of this machine: a page elsewhere has no business here, whatever name
/// it gave this machine.
fn is_from_here(headers: &HeaderMap) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let origin = origin.to_str().ok().and_then(|origin| origin.parse::<Uri>().ok());
    origin.and_then(|origin| origin.host().map(|host| LOOPBACK.contains(&host))).unwrap_or(false)
}

/// The names of this machine for itself.
const LOOPBACK: [&str; 3] = ["localhost", "127.0.0.1", "[::1]"];

#[cfg(test)]
mod tests;
