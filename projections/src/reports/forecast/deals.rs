//! Open deals, and what the past says of each.

use std::collections::HashMap;

use rust_decimal::prelude::ToPrimitive as _;
use uuid::Uuid;
use waymark_domain::pipeline::StageType;

use crate::maturity::Maturity;
use crate::reports::Definition;
use crate::stats::cycles::{Cycle, Kinds, Outcome, cycles};
use crate::stats::forecast::{Landmarks, OVER, PastStay, Timing, WON, WinModel};
use crate::stats::survival::Subject;
use crate::stats::{JourneySet, Micros, sum_of_any};

/// A deal that is still to be won.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Deal {
    pub(super) customer: Uuid,
    pub(super) cycle: u32,
    /// The number of its stage.
    pub(super) stage: u32,
    /// How long it has been there.
    pub(super) age: Micros,
}

/// How a cycle that had ended did so.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Ended {
    pub(super) at: Micros,
    pub(super) won: bool,
}

/// All that was known of a pipeline's deals at an instant.
pub(super) struct Deals {
    /// Those that were open, in the order of the journeys.
    pub(super) open: Vec<Deal>,
    /// Those that had ended.
    pub(super) ended: Vec<Ended>,
    pasts: HashMap<u32, Landmarks>,
    maturities: HashMap<u32, Maturity>,
    pooled: Timing,
    /// The configured probability of each stage, by its number.
    configured: Vec<Option<f64>>,
}

impl Deals {
    /// As of an instant.
    pub(super) fn of(journeys: &JourneySet, definition: &Definition, at: Micros) -> Self {
        let kinds = definition.kinds(journeys);
        let (mut open, mut ended, mut pasts) = (Vec::new(), Vec::new(), HashMap::new());
        for (journey, records) in journeys.journeys(at) {
            let gone = journeys.ended(journey, at).map(|(gone, _)| gone);
            let passes = cycles(records);
            for (index, cycle) in passes.iter().enumerate() {
                let next = passes.get(index + 1);
                let end = end_of(cycle, next, &kinds);
                ended.extend(end);
                learn(cycle, end, gone.unwrap_or(at), &kinds, &mut pasts);
                let last = cycle
                    .last()
                    .filter(|last| end.is_none() && gone.is_none() && is_winnable(&kinds, last.stage));
                open.extend(last.map(|last| Deal {
                    customer: journeys.customer(journey),
                    cycle: cycle.cycle,
                    stage: last.stage,
                    age: at - last.entered,
                }));
            }
        }
        let all: Vec<Subject> = pasts.values().flatten().map(|stay: &PastStay| stay.outcome).collect();
        let undecided = |stays: &[PastStay]| stays.iter().filter(|stay| stay.outcome.cause.is_none()).count();
        let maturities = pasts.iter().map(|(stage, stays): (&u32, &Vec<PastStay>)| {
            (*stage, Maturity::of(stays.len(), undecided(stays)))
        });
        let maturities = maturities.collect();
        let configured = |number: u32| configured(definition, journeys.stages.text(number));
        let numbers = 0..u32::try_from(journeys.stages.len()).unwrap_or(u32::MAX);
        Self {
            open,
            ended,
            pasts: pasts.into_iter().map(|(stage, past)| (stage, Landmarks::of(past))).collect(),
            maturities,
            pooled: Timing::of(&all),
            configured: numbers.map(configured).collect(),
        }
    }

    /// The probability that a deal is won within a horizon which comes to a stage now, whether or not any ever came there.
    pub(super) fn entry_probability(
        &self,
        stage: Option<u32>,
        configured: Option<f64>,
        horizon: Micros,
    ) -> f64 {
        let none = Timing::default();
        let timing = stage.and_then(|stage| self.pasts.get(&stage)?.at(0)).unwrap_or(&none);
        let prior = configured.unwrap_or_else(|| self.pooled.ultimate().0);
        WinModel { stage: timing, pooled: &self.pooled, prior }.probability(0, horizon)
    }

    /// Of how many stays in a stage its past is, and how many of their cycles are undecided.
    pub(super) fn maturity(&self, stage: Option<u32>) -> Maturity {
        stage.and_then(|stage| self.maturities.get(&stage)).copied().unwrap_or_default()
    }

    /// The configured probability of winning from a stage; where there is none, the share of all deals that the pipeline won.
    pub(super) fn prior(&self, stage: u32) -> f64 {
        let configured = self.configured.get(stage as usize).copied().flatten();
        configured.unwrap_or_else(|| self.pooled.ultimate().0)
    }

    /// The probability that an open deal is won within a horizon.
    pub(super) fn probability(&self, deal: &Deal, horizon: Micros) -> f64 {
        let none = Timing::default();
        let past = self.pasts.get(&deal.stage).and_then(|past| past.at(deal.age));
        let stage = past.unwrap_or(&none);
        let model = WinModel { stage, pooled: &self.pooled, prior: self.prior(deal.stage) };
        model.probability(deal.age, horizon)
    }
}

/// How many periods before are looked at for how far forecasts were off.
const PERIODS: i64 = 12;

/// How many deals were won in each of the periods before, as long as the horizon, by what is known of them at the instant, and
/// how many were expected by the same forecast at its beginning; the latest first. Nothing of it is later than the instant.
pub(super) fn past_of(
    journeys: &JourneySet,
    definition: &Definition,
    at: Micros,
    horizon: Micros,
) -> Vec<(f64, f64)> {
    let outcomes = outcomes(journeys, &definition.kinds(journeys), at);
    let period = |number: i64| {
        let then = at.saturating_sub(horizon.saturating_mul(number));
        let deals = Deals::of(journeys, definition, then);
        let expected = sum_of_any(deals.open.iter().map(|deal| deals.probability(deal, horizon)));
        (deals.open.iter().filter(|deal| is_won(&outcomes, deal, then, horizon)).count() as f64, expected)
    };
    (1..=PERIODS).map(period).collect()
}

/// How each cycle has ended by an instant.
pub(super) fn outcomes(journeys: &JourneySet, kinds: &Kinds, at: Micros) -> HashMap<(Uuid, u32), Ended> {
    let mut outcomes = HashMap::new();
    for (journey, records) in journeys.journeys(at) {
        let passes = cycles(records);
        for (index, cycle) in passes.iter().enumerate() {
            let end = end_of(cycle, passes.get(index + 1), kinds);
            outcomes.extend(end.map(|end| ((journeys.customer(journey), cycle.cycle), end)));
        }
    }
    outcomes
}

/// Whether a deal that was open at an instant was won within a horizon.
pub(super) fn is_won(
    outcomes: &HashMap<(Uuid, u32), Ended>,
    deal: &Deal,
    at: Micros,
    horizon: Micros,
) -> bool {
    let end = outcomes.get(&(deal.customer, deal.cycle));
    end.is_some_and(|end| end.won && end.at > at && end.at <= at.saturating_add(horizon))
}

/// The configured probability of winning from a stage.
pub(super) fn configured(definition: &Definition, stage: &str) -> Option<f64> {
    definition.pipeline.stage(stage)?.probability.and_then(|probability| probability.to_f64())
}

/// Whether a deal in a stage is still to be won: it is worked, or rests.
pub(super) fn is_winnable(kinds: &Kinds, stage: u32) -> bool {
    kinds
        .get(stage as usize)
        .copied()
        .flatten()
        .is_some_and(|kind: StageType| kind.is_worked() || kind.rests())
}

/// How a cycle ended; none while it is open. The customer's next cycle ends the one before.
pub(super) fn end_of(cycle: &Cycle, next: Option<&Cycle>, kinds: &Kinds) -> Option<Ended> {
    match cycle.outcome(kinds) {
        Some(Outcome::Won(at)) => Some(Ended { at, won: true }),
        Some(Outcome::Lost(at) | Outcome::Closed(at)) => Some(Ended { at, won: false }),
        None => next.map(|next| Ended { at: next.began, won: false }),
    }
}

/// Adds each stay of a cycle on the way to its end, as the past of its stage.
fn learn(
    cycle: &Cycle,
    end: Option<Ended>,
    seen_until: Micros,
    kinds: &Kinds,
    pasts: &mut HashMap<u32, Vec<PastStay>>,
) {
    let until = end.map_or(seen_until, |end| end.at);
    let cause = end.map(|end| if end.won { WON } else { OVER });
    let on_the_way = |entered: Micros| end.is_none_or(|end| entered < end.at);
    for stay in cycle.stays.iter().filter(|stay| is_winnable(kinds, stay.stage) && on_the_way(stay.entered)) {
        let exit = (until - stay.entered).max(0);
        let lasted = stay.left.map_or(seen_until, |(left, _)| left) - stay.entered;
        let outcome = Subject { entry: 0, exit, cause };
        pasts.entry(stay.stage).or_default().push(PastStay { lasted: lasted.max(0), outcome });
    }
}
