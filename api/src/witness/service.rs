//! The witness over HTTP.

use std::sync::Arc;

use axum::Router;
use axum::extract::{DefaultBodyLimit, State};
use axum::http::{StatusCode, header};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use waymark_eventstore::Clock;

use super::state::{Judgement, Witness};

/// The longest body: 63 hashes, and a checkpoint with far more signatures than any has.
const LONGEST: usize = 256 * 1024;

/// What the handlers work with.
#[derive(Clone)]
struct Service {
    witness: Arc<Witness>,
    clock: Clock,
}

/// The routes: `POST /add-checkpoint`, and the witness's own key at `GET /`.
pub(crate) fn router(witness: Arc<Witness>, clock: Clock) -> Router {
    Router::new()
        .route("/add-checkpoint", post(add_checkpoint))
        .route("/", get(key))
        .layer(DefaultBodyLimit::max(LONGEST))
        .with_state(Service { witness, clock })
}

async fn key(State(service): State<Service>) -> String {
    format!("{}\n", service.witness.vkey())
}

async fn add_checkpoint(State(service): State<Service>, body: String) -> Response {
    let seconds = (service.clock)().timestamp().max(0).cast_unsigned();
    let witness = service.witness;
    // It waits for the disk.
    let judged = tokio::task::spawn_blocking(move || witness.add(&body, seconds)).await;
    match judged {
        Ok(Ok(judgement)) => answer(judgement),
        Ok(Err(error)) => {
            tracing::error!(%error, "a checkpoint was not cosigned");
            StatusCode::INTERNAL_SERVER_ERROR.into_response()
        }
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// The statuses and bodies that the specification demands.
fn answer(judgement: Judgement) -> Response {
    match judgement {
        Judgement::Cosigned(line) => line.into_response(),
        Judgement::Malformed => StatusCode::BAD_REQUEST.into_response(),
        Judgement::UnknownLog => StatusCode::NOT_FOUND.into_response(),
        Judgement::NotSigned => StatusCode::FORBIDDEN.into_response(),
        Judgement::OtherSize(size) => {
            let headers = [(header::CONTENT_TYPE, "text/x.tlog.size")];
            (StatusCode::CONFLICT, headers, format!("{size}\n")).into_response()
        }
        Judgement::NotConsistent => StatusCode::UNPROCESSABLE_ENTITY.into_response(),
    }
}
