//! The log as it grows: server-sent events.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::time::Duration;

use axum::response::sse::{Event, KeepAlive, Sse};
use futures::stream::{self, Stream, StreamExt as _};
use tokio::sync::watch;

use crate::app::Caller;
use crate::eventstore::{Position, Query};
use crate::problem::Problem;
use crate::routes::Site;

/// How many entries are read at a time.
const PAGE: u32 = 100;
/// How long an event that another process appended may go unnoticed.
const LOOK_AGAIN: Duration = Duration::from_secs(1);
/// Keeps the connection open through whatever stands between.
const HEARTBEAT: Duration = Duration::from_secs(15);

/// Where a stream stands.
struct Follower {
    site: Site,
    caller: Caller,
    query: Query,
    /// Everything up to here was sent, or does not match.
    after: Position,
    /// Read, and not sent yet.
    waiting: VecDeque<Event>,
    grown: watch::Receiver<Position>,
}

/// The matching events after a position, and then those to come, until the service stops. A failing read ends
/// the stream: the client resumes with the last id that it saw.
pub(super) fn stream(
    site: Site,
    caller: Caller,
    query: Query,
    after: Position,
) -> Sse<impl Stream<Item = Result<Event, Infallible>>> {
    let stop = site.stop.clone().cancelled_owned();
    let grown = site.app.store.watch(caller.tenant);
    let follower = Follower { site, caller, query, after, waiting: VecDeque::new(), grown };
    let events = stream::unfold(follower, |mut follower| async move {
        let event = follower.next().await?;
        Some((Ok(event), follower))
    });
    Sse::new(events.take_until(stop).boxed())
        .keep_alive(KeepAlive::new().interval(HEARTBEAT).text("heartbeat"))
}

impl Follower {
    async fn next(&mut self) -> Option<Event> {
        loop {
            if let Some(event) = self.waiting.pop_front() {
                return Some(event);
            }
            self.grown.mark_unchanged();
            match self.read().await {
                // Everything up to the end may have been somebody else's.
                Ok(true) if self.waiting.is_empty() => self.sleep().await,
                Ok(_) => {}
                Err(problem) => {
                    tracing::error!(code = problem.code(), "an event stream ends early");
                    return None;
                }
            }
        }
    }

    /// Waits until this process appended something, or it is time to look what others did.
    async fn sleep(&mut self) {
        let look_again = tokio::time::sleep(LOOK_AGAIN);
        tokio::select! {
            changed = self.grown.changed() => if changed.is_err() { tokio::time::sleep(LOOK_AGAIN).await },
            () = look_again => {}
        }
    }

    /// Reads a page, and says whether it reached the end of the log.
    async fn read(&mut self) -> Result<bool, Problem> {
        let store = &self.site.app.store;
        let head = store.head(self.caller.tenant).await?.position;
        if head <= self.after {
            return Ok(true);
        }
        let entries = store.read_matching(self.caller.tenant, &self.query, self.after, head, PAGE).await?;
        // Regions, teams and owners change while a stream lasts.
        let mut viewer = self.site.app.viewer(&self.caller).await?;
        for entry in &entries {
            let Some(document) = viewer.entry(entry).await? else { continue };
            self.waiting
                .push_back(Event::default().id(entry.position.to_string()).data(document.to_string()));
        }
        let full = entries.len() == PAGE as usize;
        self.after = entries.last().filter(|_| full).map_or(head, |last| last.position);
        Ok(!full)
    }
}
