//! How many of open deals are won: the distribution of their number.

use super::sum_of_any;

/// Below this a probability is none.
const NONE: f64 = 1e-12;

/// The most that the outcomes of two deals are believed to go together: with it all shares are about as likely as another.
const MOST_CORRELATION: f64 = 1.0 / 3.0;

/// What the deals of one period have in common, as seasons, prices and campaigns move all of them: the share of them that is
/// won is itself uncertain, with a beta distribution (Skellam 1948).
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Common {
    /// Its parameters.
    pub won: f64,
    /// Its parameters.
    pub others: f64,
}

impl Common {
    /// Of deals with these probabilities, whose number won has the variance of independent ones and `excess` times the square
    /// of what is expected. None where that is no more than independent deals of one mean probability have.
    #[must_use]
    pub fn of(probabilities: &[f64], excess: f64) -> Option<Self> {
        let deals = probabilities.len() as f64;
        let expected = sum_of_any(probabilities.iter().copied());
        let share = expected / deals;
        let variance = sum_of_any(probabilities.iter().map(|p| p * (1.0 - p))) + excess * expected * expected;
        let correlation = (variance / (deals * share * (1.0 - share)) - 1.0) / (deals - 1.0);
        if !correlation.is_finite() || correlation <= NONE {
            return None;
        }
        let both = 1.0 / correlation.min(MOST_CORRELATION) - 1.0;
        Some(Self { won: share * both, others: (1.0 - share) * both })
    }

    /// The share that is expected.
    #[must_use]
    pub fn share(&self) -> f64 {
        self.won / (self.won + self.others)
    }
}

/// How many of independent events of different probabilities happen: the Poisson-binomial distribution, by convolution.
#[derive(Debug, Clone, PartialEq)]
pub struct Count {
    first: usize,
    masses: Vec<f64>,
}

impl Count {
    /// The distribution. Tails that weigh less than 10⁻¹² are cut off, so that the work grows with the events times the
    /// square root of their number.
    #[must_use]
    pub fn of(probabilities: &[f64]) -> Self {
        let (mut first, mut masses) = (0, vec![1.0]);
        let mut probabilities = probabilities.to_vec();
        probabilities.sort_unstable_by(f64::total_cmp);
        for p in probabilities {
            masses.push(0.0);
            for k in (1..masses.len()).rev() {
                masses[k] = masses[k] * (1.0 - p) + masses[k - 1] * p;
            }
            masses[0] *= 1.0 - p;
            let low = masses.iter().take_while(|mass| **mass < NONE).count();
            let high = masses.iter().rev().take_while(|mass| **mass < NONE).count();
            masses.truncate(masses.len() - high.min(masses.len() - 1));
            let low = low.min(masses.len() - 1);
            masses.drain(..low);
            first += low;
        }
        Self { first, masses }
    }

    /// The distribution of a number of deals that have something in common (beta-binomial).
    ///
    /// The masses are made from the mean outwards by the quotient of neighbours, up to where they weigh nothing, and need no
    /// whole: a quantile divides by their sum.
    #[must_use]
    pub fn together(deals: usize, common: &Common) -> Self {
        let Common { won, others } = *common;
        let n = deals as f64;
        // The mass of k + 1 over that of k.
        let ratio = |k: usize| {
            let k = k as f64;
            (n - k) / (k + 1.0) * (won + k) / (others + n - k - 1.0)
        };
        let middle = ((n * common.share()) as usize).min(deals);
        let mut below = Vec::new();
        let mut mass = 1.0;
        for k in (0..middle).rev() {
            mass /= ratio(k);
            if mass < NONE {
                break;
            }
            below.push(mass);
        }
        let first = middle - below.len();
        below.reverse();
        let mut masses = below;
        masses.push(1.0);
        mass = 1.0;
        for k in middle..deals {
            mass *= ratio(k);
            if mass < NONE {
                break;
            }
            masses.push(mass);
        }
        Self { first, masses }
    }

    /// The smallest number that is not exceeded with at least this probability.
    #[must_use]
    pub fn quantile(&self, probability: f64) -> usize {
        let total: f64 = self.masses.iter().sum();
        let mut below = 0.0;
        for (k, mass) in self.masses.iter().enumerate() {
            below += mass;
            if below >= probability * total - NONE {
                return self.first + k;
            }
        }
        self.first + self.masses.len() - 1
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9, "{found} is not {expected}");
    }

    /// The mean and the variance of a distribution.
    fn moments(count: &Count) -> (f64, f64) {
        let total: f64 = count.masses.iter().sum();
        let each =
            || count.masses.iter().enumerate().map(|(k, mass)| ((count.first + k) as f64, mass / total));
        let mean: f64 = each().map(|(k, mass)| k * mass).sum();
        (mean, each().map(|(k, mass)| (k - mean).powi(2) * mass).sum())
    }

    #[test]
    fn counts_have_the_distribution_that_the_sum_over_all_outcomes_gives() {
        // Of three events of 0.1, 0.5 and 0.9 there are eight outcomes.
        let count = Count::of(&[0.1, 0.5, 0.9]);
        for (k, mass) in [0.045, 0.455, 0.455, 0.045].into_iter().enumerate() {
            near(count.masses[k], mass);
        }
        assert_eq!([0.04, 0.05, 0.5, 0.95, 0.96].map(|p| count.quantile(p)), [0, 1, 1, 2, 3]);
        assert_eq!(Count::of(&[]).quantile(0.9), 0);
        assert_eq!(Count::of(&[1.0; 5]).quantile(0.1), 5);
    }

    #[test]
    fn deals_that_have_something_in_common_have_the_published_distribution() {
        // scipy.stats.betabinom(3, 2, 4).pmf(range(4)): 20, 20, 12 and 4 of 56.
        let count = Count::together(3, &Common { won: 2.0, others: 4.0 });
        let total: f64 = count.masses.iter().sum();
        for (k, part) in [20.0, 20.0, 12.0, 4.0].into_iter().enumerate() {
            near(count.masses[k] / total, part / 56.0);
        }
        assert_eq!([0.1, 0.5, 0.9, 0.95].map(|p| count.quantile(p)), [0, 1, 2, 3]);
    }

    #[test]
    fn one_deal_or_none_or_certain_ones_have_nothing_in_common() {
        for chances in [&[0.5][..], &[], &[0.0; 9], &[1.0; 9]] {
            assert_eq!(Common::of(chances, 1.0), None, "{chances:?}");
        }
        assert_eq!(Common::of(&[0.3; 9], 0.0), None);
    }

    proptest! {
        #[test]
        fn a_count_is_a_distribution_around_the_sum_of_its_probabilities(p in prop::collection::vec(0.0..=1.0, 0..60)) {
            let count = Count::of(&p);
            prop_assert!((count.masses.iter().sum::<f64>() - 1.0).abs() < 1e-9);
            let mean: f64 =
                count.masses.iter().enumerate().map(|(k, mass)| (count.first + k) as f64 * mass).sum();
            prop_assert!((mean - p.iter().sum::<f64>()).abs() < 1e-6);
        }

        #[test]
        fn what_deals_have_in_common_adds_the_variance_that_was_asked_for(
            p in prop::collection::vec(0.05..=0.4, 2..300), excess in 0.001..0.2,
        ) {
            let (expected, independent) = (p.iter().sum::<f64>(), p.iter().map(|p| p * (1.0 - p)).sum::<f64>());
            let Some(common) = Common::of(&p, excess) else { return Ok(()) };
            let (mean, variance) = moments(&Count::together(p.len(), &common));
            let wanted = independent + excess * expected * expected;
            prop_assert!((mean / expected - 1.0).abs() < 1e-6, "{mean} {expected}");
            prop_assert!((variance / wanted - 1.0).abs() < 1e-4, "{variance} {wanted}");
        }
    }
}
