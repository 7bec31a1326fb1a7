//! Bulk requests: one command per line.

mod atomic;
mod batch;
mod line;
mod lines;
mod rehearse;
mod task;

use std::convert::Infallible;

use axum::Extension;
use axum::body::Body;
use axum::extract::{Request, State};
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::stream::{self, StreamExt as _};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::provenance::Provenance;
use crate::app::Caller;
use crate::auth::Authority;
use crate::http::Query;
use crate::http::body::{self, ContentType};
use crate::http::command::idempotency_key;
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::problem::render::Reader;
use line::{BulkLine, LineReply};

/// How many lines are taken up at a time.
const AT_A_TIME: usize = 64;
const NDJSON: &str = "application/x-ndjson";

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(bulk))
}

/// How the lines are carried out.
#[derive(Debug, Clone, Copy, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct BulkParams {
    /// Judge every line without recording anything: each as if the accepted lines before it had been carried out. At most 50000
    /// lines.
    #[serde(default)]
    dry_run: bool,
    /// Execute all lines or none, in one commit: at most 500 lines, none with a key of its own; the request's
    /// `Idempotency-Key` makes the whole batch safe to retry.
    #[serde(default)]
    atomic: bool,
}

/// The caller and the options, which are the same for every line.
#[derive(Clone)]
struct Sender {
    state: AppState,
    caller: Caller,
    reader: Reader,
    dry_run: bool,
    /// The request's key, where each line is a command of its own.
    idempotency_key: Option<String>,
}

/// Execute commands in bulk
///
/// One command per line, one reply per line, in order and while the request is still being sent. Each line is
/// independent and has the status of the corresponding single call. The request's `Idempotency-Key` makes every line safe to
/// retry, by its number; an `idempotency_key` of a line's own counts instead. Blank lines are skipped. With `atomic`, each line is validated against the result of the lines before it;
/// if any is refused, none is executed: each refused one says why, and the others are answered 409 `not-carried-out` with
/// `refused_lines` (the first 20) and `refused_total`. Of more than 100 refused lines, the first 100 say why. Send history from
/// another system with `origin=import`.
#[utoipa::path(
    post, path = "/v1/bulk", tag = "bulk",
    params(BulkParams, Provenance),
    request_body(content = BulkLine, content_type = "application/x-ndjson"),
    responses(
        (status = 200, description = "One reply per line.", body = LineReply, content_type = "application/x-ndjson"),
        (status = 403, description = "The caller's roles do not permit `origin=import`.", body = ProblemDocument),
        (status = 415, description = "The body is not `application/x-ndjson`.", body = ProblemDocument),
    )
)]
pub(super) async fn bulk(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Query(params, provenance, ..): Query<BulkParams, Provenance>,
    Extension(reader): Extension<Reader>,
    request: Request,
) -> Result<Response, Problem> {
    let caller = provenance.of(caller)?;
    let idempotency_key = idempotency_key(request.headers())?;
    let body = body::stream(request, ContentType::Ndjson, NDJSON)?;
    let sender = Sender { state, caller, reader, dry_run: params.dry_run, idempotency_key };
    if params.atomic {
        let replies = atomic::execute(&sender, body).await?;
        let replies: Vec<u8> = replies.iter().flat_map(LineReply::ndjson).collect();
        return Ok(([(header::CONTENT_TYPE, NDJSON)], replies).into_response());
    }
    if params.dry_run {
        let replies = rehearse::replies(sender, lines::lines(body).boxed());
        let replies = replies.map(|reply| Ok::<_, Infallible>(reply.ndjson()));
        return Ok(([(header::CONTENT_TYPE, NDJSON)], Body::from_stream(replies)).into_response());
    }
    let replies = lines::lines(body).ready_chunks(AT_A_TIME).then(move |lines| {
        let sender = sender.clone();
        async move { batch::execute(&sender, lines).await }
    });
    let replies = replies.flat_map(stream::iter).map(|reply| Ok::<_, Infallible>(reply.ndjson()));
    Ok(([(header::CONTENT_TYPE, NDJSON)], Body::from_stream(replies)).into_response())
}
