//! Forms that come twice: by a double click, or because a page was sent again. The second one gets the answer of the first.
//!
//! Every page gives its forms a token of their own. A form with the same token and the same content, by the same session, is the
//! same form. Its answer is kept in the memory of this process alone and for a short time, because it may show a secret that is
//! on no disk. What comes later, or to another process, goes to the API under the same idempotency key, which does nothing twice
//! and shows no secret again.

use std::collections::HashMap;
use std::panic::resume_unwind;
use std::sync::Arc;

use axum::body::{Body, Bytes, to_bytes};
use axum::extract::{FromRequestParts as _, Request, State};
use axum::http::request::Parts;
use axum::http::{HeaderMap, Method, StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse as _, Response};
use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::Mutex;
use sha2::{Digest as _, Sha256};
use tokio::sync::{Mutex as Turn, OwnedMutexGuard};

use super::Console;
use super::form::ONCE;
use super::multipart::{self, Upload};
use super::session::{ConsoleSession, SESSION, cookie};

/// For how long an answer is kept.
const KEPT_FOR: TimeDelta = TimeDelta::minutes(2);
/// How many answers are kept at most, the newest ones.
const MOST_KEPT: usize = 256;
/// The largest answer that is kept, in bytes.
const LARGEST_KEPT: usize = 1024 * 1024;
/// The largest form without a file, in bytes.
const LARGEST_FORM: usize = 2 * 1024 * 1024;
/// The largest form with a file, in bytes.
pub(super) const LARGEST_UPLOAD: usize = 64 * 1024 * 1024;

/// Answers to forms, by what was sent.
#[derive(Default)]
pub(super) struct Repeats(Mutex<HashMap<Fingerprint, StoredForm>>);

/// SHA-256 over who sent a form, where to, and what it says.
type Fingerprint = [u8; 32];

struct StoredForm {
    since: DateTime<Utc>,
    answer: Arc<Turn<Option<Answer>>>,
}

#[derive(Clone)]
struct Answer {
    status: StatusCode,
    headers: HeaderMap,
    body: Bytes,
}

impl Repeats {
    /// Forgets what was kept for long enough.
    fn forget(&self, now: DateTime<Utc>) {
        self.0.lock().retain(|_, kept| now - kept.since < KEPT_FOR);
    }

    /// Waits until nobody else is sending the same form. There is an answer then where it was sent before.
    async fn turn(&self, form: Fingerprint, now: DateTime<Utc>) -> OwnedMutexGuard<Option<Answer>> {
        let answer = {
            let mut all = self.0.lock();
            let oldest = || all.iter().min_by_key(|(_, kept)| kept.since).map(|(form, _)| *form);
            if all.len() >= MOST_KEPT
                && !all.contains_key(&form)
                && let Some(oldest) = oldest()
            {
                all.remove(&oldest);
            }
            let kept = all.entry(form).or_insert_with(|| StoredForm { since: now, answer: Arc::default() });
            Arc::clone(&kept.answer)
        };
        answer.lock_owned().await
    }
}

/// Answers a form that was sent before with its first answer, in front of every page that takes one.
pub(super) async fn once(State(console): State<Console>, request: Request, next: Next) -> Response {
    let now = (console.clock)();
    console.repeats.forget(now);
    if *request.method() != Method::POST {
        return next.run(request).await;
    }
    let (mut parts, body) = request.into_parts();
    let Ok(content) = to_bytes(body, largest(&parts.headers)).await else {
        return StatusCode::PAYLOAD_TOO_LARGE.into_response();
    };
    let Some(form) = fingerprint(&parts, &content) else {
        return next.run(Request::from_parts(parts, content.into())).await;
    };
    let mut answer = console.repeats.turn(form, now).await;
    if let Some(first) = answer.clone() {
        return match may_read(&console, &mut parts).await {
            true => first.into_response(),
            false => next.run(Request::from_parts(parts, content.into())).await,
        };
    }
    // A browser that sends a form again gives up the first request: that goes on, and its answer is the second one's.
    let first = tokio::spawn(async move {
        let response = next.run(Request::from_parts(parts, content.into())).await;
        kept(response, &mut answer).await
    });
    match first.await {
        Ok(response) => response,
        Err(error) => resume_unwind(error.into_panic()),
    }
}

/// Whether the sender of a form that comes again may still read its answer: a session may have ended since. Who signs in has none yet.
async fn may_read(console: &Console, parts: &mut Parts) -> bool {
    if cookie(&parts.headers, SESSION).is_none() {
        return true;
    }
    match ConsoleSession::from_request_parts(parts, console).await {
        Ok(session) => console.api.get(&session, "/v1/me").await.is_ok(),
        Err(_) => false,
    }
}

/// Keeps an answer that says that something was done. A refusal left everything as it was, and is decided again.
async fn kept(response: Response, answer: &mut Option<Answer>) -> Response {
    let status = response.status();
    if !status.is_success() && !status.is_redirection() {
        return response;
    }
    let (head, body) = response.into_parts();
    let Ok(body) = to_bytes(body, usize::MAX).await else {
        return StatusCode::INTERNAL_SERVER_ERROR.into_response();
    };
    let told = Answer { status, headers: head.headers, body };
    if told.body.len() <= LARGEST_KEPT {
        *answer = Some(told.clone());
    }
    told.into_response()
}

impl axum::response::IntoResponse for Answer {
    fn into_response(self) -> Response {
        let mut response = Response::new(Body::from(self.body));
        *response.status_mut() = self.status;
        *response.headers_mut() = self.headers;
        response
    }
}

fn largest(headers: &HeaderMap) -> usize {
    if content_type(headers).starts_with("multipart/") { LARGEST_UPLOAD } else { LARGEST_FORM }
}

fn content_type(headers: &HeaderMap) -> &str {
    headers.get(header::CONTENT_TYPE).and_then(|kind| kind.to_str().ok()).unwrap_or_default()
}

/// What tells a form from every other one; none where it has no token, or only looks.
fn fingerprint(parts: &Parts, content: &[u8]) -> Option<Fingerprint> {
    let session = cookie(&parts.headers, SESSION).unwrap_or_default();
    let mut digest = Sha256::new();
    for part in [session, parts.uri.path_and_query()?.as_str()] {
        digest.update((part.len() as u64).to_be_bytes());
        digest.update(part);
    }
    match multipart::parse(content_type(&parts.headers), content) {
        // The line between its parts is another one each time.
        Some(upload) => {
            digest.update(said(&upload)?);
            digest.update(&upload.file);
        }
        None => {
            let token = content.split(|byte| *byte == b'&').find_map(|field| {
                field.strip_prefix(ONCE.as_bytes()).and_then(|rest| rest.strip_prefix(b"="))
            });
            token.filter(|token| !token.is_empty())?;
            digest.update(content);
        }
    }
    Some(digest.finalize().into())
}

/// What a form says beside its file; none where it has no token, or asks for a preview, which is of its own moment each time.
fn said(upload: &Upload) -> Option<String> {
    upload.fields.get(ONCE).filter(|token| !token.is_empty())?;
    upload.fields.get("act").filter(|act| *act == "import")?;
    let mut fields: Vec<_> = upload.fields.iter().collect();
    fields.sort_unstable();
    Some(format!("{fields:?} {:?}", upload.name))
}
