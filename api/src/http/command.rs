//! A command as it arrives: its body, and the headers that say how it must be carried out.

use axum::extract::{FromRequest, FromRequestParts, Request};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, Uri};
use serde::de::DeserializeOwned;
use serde_json::Value;
use sha2::{Digest, Sha256};

use super::trace::TraceId;
use super::{body, strict};
use crate::app::CommandMeta;
use crate::auth::access::is_question;
use crate::domain::Label;
use crate::http::strict::Source;
use crate::problem::Problem;

/// The longest Idempotency-Key, in bytes.
const LONGEST_KEY: usize = 255;

/// The routes beside questions that do not listen to `Idempotency-Key`, with the reason why a repeat is harmless.
const KEYLESS: [(&str, &str); 7] = [
    ("/v1/sessions", "nobody is known yet whose key it would be; a link opens one session"),
    ("/v1/consumers/{name}/acknowledgements", "what is acknowledged already is acknowledged"),
    ("/mcp", "the key of a proposal stands among the arguments of its tool"),
    ("/v1/me/session", "the session that asks is over afterwards"),
    ("/v1/imports/columns", "nothing is written"),
    ("/v1/imports", "the same file again brings only what is missing"),
    ("/v1/customers/import", "the same file again brings only what is missing"),
];

/// Whether a route that is not read from listens to no `Idempotency-Key`.
#[must_use]
pub fn is_keyless(path: &str) -> bool {
    is_question(path) || KEYLESS.iter().any(|(keyless, _)| *keyless == path)
}

/// A command: the body read strictly, and what comes with it.
#[derive(Debug)]
pub struct Command<T> {
    /// The body.
    pub body: T,
    /// Idempotency key and digest, `If-Match`, correlation.
    pub meta: CommandMeta,
}

/// A command that its path and its parameters say whole: whatever body comes with it is not read.
#[derive(Debug)]
pub struct Bodiless(pub CommandMeta);

impl<S: Send + Sync> FromRequestParts<S> for Bodiless {
    type Rejection = Problem;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Problem> {
        let correlation_id = parts.extensions.get::<TraceId>().map(TraceId::as_uuid);
        let idempotency_key = idempotency_key(&parts.headers)?;
        let named = parts.uri.path_and_query().map_or("", |named| named.as_str());
        let digest = idempotency_key.as_ref().map(|_| digest(&parts.method, named, &Value::Null));
        let digest = digest.unwrap_or_default();
        let if_match = if_match(&parts.headers)?;
        Ok(Self(CommandMeta { idempotency_key, digest, if_match, correlation_id, causation_id: None }))
    }
}

impl<T: DeserializeOwned, S: Send + Sync> FromRequest<S> for Command<T> {
    type Rejection = Problem;

    async fn from_request(request: Request, _: &S) -> Result<Self, Problem> {
        let correlation_id = request.extensions().get::<TraceId>().map(TraceId::as_uuid);
        let idempotency_key = idempotency_key(request.headers())?;
        let if_match = if_match(request.headers())?;
        let method = request.method().clone();
        let path = named_path(request.uri().path(), origin(request.uri()));
        let body = body::json(request).await?;
        // Without a key nothing is remembered that could be compared with.
        let digest = idempotency_key.as_ref().map(|_| digest(&method, &path, &body)).unwrap_or_default();
        let meta = CommandMeta { idempotency_key, digest, if_match, correlation_id, causation_id: None };
        Ok(Self { body: read_body(&body)?, meta })
    }
}

/// Reads a body that is already a JSON value.
///
/// # Errors
/// 422 naming every field that is unknown, missing or wrong.
pub fn read_body<T: DeserializeOwned>(body: &Value) -> Result<T, Problem> {
    Ok(strict::read(body, Source::Body)?)
}

/// The path as a digest has it: with the origin, because history and present are recorded differently.
#[must_use]
pub fn named_path(path: &str, origin: Option<&str>) -> String {
    origin.map_or_else(|| path.to_owned(), |origin| format!("{path}?origin={origin}"))
}

/// The origin in a query string, as it was sent. Whether it is one is decided where the query is read.
fn origin(uri: &Uri) -> Option<&str> {
    uri.query()?.split('&').find_map(|pair| pair.strip_prefix("origin="))
}

/// SHA-256 over what a request asks for. The members of an object have an order of their own in a [`Value`], so
/// two bodies that say the same are the same request, however they are spaced.
#[must_use]
pub fn digest(method: &Method, path: &str, body: &Value) -> [u8; 32] {
    let hasher = Sha256::new().chain_update(method.as_str()).chain_update([0]).chain_update(path);
    hasher.chain_update([0]).chain_update(body.to_string()).finalize().into()
}

/// The header `Idempotency-Key`, quoted (a structured field string) or bare.
///
/// # Errors
/// When it is no key.
pub fn idempotency_key(headers: &HeaderMap) -> Result<Option<String>, Problem> {
    let Some(text) = single(headers, "Idempotency-Key")? else { return Ok(None) };
    parse_key(&text).map(Some).ok_or_else(|| malformed_key("Idempotency-Key"))
}

fn malformed_key(field: &str) -> Problem {
    let expected = Label::new(
        format!("应为 1 至 {LONGEST_KEY} 个可见 ASCII 字符，可加引号。"),
        format!("Must be 1 to {LONGEST_KEY} visible ASCII characters, with or without quotes."),
    );
    Problem::malformed_header(field, expected)
}

/// A key out of its text, if it is one.
#[must_use]
pub fn parse_key(text: &str) -> Option<String> {
    let key = match text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')) {
        Some(quoted) => unescaped(quoted)?,
        None => text.to_owned(),
    };
    let valid = key.bytes().all(|byte| (0x20..0x7f).contains(&byte)) && !key.trim().is_empty();
    (valid && key.len() <= LONGEST_KEY).then_some(key)
}

/// The content of a structured field string: `\"` and `\\` are its only escapes (RFC 9651, section 4.2.5).
fn unescaped(quoted: &str) -> Option<String> {
    let mut rest = quoted.chars();
    let mut text = String::with_capacity(quoted.len());
    while let Some(next) = rest.next() {
        match next {
            '"' => return None,
            '\\' => text.push(rest.next().filter(|escaped| matches!(escaped, '"' | '\\'))?),
            plain => text.push(plain),
        }
    }
    Some(text)
}

/// The header `If-Match`: one version, or `*` for any.
fn if_match(headers: &HeaderMap) -> Result<Option<u64>, Problem> {
    let Some(text) = single(headers, "If-Match")? else { return Ok(None) };
    if text == "*" {
        return Ok(None);
    }
    let bare = text.strip_prefix('"').and_then(|rest| rest.strip_suffix('"')).unwrap_or(&text);
    let digits = !bare.is_empty() && bare.bytes().all(|byte| byte.is_ascii_digit());
    let version = digits.then(|| bare.parse().ok()).flatten();
    version.map(Some).ok_or_else(|| {
        let expected = Label::new("应为一个版本，例如 \"7\"。", "Must be a single version, such as \"7\".");
        Problem::malformed_header("If-Match", expected)
    })
}

/// The one value of a header, if it is there.
///
/// # Errors
/// 400 when it is there twice or is not visible ASCII.
pub fn single(headers: &HeaderMap, name: &str) -> Result<Option<String>, Problem> {
    let mut values = headers.get_all(name).iter();
    let Some(value) = values.next() else { return Ok(None) };
    if values.next().is_some() {
        return Err(Problem::malformed_header(
            name,
            Label::new("此请求头只能出现一次。", "The header may appear only once."),
        ));
    }
    match value.to_str() {
        Ok(text) => Ok(Some(text.trim().to_owned())),
        Err(_) => Err(Problem::malformed_header(
            name,
            Label::new(
                "请求头只能含可见 ASCII 字符。",
                "The header may contain only visible ASCII characters.",
            ),
        )),
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, Method};
    use serde_json::json;

    use super::{digest, idempotency_key, if_match, named_path, origin, parse_key};

    fn headers(name: &'static str, values: &[&[u8]]) -> HeaderMap {
        let mut headers = HeaderMap::new();
        for value in values {
            headers.append(name, HeaderValue::from_bytes(value).unwrap());
        }
        headers
    }

    #[test]
    fn an_idempotency_key_may_be_quoted_or_bare() {
        assert_eq!(parse_key("k-1").as_deref(), Some("k-1"));
        assert_eq!(parse_key("\"k-1\"").as_deref(), Some("k-1"));
        assert_eq!(parse_key(r#""a\"b\\c""#).as_deref(), Some(r#"a"b\c"#));
        assert_eq!(parse_key(&"k".repeat(255)).map(|key| key.len()), Some(255));
    }

    #[test]
    fn what_is_no_idempotency_key_is_refused() {
        for text in ["", "\"\"", "   ", "a\tb", "\"a\"b\"", "\"a\\n\"", "ключ", &"k".repeat(256)] {
            assert_eq!(parse_key(text), None, "{text:?}");
        }
        assert!(idempotency_key(&headers("idempotency-key", &[b"a", b"b"])).is_err());
        assert!(idempotency_key(&headers("idempotency-key", &[b"\xff"])).is_err());
    }

    #[test]
    fn if_match_is_one_version_quoted_or_bare_or_any() {
        assert_eq!(if_match(&headers("if-match", &[b"\"7\""])).unwrap(), Some(7));
        assert_eq!(if_match(&headers("if-match", &[b"7"])).unwrap(), Some(7));
        assert_eq!(if_match(&headers("if-match", &[b"*"])).unwrap(), None);
        assert_eq!(if_match(&HeaderMap::new()).unwrap(), None);
        for text in
            [&b"W/\"7\""[..], b"\"7\", \"8\"", b"\"\"", b"-1", b"+1", b"99999999999999999999", b"seven"]
        {
            assert!(if_match(&headers("if-match", &[text])).is_err(), "{text:?}");
        }
    }

    #[test]
    fn a_digest_knows_history_from_the_present() {
        let named = |uri: &'static str| named_path("/v1/x", origin(&uri.parse().unwrap()));
        assert_eq!(named("/v1/x"), "/v1/x");
        assert_eq!(named("/v1/x?limit=1"), "/v1/x");
        assert_eq!(named("/v1/x?limit=1&origin=import"), "/v1/x?origin=import");
    }

    #[test]
    fn a_digest_sees_the_meaning_of_a_body_and_not_its_spacing() {
        let one = digest(&Method::POST, "/v1/x", &json!({"a": 1, "b": 2}));
        let other: serde_json::Value = serde_json::from_str("{ \"b\" : 2,\n \"a\":1 }").unwrap();
        assert_eq!(one, digest(&Method::POST, "/v1/x", &other));
        assert_ne!(one, digest(&Method::POST, "/v1/x", &json!({"a": 1, "b": 3})));
        assert_ne!(one, digest(&Method::POST, "/v1/y", &json!({"a": 1, "b": 2})));
        assert_ne!(one, digest(&Method::PUT, "/v1/x", &json!({"a": 1, "b": 2})));
    }
}
