//! Which revision of the protocol a request is of, and what it must carry.

use axum::http::{HeaderMap, StatusCode};
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde_json::{Map, Value, json};

use super::message::{RpcError, RpcMessage};
use crate::domain::Label;

/// The stateless revision.
pub(super) const STATELESS: &str = "2026-07-28";
/// The newest revision with a handshake.
pub(super) const LATEST_EARLIER: &str = "2025-11-25";
/// Those with a handshake.
const EARLIER: [&str; 3] = [LATEST_EARLIER, "2025-06-18", "2025-03-26"];

/// The members of `_meta` that every request has since the stateless revision.
const VERSION: &str = "io.modelcontextprotocol/protocolVersion";
const CAPABILITIES: &str = "io.modelcontextprotocol/clientCapabilities";
const SERVER_INFO: &str = "io.modelcontextprotocol/serverInfo";

/// How a client speaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Era {
    /// Each request says everything.
    Stateless,
    /// The client began with `initialize`; nothing of that is kept.
    Handshake,
}

/// Whether a version is one with a handshake.
pub(super) fn is_earlier(version: &str) -> bool {
    EARLIER.contains(&version)
}

/// Who answers, as the protocol says it.
pub(super) fn server_info() -> Value {
    json!({"name": "waymark", "title": "Waymark", "version": env!("CARGO_PKG_VERSION")})
}

impl Era {
    /// The revision that a request is of.
    ///
    /// # Errors
    /// Where it says that it is of the stateless revision and lacks what that demands, or is of one that is not spoken.
    pub(super) fn of(message: &RpcMessage, headers: &HeaderMap) -> Result<Self, RpcError> {
        let meta = message.params.get("_meta").and_then(Value::as_object);
        let said = meta.and_then(|meta| meta.get(VERSION)).and_then(Value::as_str);
        let header = text(headers, "mcp-protocol-version");
        let version = match (said, header) {
            (Some(said), _) => said,
            (None, Some(header)) if is_earlier(header) => return Ok(Self::Handshake),
            (None, Some(header)) if header != STATELESS => return Err(unsupported(header)),
            (None, None) if message.method != "server/discover" => return Ok(Self::Handshake),
            (None, _) => return Err(missing(VERSION)),
        };
        if header != Some(version) {
            return Err(RpcError::header_mismatch("MCP-Protocol-Version", version));
        }
        if version != STATELESS {
            return Err(unsupported(version));
        }
        if !meta.is_some_and(|meta| meta.get(CAPABILITIES).is_some_and(Value::is_object)) {
            return Err(missing(CAPABILITIES));
        }
        if text(headers, "mcp-method") != Some(&message.method) {
            return Err(RpcError::header_mismatch("Mcp-Method", &message.method));
        }
        let name = message.params.get("name").and_then(Value::as_str);
        if let ("tools/call", Some(name)) = (message.method.as_str(), name)
            && text(headers, "mcp-name").and_then(plain).as_deref() != Some(name)
        {
            return Err(RpcError::header_mismatch("Mcp-Name", name));
        }
        Ok(Self::Stateless)
    }

    /// The result with what this revision demands of every result.
    pub(super) fn complete(self, mut result: Map<String, Value>) -> Map<String, Value> {
        match self {
            Self::Stateless => {
                result.insert("resultType".to_owned(), "complete".into());
                result.insert("_meta".to_owned(), json!({SERVER_INFO: server_info()}));
            }
            Self::Handshake => {
                for later in ["ttlMs", "cacheScope"] {
                    result.remove(later);
                }
            }
        }
        result
    }

    /// The error as this revision puts it: the earlier ones have no statuses for what the message asks.
    pub(super) fn judged(self, error: RpcError) -> RpcError {
        match self {
            Self::Stateless => error,
            Self::Handshake => error.with_status(StatusCode::OK),
        }
    }
}

fn text<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    headers.get(name)?.to_str().ok().map(str::trim)
}

/// The text that a header stands for: itself, or what is encoded in it.
fn plain(value: &str) -> Option<String> {
    let encoded = value.strip_prefix("=?base64?").and_then(|rest| rest.strip_suffix("?="));
    match encoded {
        Some(encoded) => String::from_utf8(STANDARD.decode(encoded).ok()?).ok(),
        None => Some(value.to_owned()),
    }
}

fn unsupported(version: &str) -> RpcError {
    RpcError::unsupported_version(version, &[STATELESS, EARLIER[0], EARLIER[1], EARLIER[2]])
}

fn missing(member: &str) -> RpcError {
    RpcError::invalid_params(Label::new(
        format!("params._meta 缺少 {member}。"),
        format!("params._meta must have {member}."),
    ))
}
