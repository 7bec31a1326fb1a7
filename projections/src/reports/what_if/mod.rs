//! What stored history would have been under another definition, other rules or other numbers of a pool.

mod difference;
mod history;

use uuid::Uuid;
use waymark_domain::Zones;
use waymark_domain::money::Rates;
use waymark_domain::what_if::{Both, DeadlineChange, Hypothesis, ReclaimChange, RefusedMove};
use waymark_eventstore::Position;

use super::forecast::{ClosePeriod, ForecastQuery, ForecastReport, seed_of};
use super::funnels::{Counting, FunnelQuery, FunnelReport};
use super::{journeys, known, pasts};
use crate::dwell::{Clock, DwellQuery, DwellReport, Unit, Window};
use crate::error::Result;
use crate::query::{AsOf, CohortFilter};
use crate::reports::Definition;
use crate::reports::snapshot::ReportSnapshot;
use crate::stats::JourneySet;
use crate::stats::funnel::Reach;

pub use difference::{
    ConversionDifference, DwellDifference, FigureDifference, ForecastDifference, HorizonDifference,
    MoneyDifference, StageConversionDifference, StageDwellDifference, conversion, dwell, forecast,
};
use history::replay_all;

/// The horizons of its forecast, in days.
pub const HORIZONS: [u32; 2] = [30, 90];
/// Up to where restricted means go, in seconds.
const THIRTY_DAYS: u64 = 30 * 24 * 60 * 60;

/// What is asked.
#[derive(Debug, Clone)]
pub struct WhatIfQuery {
    /// The two times: the figures are of the earlier of `effective_at` and the end of the hypothesis's span.
    pub at: AsOf,
    /// Whose customers.
    pub filter: CohortFilter,
    /// What is supposed.
    pub hypothesis: Hypothesis,
    /// The rates by which money is converted as well, and into which currency.
    pub convert: Option<(Rates, String)>,
    /// The rules of time zones.
    pub zones: Zones,
    /// The most customers that are replayed.
    pub most_customers: usize,
}

/// What would have been otherwise.
#[derive(Debug, Clone)]
pub struct WhatIf {
    /// The last position that counts: the one that was asked about, or how far the read models had come.
    pub position: Position,
    /// How many customers' histories were replayed.
    pub customers: usize,
    /// How many of them differ in any way.
    pub affected: usize,
    /// How many moves were judged.
    pub judged: usize,
    /// The moves that would have been refused, in the order of their positions.
    pub refused: Vec<RefusedMove>,
    /// The deadlines that differ, by instant and customer.
    pub deadlines: Vec<(Uuid, DeadlineChange)>,
    /// How many deadlines passed unmet.
    pub passed: Both<usize>,
    /// The returns to a pool that differ, by instant and customer.
    pub reclaims: Vec<(Uuid, ReclaimChange)>,
    /// How many returns there were.
    pub returned: Both<usize>,
    /// Dwell times in the span.
    pub dwell: Both<DwellReport>,
    /// The funnel of the span: cycles that entered a stage in it.
    pub conversion: Both<FunnelReport>,
    /// What is forecast at its end.
    pub forecast: Both<ForecastReport>,
}

impl ReportSnapshot {
    /// Replays stored history under what is supposed. None where it is of more customers than are asked for.
    ///
    /// # Errors
    /// When the database or the log fails.
    pub async fn what_if(&mut self, definition: &Definition, query: &WhatIfQuery) -> Result<Option<WhatIf>> {
        let snapshot = &mut self.0;
        let hypothesis = &query.hypothesis;
        let end = query.at.effective_at.min(hypothesis.span.to);
        let at = AsOf { effective_at: end, ..query.at };
        let known = known(snapshot, &at).await?;
        let before = journeys(snapshot, &definition.pipeline.key, &at, known, &query.filter).await?;
        if before.len() > query.most_customers {
            return Ok(None);
        }
        let pasts = pasts(snapshot, known).await?;
        let replayed = replay_all(snapshot, &before, hypothesis, known).await?;
        let after = replayed.history(&before, hypothesis);
        let supposed = Definition {
            pipeline: hypothesis.pipeline.clone(),
            versions: hypothesis.versions().cloned().unwrap_or_else(|| definition.versions.clone()),
        };
        let asked = ReplayInput { query, at, position: known };
        let seed = seed_of(definition, &at, known);
        let forecast = ForecastQuery {
            at,
            filter: query.filter.clone(),
            horizons: HORIZONS.into(),
            convert: query.convert.clone(),
            close_by: ClosePeriod::default(),
        };
        let forecast = |journeys: &JourneySet, definition: &Definition| {
            ForecastReport::of((journeys, &pasts), definition, &forecast, known, seed)
        };
        let both = [(&*before, definition), (&after, &supposed)];
        Ok(Some(WhatIf {
            position: known,
            customers: before.len(),
            dwell: met(each(both, |journeys, definition| asked.dwell(journeys, definition))),
            conversion: seen(each(both, |journeys, definition| asked.conversion(journeys, definition))),
            forecast: each(both, forecast),
            affected: replayed.affected,
            judged: replayed.judged,
            refused: replayed.refused,
            deadlines: replayed.deadlines,
            passed: replayed.passed,
            reclaims: replayed.reclaims,
            returned: replayed.returned,
        }))
    }
}

/// What both histories are asked.
struct ReplayInput<'a> {
    query: &'a WhatIfQuery,
    at: AsOf,
    position: Position,
}

impl ReplayInput<'_> {
    fn window(&self) -> Window {
        let span = self.query.hypothesis.span;
        Window { from: Some(span.from), to: Some(span.to) }
    }

    fn dwell(&self, journeys: &JourneySet, definition: &Definition) -> DwellReport {
        let query = DwellQuery {
            at: self.at,
            window: self.window(),
            filter: self.query.filter.clone(),
            unit: Unit::default(),
            clock: Clock::default(),
            calendar: None,
            zones: self.query.zones.clone(),
            horizon_seconds: THIRTY_DAYS,
            curve: false,
            subjects: false,
        };
        let pasts = Default::default();
        DwellReport::of(journeys, &pasts, (&definition.pipeline, &definition.versions), &query, self.position)
    }

    fn conversion(&self, journeys: &JourneySet, definition: &Definition) -> FunnelReport {
        let query = FunnelQuery {
            at: self.at,
            window: self.window(),
            filter: self.query.filter.clone(),
            counting: Counting::Entered,
            reach: Reach::default(),
            horizon_seconds: THIRTY_DAYS,
        };
        FunnelReport::of(journeys, definition, &query, self.position)
    }
}

/// The same figure of both histories.
fn each<T>(
    [before, after]: [(&JourneySet, &Definition); 2],
    figure: impl Fn(&JourneySet, &Definition) -> T,
) -> Both<T> {
    Both { before: figure(before.0, before.1), after: figure(after.0, after.1) }
}

/// The number of what is supposed is no version that anybody could look up.
fn met(dwell: Both<DwellReport>) -> Both<DwellReport> {
    let versions = dwell.before.versions.clone();
    Both { after: DwellReport { versions, ..dwell.after }, before: dwell.before }
}

/// As [`met`].
fn seen(funnel: Both<FunnelReport>) -> Both<FunnelReport> {
    let versions = funnel.before.versions.clone();
    Both { after: FunnelReport { versions, ..funnel.after }, before: funnel.before }
}
