//! The log as it grows: server-sent events.

use std::convert::Infallible;
use std::sync::Arc;
use std::time::Duration;

use axum::body::{Body, Bytes};
use axum::http::header;
use axum::response::{IntoResponse as _, Response};
use futures::stream;
use serde_json::json;
use tokio::sync::watch;
use tokio::time::Instant;

use super::feed::{ENTRIES_PER_PAGE, Feed};
use super::shared::{Filter, SharedPage};
use super::window::Next;
use crate::app::{AppError, Caller};
use crate::auth::Standing;
use crate::auth::disclosure::reads_people;
use crate::domain::company::rights::reads_events_of;
use crate::eventstore::{Position, Query};
use crate::routes::AppState;

/// Keeps the connection open through whatever stands between.
const HEARTBEAT: Duration = Duration::from_secs(15);
/// How much is given to the connection at a time.
const CHUNK: usize = 64 * 1024;

/// What a stream is asked for.
pub(super) struct StreamRequest {
    pub(super) caller: Caller,
    /// What it wants, for pages that are read for everybody.
    pub(super) filter: Filter,
    /// The same, as a query of the log.
    pub(super) query: Query,
    /// Where it begins.
    pub(super) after: Position,
}

/// Where a stream stands.
struct Follower {
    state: AppState,
    caller: Caller,
    filter: Filter,
    query: Query,
    /// Everything up to here was sent, or is not wanted, or is not this caller's to see.
    after: Position,
    feed: Arc<Feed>,
    grown: watch::Receiver<Position>,
    /// Whether it has come to what is read for everybody: from then on it keeps up, or is told that it does not.
    has_joined: bool,
    standing: Standing,
    heartbeat: Instant,
    has_ended: bool,
    _counted: Counted,
}

/// What a step gives.
enum Step {
    Send(Vec<u8>),
    /// Nothing for this caller, and there may be more.
    GoOn,
    /// Nothing more for now.
    Wait,
    /// What comes next is kept no longer.
    Missed(Position),
}

/// A stream that is open, as the metrics have it.
struct Counted;

impl Counted {
    fn new() -> Self {
        metrics::gauge!("waymark_event_streams").increment(1);
        Self
    }
}

impl Drop for Counted {
    fn drop(&mut self) {
        metrics::gauge!("waymark_event_streams").decrement(1);
    }
}

/// The matching events after a position, and then those to come, until the service stops, the credential ends, or the client
/// is too slow. A failing read ends the stream, too: the client resumes with the last id that it saw.
pub(super) fn stream(state: AppState, standing: Standing, asked: StreamRequest) -> Response {
    let StreamRequest { caller, filter, query, after } = asked;
    let feed = state.feeds.of(caller.tenant);
    let grown = feed.grown();
    let follower = Follower {
        state,
        caller,
        filter,
        query,
        after,
        feed,
        grown,
        has_joined: false,
        standing,
        heartbeat: Instant::now() + HEARTBEAT,
        has_ended: false,
        _counted: Counted::new(),
    };
    let chunks = stream::unfold(follower, async |mut follower| {
        let chunk = follower.next().await?;
        Some((Ok::<_, Infallible>(Bytes::from(chunk)), follower))
    });
    let headers = [(header::CONTENT_TYPE, "text/event-stream"), (header::CACHE_CONTROL, "no-cache")];
    (headers, Body::from_stream(chunks)).into_response()
}

impl Follower {
    async fn next(&mut self) -> Option<Vec<u8>> {
        while !self.has_ended && !self.state.stop.is_cancelled() {
            if self.standing.has_ended() {
                return self.end("credential", b": the credential is valid no longer\n\n".to_vec());
            }
            self.grown.mark_unchanged();
            match self.step().await {
                Ok(Step::Send(chunk)) => {
                    self.heartbeat = Instant::now() + HEARTBEAT;
                    return Some(chunk);
                }
                Ok(Step::GoOn) => {}
                Ok(Step::Wait) => {
                    if let Some(heartbeat) = self.wait().await {
                        return Some(heartbeat);
                    }
                }
                Ok(Step::Missed(before)) => return self.end("lagged", lagged(self.after, before)),
                Err(error) => {
                    tracing::warn!(%error, tenant = %self.caller.tenant, "an event stream ends early");
                    return self.end("failed", b": the log cannot be read now\n\n".to_vec());
                }
            }
        }
        None
    }

    /// The last words of a stream.
    fn end(&mut self, reason: &'static str, words: Vec<u8>) -> Option<Vec<u8>> {
        metrics::counter!("waymark_event_streams_ended_total", "reason" => reason).increment(1);
        self.has_ended = true;
        Some(words)
    }

    /// Waits until there is more, or the stream is to end. Answers a heartbeat when it is time for one.
    async fn wait(&mut self) -> Option<Vec<u8>> {
        let stop = self.state.stop.clone();
        tokio::select! {
            // The feed lives as long as this stream does.
            _ = self.grown.changed() => None,
            () = self.standing.ended() => None,
            () = stop.cancelled() => None,
            () = tokio::time::sleep_until(self.heartbeat) => {
                self.heartbeat = Instant::now() + HEARTBEAT;
                Some(b": heartbeat\n\n".to_vec())
            }
        }
    }

    async fn step(&mut self) -> Result<Step, AppError> {
        match self.feed.next(self.after) {
            Next::Page(page) => {
                self.has_joined = true;
                self.take(&page).await
            }
            Next::Nothing => Ok(Step::Wait),
            Next::Before(before) if self.has_joined => Ok(Step::Missed(before)),
            Next::Before(_) if self.filter.is_open() => {
                let page = self.feed.past(self.after).await?;
                self.take(&page).await
            }
            Next::Before(before) => {
                let store = &self.state.app.store;
                let tenant = self.caller.tenant;
                let entries =
                    store.read_matching(tenant, &self.query, self.after, before, ENTRIES_PER_PAGE).await?;
                let is_all = entries.len() < ENTRIES_PER_PAGE as usize;
                let page = SharedPage::of(tenant, entries)?;
                let step = self.take(&page).await?;
                // A page that is not full has looked at everything up to there.
                if is_all && page.last().is_none_or(|last| last <= self.after) {
                    self.after = before;
                }
                Ok(step)
            }
        }
    }

    /// Writes what this caller sees of a page, as much as is given at a time.
    async fn take(&mut self, page: &SharedPage) -> Result<Step, AppError> {
        let Self { state, caller, filter, after, .. } = self;
        let opened = match reads_people(&caller.actor) {
            true => Some(page.opened(&state.app).await?),
            false => None,
        };
        // Regions, teams and owners change while a stream lasts.
        let mut viewer = state.app.viewer(caller).await?;
        let mut chunk = Vec::new();
        for (place, item) in page.after(*after) {
            if chunk.len() >= CHUNK {
                break;
            }
            if item.is_wanted(filter) {
                let opened = opened.and_then(|opened| opened.get(place)?.as_ref());
                let is_guarded = viewer.is_masked() && opened.is_some_and(|opened| opened.is_guarded);
                if !viewer.sees_everything() || is_guarded {
                    let document =
                        opened.map_or_else(|| item.document(), |opened| Ok(opened.document.clone()))?;
                    if let Some(shown) = viewer.shown(document).await? {
                        item.write_text(shown.to_string().as_bytes(), &mut chunk);
                    }
                } else if reads_events_of(&caller.actor, &item.subject) {
                    item.write(opened, &mut chunk);
                }
            }
            *after = item.position();
        }
        Ok(if chunk.is_empty() { Step::GoOn } else { Step::Send(chunk) })
    }
}

/// The event that tells a client that it is too slow. It has no id, so that the client resumes with the last one that it saw.
fn lagged(after: Position, kept_after: Position) -> Vec<u8> {
    let data = json!({
        "code": "stream-lagged",
        "last_event_id": after,
        "missed_up_to": kept_after,
        "detail": {
            "zh": "读取速度跟不上日志的增长，本次推送到此结束；请以 Last-Event-ID 重新连接，事件不会丢失。",
            "en": "This client reads more slowly than the log grows, so the stream ends here. Connect again with \
                   Last-Event-ID: no event is lost.",
        },
    });
    format!("event: lagged\ndata: {data}\n\n").into_bytes()
}
