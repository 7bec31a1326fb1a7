//! Reports that look at more than one read model at once: how far customers come, how well the record is kept, what reps
//! do, what pilots bring.

pub mod alerts;
pub mod bottlenecks;
pub mod changes;
pub mod channels;
pub mod compare;
mod definition;
pub mod effect;
pub mod forecast;
pub mod funnels;
pub mod groups;
pub mod latency;
pub mod losses;
pub mod loyalty;
mod money;
pub mod neglect;
pub mod page;
pub mod pilots;
pub mod quality;
pub mod reps;
mod snapshot;
pub mod what_if;

use std::collections::HashMap;
use std::sync::Arc;

use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_eventstore::Position;

use crate::error::Result;
use crate::models::board::Population;
use crate::models::board::versions::{self, CustomerVersions};
use crate::models::dwell::Window;
use crate::models::snapshot::Snapshot;
use crate::models::work::names;
use crate::query::{AsOf, CohortFilter};
use crate::stats::proportion::{self, SMALL};
use crate::stats::{JourneySet, Micros};
use crate::{board, dwell, timeline};

pub use definition::Definition;
pub use snapshot::ReportSnapshot;

/// A share with its 95% interval.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct ShareReport {
    /// The share, from 0 to 1.
    pub share: f64,
    /// The lower end of Wilson's 95% interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// Whether it rests on fewer than 20: then the interval is all that it says.
    pub small: bool,
}

impl ShareReport {
    /// Of successes among trials; none without trials.
    pub(crate) fn of(successes: f64, trials: f64) -> Option<Self> {
        let share = proportion::wilson(successes, trials)?;
        Some(Self { share: share.share, low: share.low, high: share.high, small: trials < SMALL })
    }

    /// Of counts.
    pub(crate) fn of_counts(successes: usize, trials: usize) -> Option<Self> {
        Self::of(successes as f64, trials as f64)
    }
}

/// Writes a count as one: `2`, not `2.0`. A part of a deal keeps its fraction.
fn whole_where_it_is<S: serde::Serializer>(
    count: &f64,
    serializer: S,
) -> std::result::Result<S::Ok, S::Error> {
    if count.fract() == 0.0 && *count >= 0.0 && *count < 9e15 {
        return serializer.serialize_u64(*count as u64);
    }
    serializer.serialize_f64(*count)
}

/// The last position that counts in every read model that reports look at. Afterwards the view is at that moment.
async fn known(snapshot: &mut Snapshot, at: &AsOf) -> Result<Position> {
    for model in [timeline::NAME, board::NAME, dwell::NAME] {
        snapshot.switch_model(model).await?;
    }
    Ok(snapshot.known(at))
}

/// What customers were like, as known at a position.
async fn pasts(snapshot: &mut Snapshot, known: Position) -> Result<Arc<CustomerVersions>> {
    snapshot.switch_model(board::NAME).await?;
    versions::load(snapshot, known).await
}

/// The journeys of a pipeline whose customers pass a filter at the instant asked about.
async fn journeys(
    snapshot: &mut Snapshot,
    pipeline: &str,
    at: &AsOf,
    known: Position,
    filter: &CohortFilter,
) -> Result<Arc<JourneySet>> {
    snapshot.switch_model(dwell::NAME).await?;
    let journeys = dwell::load(snapshot, pipeline, known).await?;
    Ok(Population::of(snapshot, filter, at.micros(), known, None).await?.keep(journeys))
}

/// What customers were called, of those who had a name that is known.
async fn names(snapshot: &mut Snapshot, ids: &[Uuid], at: &AsOf) -> Result<HashMap<Uuid, String>> {
    names::then(snapshot, ids, at).await
}

/// A window in microseconds; its end is no later than the instant asked about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Span {
    from: Micros,
    /// The last instant at which something that happened counts: just before the end, or the instant asked about itself.
    last: Micros,
    /// The end: where what is still under way is cut off.
    end: Micros,
}

impl Span {
    fn of(window: &Window, at: &AsOf) -> Self {
        let from = window.begin().unwrap_or(Micros::MIN);
        Self { from, last: window.last(at), end: window.end(at) }
    }

    /// The same window with an earlier end.
    fn ending(self, end: Micros) -> Self {
        Self { last: end.saturating_sub(1), end, ..self }
    }

    fn holds(&self, instant: Micros) -> bool {
        self.from <= instant && instant <= self.last
    }
}
