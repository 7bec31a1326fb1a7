//! How long after the fact changes were recorded.

use super::{Micros, quantile, seconds};

/// What a sample of delays says.
#[derive(Debug, Clone, PartialEq)]
pub struct Lateness {
    /// How many changes there are.
    pub count: usize,
    /// How many were recorded later than permitted.
    pub late: usize,
    /// The mean delay, in seconds.
    pub mean: Option<f64>,
    /// The quantiles of the delays, in seconds: 50%, 90% and 99%.
    pub quantiles: [Option<f64>; 3],
    /// The longest delay, in seconds.
    pub max: Option<f64>,
}

/// From when it happened to when it was recorded. Clocks differ by minutes, so what is said to lie ahead counts as
/// recorded at once.
#[must_use]
pub fn delay(happened: Micros, recorded: Micros) -> Micros {
    recorded.saturating_sub(happened).max(0)
}

/// What delays say. One of exactly `permitted` is in time.
#[must_use]
pub fn lateness(mut delays: Vec<Micros>, permitted: Micros) -> Lateness {
    delays.sort_unstable();
    let sorted: Vec<f64> = delays.iter().map(|delay| seconds(*delay)).collect();
    let at = |p| quantile::continuous(&sorted, p);
    let mean = sorted.iter().sum::<f64>() / sorted.len() as f64;
    Lateness {
        count: sorted.len(),
        late: delays.len() - delays.partition_point(|delay| *delay <= permitted),
        mean: (!sorted.is_empty()).then_some(mean),
        quantiles: [at(0.5), at(0.9), at(0.99)],
        max: sorted.last().copied(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const DAY: Micros = 86_400_000_000;

    #[test]
    fn a_delay_of_exactly_what_is_permitted_is_in_time() {
        let found = lateness(vec![DAY, DAY + 1, 0, 2 * DAY], DAY);
        assert_eq!((found.count, found.late), (4, 2));
        assert_eq!(found.max, Some(172_800.0));
    }

    #[test]
    fn quantiles_interpolate_and_an_empty_sample_has_none() {
        let found = lateness((0..=10).map(|hours| hours * 3_600_000_000).collect(), DAY);
        assert_eq!(found.quantiles[0], Some(18_000.0));
        assert_eq!(found.quantiles[1], Some(32_400.0));
        assert!((found.quantiles[2].unwrap() - 35_640.0).abs() < 1e-6);
        assert_eq!(found.mean, Some(18_000.0));
        let empty = lateness(Vec::new(), DAY);
        assert_eq!((empty.count, empty.late, empty.mean, empty.quantiles), (0, 0, None, [None; 3]));
    }

    #[test]
    fn what_is_said_to_lie_ahead_counts_as_recorded_at_once() {
        assert_eq!(delay(10, 3), 0);
        assert_eq!(delay(3, 10), 7);
    }
}
