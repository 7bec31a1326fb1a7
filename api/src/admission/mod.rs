//! How many heavy requests are answered at the same time: reports and exports have a few places each, which tenants share
//! fairly. A few more wait; the others are told at once to come back later. Commands and plain reads pass by all of it.
//!
//! A report is computed on a thread of its own, beside those that serve everybody: it may take seconds between two of its
//! questions to the database.

mod fair_queue;
mod workload;

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use axum::body::{Body, HttpBody as _};
use axum::response::{IntoResponse as _, Response};
use futures::StreamExt as _;
use parking_lot::Mutex;
use tokio::runtime::Handle;
use tokio::sync::oneshot;
use tokio_util::sync::CancellationToken;
use tracing::Instrument as _;

pub use workload::{Workload, may_be_heavy, workload};

use crate::eventstore::TenantId;
use crate::problem::Problem;
use fair_queue::{Arrival, FairQueue, Limits, Ticket};

/// The most reports at the same time unless a setting says otherwise: each holds a connection to the read models.
const MOST_REPORTS: usize = 8;
/// How many reports wait for each that runs.
const WAITING_REPORTS: usize = 32;
/// Exports go as fast as their readers: several, of which one tenant leaves some to others.
const EXPORTS: Limits = Limits { places: 4, per_owner: 3, queue: 8 };

/// The places for heavy requests of this process.
#[derive(Debug)]
pub struct Admission {
    reports: Arc<Places>,
    exports: Arc<Places>,
}

/// The places for one kind of request, and who waits for one.
#[derive(Debug)]
struct Places {
    kind: &'static str,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    queue: FairQueue<TenantId>,
    /// Tells those that wait that it is their turn; dropped, that it will not come.
    turns: BTreeMap<Ticket, oneshot::Sender<()>>,
}

/// A place, or the wait for one: given up when dropped.
#[derive(Debug)]
pub struct Place {
    places: Arc<Places>,
    ticket: Ticket,
}

/// How many reports run at the same time unless a setting says otherwise: on half of the cores, so that the other half is
/// left to commands and reads.
#[must_use]
pub fn usual_reports() -> usize {
    let cores = std::thread::available_parallelism().map_or(1, NonZeroUsize::get);
    cores.div_ceil(2).min(MOST_REPORTS)
}

impl Admission {
    /// With N reports at the same time; with 0 this process answers neither reports nor exports.
    #[must_use]
    pub fn new(reports: usize) -> Self {
        let of_reports = Limits { places: reports, per_owner: reports, queue: reports * WAITING_REPORTS };
        let of_exports = if reports == 0 { Limits { places: 0, ..EXPORTS } } else { EXPORTS };
        Self { reports: Places::new("report", of_reports), exports: Places::new("export", of_exports) }
    }

    /// A place for a request of this kind, once it is the tenant's turn. Giving up the wait gives up the turn.
    ///
    /// # Errors
    /// 503 when too many wait already.
    pub async fn place(&self, workload: Workload, tenant: TenantId) -> Result<Place, Problem> {
        let places = match workload {
            Workload::Report | Workload::PinnedReport => &self.reports,
            Workload::Export => &self.exports,
        };
        places.enter(tenant).await
    }

    /// How many reports run and wait now.
    #[cfg(test)]
    pub(crate) fn reports(&self) -> (usize, usize) {
        let state = self.reports.state.lock();
        (state.queue.running(), state.queue.waiting())
    }
}

impl Places {
    fn new(kind: &'static str, limits: Limits) -> Arc<Self> {
        let state = State { queue: FairQueue::new(limits), turns: BTreeMap::new() };
        Arc::new(Self { kind, state: Mutex::new(state) })
    }

    async fn enter(self: &Arc<Self>, tenant: TenantId) -> Result<Place, Problem> {
        let (place, turn) = self.arrive(tenant)?;
        match turn {
            None => Ok(place),
            Some(turn) => match turn.await {
                Ok(()) => Ok(place),
                Err(_) => Err(self.turned_away()),
            },
        }
    }

    /// A place, and the turn to wait for where it is not free yet.
    fn arrive(self: &Arc<Self>, tenant: TenantId) -> Result<(Place, Option<oneshot::Receiver<()>>), Problem> {
        let mut state = self.state.lock();
        let (ticket, turn) = match state.queue.arrive(tenant) {
            Arrival::Runs(ticket) => (ticket, None),
            Arrival::Waits { ticket, dropped } => {
                let (sender, turn) = oneshot::channel();
                state.turns.insert(ticket, sender);
                if let Some(dropped) = dropped {
                    // Hears of it, because nobody is left to send.
                    state.turns.remove(&dropped);
                }
                (ticket, Some(turn))
            }
            Arrival::TurnedAway => return Err(self.turned_away()),
        };
        self.measure(&state);
        Ok((Place { places: Arc::clone(self), ticket }, turn))
    }

    fn leave(&self, ticket: Ticket) {
        let mut state = self.state.lock();
        state.turns.remove(&ticket);
        for next in state.queue.leave(ticket) {
            if let Some(turn) = state.turns.remove(&next) {
                // Who has gone away a moment ago gives the place back itself.
                let _ = turn.send(());
            }
        }
        self.measure(&state);
    }

    fn turned_away(&self) -> Problem {
        metrics::counter!("waymark_heavy_requests_turned_away_total", "kind" => self.kind).increment(1);
        Problem::too_many_reports()
    }

    #[expect(clippy::cast_precision_loss, reason = "there are a few")]
    fn measure(&self, state: &State) {
        let gauge = |name, number: usize| {
            metrics::gauge!("waymark_heavy_requests", "kind" => self.kind, "state" => name)
                .set(number as f64);
        };
        gauge("running", state.queue.running());
        gauge("waiting", state.queue.waiting());
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        self.places.leave(self.ticket);
    }
}

impl Place {
    /// Answers on a thread of its own. The place is given back when the answer is there, or, if its caller goes away, at the
    /// next moment at which it would have waited for something.
    pub async fn answer(self, answer: impl Future<Output = Response> + Send + 'static) -> Response {
        let gone = CancellationToken::new();
        let _gone_with_the_caller = gone.clone().drop_guard();
        let span = tracing::Span::current();
        let computed = tokio::task::spawn_blocking(move || {
            let _place = self;
            Handle::current().block_on(gone.run_until_cancelled(answer).instrument(span))
        });
        match computed.await {
            Ok(Some(response)) => response,
            Err(failure) if failure.is_panic() => std::panic::resume_unwind(failure.into_panic()),
            Ok(None) | Err(_) => Problem::stopping().into_response(),
        }
    }

    /// The same answer, which keeps the place until its body has been sent, or is dropped, where it is made while it is sent.
    #[must_use]
    pub fn until_sent(self, response: Response) -> Response {
        if response.body().size_hint().exact().is_some() {
            return response;
        }
        let (head, body) = response.into_parts();
        let pieces = body.into_data_stream().map(move |piece| {
            let _kept = &self;
            piece
        });
        Response::from_parts(head, Body::from_stream(pieces))
    }
}

#[cfg(test)]
mod tests;
