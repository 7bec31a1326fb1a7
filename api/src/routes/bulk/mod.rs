//! Many commands in one request, a line each.

mod atomic;
mod batch;
mod line;
mod lines;
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
    /// Judges every line against the present state, and records nothing.
    #[serde(default)]
    dry_run: bool,
    /// All lines or none, in one commit: at most 500, none with a key of its own; the request's `Idempotency-Key`
    /// makes the whole safe to send again.
    #[serde(default)]
    atomic: bool,
}

/// Who asks, and how: the same for every line.
#[derive(Clone)]
struct Sender {
    state: AppState,
    caller: Caller,
    reader: Reader,
    dry_run: bool,
}

/// Carry out many commands
///
/// A command a line, answered a line each, in order, while lines still arrive; each stands for itself and has the
/// status that the single call would have had. Give lines an `idempotency_key` to be able to send them again.
/// Blank lines are passed over. With `atomic` every line is judged on what the ones before it leave behind; when
/// one is refused none is carried out, and the others are answered 409 `not-carried-out`. History loaded from another system
/// is sent with `origin=import`.
#[utoipa::path(
    post, path = "/v1/bulk", tag = "bulk",
    params(BulkParams, Provenance),
    request_body(content = BulkLine, content_type = "application/x-ndjson"),
    responses(
        (status = 200, description = "A reply for each line.", body = LineReply, content_type = "application/x-ndjson"),
        (status = 403, description = "`origin=import` is not for the caller's roles.", body = ProblemDocument),
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
    let sender = Sender { state, caller, reader, dry_run: params.dry_run };
    if params.atomic {
        let replies = atomic::execute(&sender, idempotency_key, body).await?;
        let replies: Vec<u8> = replies.iter().flat_map(LineReply::ndjson).collect();
        return Ok(([(header::CONTENT_TYPE, NDJSON)], replies).into_response());
    }
    let replies = lines::lines(body).ready_chunks(AT_A_TIME).then(move |lines| {
        let sender = sender.clone();
        async move { batch::execute(&sender, lines).await }
    });
    let replies = replies.flat_map(stream::iter).map(|reply| Ok::<_, Infallible>(reply.ndjson()));
    Ok(([(header::CONTENT_TYPE, NDJSON)], Body::from_stream(replies)).into_response())
}
