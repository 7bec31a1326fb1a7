//! How many come from stage to stage, by the definition of conversion that is asked for.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waymark_domain::pipeline::StageType;
use waymark_eventstore::Position;

use super::{ShareReport, Span, journeys, known};
use crate::error::Result;
use crate::log::history::instant;
use crate::maturity::Maturity;
use crate::models::dwell::{Window, in_order};
use crate::query::{AsOf, CohortFilter};
use crate::reports::Definition;
use crate::reports::snapshot::ReportSnapshot;
use crate::stats::conversion::StageOrder;
use crate::stats::cycles::{Cycle, Outcome, cycles};
use crate::stats::funnel::{Course, CycleOutcome, Milestone, Reach, progress};
use crate::stats::{JourneySet, Micros, Stay};

/// What a funnel counts.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Counting {
    /// Who stands in each stage at the instant asked about.
    Stock,
    /// Cycles that were in the stage at any time in the window.
    Active,
    /// Cycles that first came to the stage in the window, and how many of them have come further by now.
    #[default]
    Entered,
    /// The same, and how many of them came further within a horizon of their coming.
    Cohort,
    /// The same as `entered`, divided: those that came to the next stage in the window by those that came to this one. They
    /// need not be the same, so that it is no probability, and may exceed 1.
    Period,
    /// Cycles that ended in the window: won, and won or lost. The snapshot win rate.
    #[serde(alias = "snapshot_win_rate", alias = "snapshot win rate")]
    Snapshot,
}

impl Counting {
    /// Whether skipped stages make a difference to it.
    #[must_use]
    pub fn has_reach(self) -> bool {
        matches!(self, Self::Entered | Self::Cohort | Self::Period)
    }
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct FunnelQuery {
    /// The two times.
    pub at: AsOf,
    /// When what is counted happened. Without an end, a cohort ends a horizon before the instant asked about, so that all
    /// have had the time; where it begins later than that, at that instant.
    pub window: Window,
    /// Whose customers.
    pub filter: CohortFilter,
    /// What is counted.
    pub counting: Counting,
    /// How skipped stages count.
    pub reach: Reach,
    /// Within this many seconds a cohort should come further.
    pub horizon_seconds: u64,
}

/// How many came from a stage to another.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FunnelStep {
    /// The other stage; null for a deal, in whatever stage.
    pub to: Option<String>,
    /// `entered`: of those that came to the stage, those that have come to the other by the instant asked about. `cohort`:
    /// those that came there within the horizon. `period`: all that came to the other in the window.
    pub count: usize,
    /// `count` divided by the stage's; null where nobody came to the stage.
    pub ratio: Option<f64>,
    /// `entered` and `cohort`: the same with Wilson's 95% interval; null for a ratio of a period, which is no share.
    pub share: Option<ShareReport>,
    /// `entered` and `cohort`: those that were lost, or went into their next cycle, before they came there: so far, or within
    /// the horizon.
    pub lost: Option<usize>,
    /// `cohort`: the cumulative incidence of coming there by the horizon (Aalen and Johansen), which counts those that have
    /// not been seen for so long as what they are. Of a mature cohort it is the share, but for merged and erased customers.
    pub estimate: Option<f64>,
}

/// One stage of a funnel.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FunnelStage {
    /// The stage.
    pub stage: String,
    /// Its type; null for a stage that no version has.
    #[serde(rename = "type")]
    #[schema(value_type = Option<String>)]
    pub kind: Option<StageType>,
    /// How many: journeys of a stock, else cycles, each once a stage.
    pub count: usize,
    /// `stock`: their share of all that stand anywhere, with Wilson's 95% interval.
    pub share: Option<ShareReport>,
    /// How many came to the next stage on the way; null where there is none, and where any move is permitted, so that
    /// stages have no order.
    pub next: Option<FunnelStep>,
    /// How many came to a deal; null where no stage of type won stands further on.
    pub won: Option<FunnelStep>,
}

/// Cycles that ended.
#[derive(Debug, Clone, Copy, Default, PartialEq, Serialize, ToSchema)]
pub struct ClosedCycles {
    /// Won, by the first deal of each.
    pub won: usize,
    /// Lost, and not taken up again.
    pub lost: usize,
    /// The share of the won.
    pub win_rate: Option<ShareReport>,
}

/// All that a funnel is about, and the outcome by the instant asked about.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, ToSchema)]
pub struct FunnelTotals {
    /// `stock`: journeys that stand anywhere. `active`: cycles that were under way in the window. `entered`, `cohort` and
    /// `period`: cycles that began in the window. `snapshot`: cycles that ended in it.
    pub count: usize,
    /// Those that were won.
    pub won: usize,
    /// Those that were lost, and not taken up again.
    pub lost: usize,
    /// Those that ended in a stage of type closed: neither won nor lost.
    pub closed: usize,
    /// Those that have not ended.
    pub open: usize,
}

/// A funnel.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct FunnelReport {
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
    /// What is counted.
    pub definition: Counting,
    /// How skipped stages count; null where they make no difference.
    pub reach: Option<Reach>,
    /// From when on what happened counts; null for all.
    pub from: Option<DateTime<Utc>>,
    /// Until when, itself not counted, unless it is the instant asked about and no earlier end was given. Of a stock, the
    /// instant asked about; of a cohort without an end that was asked for, a horizon before it, unless `from` is later.
    pub to: DateTime<Utc>,
    /// `cohort`: within which time they are to come further.
    pub horizon_seconds: Option<u64>,
    /// `cohort`: whether all have had the time. Otherwise the shares will grow, and the estimates tell how far.
    pub mature: Option<bool>,
    /// `entered` and `cohort`: whether it is known yet what becomes of the cycles that `totals` counts.
    pub maturity: Option<Maturity>,
    /// By stage, in the pipeline's order; none of a `snapshot`.
    pub stages: Vec<FunnelStage>,
    /// All that is counted, each once, and the outcome by the instant asked about.
    pub totals: FunnelTotals,
    /// `snapshot`: the cycles that ended in the window.
    pub closed: Option<ClosedCycles>,
}

/// One cycle of a journey, with what follows it.
struct Pass<'a> {
    cycle: &'a Cycle,
    next: Option<&'a Cycle>,
    /// When the customer was merged or erased.
    gone: Option<Micros>,
}

/// What is counted of a pipeline's cycles.
struct ReportInput<'a> {
    course: Course<'a>,
    counting: Counting,
    until: Micros,
    span: Span,
    horizon: Micros,
    passes: &'a [Pass<'a>],
}

impl ReportSnapshot {
    /// How many come from stage to stage.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn funnel(&mut self, definition: &Definition, query: &FunnelQuery) -> Result<FunnelReport> {
        let snapshot = &mut self.0;
        let FunnelQuery { at, filter, .. } = query;
        let known = known(snapshot, at).await?;
        let journeys = journeys(snapshot, &definition.pipeline.key, at, known, filter).await?;
        Ok(FunnelReport::of(&journeys, definition, query, known))
    }
}

impl FunnelReport {
    /// Of these journeys.
    pub(super) fn of(
        journeys: &JourneySet,
        definition: &Definition,
        query: &FunnelQuery,
        position: Position,
    ) -> Self {
        let FunnelQuery { at, counting, reach, .. } = query;
        let (kinds, places) = (definition.kinds(journeys), definition.places(journeys));
        let horizon = i64::try_from(query.horizon_seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
        let ripe = at.micros().saturating_sub(horizon);
        let span = Span::of(&query.window, at);
        let ends_early = *counting == Counting::Cohort && query.window.to.is_none() && span.from <= ripe;
        let span = if ends_early { span.ending(ripe) } else { span };
        let all = all_cycles(journeys, at.micros());
        let passes: Vec<Pass<'_>> = all.iter().flat_map(|(gone, cycles)| passes(*gone, cycles)).collect();
        let course = Course { order: StageOrder { kinds: &kinds, places: &places }, reach: *reach };
        let (counting, until) = (*counting, at.micros());
        let input = ReportInput { course, counting, until, span, horizon, passes: &passes };
        let snapshot = counting == Counting::Snapshot;
        let shown = if snapshot { Vec::new() } else { StageRow::all(definition, journeys) };
        let cohort = counting == Counting::Cohort;
        let (totals, due) = (input.totals(), instant(span.end.saturating_add(horizon)));
        let maturity = match counting {
            Counting::Cohort => {
                Some(Maturity::of(totals.count, input.undecided(ripe)).due(due, at.effective_at))
            }
            Counting::Entered => Some(Maturity::of(totals.count, input.undecided(Micros::MIN))),
            Counting::Stock | Counting::Active | Counting::Period | Counting::Snapshot => None,
        };
        Self {
            pipeline: definition.pipeline.key.clone(),
            effective_at: at.effective_at,
            known_at: at.known_at,
            position,
            versions: journeys.versions(span.last),
            definition: counting,
            reach: counting.has_reach().then_some(*reach),
            from: query.window.from,
            to: instant(span.end),
            horizon_seconds: cohort.then_some(query.horizon_seconds),
            mature: cohort.then_some(span.end <= ripe),
            maturity,
            stages: input.stages(&shown),
            totals,
            closed: snapshot.then(|| input.closed()),
        }
    }
}

/// The cycles of each journey, with when its customer was merged or erased.
fn all_cycles(journeys: &JourneySet, until: Micros) -> Vec<(Option<Micros>, Vec<Cycle>)> {
    let of = |(journey, records)| {
        let gone = journeys.ended(journey, until).map(|(at, _)| at);
        (gone, cycles(records))
    };
    journeys.journeys(until).map(of).collect()
}

fn passes(gone: Option<Micros>, cycles: &[Cycle]) -> impl Iterator<Item = Pass<'_>> {
    let following = cycles.iter().skip(1).map(Some).chain([None]);
    cycles.iter().zip(following).map(move |(cycle, next)| Pass { cycle, next, gone })
}

/// A stage as it is shown.
struct StageRow {
    stage: String,
    kind: Option<StageType>,
    milestone: Milestone,
}

impl StageRow {
    fn all(definition: &Definition, journeys: &JourneySet) -> Vec<Self> {
        let of = |(stage, number): (String, Option<u32>)| Self {
            kind: definition.kind(&stage),
            milestone: definition.milestone(&stage, number),
            stage,
        };
        in_order(journeys, &definition.pipeline).into_iter().map(of).collect()
    }

    /// Whether it lies on the way that customers are to go.
    fn leads(&self) -> bool {
        self.kind.is_some_and(StageType::leads_on)
    }

    /// The place among these of the first that is on the way after it; none where stages have no order.
    fn next(&self, following: &[Self]) -> Option<usize> {
        let ordered = self.leads() && self.milestone.place.is_some();
        following.iter().position(|next| ordered && next.leads() && next.milestone.place.is_some())
    }

    /// Whether a deal is still to come: a stage of type won stands further on, or stages have no order.
    fn is_before_a_deal(&self, following: &[Self]) -> bool {
        let is_won = |stage: &Self| stage.kind.is_some_and(StageType::is_won);
        match self.milestone.place {
            Some(_) => self.leads() && following.iter().any(is_won),
            None => self.leads() && !is_won(self) && !self.kind.is_some_and(StageType::is_after_sale),
        }
    }
}

impl ReportInput<'_> {
    fn stages(&self, shown: &[StageRow]) -> Vec<FunnelStage> {
        let counts: Vec<usize> = shown.iter().map(|stage| self.count(stage.milestone)).collect();
        let (all, deals) = (counts.iter().sum(), self.closed().won);
        let of_stock =
            |count| ShareReport::of_counts(count, all).filter(|_| self.counting == Counting::Stock);
        let line = |(index, stage): (usize, &StageRow)| {
            let (here, after) = ((stage.milestone, counts[index]), index + 1);
            let next = stage.next(&shown[after..]).map(|next| after + next);
            let deal = |pass: &Pass<'_>, entry| self.course.deal(pass.cycle, entry);
            let to_a_deal = || self.step(None, here, deals, deal);
            FunnelStage {
                stage: stage.stage.clone(),
                kind: stage.kind,
                count: counts[index],
                share: of_stock(counts[index]),
                next: next.and_then(|next| {
                    let StageRow { stage, milestone, .. } = &shown[next];
                    let arrival = |pass: &Pass<'_>, entry| self.course.arrival(pass.cycle, entry, *milestone);
                    self.step(Some(stage), here, counts[next], arrival)
                }),
                won: stage.is_before_a_deal(&shown[after..]).then(to_a_deal).flatten(),
            }
        };
        shown.iter().enumerate().map(line).collect()
    }

    /// How many count in a stage.
    fn count(&self, milestone: Milestone) -> usize {
        match self.counting {
            Counting::Stock => self.standing(milestone.stage),
            Counting::Active => self.passes.iter().filter(|pass| self.was_in(pass, milestone.stage)).count(),
            Counting::Entered | Counting::Cohort | Counting::Period => self.came(milestone).count(),
            Counting::Snapshot => 0,
        }
    }

    /// The customers that stand in a stage: neither merged nor erased, in their latest cycle.
    fn standing(&self, stage: Option<u32>) -> usize {
        let stands = |pass: &&Pass<'_>| {
            let is_here = pass.cycle.last().is_some_and(|visit| Some(visit.stage) == stage);
            is_here && pass.next.is_none() && pass.gone.is_none()
        };
        self.passes.iter().filter(stands).count()
    }

    /// Whether a cycle was in a stage at any time in the window.
    fn was_in(&self, pass: &Pass<'_>, stage: Option<u32>) -> bool {
        pass.cycle.stays.iter().any(|visit| Some(visit.stage) == stage && self.lasts(pass, visit))
    }

    /// Whether a stay of a cycle lies in the window, or reaches into it.
    fn lasts(&self, pass: &Pass<'_>, visit: &Stay) -> bool {
        let end = pass.next.map(|next| next.began).or(pass.gone);
        let left = visit.left.map(|(at, _)| at).or(end);
        let reaches = visit.entered >= self.span.from || left.is_none_or(|left| left > self.span.from);
        visit.entered <= self.span.last && reaches
    }

    /// Whether a cycle is among those that the funnel is about.
    fn is_counted(&self, pass: &Pass<'_>) -> bool {
        match self.counting {
            Counting::Stock => pass.next.is_none() && pass.gone.is_none(),
            Counting::Active => pass.cycle.stays.iter().any(|visit| self.lasts(pass, visit)),
            Counting::Entered | Counting::Cohort | Counting::Period => self.span.holds(pass.cycle.began),
            Counting::Snapshot => {
                let outcome = pass.cycle.outcome(self.course.order.kinds);
                outcome.is_some_and(|outcome| self.span.holds(outcome.at()))
            }
        }
    }

    /// How many of the cycles that are counted are still under way, of those that began after an instant.
    fn undecided(&self, after: Micros) -> usize {
        let is_open = |pass: &&Pass<'_>| {
            pass.next.is_none()
                && pass.gone.is_none()
                && pass.cycle.outcome(self.course.order.kinds).is_none()
        };
        let counted = self.passes.iter().filter(|pass| self.is_counted(pass));
        counted.filter(|pass| pass.cycle.began > after).filter(is_open).count()
    }

    /// The line of totals.
    fn totals(&self) -> FunnelTotals {
        let mut totals = FunnelTotals::default();
        for pass in self.passes.iter().filter(|pass| self.is_counted(pass)) {
            totals.count += 1;
            match pass.cycle.outcome(self.course.order.kinds) {
                Some(Outcome::Won(_)) => totals.won += 1,
                Some(Outcome::Lost(_)) => totals.lost += 1,
                Some(Outcome::Closed(_)) => totals.closed += 1,
                None => totals.open += 1,
            }
        }
        totals
    }

    /// Until when a cycle's customer is seen.
    fn watched(&self, pass: &Pass<'_>) -> Micros {
        pass.gone.unwrap_or(self.until)
    }

    /// The cycles that first came to a stage in the window, with the stay by which they did.
    fn came(&self, milestone: Milestone) -> impl Iterator<Item = (&Pass<'_>, usize, Micros)> {
        self.passes.iter().filter_map(move |pass| {
            let entry = self.course.entry(pass.cycle, milestone)?;
            let at = pass.cycle.stays[entry].entered;
            self.span.holds(at).then_some((pass, entry, at))
        })
    }

    /// How many came further; none where the definition does not ask.
    fn step(
        &self,
        to: Option<&str>,
        (here, count): (Milestone, usize),
        there: usize,
        arrival: impl Fn(&Pass<'_>, usize) -> Option<Micros>,
    ) -> Option<FunnelStep> {
        let ratio = |part: usize| (count > 0).then(|| part as f64 / count as f64);
        let to = to.map(str::to_owned);
        match self.counting {
            Counting::Cohort | Counting::Entered => {
                let horizon = if self.counting == Counting::Cohort { self.horizon } else { Micros::MAX };
                let fate = |(pass, entry, at): (&Pass<'_>, usize, Micros)| CycleOutcome {
                    arrived: arrival(pass, entry).map(|arrived| arrived - at),
                    over: self.course.over(pass.cycle, pass.next).map(|over| over - at),
                    watched: (self.watched(pass) - at).max(0),
                };
                let fates: Vec<CycleOutcome> = self.came(here).map(fate).collect();
                let progress = progress(&fates, horizon);
                Some(FunnelStep {
                    to,
                    count: progress.converted,
                    ratio: ratio(progress.converted),
                    share: ShareReport::of_counts(progress.converted, count),
                    lost: Some(progress.lost),
                    estimate: progress.estimate.filter(|_| self.counting == Counting::Cohort),
                })
            }
            Counting::Period => Some(FunnelStep {
                to,
                count: there,
                ratio: ratio(there),
                share: None,
                lost: None,
                estimate: None,
            }),
            Counting::Stock | Counting::Active | Counting::Snapshot => None,
        }
    }

    /// The cycles that ended in the window.
    fn closed(&self) -> ClosedCycles {
        let outcomes = self.passes.iter().filter_map(|pass| pass.cycle.outcome(self.course.order.kinds));
        let mut closed = ClosedCycles::default();
        for outcome in outcomes.filter(|outcome| self.span.holds(outcome.at())) {
            match outcome {
                Outcome::Won(_) => closed.won += 1,
                Outcome::Lost(_) => closed.lost += 1,
                // Nobody said which it was.
                Outcome::Closed(_) => {}
            }
        }
        closed.win_rate = ShareReport::of_counts(closed.won, closed.won + closed.lost);
        closed
    }
}
