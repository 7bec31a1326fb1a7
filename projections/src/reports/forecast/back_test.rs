//! How well the forecast would have done: made of what was known at instants of the past, against what came.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use waymark_domain::Label;
use waymark_eventstore::Position;

use super::deals::{Deals, is_won, outcomes, past_of};
use super::naive::{Naive, NaiveReport};
use super::remarks::remarks;
use super::score::{CalibrationBin, Score};
use super::{DAY, METHOD, count};
use crate::bilingual::BilingualText;
use crate::error::Result;
use crate::log::history::instant;
use crate::models::board::Population;
use crate::models::dwell;
use crate::query::{AsOf, CohortFilter};
use crate::reports::snapshot::ReportSnapshot;
use crate::reports::{Definition, known};
use crate::stats::forecast::excess;
use crate::stats::journeys::Origin;
use crate::stats::{JourneySet, Micros, sum_of_any};

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

/// How well the forecast would have done.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct BackTestReport {
    /// The pipeline's key.
    pub pipeline: String,
    /// The business instant asked about.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about.
    pub known_at: DateTime<Utc>,
    /// The last position that counts: the one that was asked about, or how far the read models had come.
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
    /// Of the three, how many are beaten.
    pub beats: usize,
    /// In words: which of the three are not beaten, a coverage of the 80% range outside of 70 to 90%, and fewer
    /// than 20 forecasts. Empty where there is nothing of it.
    #[schema(value_type = Vec<BilingualText>)]
    pub remarks: Vec<Label>,
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
            let past = past_of(&journeys, definition, at, horizon);
            let excess = excess(&past, sum_of_any(chances.iter().copied()));
            points.push(point(at, &chances, excess, &won));
        }
        let naive = naive.map(|(naive, score)| NaiveReport::of(naive.word(), &score, &ours));
        let coverage_80 = coverage(&points, |point| (point.low, point.high));
        Ok(BackTestReport {
            pipeline: definition.pipeline.key.clone(),
            effective_at: query.at.effective_at,
            known_at: query.at.known_at,
            position: known_now,
            horizon_days: query.horizon_days,
            knowledge: query.knowledge,
            bias: ours.bias(),
            mape: ours.mape(),
            brier: ours.brier(),
            coverage: coverage_80,
            coverage_95: coverage(&points, |point| (point.low_95, point.high_95)),
            calibration: ours.calibration(),
            beats: naive.iter().filter(|naive| naive.beaten).count(),
            remarks: remarks(points.len(), coverage_80, &ours, &naive),
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

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_covers_what_lies_on_its_ends() {
        let point = |actual| BackTestPoint { actual, ..point(0, &[0.5, 0.5], 0.0, &[false, false]) };
        let found = coverage(&[point(0), point(2), point(3)], |point| (point.low, point.high));
        assert_eq!(found, Some(2.0 / 3.0));
        assert_eq!(coverage(&[], |point| (point.low, point.high)), None);
    }
}
