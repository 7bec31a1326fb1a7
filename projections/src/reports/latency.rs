//! How long after the fact people record what happened.

use std::collections::{BTreeMap, HashMap, HashSet};

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::Pipeline;
use waymark_domain::customer::timeline::MoveKind;
use waymark_domain::pipeline::StageType;
use waymark_eventstore::Position;

use super::{ShareReport, Span, journeys, known, names};
use crate::error::{ProjectionError, Result};
use crate::log::history::{PositionedMove, instant};
use crate::models::dwell::{self, Window, in_order};
use crate::models::snapshot::Snapshot;
use crate::models::timeline::activities::{self, Correction};
use crate::query::{AsOf, CohortFilter};
use crate::reports::Definition;
use crate::reports::snapshot::ReportSnapshot;
use crate::stats::cycles::cycles;
use crate::stats::journeys::Origin;
use crate::stats::lateness::{self, Lateness, delay};
use crate::stats::{CensoringEvent, JourneySet, Micros, MoveRecord, seconds};

/// What is asked about delays.
#[derive(Debug, Clone)]
pub struct LatencyQuery {
    /// The two times.
    pub at: AsOf,
    /// When the changes happened.
    pub window: Window,
    /// Whose customers.
    pub filter: CohortFilter,
    /// How late a change may be recorded, in seconds; exactly that is in time.
    pub sla_seconds: u64,
    /// The last position of the log that had been recorded at the end of the window.
    pub known_then: Position,
    /// Where the page of late changes begins: a `next_cursor` of an earlier answer.
    pub cursor: Option<String>,
    /// How many late changes are shown at most.
    pub limit: usize,
}

/// Delays of some changes. A delay is the instant of recording less the instant at which it happened, in seconds; null where
/// there is no change.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DelayReport {
    /// How many changes.
    pub count: usize,
    /// The mean delay.
    pub mean_seconds: Option<f64>,
    /// The median delay, with linear interpolation.
    pub p50_seconds: Option<f64>,
    /// The 90% quantile.
    pub p90_seconds: Option<f64>,
    /// The 99% quantile.
    pub p99_seconds: Option<f64>,
    /// The longest delay.
    pub max_seconds: Option<f64>,
    /// How many were recorded later than permitted.
    pub late: usize,
    /// Their share, with Wilson's interval.
    pub late_share: Option<ShareReport>,
}

/// Delays of one person's records.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ActorDelays {
    /// Who recorded them.
    #[schema(example = "rep:li")]
    pub actor: String,
    /// The delays.
    #[serde(flatten)]
    pub delays: DelayReport,
}

/// Delays of entries into one stage.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StageDelays {
    /// The stage entered.
    pub stage: String,
    /// The delays.
    #[serde(flatten)]
    pub delays: DelayReport,
}

/// What is not counted as anybody's delay.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct LeftOut {
    /// Records read in from files of the past.
    pub imports: usize,
    /// Moves that rules made.
    pub rules: usize,
    /// Stays that got another label when a version took force.
    pub migrations: usize,
}

/// One stage as it was thought to be at the end of the window, and as it is known to have been.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StageThenNow {
    /// The stage.
    pub stage: String,
    /// The configured probability of winning from it.
    pub probability: Option<f64>,
    /// How many stood there, as was known then.
    pub known_then: usize,
    /// How many stood there, as is known now.
    pub known_now: usize,
    /// Of those known then, how many were in a cycle that was still open: not ended by a deal or a loss, nor after one.
    pub open_then: usize,
    /// The same of those known now.
    pub open_now: usize,
}

/// What delays do to a forecast: it is made of where customers are thought to stand.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ForecastEffect {
    /// The instant that is looked at: the end of the window.
    pub instant: DateTime<Utc>,
    /// The last position of the log that was recorded by then.
    pub known_then_position: Position,
    /// By stage, in the pipeline's order.
    pub stages: Vec<StageThenNow>,
    /// Journeys that stood elsewhere, or nowhere, as was known then.
    pub misplaced: usize,
    /// Those journeys of all that either knowledge has.
    pub misplaced_share: Option<ShareReport>,
    /// The deals to be expected of those who stood there in an open cycle, as was known then: the sum over stages of
    /// `open_then` times configured probability, for stages that have one. Who has been won already is expected no more.
    pub expected_wins_then: f64,
    /// The same of what is known now.
    pub expected_wins_now: f64,
}

/// A change that was recorded too late.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LateChange {
    /// The customer.
    pub customer_id: Uuid,
    /// What it is called; null when never given, or not for the caller's eyes.
    pub customer_name: Option<String>,
    /// The event that recorded it.
    pub event_id: Option<Uuid>,
    /// Its place in the log.
    pub position: Option<Position>,
    /// Who recorded it.
    pub actor: String,
    /// The stage entered.
    pub stage: String,
    /// When it happened.
    pub effective_at: DateTime<Utc>,
    /// When it was recorded.
    pub recorded_at: DateTime<Utc>,
    /// From the one to the other.
    pub delay_seconds: f64,
}

/// How long after the fact people record what happened.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct LatencyReport {
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
    /// From when changes count; null for all.
    pub from: Option<DateTime<Utc>>,
    /// Until when, itself not counted, unless it is the instant asked about and no earlier end was given.
    pub to: DateTime<Utc>,
    /// How late a change may be recorded; exactly that is in time.
    pub sla_seconds: u64,
    /// Registrations, moves and reactivations that people recorded, as they stand after corrections.
    pub changes: DelayReport,
    /// Corrections and late entries: from when it happened, as far as is known since, to the correction's recording.
    pub corrections: DelayReport,
    /// What is no person's delay.
    pub left_out: LeftOut,
    /// By who recorded it, in the order of names.
    pub by_rep: Vec<ActorDelays>,
    /// By stage entered, in the pipeline's order.
    pub by_stage: Vec<StageDelays>,
    /// What the delays did to the picture at the end of the window.
    pub forecast: ForecastEffect,
    /// The late changes, the latest first.
    pub items: Vec<LateChange>,
    /// Where the next late changes begin; null at the end.
    pub next_cursor: Option<String>,
    /// The delays of the changes: what comparisons are made of, not shown.
    #[serde(skip)]
    pub delays: Vec<Micros>,
}

/// A person's change.
#[derive(Debug, Clone, Copy)]
struct Change {
    customer: Uuid,
    record: MoveRecord,
    delay: Micros,
}

impl Change {
    /// The place among late changes: the longest delay first.
    fn place(&self) -> (i64, Micros, Uuid, Micros) {
        (-self.delay, self.record.at, self.customer, self.record.how.recorded)
    }
}

impl DelayReport {
    fn of(delays: Vec<Micros>, permitted: Micros) -> Self {
        let Lateness { count, late, mean, quantiles: [p50, p90, p99], max } =
            lateness::lateness(delays, permitted);
        Self {
            count,
            mean_seconds: mean,
            p50_seconds: p50,
            p90_seconds: p90,
            p99_seconds: p99,
            max_seconds: max,
            late,
            late_share: ShareReport::of_counts(late, count),
        }
    }
}

impl ReportSnapshot {
    /// How long after the fact people record a pipeline's changes.
    ///
    /// # Errors
    /// [`ProjectionError::BadCursor`], or when the database fails.
    pub async fn latency(&mut self, definition: &Definition, query: &LatencyQuery) -> Result<LatencyReport> {
        let snapshot = &mut self.0;
        let pipeline = &*definition.pipeline;
        let known = known(snapshot, &query.at).await?;
        let span = Span::of(&query.window, &query.at);
        let permitted = i64::try_from(query.sla_seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        let journeys = journeys(snapshot, &pipeline.key, &query.at, known, &query.filter).await?;
        let customers: HashSet<Uuid> =
            (0..journeys.len()).map(|journey| journeys.customer(journey)).collect();
        let (mut changes, mut left_out) = counted(&journeys, &span);
        let migrated = activities::migrations(snapshot, &pipeline.key, known, (span.from, span.last)).await?;
        left_out.migrations = migrated.iter().filter(|(id, _)| customers.contains(id)).map(|(_, n)| n).sum();
        let corrections = activities::corrections(snapshot, &pipeline.key, known).await?;
        let corrections = corrections
            .iter()
            .filter(|correction| span.holds(correction.about) && customers.contains(&correction.customer));
        let corrections =
            corrections.map(|Correction { about, recorded, .. }| delay(*about, *recorded)).collect();
        let forecast = forecast(snapshot, definition, query, (&journeys, known), span.end).await?;
        let by_rep = by_rep(&journeys, &changes, permitted);
        let by_stage = by_stage(&journeys, pipeline, &changes, permitted);
        let delays: Vec<Micros> = changes.iter().map(|change| change.delay).collect();
        changes.retain(|change| change.delay > permitted);
        let (items, next_cursor) = late(snapshot, pipeline, &journeys, changes, query, known).await?;
        Ok(LatencyReport {
            pipeline: pipeline.key.clone(),
            effective_at: query.at.effective_at,
            known_at: query.at.known_at,
            position: known,
            versions: journeys.versions(span.last),
            from: query.window.from,
            to: instant(span.end),
            sla_seconds: query.sla_seconds,
            changes: DelayReport::of(delays.clone(), permitted),
            corrections: DelayReport::of(corrections, permitted),
            left_out,
            by_rep,
            by_stage,
            forecast,
            items,
            next_cursor,
            delays,
        })
    }
}

/// The changes that people recorded, and how much of the window is nobody's delay. Late entries are corrections.
fn counted(journeys: &JourneySet, span: &Span) -> (Vec<Change>, LeftOut) {
    let (mut changes, mut left_out) = (Vec::new(), LeftOut::default());
    for (journey, records) in journeys.journeys(span.last) {
        for record in records.iter().filter(|record| span.holds(record.at)) {
            match record.how.by {
                Origin::Import => left_out.imports += 1,
                Origin::Rule => left_out.rules += 1,
                Origin::Person if record.how.kind == MoveKind::Inserted => {}
                Origin::Person => changes.push(Change {
                    customer: journeys.customer(journey),
                    record: *record,
                    delay: delay(record.at, record.how.recorded),
                }),
            }
        }
    }
    (changes, left_out)
}

fn by_rep(journeys: &JourneySet, changes: &[Change], permitted: Micros) -> Vec<ActorDelays> {
    let mut delays: BTreeMap<&str, Vec<Micros>> = BTreeMap::new();
    for change in changes {
        delays.entry(journeys.actors.text(change.record.actor)).or_default().push(change.delay);
    }
    let line = |(actor, delays): (&str, Vec<Micros>)| ActorDelays {
        actor: actor.to_owned(),
        delays: DelayReport::of(delays, permitted),
    };
    delays.into_iter().map(line).collect()
}

fn by_stage(
    journeys: &JourneySet,
    pipeline: &Pipeline,
    changes: &[Change],
    permitted: Micros,
) -> Vec<StageDelays> {
    let mut delays: HashMap<u32, Vec<Micros>> = HashMap::new();
    for change in changes {
        delays.entry(change.record.stage).or_default().push(change.delay);
    }
    let line = |(stage, number): (String, Option<u32>)| {
        let delays = number.and_then(|number| delays.remove(&number)).unwrap_or_default();
        StageDelays { stage, delays: DelayReport::of(delays, permitted) }
    };
    in_order(journeys, pipeline).into_iter().map(line).collect()
}

/// Where a journey stood.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct Standing<'a> {
    stage: &'a str,
    /// Whether its cycle had not ended, and it was not served after a deal.
    open: bool,
}

/// Where each journey stood at an instant, by its customer.
fn standing<'a>(
    definition: &Definition,
    journeys: &'a JourneySet,
    until: Micros,
) -> HashMap<Uuid, Standing<'a>> {
    let kinds = definition.kinds(journeys);
    let merged =
        |journey| journeys.ended(journey, until).is_some_and(|(_, end)| end == CensoringEvent::Merged);
    let observed = journeys.journeys(until).filter(|(journey, _)| !merged(*journey));
    let stood = |(journey, records): (usize, &[MoveRecord])| {
        let stage = records.last()?.stage;
        let served = kinds.get(stage as usize).copied().flatten().is_some_and(StageType::is_after_sale);
        let open = !served && cycles(records).last().is_some_and(|cycle| cycle.outcome(&kinds).is_none());
        Some((journeys.customer(journey), (stage, open)))
    };
    let named = |(customer, (stage, open))| (customer, Standing { stage: journeys.stages.text(stage), open });
    observed.filter_map(stood).map(named).collect()
}

/// How what was known at the end of the window differs from what is known of it now.
async fn forecast(
    snapshot: &mut Snapshot,
    definition: &Definition,
    query: &LatencyQuery,
    now: (&JourneySet, Position),
    at: Micros,
) -> Result<ForecastEffect> {
    let pipeline = &*definition.pipeline;
    let known_then = query.known_then.min(now.1);
    let mut journeys = dwell::known_then(snapshot, &pipeline.key, now, (at, known_then)).await?;
    if !query.filter.is_everybody() {
        let customers: HashSet<Uuid> = (0..now.0.len()).map(|journey| now.0.customer(journey)).collect();
        journeys = journeys.keep(|customer, _| customers.contains(&customer));
    }
    let (then, now) = (standing(definition, &journeys, at), standing(definition, now.0, at));
    let either: HashSet<&Uuid> = then.keys().chain(now.keys()).collect();
    let stage =
        |known: &HashMap<Uuid, Standing<'_>>, id: &Uuid| known.get(id).map(|stood| stood.stage.to_owned());
    let misplaced = either.iter().filter(|id| stage(&then, id) != stage(&now, id)).count();
    let stages = then_and_now(pipeline, &then, &now);
    let expected = |open: fn(&StageThenNow) -> usize| {
        stages.iter().filter_map(|stage| Some(stage.probability? * open(stage) as f64)).sum()
    };
    Ok(ForecastEffect {
        instant: instant(at),
        known_then_position: known_then,
        misplaced,
        misplaced_share: ShareReport::of_counts(misplaced, either.len()),
        expected_wins_then: expected(|stage| stage.open_then),
        expected_wins_now: expected(|stage| stage.open_now),
        stages,
    })
}

/// The counts by stage: the pipeline's, then what else anybody stood in, by code points.
fn then_and_now(
    pipeline: &Pipeline,
    then: &HashMap<Uuid, Standing<'_>>,
    now: &HashMap<Uuid, Standing<'_>>,
) -> Vec<StageThenNow> {
    /// All, and those in an open cycle; as known then, and as known now.
    type Counts = [[usize; 2]; 2];
    let mut counts: BTreeMap<&str, Counts> = BTreeMap::new();
    for (standing, id) in [(then, 0), (now, 1)] {
        for stood in standing.values() {
            let counts = &mut counts.entry(stood.stage).or_default()[id];
            counts[0] += 1;
            counts[1] += usize::from(stood.open);
        }
    }
    let mut stages: Vec<&str> = pipeline.stages.iter().map(|stage| stage.id.as_str()).collect();
    stages.extend(counts.keys().filter(|stage| pipeline.stage(stage).is_none()));
    let line = |stage: &str| {
        let [[known_then, open_then], [known_now, open_now]] = counts.get(stage).copied().unwrap_or_default();
        let probability = pipeline.stage(stage).and_then(|stage| stage.probability);
        let probability = probability.and_then(|probability| probability.to_string().parse().ok());
        StageThenNow { stage: stage.to_owned(), probability, known_then, known_now, open_then, open_now }
    };
    stages.into_iter().map(line).collect()
}

/// A page of the late changes.
async fn late(
    snapshot: &mut Snapshot,
    pipeline: &Pipeline,
    journeys: &JourneySet,
    mut changes: Vec<Change>,
    query: &LatencyQuery,
    known: Position,
) -> Result<(Vec<LateChange>, Option<String>)> {
    changes.sort_unstable_by_key(Change::place);
    let begin = match &query.cursor {
        Some(cursor) => {
            let after = read_cursor(cursor)?;
            changes.partition_point(|change| change.place() <= after)
        }
        None => 0,
    };
    let shown = &changes[begin..changes.len().min(begin.saturating_add(query.limit))];
    let more = begin + shown.len() < changes.len();
    let next_cursor = shown.last().filter(|_| more).map(cursor);
    let ids: Vec<Uuid> = shown.iter().map(|change| change.customer).collect();
    let names = names(snapshot, &ids, &query.at).await?;
    let mut items = Vec::with_capacity(shown.len());
    for change in shown {
        let stage = journeys.stages.text(change.record.stage);
        let moves = dwell::moves_of(snapshot, &pipeline.key, change.customer, known).await?;
        let same = |made: &&PositionedMove| made.at == change.record.at && made.stage == stage;
        let made = moves.iter().find(same);
        items.push(LateChange {
            customer_id: change.customer,
            customer_name: names.get(&change.customer).cloned(),
            event_id: made.map(|made| made.event),
            position: made.map(|made| made.position),
            actor: journeys.actors.text(change.record.actor).to_owned(),
            stage: stage.to_owned(),
            effective_at: instant(change.record.at),
            recorded_at: instant(change.record.how.recorded),
            delay_seconds: seconds(change.delay),
        });
    }
    Ok((items, next_cursor))
}

fn cursor(change: &Change) -> String {
    let (delay, at, customer, recorded) = change.place();
    format!("{}.{at}.{recorded}.{}", -delay, customer.simple())
}

fn read_cursor(cursor: &str) -> Result<(i64, Micros, Uuid, Micros)> {
    let parts: Vec<&str> = cursor.split('.').collect();
    let [delay, at, recorded, customer] = parts[..] else { return Err(ProjectionError::BadCursor) };
    let number = |text: &str| text.parse::<i64>().map_err(|_| ProjectionError::BadCursor);
    let customer = Uuid::parse_str(customer).map_err(|_| ProjectionError::BadCursor)?;
    let delay = number(delay)?.checked_neg().ok_or(ProjectionError::BadCursor)?;
    Ok((delay, number(at)?, customer, number(recorded)?))
}
