//! Getting the events after a consumer's position, or waiting for them.

use std::time::Duration;

use axum::extract::State;
use axum::http::HeaderMap;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use tokio::sync::watch;
use tokio::time::Instant;
use utoipa::{IntoParams, ToSchema};

use super::own;
use crate::access_log::NothingTold;
use crate::app::Caller;
use crate::auth::{Authority, Standing};
use crate::domain::Label;
use crate::eventstore::Position;
use crate::http::answer::AsOfResponse;
use crate::http::{Key, Query, page};
use crate::outbound::ConsumerState;
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;
use crate::routes::events::list::{EventPage, page as read};

const PATH: &str = "/v1/consumers/{name}/events";
/// How long a request may wait for an event.
const LONGEST_WAIT_SECONDS: u64 = 30;

/// How many events, and how long to wait for one.
#[derive(Debug, Clone, Copy, Default, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct FollowParams {
    /// The maximum number of events: 50 by default, 500 at most.
    #[param(minimum = 1, maximum = 500)]
    limit: Option<u32>,
    /// How long to wait for an event if there is none yet, in seconds: 0 by default, 30 at most.
    #[param(minimum = 0, maximum = 30)]
    wait_seconds: Option<u64>,
}

/// The next events of a consumer.
#[derive(Debug, Clone, Serialize, ToSchema)]
#[schema(as = ConsumerEvents)]
pub(super) struct FollowReply {
    /// CloudEvents 1.0 documents, in order of position: those of `GET /v1/events`.
    #[schema(value_type = Vec<Object>)]
    items: Vec<Value>,
    /// What to acknowledge once all items are processed, also where there are none: up to here there is nothing else for this
    /// consumer.
    next_position: Position,
    /// The position of the consumer: what it has acknowledged.
    position: Position,
    /// The last position of the log.
    head: Position,
}

/// Get a consumer's events
///
/// The events after its position, of its types and as `GET /v1/events` gives them to the caller. Nothing is acknowledged by
/// it: the same events come again until they are acknowledged. If there is none, the answer waits for up to `wait_seconds`
/// (long polling) and is then empty. Two requests at once for one consumer get the same events; the one that acknowledges further
/// decides what comes next, so share work by several consumers instead. Events that the caller cannot see are omitted: a page
/// may be empty before the end of the log, and `next_position` leads past them.
#[utoipa::path(
    get, path = "/v1/consumers/{name}/events", tag = "log",
    params(("name" = String, Path, description = "The consumer."), FollowParams),
    responses(
        (status = 200, description = "The next events.", body = FollowReply,
            headers(("Waymark-Position" = u64, description = "Where the log ended."))),
        (status = 404, description = "There is no such consumer.", body = ProblemDocument),
    )
)]
pub(super) async fn events(
    State(state): State<AppState>,
    Authority(caller): Authority,
    headers: HeaderMap,
    Key(name): Key,
    Query(params, ..): Query<FollowParams>,
) -> Result<Response, Problem> {
    let (limit, wait) = (page::limit(params.limit)?, wait(params.wait_seconds)?);
    let consumer = own(&state, &caller, &name).await?;
    let standing = state.rechecks.follow(&headers, &caller, PATH);
    let EventPage { items, reached, head } =
        poll(&state, &caller, &consumer, standing, (limit, wait)).await?;
    let is_empty = items.is_empty();
    let body = FollowReply { items, next_position: reached, position: consumer.position, head };
    let mut response = AsOfResponse { position: head, body }.into_response();
    if is_empty {
        response.extensions_mut().insert(NothingTold);
    }
    Ok(response)
}

/// How long to wait.
fn wait(seconds: Option<u64>) -> Result<Duration, Problem> {
    match seconds.unwrap_or(0) {
        seconds @ 0..=LONGEST_WAIT_SECONDS => Ok(Duration::from_secs(seconds)),
        _ => {
            let message = Label::new(
                format!("应在 0 至 {LONGEST_WAIT_SECONDS} 之间。"),
                format!("Must be between 0 and {LONGEST_WAIT_SECONDS}."),
            );
            Err(Problem::invalid_value("wait_seconds", message))
        }
    }
}

/// The first page with an event, or an empty one when none has come in time, or the service stops.
async fn poll(
    state: &AppState,
    caller: &Caller,
    consumer: &ConsumerState,
    mut standing: Standing,
    (limit, wait): (u32, Duration),
) -> Result<EventPage, Problem> {
    let (query, deadline) = (consumer.query(), Instant::now() + wait);
    // What is read for streams wakes this one, too, whichever process appended it.
    let feed = state.feeds.of(caller.tenant);
    let mut grown = feed.grown();
    let mut after = consumer.position;
    loop {
        let page = read(state, caller, (&query, after), limit).await?;
        if !page.items.is_empty() || Instant::now() >= deadline || state.stop.is_cancelled() {
            return Ok(page);
        }
        after = page.reached;
        tokio::select! {
            // Of a long log that is closed to the caller there may be more to look through at once.
            () = std::future::ready(()), if page.reached < page.head => {}
            is_live = has_grown(&mut grown, after) => {
                if !is_live {
                    return Ok(page);
                }
            }
            () = standing.ended() => return Err(Problem::bad_credential()),
            () = state.stop.cancelled() => return Ok(page),
            () = tokio::time::sleep_until(deadline) => return Ok(page),
        }
    }
}

/// Waits until the log has more than up to a position. False when nobody will tell.
async fn has_grown(grown: &mut watch::Receiver<Position>, after: Position) -> bool {
    grown.wait_for(|reached| *reached > after).await.is_ok()
}
