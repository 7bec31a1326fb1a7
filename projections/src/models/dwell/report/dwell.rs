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

use super::{Kinds, Window, in_order, kind_now, load_index, selected};
use crate::error::Result;
use crate::log::history::instant;
use crate::models::board::Population;
use crate::models::board::versions::{self, CustomerVersions, OwnSubStatuses};
use crate::models::dwell::snapshot::DwellSnapshot;
use crate::query::{AsOf, CohortFilter};
use crate::stats::dwell::{Lengths, Question, StayTest, dwell_of as figures};
use crate::stats::flows::flows;
use crate::stats::journeys::Stay;
use crate::stats::stage_figures::{Selection, StageFigures, stage_figures};
use crate::stats::stay_columns::StayIndex;
use crate::stats::survival::{Step, Subject};
use crate::stats::survival_figures::SurvivalFigures;
use crate::stats::{self, JourneySet, Micros, seconds};

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
    /// How often it had been set by then: 0 for the calendar template that counts where none was set.
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
    /// Whether the stays themselves are wanted, to be compared with others.
    pub subjects: bool,
}

impl DwellQuery {
    fn question(&self) -> Question {
        let horizon = Micros::try_from(self.horizon_seconds).unwrap_or(Micros::MAX / 1_000_000);
        Question {
            from: self.window.begin(),
            last: self.window.last(&self.at),
            until: self.window.end(&self.at),
            unit: match self.unit {
                Unit::Stay => stats::dwell::Unit::Stay,
                Unit::Customer => stats::dwell::Unit::Customer,
            },
            horizon: horizon.saturating_mul(1_000_000),
        }
    }
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
    /// The last position that counts: the one that was asked about, or how far the read models had come.
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
    /// Stays: completed, open, final and censored ones.
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
    /// Last stays whose observation ended early, because the customer was merged or erased: they are open no more.
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
        if query.clock == Clock::Calendar && !query.subjects && query.filter.stays.is_none() {
            let known = snapshot.known(&query.at);
            let index = load_index(snapshot, &pipeline.key, known).await?;
            if let Some(stays) = index.stays() {
                let at = query.at.micros();
                let among = Population::of(snapshot, &query.filter, at, known, None).await?;
                let of = (index.journeys().as_ref(), &*stays);
                return Ok(DwellReport::from_columns(of, &among, (pipeline, versions), query, known));
            }
        }
        let by_pasts = matches!(query.clock, Clock::Active | Clock::Owned) || query.filter.stays.is_some();
        let (journeys, pasts) = selected(snapshot, &pipeline.key, &query.at, &query.filter, by_pasts).await?;
        let pasts = pasts.unwrap_or_default();
        Ok(DwellReport::of(&journeys, &pasts, (pipeline, versions), query, snapshot.known(&query.at)))
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
        let question = query.question();
        let kinds = Kinds::of(journeys, pipeline, versions);
        let is_final = |stage, version| kinds.is_final(stage, version);
        let zone = pipeline.default_pool().map_or(Tz::UTC, |pool| pool.timezone);
        let day_begins = |day| query.zones.start_of_day(zone, day).timestamp_micros();
        let past_of = |journey| pasts.get(&journeys.customer(journey)).map_or(&[][..], Vec::as_slice);
        let working = query.calendar.as_ref().and_then(|(_, calendar)| {
            let first = instant(journeys.began_at()?);
            Some(calendar.working_time(&query.zones, first, instant(question.until)))
        });
        let own = OwnSubStatuses { journeys, pasts, pipeline: &pipeline.key, last: question.last };
        let of_sub_status = |journey: usize, stay: &Stay| own.is(journey, stay, query.filter.stays.as_ref());
        let counts: StayTest<'_> = if query.filter.stays.is_some() { Some(&of_sub_status) } else { None };
        let stages = figures(journeys, &question, counts, is_final, |journey, from, to| match query.clock {
            Clock::Calendar => to - from,
            Clock::Business => working.as_ref().map_or(0, |working| working.between(from, to)),
            Clock::Owned => versions::owned(past_of(journey), from, to),
            Clock::Active => to - from - versions::paused(past_of(journey), from, to, day_begins),
        });
        // How long it took to come to a stage is a figure of customers, not of some of their stays.
        let mut passages = match counts {
            None => flows(journeys, question.last, is_final).first_passage,
            Some(_) => Default::default(),
        };
        let stages = (0..).zip(stages).map(|(number, stage)| {
            let passages = passages.remove(&number).unwrap_or_default();
            StageFigures::of(stage, &passages, &question, query.curve)
        });
        let stages: Vec<StageFigures> = stages.collect();
        let met = journeys.versions(query.at.micros());
        Self::made(journeys, &stages, met, (pipeline, versions), query, position)
    }

    /// The same on the calendar's clock, from stays that are kept in columns, of the customers that count.
    fn from_columns(
        (journeys, stays): (&JourneySet, &StayIndex),
        among: &Population,
        (pipeline, versions): (&Pipeline, &Versions),
        query: &DwellQuery,
        position: Position,
    ) -> Self {
        let question = query.question();
        let kinds = Kinds::of(journeys, pipeline, versions);
        let counts = |customer| among.holds(customer);
        let selection = Selection {
            question: &question,
            counts: (!query.filter.is_everybody()).then_some(&counts),
            ended: &journeys.all_ended(question.last),
            is_final: &|stage, version| kinds.is_final(stage, version),
            with_steps: query.curve,
        };
        let stages = stage_figures(stays, journeys.stages.len(), &selection);
        let met = journeys.versions_of(query.at.micros(), counts);
        Self::made(journeys, &stages, met, (pipeline, versions), query, position)
    }

    /// Of the figures of the stages, and the versions met.
    fn made(
        journeys: &JourneySet,
        stages: &[StageFigures],
        met: Vec<u32>,
        (pipeline, versions): (&Pipeline, &Versions),
        query: &DwellQuery,
        position: Position,
    ) -> Self {
        let report = |(stage, number): (String, Option<u32>)| {
            let nobody = StageFigures::nobody(query.curve);
            let figures = number.map_or(&nobody, |number| &stages[number as usize]);
            let kind = kind_now(pipeline, versions, &stage);
            StageReport::of(stage, kind, figures, journeys, query)
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
            versions: met,
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
        figures: &StageFigures,
        journeys: &JourneySet,
        query: &DwellQuery,
    ) -> Self {
        let exits = figures.exits.iter().map(|(to, incidence)| Exit {
            to: journeys.stages.text(*to).to_owned(),
            count: incidence.count,
            cumulative_incidence: incidence.ultimate,
            cumulative_incidence_at_horizon: incidence.by_horizon,
        });
        let mut exits: Vec<Exit> = exits.collect();
        exits.sort_unstable_by(|a, b| b.count.cmp(&a.count).then_with(|| a.to.cmp(&b.to)));
        let censored = figures.censored.iter();
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
            kaplan_meier: KaplanMeier::of(&figures.survival, query.horizon_seconds),
            censored: censored
                .map(|(end, count)| Censored { reason: end.as_str().to_owned(), count: *count })
                .collect(),
            exits,
            subjects: figures.subjects.clone(),
            first_passage: figures.first_passage.map(Quantiles::from),
            open_median_age_seconds: figures.open_median_age,
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
    fn of(figures: &SurvivalFigures, horizon_seconds: u64) -> Self {
        let (median_low, median_high) = figures.median_limits;
        let points = |steps: &Vec<Step>| {
            steps
                .iter()
                .map(|step| (seconds(step.at), step.survival, step.low, step.high, step.at_risk))
                .collect()
        };
        Self {
            subjects: figures.subjects,
            events: figures.events,
            median: figures.median,
            median_low,
            median_high,
            p75: figures.p75,
            p90: figures.p90,
            restricted_mean: figures.restricted_mean,
            horizon_seconds,
            curve: figures.steps.as_ref().map(points),
        }
    }
}
