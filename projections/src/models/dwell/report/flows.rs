//! How customers move through a pipeline.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, NaiveDate, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use waymark_domain::Pipeline;
use waymark_domain::pipeline::version::Versions;
use waymark_eventstore::Position;

use super::{Kinds, Window, selected};
use crate::error::Result;
use crate::models::board::versions::OwnSubStatuses;
use crate::models::dwell::snapshot::DwellSnapshot;
use crate::query::{AsOf, CohortFilter};
use crate::stats::dwell::StayTest;
use crate::stats::flows::{Flows, flows_of as figures};
use crate::stats::quantile::Spread;
use crate::stats::{JourneySet, Stay, quantile};

/// A pair of stages, and how many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StagePair {
    /// The stage left.
    pub from: String,
    /// The stage entered, or reached.
    pub to: String,
    /// How many.
    pub count: usize,
}

/// A stage, and how many.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct StageCount {
    /// The stage.
    pub stage: String,
    /// How many.
    pub count: usize,
}

/// Seconds from a journey's first record to its first stay in a stage.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Passage {
    /// The stage.
    pub stage: String,
    /// The median.
    pub p50: f64,
    /// The 90% quantile.
    pub p90: f64,
}

/// Quantiles of a sample, in seconds, with linear interpolation.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
#[expect(missing_docs, reason = "each is the figure of its name")]
pub struct Quantiles {
    pub count: usize,
    pub mean: f64,
    pub min: f64,
    pub p05: f64,
    pub p25: f64,
    pub p50: f64,
    pub p75: f64,
    pub p90: f64,
    pub p95: f64,
    pub max: f64,
}

/// What one actor did.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ActorCount {
    /// The person.
    pub actor: String,
    /// Records of moves.
    pub events: usize,
    /// Stays begun.
    pub stays_begun: usize,
}

/// How much changed on a day.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct DayCount {
    /// The UTC date.
    #[schema(value_type = String, format = Date)]
    pub date: NaiveDate,
    /// Stays begun.
    pub count: usize,
}

/// The flows of a pipeline.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FlowsReport {
    /// The pipeline's key.
    pub pipeline: String,
    /// The business instant asked about.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about.
    pub known_at: DateTime<Utc>,
    /// The last position that counts: the one that was asked about, or how far the read models had come.
    pub position: Position,
    /// The pipeline versions that the records are of, in order.
    pub versions: Vec<u32>,
    /// Journeys that had begun; of a group by stays' own sub-status, those with such a stay.
    pub journeys: usize,
    /// Their records, repeats included.
    pub events: usize,
    /// Moves between consecutive stays.
    pub transitions: Vec<StagePair>,
    /// Where journeys began.
    pub start: Vec<StageCount>,
    /// Where they stand.
    pub end: Vec<StageCount>,
    /// Journeys with a stay in `to` after their first stay in `from`.
    pub reached: Vec<StagePair>,
    /// How long the way to each stage took. Of journeys, as are the two last: none of a group by stays' own sub-status.
    pub first_passage: Vec<Passage>,
    /// Consecutive records of a journey by different actors.
    pub handovers: usize,
    /// How many records another one of the journey followed, for comparisons.
    #[serde(skip)]
    pub(crate) followed: usize,
    /// Records that named the stage already held.
    pub repeats: Vec<StageCount>,
    /// Who did how much, the busiest first.
    pub actors: Vec<ActorCount>,
    /// Stays begun by UTC date.
    pub changes_per_day: Vec<DayCount>,
    /// From the first to the last record of each journey.
    pub journey_seconds: Option<Quantiles>,
    /// Since the first record of each journey that stands in no final stage.
    pub open_age_seconds: Option<Quantiles>,
}

impl Quantiles {
    /// Of a sorted sample; none of an empty one.
    pub(crate) fn of(sorted: &[f64]) -> Option<Self> {
        Spread::of(sorted.len(), |place| sorted[place]).map(Self::from)
    }
}

impl From<Spread> for Quantiles {
    fn from(Spread { count, mean, quantiles: [min, p05, p25, p50, p75, p90, p95, max] }: Spread) -> Self {
        Self { count, mean, min, p05, p25, p50, p75, p90, p95, max }
    }
}

impl DwellSnapshot {
    /// The flows of the journeys that began in a window (all, without one).
    ///
    /// # Errors
    /// When the database fails.
    pub async fn flows(
        &mut self,
        pipeline: &Pipeline,
        versions: &Versions,
        at: &AsOf,
        window: &Window,
        filter: &CohortFilter,
    ) -> Result<FlowsReport> {
        let snapshot = &mut self.0;
        let (journeys, pasts) = selected(snapshot, &pipeline.key, at, filter, filter.stays.is_some()).await?;
        let journeys = began_in(journeys, window);
        let kinds = Kinds::of(&journeys, pipeline, versions);
        let pasts = pasts.unwrap_or_default();
        let own =
            OwnSubStatuses { journeys: &journeys, pasts: &pasts, pipeline: &pipeline.key, last: at.micros() };
        let of_sub_status = |journey: usize, stay: &Stay| own.is(journey, stay, filter.stays.as_ref());
        let counts: StayTest<'_> = if filter.stays.is_some() { Some(&of_sub_status) } else { None };
        let flows = figures(&journeys, at.micros(), counts, |stage, version| kinds.is_final(stage, version));
        Ok(report(pipeline, &journeys, flows, at, snapshot.known(at)))
    }
}

/// The journeys whose first record lies in the window.
pub(super) fn began_in(journeys: Arc<JourneySet>, window: &Window) -> Arc<JourneySet> {
    if *window == Window::default() {
        return journeys;
    }
    Arc::new(journeys.keep(|_, records| records.first().is_some_and(|first| window.holds(first.at))))
}

fn report(
    pipeline: &Pipeline,
    journeys: &JourneySet,
    flows: Flows,
    at: &AsOf,
    position: Position,
) -> FlowsReport {
    let name = |stage: u32| journeys.stages.text(stage).to_owned();
    let counts = |counts: BTreeMap<u32, usize>| {
        let mut counts: Vec<StageCount> =
            counts.into_iter().map(|(stage, count)| StageCount { stage: name(stage), count }).collect();
        counts.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.stage.cmp(&b.stage)));
        counts
    };
    let pairs = |pairs: BTreeMap<(u32, u32), usize>| {
        let named =
            pairs.into_iter().map(|((from, to), count)| StagePair { from: name(from), to: name(to), count });
        let mut named: Vec<StagePair> = named.collect();
        named.sort_unstable_by(|a, b| (&a.from, &a.to).cmp(&(&b.from, &b.to)));
        named
    };
    let mut first_passage: Vec<Passage> = flows
        .first_passage
        .iter()
        .filter_map(|(&stage, spans)| {
            let (p50, p90) = (quantile::continuous(spans, 0.5)?, quantile::continuous(spans, 0.9)?);
            Some(Passage { stage: name(stage), p50, p90 })
        })
        .collect();
    first_passage.sort_unstable_by(|a, b| a.stage.cmp(&b.stage));
    let actor = |(actor, (events, stays_begun)): (u32, (usize, usize))| ActorCount {
        actor: journeys.actors.text(actor).to_owned(),
        events,
        stays_begun,
    };
    let mut actors: Vec<ActorCount> = flows.actors.into_iter().map(actor).collect();
    actors.sort_unstable_by(|a, b| b.events.cmp(&a.events).then_with(|| a.actor.cmp(&b.actor)));
    let days = flows.changes_per_day.into_iter();
    FlowsReport {
        pipeline: pipeline.key.clone(),
        effective_at: at.effective_at,
        known_at: at.known_at,
        position,
        versions: journeys.versions(at.micros()),
        journeys: flows.journeys,
        events: flows.events,
        transitions: pairs(flows.transitions),
        start: counts(flows.start),
        end: counts(flows.end),
        reached: pairs(flows.reached),
        first_passage,
        handovers: flows.handovers,
        followed: flows.followed,
        repeats: counts(flows.repeats),
        actors,
        changes_per_day: days.map(|(date, count)| DayCount { date, count }).collect(),
        journey_seconds: Quantiles::of(&flows.durations),
        open_age_seconds: Quantiles::of(&flows.open_ages),
    }
}
