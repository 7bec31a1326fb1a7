//! How long customers stay in each stage of a pipeline.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waymark_domain::Pipeline;
use waymark_domain::Zones;
use waymark_domain::calendar::Calendar;
use waymark_domain::pipeline::StageType;
use waymark_domain::pipeline::version::Versions;
use waymark_eventstore::Position;

use super::{Kinds, Window, in_order, kind_now, selected};
use crate::error::Result;
use crate::log::history::instant;
use crate::models::board::versions::{self, CustomerVersions};
use crate::models::dwell::snapshot::DwellSnapshot;
use crate::query::{AsOf, CohortFilter};
use crate::stats::dwell::{Lengths, Question, StageDwell, dwell as figures};
use crate::stats::flows::flows;
use crate::stats::survival::{Curve, Subject};
use crate::stats::{self, JourneySet, Micros, quantile, seconds};

use super::flows::Quantiles;

/// What counts as one subject.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Unit {
    /// Every stay.
    #[default]
    Stay,
    /// Every customer once a stage, by its first stay there.
    Customer,
}

/// The clock: calendar time or business hours.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Clock {
    /// Every second.
    #[default]
    Calendar,
    /// Not while the deal was put off: from when that was said until its day begins in the zone of the pipeline's default
    /// pool, or until it is taken back.
    Active,
    /// Only in the working hours of a calendar.
    Business,
    /// Only while the customer belonged to a rep, not to a pool.
    Owned,
}

/// The working calendar that a figure was counted by.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct CalendarReport {
    /// The calendar.
    pub key: String,
    /// How often it had been set by then.
    pub version: u32,
    /// The zone whose wall time its hours are.
    #[schema(example = "Asia/Shanghai")]
    pub timezone: String,
    /// The version of the time zone database that the zone's rules are of. Another version may give other figures.
    #[schema(example = "2026f")]
    pub tzdb: String,
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct DwellQuery {
    /// The two times.
    pub at: AsOf,
    /// Stays that ended before it are left out; those that began before it come under observation at its beginning. One that
    /// ends exactly at its beginning ends in it, and one that ends exactly at its end is open.
    pub window: Window,
    /// Which customers.
    pub filter: CohortFilter,
    /// The unit.
    pub unit: Unit,
    /// The clock.
    pub clock: Clock,
    /// The working hours, with their version, for [`Clock::Business`].
    pub calendar: Option<(u32, Calendar)>,
    /// The rules of time zones.
    pub zones: Zones,
    /// Up to where the restricted mean goes.
    pub horizon_seconds: u64,
    /// Whether the survival curves are wanted.
    pub curve: bool,
}

/// Dwell time by stage.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DwellReport {
    /// The pipeline's key.
    pub pipeline: String,
    /// The business instant asked about: open stays are cut off here.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about.
    pub known_at: DateTime<Utc>,
    /// How far the read model had come.
    pub position: Position,
    /// What counts as one subject.
    pub unit: Unit,
    /// The clock: calendar time or business hours.
    pub clock: Clock,
    /// Whose working hours, where they are counted.
    pub calendar: Option<CalendarReport>,
    /// The pipeline versions that the stays are of, in order.
    pub versions: Vec<u32>,
    /// The stages, in the pipeline's order.
    pub stages: Vec<StageReport>,
    /// What the reader should know about the figures.
    pub notes: Vec<String>,
}

/// Dwell time in one stage. Figures that do not exist are null.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StageReport {
    /// The stage.
    pub stage: String,
    /// Its type, by the version in force, else by the last that had it. Whether a stay is final is told by the version that
    /// the stay is of.
    #[serde(rename = "type")]
    #[schema(value_type = Option<String>)]
    pub kind: Option<StageType>,
    /// Stays: completed, open and final ones.
    #[serde(rename = "visits")]
    pub stays: usize,
    /// Stays that ended.
    pub completed: usize,
    /// Last stays, still going on.
    pub open: usize,
    /// Last stays in a stage that is of type won or lost in their version.
    #[serde(rename = "final")]
    pub finals: usize,
    /// Stays that ended at the instant they began.
    pub zero_stays: usize,
    /// Customers that were ever here.
    pub customers: usize,
    /// Visits beyond a customer's first.
    pub reentries: usize,
    /// Customers with more than one visit.
    pub customers_with_reentry: usize,
    /// Records that named the stage, repeats included.
    pub events: usize,
    /// Records that named the stage while it was held already.
    pub repeats: usize,
    /// The lengths of the stays that ended: they alone under-estimate how long stays last.
    pub completed_seconds: CompletedSeconds,
    /// How long stays last, the open ones included.
    pub kaplan_meier: KaplanMeier,
    /// Of the open stays, those whose observation ended early.
    pub censored: Vec<Censored>,
    /// Where they go.
    pub exits: Vec<Exit>,
    /// From a journey's first record to its first stay here, in seconds.
    pub first_passage: Option<Quantiles>,
    /// The median age of open stays, in seconds.
    pub open_median_age_seconds: Option<f64>,
    /// The stays as survival analysis sees them: what comparisons are made of, not shown.
    #[serde(skip)]
    pub subjects: Vec<Subject>,
}

/// A sample of lengths in seconds; `_disc` are quantiles that occur in the sample. All but the total are null where
/// the sample is empty.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, ToSchema)]
#[expect(missing_docs, reason = "each is the figure of its name")]
pub struct CompletedSeconds {
    pub mean: Option<f64>,
    pub min: Option<f64>,
    pub max: Option<f64>,
    pub total: f64,
    pub p50: Option<f64>,
    pub p90: Option<f64>,
    pub p95: Option<f64>,
    pub p50_disc: Option<f64>,
    pub p90_disc: Option<f64>,
    pub p95_disc: Option<f64>,
}

/// The Kaplan–Meier estimate, in seconds.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct KaplanMeier {
    /// Stays under observation.
    pub subjects: usize,
    /// Those that ended.
    pub events: usize,
    /// When half have left; null when fewer ever did.
    pub median: Option<f64>,
    /// The lower 95% limit of the median.
    pub median_low: Option<f64>,
    /// The upper one.
    pub median_high: Option<f64>,
    /// When three quarters have left.
    pub p75: Option<f64>,
    /// When nine tenths have left.
    pub p90: Option<f64>,
    /// The mean of what lasts at most the horizon.
    pub restricted_mean: Option<f64>,
    /// The horizon.
    pub horizon_seconds: u64,
    /// `[age, survival, low, high, at_risk]` by age, with the log-log 95% band, whose ends are null where nobody is left; only
    /// when asked for.
    #[serde(skip_serializing_if = "Option::is_none")]
    #[schema(value_type = Option<Vec<Vec<Option<f64>>>>)]
    pub curve: Option<Vec<CurvePoint>>,
}

/// `[age, survival, low, high, at_risk]`.
pub type CurvePoint = (f64, f64, Option<f64>, Option<f64>, usize);

/// Stays whose observation ended early: they count as long as they were seen, and as no exit.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct Censored {
    /// Why: `merged` or `erased`.
    #[schema(example = "merged")]
    pub reason: String,
    /// How many.
    pub count: usize,
}

/// A way out of a stage.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Exit {
    /// The stage entered.
    pub to: String,
    /// How many went this way.
    pub count: usize,
    /// The share that goes this way by the end of observation (Aalen–Johansen).
    pub cumulative_incidence: f64,
    /// The share that goes this way within the horizon.
    pub cumulative_incidence_at_horizon: f64,
}

impl DwellSnapshot {
    /// Dwell time by stage. What a stage means follows from the version that a stay is of.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn dwell_times(
        &mut self,
        pipeline: &Pipeline,
        versions: &Versions,
        query: &DwellQuery,
    ) -> Result<DwellReport> {
        let snapshot = &mut self.0;
        let by_pasts = matches!(query.clock, Clock::Active | Clock::Owned);
        let (journeys, pasts) = selected(snapshot, &pipeline.key, &query.at, &query.filter, by_pasts).await?;
        let pasts = pasts.unwrap_or_default();
        Ok(DwellReport::of(&journeys, &pasts, (pipeline, versions), query, snapshot.position))
    }
}

impl DwellReport {
    /// Of these journeys, of customers who were like that.
    pub(crate) fn of(
        journeys: &JourneySet,
        pasts: &CustomerVersions,
        (pipeline, versions): (&Pipeline, &Versions),
        query: &DwellQuery,
        position: Position,
    ) -> Self {
        let horizon = Micros::try_from(query.horizon_seconds).unwrap_or(Micros::MAX / 1_000_000);
        let question = Question {
            from: query.window.begin(),
            last: query.window.last(&query.at),
            until: query.window.end(&query.at),
            unit: match query.unit {
                Unit::Stay => stats::dwell::Unit::Stay,
                Unit::Customer => stats::dwell::Unit::Customer,
            },
            horizon: horizon.saturating_mul(1_000_000),
        };
        let kinds = Kinds::of(journeys, pipeline, versions);
        let is_final = |stage, version| kinds.is_final(stage, version);
        let zone = pipeline.default_pool().map_or(Tz::UTC, |pool| pool.timezone);
        let day_begins = |day| query.zones.start_of_day(zone, day).timestamp_micros();
        let past_of = |journey| pasts.get(&journeys.customer(journey)).map_or(&[][..], Vec::as_slice);
        let working = query.calendar.as_ref().and_then(|(_, calendar)| {
            let first = instant(journeys.began_at()?);
            Some(calendar.working_time(&query.zones, first, instant(question.until)))
        });
        let stages = figures(journeys, &question, is_final, |journey, from, to| match query.clock {
            Clock::Calendar => to - from,
            Clock::Business => working.as_ref().map_or(0, |working| working.between(from, to)),
            Clock::Owned => versions::owned(past_of(journey), from, to),
            Clock::Active => to - from - versions::paused(past_of(journey), from, to, day_begins),
        });
        let passages = flows(journeys, question.last, is_final).first_passage;
        let report = |(stage, number): (String, Option<u32>)| {
            let empty = StageDwell::empty();
            let figures = number.map_or(&empty, |number| &stages[number as usize]);
            let passage = number.and_then(|number| passages.get(&number));
            let kind = kind_now(pipeline, versions, &stage);
            StageReport::of(stage, kind, figures, passage.map(Vec::as_slice), journeys, query, &question)
        };
        let AsOf { effective_at, known_at, .. } = query.at;
        Self {
            pipeline: pipeline.key.clone(),
            effective_at,
            known_at,
            position,
            unit: query.unit,
            clock: query.clock,
            calendar: query.calendar.as_ref().map(|calendar| CalendarReport::of(calendar, &query.zones)),
            versions: journeys.versions(query.at.micros()),
            stages: in_order(journeys, pipeline).into_iter().map(report).collect(),
            notes: notes(query),
        }
    }
}

fn notes(query: &DwellQuery) -> Vec<String> {
    let mut notes = Vec::new();
    if query.unit == Unit::Stay {
        notes.push("Repeated stays of one customer are correlated: the bands are too narrow where reentries are many; unit=customer counts each customer once.".to_owned());
    }
    notes
}

impl CalendarReport {
    fn of((version, calendar): &(u32, Calendar), zones: &Zones) -> Self {
        Self {
            key: calendar.key.clone(),
            version: *version,
            timezone: calendar.timezone.name().to_owned(),
            tzdb: zones.version_of(calendar.timezone).to_owned(),
        }
    }
}

impl StageReport {
    fn of(
        stage: String,
        kind: Option<StageType>,
        figures: &StageDwell,
        passage: Option<&[f64]>,
        journeys: &JourneySet,
        query: &DwellQuery,
        question: &Question,
    ) -> Self {
        let exits = figures.exits.iter().map(|(to, incidence)| Exit {
            to: journeys.stages.text(*to).to_owned(),
            count: incidence.count,
            cumulative_incidence: incidence.ultimate,
            cumulative_incidence_at_horizon: incidence.by_horizon,
        });
        let mut exits: Vec<Exit> = exits.collect();
        exits.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.to.cmp(&b.to)));
        let mut ages: Vec<f64> =
            figures.standing_since.iter().map(|&since| seconds(question.until - since)).collect();
        ages.reverse();
        Self {
            stage,
            kind,
            stays: figures.stays,
            completed: figures.completed,
            open: figures.open,
            finals: figures.finals,
            zero_stays: figures.zero_stays,
            customers: figures.customers,
            reentries: figures.reentries,
            customers_with_reentry: figures.customers_with_reentry,
            events: figures.stays + figures.repeats,
            repeats: figures.repeats,
            completed_seconds: figures.lengths.map(CompletedSeconds::from).unwrap_or_default(),
            kaplan_meier: KaplanMeier::of(&figures.curve, query, question.horizon),
            censored: figures
                .censored
                .iter()
                .map(|(end, count)| Censored { reason: end.as_str().to_owned(), count: *count })
                .collect(),
            exits,
            subjects: figures.subjects.clone(),
            first_passage: passage.and_then(Quantiles::of),
            open_median_age_seconds: quantile::continuous(&ages, 0.5),
        }
    }
}

impl From<Lengths> for CompletedSeconds {
    fn from(lengths: Lengths) -> Self {
        let Lengths { mean, min, max, total, continuous, discrete } = lengths;
        let ([p50, p90, p95], [p50_disc, p90_disc, p95_disc]) = (continuous.map(Some), discrete.map(Some));
        let (mean, min, max) = (Some(mean), Some(min), Some(max));
        Self { mean, min, max, total, p50, p90, p95, p50_disc, p90_disc, p95_disc }
    }
}

impl KaplanMeier {
    fn of(curve: &Curve, query: &DwellQuery, horizon: Micros) -> Self {
        let (median_low, median_high) = curve.median_limits();
        let steps = curve.steps.iter();
        Self {
            subjects: curve.subjects,
            events: curve.events,
            median: curve.reaches(0.5),
            median_low,
            median_high,
            p75: curve.reaches(0.25),
            p90: curve.reaches(0.1),
            restricted_mean: (curve.subjects > 0).then(|| curve.restricted_mean(horizon)),
            horizon_seconds: query.horizon_seconds,
            curve: query
                .curve
                .then(|| steps.map(|s| (seconds(s.at), s.survival, s.low, s.high, s.at_risk)).collect()),
        }
    }
}
