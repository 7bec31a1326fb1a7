//! Quantiles of a sorted sample.

/// The continuous quantile by linear interpolation between order statistics: Hyndman and Fan's type 7, the
/// `percentile_cont` of SQL. `None` of an empty sample.
///
/// `sorted` is in ascending order, `p` within 0..=1.
#[must_use]
pub fn continuous(sorted: &[f64], p: f64) -> Option<f64> {
    continuous_of(sorted.len(), |place| sorted[place], p)
}

/// The continuous quantile of a sorted sample of `count` values, which `at` gives by their place.
pub(super) fn continuous_of(count: usize, at: impl Fn(usize) -> f64, p: f64) -> Option<f64> {
    let last = count.checked_sub(1)?;
    let place = p * last as f64;
    let below = (place.floor() as usize).min(last);
    let above = (below + 1).min(last);
    let share = place - below as f64;
    Some(at(below) + (at(above) - at(below)) * share)
}

/// The discrete quantile: the first value whose share of the sample reaches `p`, the `percentile_disc` of SQL.
/// `None` of an empty sample.
#[must_use]
pub fn discrete(sorted: &[f64], p: f64) -> Option<f64> {
    discrete_of(sorted.len(), |place| sorted[place], p)
}

/// The discrete quantile of a sorted sample of `count` values, which `at` gives by their place.
pub(super) fn discrete_of(count: usize, at: impl Fn(usize) -> f64, p: f64) -> Option<f64> {
    let last = count.checked_sub(1)?;
    // A product such as 0.95 * 20 may land a hair above the whole number that it is.
    let rank = (p * count as f64 - 1e-9).ceil().max(1.0) as usize;
    Some(at((rank - 1).min(last)))
}

/// A sorted sample in a few figures.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Spread {
    /// How many.
    pub count: usize,
    /// The mean.
    pub mean: f64,
    /// The continuous quantiles at 0, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95 and 1.
    pub quantiles: [f64; 8],
}

impl Spread {
    /// Of a sample of `count` values, which `at` gives by their place in ascending order; none of an empty one.
    #[must_use]
    pub fn of(count: usize, at: impl Fn(usize) -> f64) -> Option<Self> {
        const PLACES: [f64; 8] = [0.0, 0.05, 0.25, 0.5, 0.75, 0.9, 0.95, 1.0];
        count.checked_sub(1)?;
        let quantiles = PLACES.map(|p| continuous_of(count, &at, p).unwrap_or_default());
        Some(Self { count, mean: (0..count).map(&at).sum::<f64>() / count as f64, quantiles })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_empty_sample_has_no_quantile() {
        assert_eq!(continuous(&[], 0.5), None);
        assert_eq!(discrete(&[], 0.5), None);
    }

    #[test]
    fn the_continuous_quantile_interpolates_and_the_discrete_one_does_not() {
        let sample = [1.0, 2.0, 3.0, 10.0];
        assert_eq!(continuous(&sample, 0.5), Some(2.5));
        assert_eq!(discrete(&sample, 0.5), Some(2.0));
        assert_eq!(discrete(&sample, 0.51), Some(3.0));
        assert_eq!(continuous(&sample, 1.0), Some(10.0));
        assert_eq!(discrete(&sample, 0.0), Some(1.0));
    }

    #[test]
    fn quantiles_are_those_of_r_and_pandas() {
        // `quantile(x, c(.5, .9, .95), type = 7)` of R 4.2.2 and `Series.quantile` of pandas 3.1.1.
        let sample = [2.0, 3.0, 6.0, 8.0, 12.0, 20.0, 21.0];
        for (p, expected) in [(0.5, 8.0), (0.9, 20.4), (0.95, 20.7)] {
            let found = continuous(&sample, p).unwrap_or_default();
            assert!((found - expected).abs() < 1e-12, "{p}: {found}");
        }
    }

    #[test]
    fn a_product_that_is_a_whole_number_is_not_rounded_up() {
        let sample: Vec<f64> = (1..=20).map(f64::from).collect();
        assert_eq!(discrete(&sample, 0.95), Some(19.0));
        assert_eq!(discrete(&sample, 0.90), Some(18.0));
    }
}
