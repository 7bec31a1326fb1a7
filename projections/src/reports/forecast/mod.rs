//! What will be won of the open deals within days, how sure that is, and how well the same forecast did before.

mod back_test;
mod closing;
mod deals;
mod naive;
mod remarks;
mod score;

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, NaiveDate, TimeDelta, Utc};
use rust_decimal::Decimal;
use serde::Serialize;
use utoipa::ToSchema;
use waymark_domain::customer::event::Money;
use waymark_domain::money::Rates;
use waymark_eventstore::Position;

use super::money::{add, money, rounded, rounded_money};
use super::{journeys, known, pasts};
use crate::board::MoneyReport;
use crate::error::Result;
use crate::maturity::Maturity;
use crate::models::board::versions::{self, CustomerVersions};
use crate::models::dwell::in_order;
use crate::query::{AsOf, CohortFilter};
use crate::reports::Definition;
use crate::reports::snapshot::ReportSnapshot;
use crate::stats::counts::{Common, Count};
use crate::stats::forecast::{excess, quantile_of, seed, sums};
use crate::stats::{JourneySet, Micros, sum_of_any};
use closing::{Closing, by_period};
use deals::{Deal, Deals, configured, past_of};

pub use back_test::{BackTestPoint, BackTestQuery, BackTestReport, Knowledge};
pub use closing::{CloseForecast, ClosePeriod, SlipReport};
pub use naive::NaiveReport;
pub use score::CalibrationBin;

/// How the figures come about, as answers name it.
const METHOD: &str = "Aalen-Johansen incidence by landmarks, conditioned on age, with a Beta prior (k = 10); beta-binomial and Monte Carlo (2000 draws) ranges, as wide as the errors of the twelve periods before";

/// How far a bound may be from a whole number and still be that number.
const TOLERANCE: f64 = 1e-9;

/// A day.
const DAY: Micros = 86_400_000_000;

/// What is asked of a forecast.
#[derive(Debug, Clone)]
pub struct ForecastQuery {
    /// The two times.
    pub at: AsOf,
    /// Whose customers.
    pub filter: CohortFilter,
    /// The horizons, in days.
    pub horizons: Vec<u32>,
    /// The rates by which money is converted as well, and into which currency.
    pub convert: Option<(Rates, String)>,
    /// How long the periods of expected close are by which the open deals are listed.
    pub close_by: ClosePeriod,
}

/// How many deals.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct DealsForecast {
    /// The sum of the deals' probabilities.
    pub expected: f64,
    /// The lower end of the 80% range: with at least 90% no fewer are won. Never above `expected`.
    pub low: usize,
    /// The upper end: with at least 90% no more are won. Never below `expected`.
    pub high: usize,
    /// The lower end of the 95% range.
    pub low_95: usize,
    /// The upper end of the 95% range.
    pub high_95: usize,
}

/// How much money in one currency, in decimals of its minor units.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct MoneyForecast {
    /// The ISO 4217 code.
    #[schema(example = "CNY")]
    pub currency: String,
    /// The sum of amounts times probabilities.
    #[schema(example = "81999.00")]
    pub expected: String,
    /// The lower end of the 80% range of drawn sums. Never above `expected`.
    pub low: String,
    /// The upper end. Never below `expected`.
    pub high: String,
    /// The lower end of the 95% range.
    pub low_95: String,
    /// The upper end of the 95% range.
    pub high_95: String,
}

/// The money of all currencies in one.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub struct ConvertedForecast {
    /// The sums.
    #[serde(flatten)]
    pub money: MoneyForecast,
    /// The day whose rates were taken.
    pub rate_date: NaiveDate,
    /// The currencies without a rate on that day: they are not in the sums.
    pub without_rate: Vec<String>,
}

/// The open deals of one stage.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct StageForecast {
    /// The stage.
    pub stage: String,
    /// How many open deals stand there.
    pub open: usize,
    /// What they may be worth, by currency.
    pub amounts: Vec<MoneyReport>,
    /// The mean of their probabilities; of a stage without open deals, that of one which comes there now.
    pub win_probability: f64,
    /// How many of them are expected to be won.
    pub expected: f64,
    /// What of their amounts is expected, by currency.
    pub expected_amounts: Vec<MoneyReport>,
    /// Of how many stays there the probabilities were learned, and of how many of them it is not known yet what becomes of their
    /// cycle: these count for as long as they were seen.
    pub maturity: Maturity,
}

/// What is expected within one horizon.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct HorizonForecast {
    /// The horizon, in days.
    pub days: u32,
    /// When it ends.
    pub until: DateTime<Utc>,
    /// By how much the ranges are wider than those of independent deals, by how far forecasts of the twelve periods before, each
    /// as long as the horizon, were off: the quotient of the standard deviations. 1 where no deal is expected.
    pub range_scale: f64,
    /// How many deals are won.
    pub deals: DealsForecast,
    /// How much money, by currency.
    pub amounts: Vec<MoneyForecast>,
    /// All of it in one currency; null where there is no rate for any of it.
    pub converted: Option<ConvertedForecast>,
    /// By stage, in the pipeline's order: stages in which deals are still to be won.
    pub by_stage: Vec<StageForecast>,
}

/// What will be won of the open deals.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct ForecastReport {
    /// The pipeline's key.
    pub pipeline: String,
    /// The business instant asked about.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about.
    pub known_at: DateTime<Utc>,
    /// The last position that counts: the one that was asked about, or how far the read models had come.
    pub position: Position,
    /// By horizon, as asked for.
    pub horizons: Vec<HorizonForecast>,
    /// By the period in which they are expected to close, as it was said: all open deals, each once, those without a day last.
    pub by_expected_close: Vec<CloseForecast>,
    /// How the figures come about.
    pub method: &'static str,
    /// The seed of the draws, made of pipeline, version and the two times.
    pub seed: u64,
}

/// A stage in which deals are still to be won.
struct WinnableStage {
    id: String,
    /// Its number in the histories, where anybody was ever in it.
    number: Option<u32>,
    /// The configured probability of winning from it.
    configured: Option<f64>,
}

/// What is forecast: the open deals with their amounts, and all that they are judged by.
struct Input {
    deals: Deals,
    /// The amount of each open deal.
    amounts: Vec<Option<Money>>,
    stages: Vec<WinnableStage>,
    convert: Option<(Rates, String)>,
    /// By horizon: what came in the periods before, and what was expected of them.
    pasts: Vec<Vec<(f64, f64)>>,
    seed: u64,
}

impl ReportSnapshot {
    /// What will be won.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn forecast(
        &mut self,
        definition: &Definition,
        query: &ForecastQuery,
    ) -> Result<ForecastReport> {
        let snapshot = &mut self.0;
        let ForecastQuery { at, filter, .. } = query;
        let known = known(snapshot, at).await?;
        let journeys = journeys(snapshot, &definition.pipeline.key, at, known, filter).await?;
        let pasts = pasts(snapshot, known).await?;
        let seed = seed_of(definition, at, known);
        Ok(ForecastReport::of((&journeys, &pasts), definition, query, known, seed))
    }
}

/// The seed of the draws of a forecast.
pub(super) fn seed_of(definition: &Definition, at: &AsOf, known: Position) -> u64 {
    let version = definition.pipeline.version.to_string();
    seed(&[&definition.pipeline.key, &version, &at.micros().to_string(), &known.to_string()])
}

impl ForecastReport {
    /// Of these journeys, of customers who were like that.
    pub(super) fn of(
        (journeys, pasts): (&JourneySet, &CustomerVersions),
        definition: &Definition,
        query: &ForecastQuery,
        position: Position,
        seed: u64,
    ) -> Self {
        let ForecastQuery { at, horizons, convert, close_by, .. } = query;
        let deals = Deals::of(journeys, definition, at.micros());
        let then = |deal: &Deal| {
            let past = pasts.get(&deal.customer)?;
            // A backdated journey may have begun before anything was known of what it may be worth.
            versions::at(past, at.micros()).or(past.first())
        };
        let amounts = deals.open.iter().map(|deal| then(deal)?.amount.clone()).collect();
        let closing = deals.open.iter().map(|deal| Closing {
            close: then(deal).and_then(|then| then.expected_close),
            amount: then(deal).and_then(|then| then.amount.as_ref()),
            probability: Box::new(|horizon| deals.probability(deal, horizon)),
        });
        let by_expected_close = by_period(closing, *close_by, at.effective_at);
        let stages = stages(definition, journeys);
        let past = |days: &u32| past_of(journeys, definition, at.micros(), i64::from(*days) * DAY);
        let pasts = horizons.iter().map(past).collect();
        let input = Input { deals, amounts, stages, convert: convert.clone(), pasts, seed };
        Self {
            pipeline: definition.pipeline.key.clone(),
            effective_at: at.effective_at,
            known_at: at.known_at,
            position,
            horizons: horizons
                .iter()
                .zip(&input.pasts)
                .map(|(days, past)| input.horizon(*days, past, at.effective_at))
                .collect(),
            by_expected_close,
            method: METHOD,
            seed,
        }
    }
}

/// The stages in which deals are still to be won, as they are shown.
fn stages(definition: &Definition, journeys: &JourneySet) -> Vec<WinnableStage> {
    let all = in_order(journeys, &definition.pipeline).into_iter();
    let is_winnable =
        |stage: &str| definition.kind(stage).is_some_and(|kind| kind.is_worked() || kind.rests());
    let stage = |(id, number): (String, Option<u32>)| {
        let configured = configured(definition, &id);
        WinnableStage { id, number, configured }
    };
    all.filter(|(stage, _)| is_winnable(stage)).map(stage).collect()
}

impl Input {
    fn horizon(&self, days: u32, past: &[(f64, f64)], at: DateTime<Utc>) -> HorizonForecast {
        let horizon = i64::from(days) * DAY;
        let chances: Vec<f64> =
            self.deals.open.iter().map(|deal| self.deals.probability(deal, horizon)).collect();
        let excess = excess(past, sum_of_any(chances.iter().copied()));
        let (amounts, converted) = self.money(&chances, excess);
        HorizonForecast {
            days,
            until: at.checked_add_signed(TimeDelta::days(days.into())).unwrap_or(DateTime::<Utc>::MAX_UTC),
            range_scale: spread(&chances, excess),
            deals: count(&chances, excess),
            amounts,
            converted,
            by_stage: self.stages.iter().map(|stage| self.stage(stage, &chances, horizon)).collect(),
        }
    }

    fn stage(&self, stage: &WinnableStage, chances: &[f64], horizon: Micros) -> StageForecast {
        let here = |deal: &(usize, &Deal)| Some(deal.1.stage) == stage.number;
        let deals: Vec<usize> =
            self.deals.open.iter().enumerate().filter(here).map(|(index, _)| index).collect();
        let expected = sum_of_any(deals.iter().map(|index| chances[*index]));
        let (mut amounts, mut expected_amounts) = (BTreeMap::new(), BTreeMap::new());
        for index in &deals {
            if let Some(Money { amount, currency }) = &self.amounts[*index] {
                add(&mut amounts, currency, *amount);
                add(&mut expected_amounts, currency, weighted(*amount, chances[*index]));
            }
        }
        let of_an_entry = || self.deals.entry_probability(stage.number, stage.configured, horizon);
        StageForecast {
            stage: stage.id.clone(),
            open: deals.len(),
            amounts: money(amounts),
            win_probability: if deals.is_empty() { of_an_entry() } else { expected / deals.len() as f64 },
            expected,
            expected_amounts: rounded_money(expected_amounts),
            maturity: self.deals.maturity(stage.number),
        }
    }

    /// What is expected by currency, and of all in one.
    fn money(&self, chances: &[f64], excess: f64) -> (Vec<MoneyForecast>, Option<ConvertedForecast>) {
        let mut columns = BTreeMap::<&str, Vec<Decimal>>::new();
        for (deal, money) in self.amounts.iter().enumerate() {
            if let Some(Money { amount, currency }) = money {
                columns.entry(currency).or_insert_with(|| vec![Decimal::ZERO; chances.len()])[deal] = *amount;
            }
        }
        let without_rate: BTreeSet<&str> = match &self.convert {
            Some((rates, to)) => {
                columns.keys().copied().filter(|from| rates.rate(from, to).is_none()).collect()
            }
            None => BTreeSet::new(),
        };
        let some_has_a_rate = columns.is_empty() || without_rate.len() < columns.len();
        let mut all: Vec<(&str, Vec<Decimal>)> = columns.into_iter().collect();
        if let Some((rates, currency)) = &self.convert {
            let converted = |money: &Option<Money>| {
                let total = money.as_ref().and_then(|money| rates.total([money], currency));
                total.map_or(Decimal::ZERO, |total| total.amount)
            };
            all.push((currency, self.amounts.iter().map(converted).collect()));
        }
        let mut forecasts = ranges(&all, chances, excess, self.seed);
        let converted = self.convert.as_ref().and_then(|(rates, _)| {
            let money = forecasts.pop()?;
            // A sum of nothing that was converted would look like nothing expected.
            some_has_a_rate.then(|| ConvertedForecast {
                money,
                rate_date: rates.date,
                without_rate: without_rate.into_iter().map(str::to_owned).collect(),
            })
        });
        (forecasts, converted)
    }
}

/// What is expected of each column of amounts, with its ranges: all of the same draws.
fn ranges(columns: &[(&str, Vec<Decimal>)], chances: &[f64], excess: f64, seed: u64) -> Vec<MoneyForecast> {
    let scale = |column: &[Decimal]| column.iter().map(Decimal::scale).max().unwrap_or_default();
    let in_units = |(_, column): &(&str, Vec<Decimal>)| {
        let scale = scale(column);
        let units = |amount: &Decimal| {
            let mut amount = *amount;
            amount.rescale(scale);
            amount.mantissa()
        };
        column.iter().map(units).collect()
    };
    let units: Vec<Vec<i128>> = columns.iter().map(in_units).collect();
    let drawn = sums(chances, &units, Common::of(chances, excess).as_ref(), seed);
    let forecast = |((currency, column), sums): (&(&str, Vec<Decimal>), Vec<i128>)| {
        let shares = column.iter().zip(chances).map(|(amount, chance)| weighted(*amount, *chance));
        let expected = shares.fold(Decimal::ZERO, Decimal::saturating_add);
        let expected = rounded(expected, currency);
        let bound = |probability: f64| {
            let sum = Decimal::try_from_i128_with_scale(quantile_of(&sums, probability), scale(column));
            rounded(sum.unwrap_or(expected), currency)
        };
        MoneyForecast {
            currency: (*currency).to_owned(),
            low: bound(0.1).min(expected).to_string(),
            high: bound(0.9).max(expected).to_string(),
            low_95: bound(0.025).min(expected).to_string(),
            high_95: bound(0.975).max(expected).to_string(),
            expected: expected.to_string(),
        }
    };
    columns.iter().zip(drawn).map(forecast).collect()
}

/// By how much the range of a number of deals is wider than that of independent ones, of the relative variance beyond theirs.
fn spread(chances: &[f64], excess: f64) -> f64 {
    let (expected, variance) =
        (sum_of_any(chances.iter().copied()), sum_of_any(chances.iter().map(|p| p * (1.0 - p))));
    if variance > 0.0 { (1.0 + excess * expected * expected / variance).sqrt() } else { 1.0 }
}

/// How many deals are won, with the ranges.
fn count(chances: &[f64], excess: f64) -> DealsForecast {
    let expected = sum_of_any(chances.iter().copied());
    let count = match Common::of(chances, excess) {
        Some(common) => Count::together(chances.len(), &common),
        None => Count::of(chances),
    };
    // A whole number that was reached through a fraction is that number.
    let (floor, ceiling) = ((expected + TOLERANCE).floor() as usize, (expected - TOLERANCE).ceil() as usize);
    let low = |probability| count.quantile(probability).min(floor);
    let high = |probability| count.quantile(probability).max(ceiling).min(chances.len());
    DealsForecast { expected, low: low(0.1), high: high(0.9), low_95: low(0.025), high_95: high(0.975) }
}

/// An amount times a factor, which counts to twelve digits.
fn weighted(amount: Decimal, chance: f64) -> Decimal {
    let chance = Decimal::try_from(chance).unwrap_or_default().round_dp(12);
    amount.checked_mul(chance).unwrap_or_default()
}
