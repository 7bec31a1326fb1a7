//! What a forecast has to beat: three that anybody can make without a model.

use serde::Serialize;
use utoipa::ToSchema;

use super::deals::Deals;
use super::score::Score;
use crate::stats::Micros;

/// How far back the win rate is looked at.
const TRAILING: Micros = 90 * super::DAY;

/// A forecast without a model.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Naive {
    /// As many deals as were won in the period before, of as many days.
    LastPeriod,
    /// Each deal by the probability of its stage, whatever the horizon.
    StageProbability,
    /// Each deal by the share won of those that ended in the last 90 days.
    TrailingWinRate,
}

impl Naive {
    pub(super) const ALL: [Self; 3] = [Self::LastPeriod, Self::StageProbability, Self::TrailingWinRate];

    pub(super) fn word(self) -> &'static str {
        match self {
            Self::LastPeriod => "last_period",
            Self::StageProbability => "stage_probability",
            Self::TrailingWinRate => "trailing_win_rate",
        }
    }

    /// The probabilities that it gives to the open deals of an instant.
    pub(super) fn chances(self, deals: &Deals, at: Micros, horizon: Micros) -> Vec<f64> {
        let since = |span: Micros| deals.ended.iter().filter(move |end| end.at > at.saturating_sub(span));
        let won = |span: Micros| since(span).filter(|end| end.won).count() as f64;
        let share = |part: f64, all: usize| if all == 0 { 0.0 } else { (part / all as f64).min(1.0) };
        match self {
            Self::LastPeriod => vec![share(won(horizon), deals.open.len()); deals.open.len()],
            Self::StageProbability => deals.open.iter().map(|deal| deals.prior(deal.stage)).collect(),
            Self::TrailingWinRate => vec![share(won(TRAILING), since(TRAILING).count()); deals.open.len()],
        }
    }
}

/// How well a forecast without a model did at the same instants.
#[derive(Debug, Clone, Copy, PartialEq, Serialize, ToSchema)]
pub struct NaiveReport {
    /// `last_period`: as many as were won in as many days before. `stage_probability`: each deal by the configured probability
    /// of its stage, or the share that the pipeline wins. `trailing_win_rate`: each by the share won of what ended in the
    /// last 90 days.
    pub name: &'static str,
    /// The mean of what it expected less what came.
    pub bias: Option<f64>,
    /// Its mean absolute error as a share of what came.
    pub mape: Option<f64>,
    /// Its Brier score.
    pub brier: Option<f64>,
    /// Whether the forecast has a Brier score and a mean absolute error that are no worse than these.
    pub beaten: bool,
}

impl NaiveReport {
    /// What it came to, beside what the forecast came to.
    pub(super) fn of(name: &'static str, theirs: &Score, ours: &Score) -> Self {
        let no_worse = |ours: Option<f64>, theirs: Option<f64>| ours.zip(theirs).is_some_and(|(a, b)| a <= b);
        let (mape, brier) = (theirs.mape(), theirs.brier());
        let beaten = no_worse(ours.brier(), brier) && no_worse(ours.mape(), mape);
        Self { name, bias: theirs.bias(), mape, brier, beaten }
    }
}
