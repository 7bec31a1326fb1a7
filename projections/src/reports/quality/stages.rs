//! Which stages are used, and which let fewer customers go on than they used to.

use std::collections::HashSet;

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use waymark_domain::pipeline::StageType;

use super::input::ReportInput;
use crate::log::history::instant;
use crate::maturity::Maturity;
use crate::models::dwell::in_order;
use crate::reports::ShareReport;
use crate::stats::conversion::{Cohort, Compared, ConversionWindow, StageOrder, compare};
use crate::stats::cycles::{Cycle, cycles};
use crate::stats::journeys::stays;
use crate::stats::{Micros, proportion};

/// How long the recent cohort of a stage is gathered unless the window says otherwise.
const THIRTY_DAYS: Micros = 30 * 86_400 * 1_000_000;

/// How much one stage is used.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StageUsage {
    /// The stage.
    pub stage: String,
    /// Its type; null for a stage that no version has.
    #[serde(rename = "type")]
    #[schema(value_type = Option<String>)]
    pub kind: Option<StageType>,
    /// Stays that began in it in the window. Migrations and repeats begin none.
    pub entries: usize,
    /// Customers that entered it in the window.
    pub customers: usize,
}

/// Which stages are used.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct UsageReport {
    /// By stage, in the pipeline's order.
    pub stages: Vec<StageUsage>,
    /// The stages of the version in force that nobody entered in the window.
    pub never_used: Vec<String>,
    /// Shannon's entropy of the entries over the stages, in bits: 0 where one stage takes all; null without entries.
    pub entropy_bits: Option<f64>,
    /// The entropy divided by its largest value, the logarithm of the number of stages: 1 where all are used alike.
    pub evenness: Option<f64>,
    /// Cycles that ended, won or lost, in the window.
    pub closed: usize,
    /// Those that were ever in a stage that is neither the entry stage nor an end. The rest went straight from entry to
    /// end: the stages between are not used.
    pub closed_through_intermediate: usize,
    /// Their share.
    pub intermediate_share: Option<ShareReport>,
}

/// How many went on from one stage, and how many used to.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StageConversion {
    /// The stage.
    pub stage: String,
    /// Cycles that first entered it in the recent time, long enough ago to have gone on.
    pub entered: usize,
    /// Those that went on within the horizon.
    pub converted: usize,
    /// Their share.
    pub share: Option<ShareReport>,
    /// Cycles that first entered it before that.
    pub history_entered: usize,
    /// Those that went on within the horizon.
    pub history_converted: usize,
    /// Their share.
    pub history_share: Option<ShareReport>,
    /// The one-sided p value of a pooled two-proportion test; null where either has fewer than 20.
    pub p_value: Option<f64>,
    /// Benjamini and Hochberg's q value among the stages tested.
    pub q_value: Option<f64>,
    /// Whether it is at most 0.05: fewer go on than used to, and chance does not explain it.
    pub abnormally_low: bool,
}

/// Which stages let fewer customers go on than they used to.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ConversionReport {
    /// `cohort`: first entries of a cycle into the stage, which went on when the cycle entered a later open, partially won,
    /// won or after-sale stage within the horizon; where any move is permitted, when it was won. Skipped stages count as
    /// passed. Merged and erased customers count as long as they were there.
    #[schema(example = "cohort")]
    pub definition: &'static str,
    /// Within which time a customer is to go on, in seconds.
    pub horizon_seconds: u64,
    /// The recent entries begin here,
    pub recent_from: DateTime<Utc>,
    /// and end just before this: later ones may still go on, and are not counted.
    pub recent_to: DateTime<Utc>,
    /// Whether it is known what becomes of the recent entries, each counted once a stage: they are chosen so.
    pub maturity: Maturity,
    /// By stage: those of types open and partial.
    pub stages: Vec<StageConversion>,
}

pub(super) fn usage(input: &ReportInput<'_>) -> UsageReport {
    let mut entries = vec![0; input.journeys.stages.len()];
    let mut customers: Vec<HashSet<usize>> = vec![HashSet::new(); entries.len()];
    let (mut closed, mut through) = (0, 0);
    let entry = input.journeys.stages.find(&input.definition.pipeline.entry_stage);
    for (journey, records) in input.journeys.journeys(input.until()) {
        for stay in stays(records).iter().filter(|stay| input.span.holds(stay.entered)) {
            entries[stay.stage as usize] += 1;
            customers[stay.stage as usize].insert(journey);
        }
        for cycle in cycles(records) {
            let ended = cycle.outcome(&input.kinds).is_some_and(|end| input.span.holds(end.at()));
            closed += usize::from(ended);
            through += usize::from(ended && cycle.used_an_intermediate(entry, &input.kinds));
        }
    }
    let pipeline = &input.definition.pipeline;
    let line = |(stage, number): (String, Option<u32>)| StageUsage {
        kind: input.definition.kind(&stage),
        entries: number.map_or(0, |number| entries[number as usize]),
        customers: number.map_or(0, |number| customers[number as usize].len()),
        stage,
    };
    let stages: Vec<StageUsage> = in_order(&input.journeys, pipeline).into_iter().map(line).collect();
    let unused = |stage: &&StageUsage| stage.entries == 0 && pipeline.stage(&stage.stage).is_some();
    let entropy_bits = proportion::entropy(&entries);
    let largest = (pipeline.stages.len().max(1) as f64).log2();
    UsageReport {
        never_used: stages.iter().filter(unused).map(|stage| stage.stage.clone()).collect(),
        evenness: entropy_bits.filter(|_| largest > 0.0).map(|bits| (bits / largest).min(1.0)),
        entropy_bits,
        closed,
        closed_through_intermediate: through,
        intermediate_share: ShareReport::of_counts(through, closed),
        stages,
    }
}

pub(super) fn conversion(input: &ReportInput<'_>) -> ConversionReport {
    let horizon = i64::try_from(input.query.horizon_seconds).unwrap_or(i64::MAX).saturating_mul(1_000_000);
    let ripe = input.until().saturating_sub(horizon);
    let to = input.span.end.min(ripe);
    let from = input.query.window.begin().unwrap_or_else(|| to.saturating_sub(THIRTY_DAYS));
    let places = input.definition.places(&input.journeys);
    let going_on = ConversionWindow { order: StageOrder { kinds: &input.kinds, places: &places }, horizon };
    let mut compared = vec![Compared::default(); input.journeys.stages.len()];
    for (journey, records) in input.journeys.journeys(input.until()) {
        let watched = input.journeys.ended(journey, input.until()).map_or(Micros::MAX, |(at, _)| at);
        for cycle in cycles(records) {
            for (stage, entered) in entries(&cycle) {
                let ripe_here = entered.saturating_add(horizon) <= watched;
                if !ripe_here || entered >= to {
                    continue;
                }
                let Compared { recent, history, .. } = &mut compared[stage as usize];
                let cohort: &mut Cohort = if entered >= from { recent } else { history };
                cohort.add(going_on.converted(&cycle, stage, entered));
            }
        }
    }
    ConversionReport {
        definition: "cohort",
        horizon_seconds: input.query.horizon_seconds,
        recent_from: instant(from),
        recent_to: instant(to),
        maturity: Maturity::of(compared.iter().map(|stage| stage.recent.entered).sum(), 0)
            .due(instant(to.saturating_add(horizon)), instant(input.until())),
        stages: converted(input, &compared),
    }
}

/// The first entry of a cycle into each of its stages.
fn entries(cycle: &Cycle) -> Vec<(u32, Micros)> {
    let mut entries: Vec<(u32, Micros)> = Vec::new();
    for stay in &cycle.stays {
        if !entries.iter().any(|(stage, _)| *stage == stay.stage) {
            entries.push((stay.stage, stay.entered));
        }
    }
    entries
}

fn converted(input: &ReportInput<'_>, compared: &[Compared]) -> Vec<StageConversion> {
    let working = |kind: Option<StageType>| kind.is_some_and(StageType::is_worked);
    let shown = in_order(&input.journeys, &input.definition.pipeline);
    let shown: Vec<(String, Option<u32>)> =
        shown.into_iter().filter(|(stage, _)| working(input.definition.kind(stage))).collect();
    let of = |number: &Option<u32>| number.map_or_else(Compared::default, |number| compared[number as usize]);
    let mut figures: Vec<Compared> = shown.iter().map(|(_, number)| of(number)).collect();
    compare(&mut figures);
    let line = |((stage, _), found): ((String, Option<u32>), Compared)| StageConversion {
        stage,
        entered: found.recent.entered,
        converted: found.recent.converted,
        share: ShareReport::of_counts(found.recent.converted, found.recent.entered),
        history_entered: found.history.entered,
        history_converted: found.history.converted,
        history_share: ShareReport::of_counts(found.history.converted, found.history.entered),
        p_value: found.p,
        q_value: found.q,
        abnormally_low: found.is_abnormally_low(),
    };
    shown.into_iter().zip(figures).map(line).collect()
}
