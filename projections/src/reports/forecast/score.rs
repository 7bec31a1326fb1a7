//! How far forecasts were off.

use serde::Serialize;
use utoipa::ToSchema;

use crate::stats::sum_of_any;

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

/// How many bins of probabilities there are.
const BINS: usize = 10;

/// What forecasts came to, beside what came.
#[derive(Debug, Clone, Default)]
pub(super) struct Score {
    errors: Vec<(f64, f64)>,
    squares: f64,
    deals: usize,
    /// The sum of probabilities, of deals won and of deals in each bin.
    bins: [(f64, usize, usize); BINS],
}

impl Score {
    pub(super) fn add(&mut self, chances: &[f64], won: &[bool]) {
        let actual = won.iter().filter(|won| **won).count() as f64;
        self.errors.push((sum_of_any(chances.iter().copied()) - actual, actual));
        self.deals += chances.len();
        let square = |(chance, won): (&f64, &bool)| (chance - f64::from(u8::from(*won))).powi(2);
        self.squares += sum_of_any(chances.iter().zip(won).map(square));
        let mut each: Vec<(&f64, &bool)> = chances.iter().zip(won).collect();
        each.sort_unstable_by(|a, b| a.0.total_cmp(b.0));
        for (chance, won) in each {
            let bin = &mut self.bins[((chance * BINS as f64) as usize).min(BINS - 1)];
            *bin = (bin.0 + chance, bin.1 + usize::from(*won), bin.2 + 1);
        }
    }

    pub(super) fn bias(&self) -> Option<f64> {
        mean(self.errors.iter().map(|(error, _)| *error))
    }

    pub(super) fn mape(&self) -> Option<f64> {
        let with_any = self.errors.iter().filter(|(_, actual)| *actual > 0.0);
        mean(with_any.map(|(error, actual)| error.abs() / actual))
    }

    pub(super) fn brier(&self) -> Option<f64> {
        (self.deals > 0).then(|| self.squares / self.deals as f64)
    }

    pub(super) fn calibration(&self) -> Vec<CalibrationBin> {
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
}
