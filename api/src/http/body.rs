//! Request bodies: of the right type, not too large, and well-formed.

use std::error::Error;

use axum::body::Body;
use axum::extract::Request;
use axum::http::{HeaderMap, header};
use futures::StreamExt as _;
use serde_json::{Map, Value};

use super::pace::is_too_slow;
use super::strict;
use crate::problem::Problem;

/// The most bytes of an ordinary body.
pub const BODY_LIMIT: usize = 1024 * 1024;
/// The most bytes of a file of customers or a stream of commands, read as they arrive.
pub const STREAM_LIMIT: usize = 1024 * 1024 * 1024;

/// How much of a body that is too large is read all the same and dropped: a client that is still writing would
/// see its connection break instead of the answer.
const DRAIN_LIMIT: usize = 16 * BODY_LIMIT;

/// The JSON document in a request. No body at all, and no word of its type, is an empty object: a command without
/// fields needs neither.
///
/// # Errors
/// 413, 415, or 400 with the place at which the document cannot be read.
pub async fn json(request: Request) -> Result<Value, Problem> {
    let typed = request.headers().contains_key(header::CONTENT_TYPE);
    let content_type = ContentType::of(request.headers());
    let bytes = collected(request.into_body()).await?;
    if bytes.is_empty() && !typed {
        return Ok(Value::Object(Map::new()));
    }
    match content_type {
        ContentType::Json => Ok(strict::parse(&bytes)?),
        _ => Err(Problem::unsupported_media_type("application/json")),
    }
}

/// The same request, once its body has come.
///
/// # Errors
/// 408 when it comes too slowly, 413 when it is too large, 400 when it breaks off.
pub async fn received(request: Request) -> Result<Request, Problem> {
    let (head, body) = request.into_parts();
    Ok(Request::from_parts(head, collected(body).await?.into()))
}

async fn collected(body: Body) -> Result<Vec<u8>, Problem> {
    let mut chunks = body.into_data_stream();
    let (mut bytes, mut arrived) = (Vec::new(), 0_usize);
    while arrived <= DRAIN_LIMIT
        && let Some(chunk) = chunks.next().await
    {
        let chunk = chunk.map_err(|error| unread(&error))?;
        arrived += chunk.len();
        if arrived <= BODY_LIMIT {
            bytes.extend_from_slice(&chunk);
        }
    }
    if arrived > BODY_LIMIT { Err(Problem::body_too_large(BODY_LIMIT)) } else { Ok(bytes) }
}

/// Why a body could not be read to its end. Clients break off as they like, so that it is counted and not logged as a fault.
#[must_use]
pub fn unread(error: &(dyn Error + 'static)) -> Problem {
    let too_slow = is_too_slow(error);
    let why = if too_slow { "slow" } else { "broken" };
    metrics::counter!("waymark_bodies_unread_total", "why" => why).increment(1);
    tracing::debug!(%error, "a body did not come to its end");
    if too_slow { Problem::body_too_slow() } else { Problem::broken_body() }
}

/// What a body says that it is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum ContentType {
    /// `application/json`.
    Json,
    /// `application/x-ndjson` or `application/jsonl`: one JSON document a line.
    Ndjson,
    /// `text/csv`.
    Csv,
    /// Anything else, or nothing.
    Other,
}

impl ContentType {
    /// What these headers say. A character set other than UTF-8 makes it something else.
    #[must_use]
    pub fn of(headers: &HeaderMap) -> Self {
        let Some(value) = headers.get(header::CONTENT_TYPE).and_then(|value| value.to_str().ok()) else {
            return Self::Other;
        };
        let mut parts = value.split(';').map(|part| part.trim().to_ascii_lowercase());
        let media_type = parts.next().unwrap_or_default();
        let utf8 = parts
            .filter_map(|parameter| {
                parameter.strip_prefix("charset=").map(|set| set.trim_matches('"').to_owned())
            })
            .all(|charset| charset == "utf-8" || charset == "utf8");
        match media_type.as_str() {
            _ if !utf8 => Self::Other,
            "application/json" => Self::Json,
            "application/x-ndjson" | "application/jsonl" => Self::Ndjson,
            "text/csv" => Self::Csv,
            _ => Self::Other,
        }
    }
}

/// A streamed body of a certain type.
///
/// # Errors
/// 415 when it is of another.
pub fn stream(request: Request, wanted: ContentType, name: &str) -> Result<Body, Problem> {
    if ContentType::of(request.headers()) == wanted {
        Ok(request.into_body())
    } else {
        Err(Problem::unsupported_media_type(name))
    }
}

#[cfg(test)]
mod tests {
    use axum::http::{HeaderMap, HeaderValue, header};

    use super::ContentType;

    fn content_type(value: &'static str) -> ContentType {
        let mut headers = HeaderMap::new();
        headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(value));
        ContentType::of(&headers)
    }

    #[test]
    fn a_content_type_is_read_without_regard_to_case_and_parameters() {
        assert_eq!(content_type("application/json"), ContentType::Json);
        assert_eq!(content_type("Application/JSON; charset=UTF-8"), ContentType::Json);
        assert_eq!(content_type("text/csv; charset=\"utf-8\"; header=present"), ContentType::Csv);
        assert_eq!(content_type("application/x-ndjson"), ContentType::Ndjson);
    }

    #[test]
    fn another_character_set_is_another_type() {
        assert_eq!(content_type("application/json; charset=gb2312"), ContentType::Other);
        assert_eq!(content_type("text/plain"), ContentType::Other);
        assert_eq!(ContentType::of(&HeaderMap::new()), ContentType::Other);
    }
}
