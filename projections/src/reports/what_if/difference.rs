//! What differs between the figures of two histories: the second less the first.

use std::collections::BTreeSet;

use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;

use super::super::forecast::{ForecastReport, HorizonForecast};
use super::super::funnels::{FunnelReport, FunnelStage, FunnelStep};
use super::Both;
use crate::dwell::{DwellReport, StageReport};

/// A figure before and after. Null where it does not exist; the difference is null where either does not.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct FigureDifference {
    /// Before.
    pub before: Option<f64>,
    /// After.
    pub after: Option<f64>,
    /// After less before.
    pub difference: Option<f64>,
}

impl FigureDifference {
    fn of(before: Option<f64>, after: Option<f64>) -> Self {
        Self { before, after, difference: before.zip(after).map(|(before, after)| after - before) }
    }

    fn is_none(self) -> bool {
        self.before == self.after
    }
}

/// How dwell differs in one stage.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StageDwellDifference {
    /// The stage.
    pub stage: String,
    /// Stays.
    pub visits: i64,
    /// Stays that ended.
    pub completed: i64,
    /// Stays that go on.
    pub open: i64,
    /// The mean of stays that ended.
    pub mean_seconds: FigureDifference,
    /// The Kaplan–Meier median.
    pub median_seconds: FigureDifference,
    /// The restricted mean.
    pub restricted_mean_seconds: FigureDifference,
}

/// How dwell differs.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct DwellDifference {
    /// The stages in which anything differs.
    pub stages: Vec<StageDwellDifference>,
}

/// How conversion differs in one stage.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StageConversionDifference {
    /// The stage.
    pub stage: String,
    /// How many came to it.
    pub count: i64,
    /// The share that came to the next.
    pub next: FigureDifference,
    /// The share that came to a deal.
    pub won: FigureDifference,
}

/// How conversion differs.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ConversionDifference {
    /// The stages in which anything differs.
    pub stages: Vec<StageConversionDifference>,
    /// Cycles that began.
    pub count: i64,
    /// Those that were won.
    pub won: i64,
    /// Those that were lost.
    pub lost: i64,
    /// Those that have not ended.
    pub open: i64,
}

/// How the expected money of one currency differs, in decimals.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MoneyDifference {
    /// The ISO 4217 code.
    #[schema(example = "CNY")]
    pub currency: String,
    /// After less before.
    #[schema(example = "-1200.00")]
    pub expected: String,
}

/// How the forecast of one horizon differs.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HorizonDifference {
    /// The horizon, in days.
    pub days: u32,
    /// The deals that are expected.
    pub expected: f64,
    /// The money that is expected, by currency.
    pub amounts: Vec<MoneyDifference>,
}

/// How the forecast differs.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ForecastDifference {
    /// The horizons in which anything differs.
    pub horizons: Vec<HorizonDifference>,
}

/// How dwell differs.
#[must_use]
pub fn dwell(reports: &Both<DwellReport>) -> DwellDifference {
    let Both { before, after } = reports;
    let stages = named(&before.stages, &after.stages, |stage| &stage.stage);
    let line = |(stage, before, after): (String, Option<&StageReport>, Option<&StageReport>)| {
        let count = |of: fn(&StageReport) -> usize| counted(before.map_or(0, of), after.map_or(0, of));
        let figure = |of: fn(&StageReport) -> Option<f64>| {
            FigureDifference::of(before.and_then(of), after.and_then(of))
        };
        let line = StageDwellDifference {
            stage,
            visits: count(|stage| stage.stays),
            completed: count(|stage| stage.completed),
            open: count(|stage| stage.open),
            mean_seconds: figure(|stage| stage.completed_seconds.mean),
            median_seconds: figure(|stage| stage.kaplan_meier.median),
            restricted_mean_seconds: figure(|stage| stage.kaplan_meier.restricted_mean),
        };
        let figures = [line.mean_seconds, line.median_seconds, line.restricted_mean_seconds];
        let same = [line.visits, line.completed, line.open] == [0; 3]
            && figures.into_iter().all(FigureDifference::is_none);
        (!same).then_some(line)
    };
    DwellDifference { stages: stages.into_iter().filter_map(line).collect() }
}

/// How conversion differs.
#[must_use]
pub fn conversion(reports: &Both<FunnelReport>) -> ConversionDifference {
    let Both { before, after } = reports;
    let stages = named(&before.stages, &after.stages, |stage| &stage.stage);
    let line = |(stage, before, after): (String, Option<&FunnelStage>, Option<&FunnelStage>)| {
        let ratio = |of: fn(&FunnelStage) -> &Option<FunnelStep>| {
            let of = |stage: Option<&FunnelStage>| stage.and_then(|stage| of(stage).as_ref()?.ratio);
            FigureDifference::of(of(before), of(after))
        };
        let (next, won) = (ratio(|stage| &stage.next), ratio(|stage| &stage.won));
        let count = |stage: Option<&FunnelStage>| stage.map_or(0, |stage| stage.count);
        let count = counted(count(before), count(after));
        let differs = count != 0 || !next.is_none() || !won.is_none();
        differs.then_some(StageConversionDifference { stage, count, next, won })
    };
    let (was, is) = (before.totals, after.totals);
    ConversionDifference {
        stages: stages.into_iter().filter_map(line).collect(),
        count: counted(was.count, is.count),
        won: counted(was.won, is.won),
        lost: counted(was.lost, is.lost),
        open: counted(was.open, is.open),
    }
}

/// How the forecast differs.
#[must_use]
pub fn forecast(reports: &Both<ForecastReport>) -> ForecastDifference {
    let horizons = reports.before.horizons.iter().zip(&reports.after.horizons);
    let line = |(before, after): (&HorizonForecast, &HorizonForecast)| {
        let amounts = money(before, after);
        let expected = after.deals.expected - before.deals.expected;
        let differs = expected != 0.0 || !amounts.is_empty();
        differs.then_some(HorizonDifference { days: before.days, expected, amounts })
    };
    ForecastDifference { horizons: horizons.filter_map(line).collect() }
}

fn money(before: &HorizonForecast, after: &HorizonForecast) -> Vec<MoneyDifference> {
    let all: BTreeSet<&str> =
        before.amounts.iter().chain(&after.amounts).map(|money| money.currency.as_str()).collect();
    let line = |currency: &str| {
        let of = |forecast: &HorizonForecast| {
            let found = forecast.amounts.iter().find(|money| money.currency == currency)?;
            found.expected.parse::<Decimal>().ok()
        };
        let difference = of(after).unwrap_or_default() - of(before).unwrap_or_default();
        let expected = difference.to_string();
        (!difference.is_zero()).then_some(MoneyDifference { currency: currency.to_owned(), expected })
    };
    all.into_iter().filter_map(line).collect()
}

fn counted(before: usize, after: usize) -> i64 {
    i64::try_from(after).unwrap_or(i64::MAX) - i64::try_from(before).unwrap_or(i64::MAX)
}

/// The lines of two lists by the stages that they are of, in the order of the second.
fn named<'a, T>(
    before: &'a [T],
    after: &'a [T],
    stage: impl Fn(&T) -> &String,
) -> Vec<(String, Option<&'a T>, Option<&'a T>)> {
    let find = |list: &'a [T], wanted: &str| list.iter().find(|line| stage(line) == wanted);
    let gone = before.iter().filter(|line| find(after, stage(line)).is_none());
    let all = after.iter().chain(gone).map(|line| stage(line).clone());
    all.map(|name| (name.clone(), find(before, &name), find(after, &name))).collect()
}
