//! Whether times of one sample tend to be longer than those of another, whatever their distribution.

use super::Micros;
use super::proportion::normal_beyond;

/// The standard normal quantile of 0.975.
const Z: f64 = 1.959_963_984_540_054;

/// By how much the first sample is longer than the second.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Shift {
    /// The median of all differences of a time of the first sample and one of the second (Hodges and Lehmann 1963).
    pub estimate: f64,
    /// The lower end of its 95% interval, by the normal approximation (Hollander and Wolfe 1999, 4.3).
    pub low: f64,
    /// The upper end.
    pub high: f64,
    /// The two-sided p value of the test of Mann and Whitney (1947) by the normal approximation, corrected for ties and for
    /// continuity; none where all times are equal.
    pub p_value: Option<f64>,
}

/// How two samples of times, in microseconds, differ. The shift is in microseconds. None where either is empty.
#[must_use]
pub fn mann_whitney(first: &[Micros], second: &[Micros]) -> Option<Shift> {
    let (first, second) = (sorted(first), sorted(second));
    let (n, m) = (first.len() as f64, second.len() as f64);
    let pairs = first.len() * second.len();
    if pairs == 0 {
        return None;
    }
    let differences = Differences { first: &first, second: &second };
    let middle = (differences.nth(pairs.div_ceil(2)) as f64 + differences.nth(pairs / 2 + 1) as f64) / 2.0;
    let spread = Z * (n * m * (n + m + 1.0) / 12.0).sqrt();
    let cut = ((n * m / 2.0 - spread).floor().max(1.0) as usize).min(pairs);
    Some(Shift {
        estimate: middle,
        low: differences.nth(cut) as f64,
        high: differences.nth(pairs + 1 - cut) as f64,
        p_value: p_value(&first, &second, &differences),
    })
}

fn p_value(first: &[Micros], second: &[Micros], differences: &Differences<'_>) -> Option<f64> {
    let (n, m) = (first.len() as f64, second.len() as f64);
    let below = differences.up_to(-1) as f64;
    let equal = differences.up_to(0) as f64 - below;
    // How often a time of the first sample is the longer one; of equal ones every second.
    let longer = n * m - below - equal / 2.0;
    let all = sorted(&[first, second].concat());
    let ties = all.chunk_by(PartialEq::eq).map(|tied| {
        let count = tied.len() as f64;
        count * count * count - count
    });
    let size = n + m;
    let variance = n * m / 12.0 * ((size + 1.0) - ties.sum::<f64>() / (size * (size - 1.0)));
    let surplus = longer - n * m / 2.0;
    let correction = 0.5 * if surplus == 0.0 { 0.0 } else { surplus.signum() };
    (variance > 0.0).then(|| normal_beyond((surplus - correction) / variance.sqrt()))
}

fn sorted(sample: &[Micros]) -> Vec<Micros> {
    let mut sorted = sample.to_vec();
    sorted.sort_unstable();
    sorted
}

/// All differences of a time of one sorted sample and one of another. They are counted, never listed.
struct Differences<'a> {
    first: &'a [Micros],
    second: &'a [Micros],
}

impl Differences<'_> {
    /// How many are no greater than this.
    fn up_to(&self, most: Micros) -> usize {
        let mut reached = 0;
        // The greater the time of the second sample, the more of the first are within reach.
        let each = self.second.iter().map(|second| {
            let limit = second.saturating_add(most);
            reached += self.first[reached..].iter().take_while(|first| **first <= limit).count();
            reached
        });
        each.sum()
    }

    /// The n-th smallest, from 1.
    fn nth(&self, n: usize) -> Micros {
        let (Some(least), Some(most)) = (self.first.first(), self.first.last()) else { return 0 };
        let (Some(smallest), Some(greatest)) = (self.second.first(), self.second.last()) else { return 0 };
        let (mut low, mut high) = (least.saturating_sub(*greatest), most.saturating_sub(*smallest));
        while low < high {
            let middle = low + (high - low).div_euclid(2);
            if self.up_to(middle) >= n {
                high = middle;
            } else {
                low = middle + 1;
            }
        }
        low
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn samples_with_ties_differ_as_in_r() {
        // wilcox.test(x, y, exact = FALSE) of R 4.2.2, and the sorted differences of outer(x, y, "-").
        let shift = mann_whitney(&[60, 120, 120, 210, 480, 780], &[30, 66, 120, 150, 180, 180, 240]).unwrap();
        assert!((shift.p_value.unwrap() - 0.517_425_905_706_805_3).abs() < 1e-12, "{shift:?}");
        assert_eq!((shift.estimate, shift.low, shift.high), (54.0, -60.0, 540.0));
    }

    #[test]
    fn a_larger_sample_differs_as_in_r() {
        let first = [
            174, 5839, 6167, 2924, 1964, 9433, 2707, 15383, 737, 164, 3399, 2693, 6739, 6723, 4357, 1243,
            2437, 3448, 1870, 3293, 8642, 2277, 1430, 1585, 1973, 920, 1606, 4466, 6079, 6783, 4529, 2840,
            6918, 32, 1900, 1394, 317, 1145, 3336, 3212,
        ];
        let second = [
            3680, 1305, 7899, 731, 5382, 3288, 7782, 14023, 2831, 5858, 7345, 5774, 22872, 682, 777, 432,
            6010, 3500, 10127, 6905, 5192, 5770, 160, 10889, 1995, 6900, 17311, 1395, 712, 3125, 10038, 3593,
            329, 4571, 2232, 5281, 2803, 9009, 1351, 14143, 3014, 55, 2461, 3343, 2789, 3299, 1807, 144,
            9780, 678, 4155, 2365, 10426, 189, 13816,
        ];
        let shift = mann_whitney(&first, &second).unwrap();
        assert!((shift.p_value.unwrap() - 0.180_910_587_565_825_4).abs() < 1e-12, "{shift:?}");
        assert_eq!((shift.estimate, shift.low, shift.high), (-828.0, -2257.0, 393.0));
    }

    #[test]
    fn an_empty_sample_does_not_differ_and_equal_times_have_no_test() {
        assert_eq!(mann_whitney(&[], &[1]), None);
        assert_eq!(mann_whitney(&[1], &[]), None);
        let equal = mann_whitney(&[5, 5], &[5, 5, 5]).unwrap();
        assert_eq!((equal.estimate, equal.p_value), (0.0, None));
    }

    proptest! {
        #[test]
        fn counted_differences_are_those_that_a_list_has(
            first in proptest::collection::vec(0_i64..50, 1..12),
            second in proptest::collection::vec(0_i64..50, 1..12),
        ) {
            let mut listed: Vec<Micros> =
                first.iter().flat_map(|a| second.iter().map(move |b| a - b)).collect();
            listed.sort_unstable();
            let (first, second) = (sorted(&first), sorted(&second));
            let differences = Differences { first: &first, second: &second };
            for (place, difference) in listed.iter().enumerate() {
                prop_assert_eq!(differences.nth(place + 1), *difference);
            }
        }
    }
}
