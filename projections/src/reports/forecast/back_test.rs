//! How well the forecast would have done: made of what was known at instants of the past, against what came.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waymark_eventstore::Position;

use super::deals::{Deals, excess_of, is_won, outcomes};
use super::naive::{Naive, NaiveReport};
use super::{DAY, METHOD, count};
use crate::error::Result;
use crate::log::history::instant;
use crate::models::board::Population;
use crate::models::dwell;
use crate::query::{AsOf, CohortFilter};
use crate::reports::snapshot::ReportSnapshot;
use crate::reports::{Definition, known};
use crate::stats::journeys::Origin;
use crate::stats::{JourneySet, Micros};

/// What counts as known at an instant of the past.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum Knowledge {
    /// What had been recorded by then; of customers whose history was read in from a file, what had happened.
    #[default]
    Then,
    /// All that had happened by then, whenever it was recorded.
    Now,
}

/// What is asked of a back-test.
#[derive(Debug, Clone)]
pub struct BackTestQuery {
    /// The two times: what came is seen from here.
    pub at: AsOf,
    /// Whose customers.
    pub filter: CohortFilter,
    /// The horizon, in days.
    pub horizon_days: u32,
    /// The instants at which a forecast is made, with the last position recorded by then. Each lies a horizon or more before
    /// the instant asked about.
    pub instants: Vec<(DateTime<Utc>, Position)>,
    /// What counts as known then.
    pub knowledge: Knowledge,
}

/// One forecast of the past, and what came of it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct BackTestPoint {
    /// When it is made.
    pub effective_at: DateTime<Utc>,
    /// How many deals were open.
    pub open: usize,
    /// How many of them it expected to be won within the horizon.
    pub expected: f64,
    /// The lower end of its 80% range.
    pub low: usize,
    /// The upper end.
    pub high: usize,
    /// The lower end of its 95% range.
    pub low_95: usize,
    /// The upper end of its 95% range.
    pub high_95: usize,
    /// How many of them were won within the horizon.
    pub actual: usize,
}

/// Deals that were given similar probabilities.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct CalibrationBin {
    /// From which probability on.
    pub from: f64,
    /// Up to which, itself in the next bin but for 1.
    pub to: f64,
    /// The mean of their probabilities; null without deals.
    pub forecast: Option<f64>,
    /// The share that was won; null without deals.
    pub observed: Option<f64>,
    /// How many: each deal once an instant.
    pub n: usize,
}

/// How well the forecast would have done.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct BackTestReport {
    /// The pipeline's key.
    pub pipeline: String,
    /// The business instant asked about.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about.
    pub known_at: DateTime<Utc>,
    /// How far the read models had come.
    pub position: Position,
    /// The horizon, in days.
    pub horizon_days: u32,
    /// What counts as known at each instant.
    pub knowledge: Knowledge,
    /// The forecasts, by instant.
    pub points: Vec<BackTestPoint>,
    /// The mean of what was expected less what came, in deals; null without points.
    pub bias: Option<f64>,
    /// The mean absolute error as a share of what came, over the points at which anything came; null without any.
    pub mape: Option<f64>,
    /// The mean squared difference of each deal's probability and its outcome, 1 or 0 (Brier 1950); null without deals.
    pub brier: Option<f64>,
    /// The share of points at which what came lay in the 80% range; null without points.
    pub coverage: Option<f64>,
    /// The same of the 95% range.
    pub coverage_95: Option<f64>,
    /// Ten bins of probabilities, and what came of the deals in each.
    pub calibration: Vec<CalibrationBin>,
    /// Forecasts without a model, at the same instants.
    pub naive: Vec<NaiveReport>,
    /// Of the three, how many have a Brier score and a mean absolute error that are no better.
    pub beats: usize,
    /// How the figures come about.
    pub method: &'static str,
}

impl ReportSnapshot {
    /// How well the forecast would have done.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn back_test(
        &mut self,
        definition: &Definition,
        query: &BackTestQuery,
    ) -> Result<BackTestReport> {
        let snapshot = &mut self.0;
        let known_now = known(snapshot, &query.at).await?;
        let position = snapshot.position;
        snapshot.switch_model(dwell::NAME).await?;
        let now = dwell::load(snapshot, &definition.pipeline.key, known_now).await?;
        let outcomes = outcomes(&now, &definition.kinds(&now), query.at.micros());
        let horizon = i64::from(query.horizon_days) * DAY;
        let (mut points, mut ours) = (Vec::new(), Score::default());
        let mut naive = Naive::ALL.map(|naive| (naive, Score::default()));
        for (effective_at, recorded) in &query.instants {
            let at = effective_at.timestamp_micros();
            let known_then = match query.knowledge {
                Knowledge::Then => (*recorded).min(known_now),
                Knowledge::Now => known_now,
            };
            snapshot.switch_model(dwell::NAME).await?;
            let journeys = match query.knowledge {
                Knowledge::Then => {
                    let then = dwell::fetch(snapshot, &definition.pipeline.key, known_then).await?;
                    known_by(&now, &then, at)
                }
                Knowledge::Now => (*now).clone(),
            };
            let among = Population::of(snapshot, &query.filter, at, known_now, None).await?;
            let journeys = journeys.keep(|customer, _| among.holds(customer));
            let deals = Deals::of(&journeys, definition, at);
            let won: Vec<bool> = deals.open.iter().map(|deal| is_won(&outcomes, deal, at, horizon)).collect();
            let chances: Vec<f64> = deals.open.iter().map(|deal| deals.probability(deal, horizon)).collect();
            for (naive, score) in &mut naive {
                score.add(&naive.chances(&deals, at, horizon), &won);
            }
            ours.add(&chances, &won);
            let excess = excess_of(&journeys, definition, at, horizon);
            points.push(point(at, &chances, excess, &won));
        }
        let naive = naive.map(|(naive, score)| NaiveReport {
            name: naive.word(),
            bias: score.bias(),
            mape: score.mape(),
            brier: score.brier(),
        });
        let is_no_better = |theirs: &&NaiveReport| {
            let no_less =
                |theirs: Option<f64>, ours: Option<f64>| theirs.zip(ours).is_some_and(|(a, b)| a >= b);
            no_less(theirs.brier, ours.brier()) && no_less(theirs.mape, ours.mape())
        };
        Ok(BackTestReport {
            pipeline: definition.pipeline.key.clone(),
            effective_at: query.at.effective_at,
            known_at: query.at.known_at,
            position,
            horizon_days: query.horizon_days,
            knowledge: query.knowledge,
            bias: ours.bias(),
            mape: ours.mape(),
            brier: ours.brier(),
            coverage: coverage(&points, |point| (point.low, point.high)),
            coverage_95: coverage(&points, |point| (point.low_95, point.high_95)),
            calibration: ours.calibration(),
            beats: naive.iter().filter(is_no_better).count(),
            naive: naive.into(),
            points,
            method: METHOD,
        })
    }
}

/// What was known at an instant of what had happened by then. A history that was read in from a file counts as known when it
/// happened: nobody could have recorded it here then.
fn known_by(now: &JourneySet, then: &JourneySet, at: Micros) -> JourneySet {
    let is_imported =
        |first: Option<&crate::stats::MoveRecord>| first.is_some_and(|first| first.how.by == Origin::Import);
    let mut known = now.keep(|_, records| is_imported(records.first()));
    for (journey, records) in then.journeys(at) {
        if !is_imported(records.first()) {
            known.adopt(then, journey, records);
        }
    }
    known
}

fn point(at: Micros, chances: &[f64], excess: f64, won: &[bool]) -> BackTestPoint {
    let deals = count(chances, excess);
    BackTestPoint {
        effective_at: instant(at),
        open: chances.len(),
        expected: deals.expected,
        low: deals.low,
        high: deals.high,
        low_95: deals.low_95,
        high_95: deals.high_95,
        actual: won.iter().filter(|won| **won).count(),
    }
}

fn coverage(points: &[BackTestPoint], range: impl Fn(&BackTestPoint) -> (usize, usize)) -> Option<f64> {
    let is_covered = |point: &&BackTestPoint| {
        let (low, high) = range(point);
        (low..=high).contains(&point.actual)
    };
    (!points.is_empty()).then(|| points.iter().filter(is_covered).count() as f64 / points.len() as f64)
}

/// How many bins of probabilities there are.
const BINS: usize = 10;

/// What forecasts came to, beside what came.
#[derive(Debug, Clone, Default)]
struct Score {
    errors: Vec<(f64, f64)>,
    squares: f64,
    deals: usize,
    /// The sum of probabilities, of deals won and of deals in each bin.
    bins: [(f64, usize, usize); BINS],
}

impl Score {
    fn add(&mut self, chances: &[f64], won: &[bool]) {
        let actual = won.iter().filter(|won| **won).count() as f64;
        self.errors.push((chances.iter().sum::<f64>() - actual, actual));
        self.deals += chances.len();
        for (chance, won) in chances.iter().zip(won) {
            self.squares += (chance - f64::from(u8::from(*won))).powi(2);
            let bin = &mut self.bins[((chance * BINS as f64) as usize).min(BINS - 1)];
            *bin = (bin.0 + chance, bin.1 + usize::from(*won), bin.2 + 1);
        }
    }

    fn bias(&self) -> Option<f64> {
        mean(self.errors.iter().map(|(error, _)| *error))
    }

    fn mape(&self) -> Option<f64> {
        let with_any = self.errors.iter().filter(|(_, actual)| *actual > 0.0);
        mean(with_any.map(|(error, actual)| error.abs() / actual))
    }

    fn brier(&self) -> Option<f64> {
        (self.deals > 0).then(|| self.squares / self.deals as f64)
    }

    fn calibration(&self) -> Vec<CalibrationBin> {
        let bin = |(place, (chances, won, n)): (usize, &(f64, usize, usize))| CalibrationBin {
            from: place as f64 / BINS as f64,
            to: (place + 1) as f64 / BINS as f64,
            forecast: (*n > 0).then(|| chances / *n as f64),
            observed: (*n > 0).then(|| *won as f64 / *n as f64),
            n: *n,
        };
        self.bins.iter().enumerate().map(bin).collect()
    }
}

fn mean(values: impl Iterator<Item = f64>) -> Option<f64> {
    let values: Vec<f64> = values.collect();
    (!values.is_empty()).then(|| values.iter().sum::<f64>() / values.len() as f64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_score_is_made_of_every_deal_and_every_point() {
        let mut score = Score::default();
        score.add(&[0.5, 0.25], &[true, false]);
        score.add(&[1.0], &[false]);
        // Expected 0.75 against 1, and 1 against 0.
        assert_eq!(score.bias(), Some((-0.25 + 1.0) / 2.0));
        assert_eq!(score.mape(), Some(0.25), "a point at which nothing came has no share");
        assert_eq!(score.brier(), Some((0.25 + 0.0625 + 1.0) / 3.0));
        let bins = score.calibration();
        assert_eq!((bins[5].forecast, bins[5].observed, bins[5].n), (Some(0.5), Some(1.0), 1));
        assert_eq!((bins[9].forecast, bins[9].observed), (Some(1.0), Some(0.0)));
        assert_eq!((bins[0].forecast, bins[0].n), (None, 0));
        assert_eq!(Score::default().mape(), None);
    }

    #[test]
    fn a_range_covers_what_lies_on_its_ends() {
        let point = |actual| BackTestPoint { actual, ..point(0, &[0.5, 0.5], 0.0, &[false, false]) };
        let found = coverage(&[point(0), point(2), point(3)], |point| (point.low, point.high));
        assert_eq!(found, Some(2.0 / 3.0));
        assert_eq!(coverage(&[], |point| (point.low, point.high)), None);
    }
}
