//! What a pilot brings: a version of a pipeline that one team tries for a period, beside everybody else in that period.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use waymark_domain::Owner;
use waymark_domain::people::Visibility;
use waymark_eventstore::Position;

use super::page::Pages;
use super::quality::{QualityQuery, ReportInput, open};
use super::reps::owners;
use super::{ShareReport, known, pasts};
use crate::error::Result;
use crate::maturity::Maturity;
use crate::models::dwell::Window;
use crate::query::{AsOf, CohortFilter};
use crate::reports::Definition;
use crate::reports::snapshot::ReportSnapshot;
use crate::stats::Micros;
use crate::stats::credit::owner_at;
use crate::stats::cycles::{Outcome, cycles};
use crate::stats::incidence::aalen_johansen;
use crate::stats::logrank::log_rank;
use crate::stats::proportion::{difference, normal_beyond, two_proportions};
use crate::stats::survival::{Subject, kaplan_meier};

/// The cause of a cycle that was won, among the ends of cycles.
const WON: u32 = 0;
/// The cause of one that was lost.
const LOST: u32 = 1;
/// The cause of one that ended in a stage of type closed.
const CLOSED: u32 = 2;

/// What is asked about a pilot.
#[derive(Debug, Clone)]
pub struct PilotQuery {
    /// The two times: the instant is that at which the pilot is judged, its end at the latest.
    pub at: AsOf,
    /// When it began.
    pub from: DateTime<Utc>,
    /// The reps of its team then.
    pub team: BTreeSet<String>,
    /// Which customers are visible to the caller now: others count on neither side.
    pub visibility: Visibility,
    /// More than this many seconds without activity is too long.
    pub silence_seconds: u64,
    /// Within this many seconds of its beginning a cycle is looked for a deal.
    pub horizon_seconds: u64,
}

/// How long deals take.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct CycleTime {
    /// Cycles under observation in the period. One that began before it is observed from the age it had when the period began.
    pub subjects: usize,
    /// Those that ended in the period, won or lost.
    pub events: usize,
    /// The Kaplan–Meier median of the time from entry to the end; null where half of them have not ended.
    pub median_seconds: Option<f64>,
    /// The lower 95% limit of the median.
    pub median_low_seconds: Option<f64>,
    /// The upper one.
    pub median_high_seconds: Option<f64>,
    /// The mean time as far as it lies within the horizon.
    pub restricted_mean_seconds: f64,
}

/// One side of the comparison.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PilotSide {
    /// Customers in open stages when the pilot is judged.
    pub open: usize,
    /// Those without a contact ahead and without activity for longer than is permitted.
    pub leaking: usize,
    /// Their share: the leak rate.
    pub leak_rate: Option<ShareReport>,
    /// How long deals take.
    pub cycle_time: CycleTime,
    /// Cycles won in the period.
    pub won: usize,
    /// Cycles lost in it.
    pub lost: usize,
    /// Won among won and lost.
    pub conversion: Option<ShareReport>,
    /// Whether it is known yet what becomes of the cycles under observation.
    pub maturity: Maturity,
    /// The share of cycles that are won within the horizon of their beginning, with losing as the competing end
    /// (Aalen–Johansen); null without cycles.
    pub won_within_horizon: Option<f64>,
}

/// How far two shares lie apart.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct DifferenceReport {
    /// The pilot's share less the rest's.
    pub difference: f64,
    /// The lower end of the 95% interval of the difference (Newcombe's method 10).
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The two-sided p value of the pooled two-proportion test; null where all or none succeeded.
    pub p_value: Option<f64>,
}

/// A pilot beside everybody else.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct PilotComparison {
    /// The business instant at which it is judged.
    pub judged_at: DateTime<Utc>,
    /// The instant of knowledge asked about.
    pub known_at: DateTime<Utc>,
    /// The last position that counts: the one that was asked about, or how far the read models had come.
    pub position: Position,
    /// More than N seconds without activity is too long.
    pub silence_seconds: u64,
    /// Up to here restricted means go, and within this deals are looked for.
    pub horizon_seconds: u64,
    /// Customers of the team's reps: owned by them when the pilot is judged (leaks), or when their cycle began, at the
    /// earliest when the pilot did (cycles).
    pub pilot: PilotSide,
    /// Customers of all other reps. Those in pools are on neither side.
    pub rest: PilotSide,
    /// How the leak rates differ.
    pub leak_rate: Option<DifferenceReport>,
    /// How the conversions differ.
    pub conversion: Option<DifferenceReport>,
    /// The two-sided p value of the log-rank test of the cycle times; null where they cannot be distinguished.
    pub cycle_time_p_value: Option<f64>,
}

/// One side while it is added up.
#[derive(Default)]
struct SideAccumulator {
    open: usize,
    leaking: usize,
    subjects: Vec<Subject>,
}

impl ReportSnapshot {
    /// A pilot of a pipeline beside everybody else.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn pilot(&mut self, definition: &Definition, query: &PilotQuery) -> Result<PilotComparison> {
        let snapshot = &mut self.0;
        let known = known(snapshot, &query.at).await?;
        let pasts = pasts(snapshot, known).await?;
        let asked = QualityQuery {
            at: query.at,
            window: Window { from: Some(query.from), to: None },
            filter: CohortFilter { visibility: query.visibility.clone(), ..CohortFilter::default() },
            pages: Pages::default(),
            silence_seconds: query.silence_seconds,
            horizon_seconds: query.horizon_seconds,
        };
        let input = ReportInput::read(snapshot, definition, &asked, known, pasts).await?;
        let mut sides = [SideAccumulator::default(), SideAccumulator::default()];
        for one in open::open(snapshot, &input).await? {
            let Some(Owner::Rep(rep)) = input.past(one.customer).map(|past| &past.owner) else { continue };
            let side = &mut sides[usize::from(!query.team.contains(rep))];
            side.open += 1;
            side.leaking += usize::from(one.health.leaking);
        }
        gather(&mut sides, &input, &query.team);
        let horizon = i64::try_from(query.horizon_seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        let cycle_time_p_value = log_rank(&sides[0].subjects, &sides[1].subjects);
        let [pilot, rest] = sides.map(|side| side.report(horizon));
        let leaks = |side: &PilotSide| (side.leaking as f64, side.open as f64);
        let wins = |side: &PilotSide| (side.won as f64, (side.won + side.lost) as f64);
        Ok(PilotComparison {
            judged_at: query.at.effective_at,
            known_at: query.at.known_at,
            position: known,
            silence_seconds: query.silence_seconds,
            horizon_seconds: query.horizon_seconds,
            leak_rate: apart(leaks(&pilot), leaks(&rest)),
            conversion: apart(wins(&pilot), wins(&rest)),
            cycle_time_p_value,
            pilot,
            rest,
        })
    }
}

/// The cycles that were under way in the period, each from the age it had when it came under observation.
fn gather(sides: &mut [SideAccumulator; 2], input: &ReportInput<'_>, team: &BTreeSet<String>) {
    let (from, to) = (input.span.from, input.span.last);
    for (journey, records) in input.journeys.journeys(to) {
        let Some(past) = input.pasts.get(&input.journeys.customer(journey)) else { continue };
        let owners = owners(past);
        let watched = input.journeys.ended(journey, to).map_or(to, |(at, _)| at.min(to));
        for cycle in cycles(records) {
            let outcome = cycle.outcome(&input.kinds);
            let end = outcome.map_or(watched, Outcome::at);
            let seen = cycle.began.max(from);
            if end < seen || end > to {
                continue;
            }
            let Some(rep) = owner_at(&owners, seen).flatten() else { continue };
            let cause = outcome.map(|outcome| match outcome {
                Outcome::Won(_) => WON,
                Outcome::Lost(_) => LOST,
                Outcome::Closed(_) => CLOSED,
            });
            let subject = Subject { entry: seen - cycle.began, exit: end - cycle.began, cause };
            sides[usize::from(!team.contains(rep))].subjects.push(subject);
        }
    }
}

impl SideAccumulator {
    fn report(self, horizon: Micros) -> PilotSide {
        let Self { open, leaking, subjects } = self;
        let curve = kaplan_meier(&subjects);
        let (low, high) = curve.median_limits();
        let ended = |cause| subjects.iter().filter(|subject| subject.cause == Some(cause)).count();
        let (won, lost) = (ended(WON), ended(LOST));
        let incidence = aalen_johansen(&subjects, horizon).get(&WON).copied().unwrap_or_default();
        PilotSide {
            open,
            leaking,
            leak_rate: ShareReport::of_counts(leaking, open),
            cycle_time: CycleTime {
                subjects: curve.subjects,
                events: curve.events,
                median_seconds: curve.reaches(0.5),
                median_low_seconds: low,
                median_high_seconds: high,
                restricted_mean_seconds: curve.restricted_mean(horizon),
            },
            won,
            lost,
            conversion: ShareReport::of_counts(won, won + lost),
            maturity: Maturity::of(
                subjects.len(),
                subjects.iter().filter(|subject| subject.cause.is_none()).count(),
            ),
            won_within_horizon: (!subjects.is_empty()).then_some(incidence.by_horizon),
        }
    }
}

/// How far two shares, each of successes and trials, lie apart.
fn apart(pilot: (f64, f64), rest: (f64, f64)) -> Option<DifferenceReport> {
    let found = difference(pilot, rest)?;
    let p_value = two_proportions(pilot, rest).map(normal_beyond);
    Some(DifferenceReport { difference: found.share, low: found.low, high: found.high, p_value })
}
