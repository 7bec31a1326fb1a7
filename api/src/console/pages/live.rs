//! What happens, as it happens: the API's stream of events, for the page that is open.

use axum::body::{Body, Bytes};
use axum::extract::State;
use axum::http::{HeaderMap, HeaderValue, header};
use axum::response::{IntoResponse as _, Response};
use futures::{StreamExt as _, stream};

use super::super::Console;
use super::super::address::with_query;
use super::super::session::{ConsoleSession, PageQuery};

/// How soon a browser comes back to a stream that ended, in milliseconds.
const RETRY: &[u8] = b"retry: 500\n\n";

/// Hands the stream on, with what this person may see in it.
pub(in super::super) async fn stream(
    State(console): State<Console>,
    session: ConsoleSession,
    headers: HeaderMap,
    query: PageQuery,
) -> Response {
    let path = with_query("/v1/events", [("after", query.get("after")), ("type", query.get("type"))]);
    let answer = console.api.follow(&session, &path, headers.get("last-event-id").cloned()).await;
    if !answer.status().is_success() {
        return answer.status().into_response();
    }
    let begin = stream::once(async { Ok(Bytes::from_static(RETRY)) });
    let body = Body::from_stream(begin.chain(answer.into_body().into_data_stream()));
    let headers = [
        (header::CONTENT_TYPE, HeaderValue::from_static("text/event-stream")),
        (header::CACHE_CONTROL, HeaderValue::from_static("no-store")),
    ];
    (headers, body).into_response()
}
