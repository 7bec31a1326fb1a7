//! Shares of small and large samples: how sure they are, and whether two of them differ.
//!
//! Counts are fractional where a success is shared out among several people.

/// The standard normal quantile of 0.975.
const Z: f64 = 1.959_963_984_540_054;

/// How many trials a share needs before it says much: below, it is marked as small.
pub const SMALL: f64 = 20.0;

/// A share with its 95% interval.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Share {
    /// The successes divided by the trials.
    pub share: f64,
    /// The lower end of the interval.
    pub low: f64,
    /// The upper end.
    pub high: f64,
}

/// The share of successes among trials with Wilson's score interval at 95% (Wilson 1927; Brown, Cai and DasGupta 2001),
/// which keeps within 0 and 1 and holds for small samples. None without trials.
#[must_use]
pub fn wilson(successes: f64, trials: f64) -> Option<Share> {
    if trials <= 0.0 {
        return None;
    }
    let share = successes / trials;
    let z2 = Z * Z;
    let scale = 1.0 + z2 / trials;
    let centre = (share + z2 / (2.0 * trials)) / scale;
    let spread = Z * (share * (1.0 - share) / trials + z2 / (4.0 * trials * trials)).max(0.0).sqrt() / scale;
    // Of none and of all the end is exact, which rounding would miss by a hair.
    let low = if successes <= 0.0 { 0.0 } else { (centre - spread).max(0.0) };
    let high = if successes >= trials { 1.0 } else { (centre + spread).min(1.0) };
    Some(Share { share, low, high })
}

/// The difference of two shares, the first less the second, with the 95% interval that their Wilson intervals give
/// (Newcombe 1998, method 10). None where either has no trials.
#[must_use]
pub fn difference(first: (f64, f64), second: (f64, f64)) -> Option<Share> {
    let (a, b) = (wilson(first.0, first.1)?, wilson(second.0, second.1)?);
    let below = (a.share - a.low).hypot(b.high - b.share);
    let above = (a.high - a.share).hypot(b.share - b.low);
    let share = a.share - b.share;
    Some(Share { share, low: share - below, high: share + above })
}

/// The pooled two-proportion z statistic: how many standard errors the first share lies above the second. None where it
/// does not exist: no trials, or all or none succeeded.
#[must_use]
pub fn two_proportions(first: (f64, f64), second: (f64, f64)) -> Option<f64> {
    let trials = first.1 + second.1;
    if first.1 <= 0.0 || second.1 <= 0.0 {
        return None;
    }
    let pooled = (first.0 + second.0) / trials;
    let error = (pooled * (1.0 - pooled) * (1.0 / first.1 + 1.0 / second.1)).sqrt();
    (error > 0.0).then(|| (first.0 / first.1 - second.0 / second.1) / error)
}

/// The probability that a standard normal value lies below `z`.
#[must_use]
pub fn normal_below(z: f64) -> f64 {
    0.5 * erfc(-z / std::f64::consts::SQRT_2)
}

/// The probability that a standard normal value lies further from zero than `z`.
#[must_use]
pub fn normal_beyond(z: f64) -> f64 {
    erfc(z.abs() / std::f64::consts::SQRT_2)
}

/// The complementary error function: a series without cancellation up to 3 (Abramowitz and Stegun 7.1.6), the continued
/// fraction beyond (7.1.14).
fn erfc(x: f64) -> f64 {
    if x < 0.0 {
        return 2.0 - erfc(-x);
    }
    let scale = (-x * x).exp() / std::f64::consts::PI.sqrt();
    if x < 3.0 {
        let (mut term, mut sum, mut odd) = (x, x, 1.0);
        while term > sum * 1e-17 {
            odd += 2.0;
            term *= 2.0 * x * x / odd;
            sum += term;
        }
        return 1.0 - 2.0 * scale * sum;
    }
    let fraction = (1..=60).rev().fold(x, |below, step| x + f64::from(step) / 2.0 / below);
    scale / fraction
}

/// The q values of p values, in the same order: the smallest rate of false discoveries at which each would still count
/// (Benjamini and Hochberg 1995).
#[must_use]
pub fn benjamini_hochberg(p: &[f64]) -> Vec<f64> {
    let mut order: Vec<usize> = (0..p.len()).collect();
    order.sort_by(|a, b| p[*a].total_cmp(&p[*b]));
    let mut q = vec![1.0; p.len()];
    let mut least: f64 = 1.0;
    for (rank, index) in order.iter().enumerate().rev() {
        least = least.min(p[*index] * p.len() as f64 / (rank + 1) as f64);
        q[*index] = least;
    }
    q
}

/// Shannon's entropy of counts, in bits: 0 where one takes all, the logarithm of their number where all are equal. None
/// where nothing was counted. The counts in whatever order have the same entropy, to the last digit.
#[must_use]
pub fn entropy(counts: &[usize]) -> Option<f64> {
    let total: usize = counts.iter().sum();
    if total == 0 {
        return None;
    }
    let bits = |count: &usize| {
        let share = *count as f64 / total as f64;
        -share * share.log2()
    };
    let mut counted: Vec<usize> = counts.iter().copied().filter(|count| *count > 0).collect();
    counted.sort_unstable();
    Some(counted.iter().map(bits).sum::<f64>().max(0.0))
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn near(found: f64, expected: f64) -> bool {
        (found - expected).abs() < 1e-9
    }

    #[test]
    fn wilsons_interval_has_the_published_ends() {
        let share = wilson(8.0, 10.0).unwrap();
        assert!(
            near(share.low, 0.490_162_471_536_642) && near(share.high, 0.943_317_848_545_625),
            "{share:?}"
        );
        let none = wilson(0.0, 10.0).unwrap();
        assert!(near(none.high, 0.277_532_799_862_889), "{none:?}");
        for trials in 1..200 {
            let trials = f64::from(trials);
            let ends = (wilson(0.0, trials).unwrap().low, wilson(trials, trials).unwrap().high);
            assert_eq!(ends, (0.0, 1.0), "of {trials}");
        }
        assert!(near(wilson(10.0, 10.0).unwrap().low, 0.722_467_200_137_111));
        assert_eq!(wilson(0.0, 0.0), None);
    }

    #[test]
    fn newcombes_interval_of_a_difference_is_the_one_of_his_table() {
        let found = difference((56.0, 70.0), (48.0, 80.0)).unwrap();
        assert!((found.share - 0.2).abs() < 1e-12);
        assert!((found.low - 0.0524).abs() < 5e-5 && (found.high - 0.3339).abs() < 5e-5, "{found:?}");
    }

    #[test]
    fn two_proportions_are_compared_by_their_pooled_error() {
        let z = two_proportions((15.0, 100.0), (30.0, 100.0)).unwrap();
        assert!(near(z, -2.540_002_540_003_81), "{z}");
        assert!(
            near(normal_below(z), 0.005_542_583_190_301) && near(normal_beyond(z), 0.011_085_166_380_603)
        );
        assert_eq!(two_proportions((0.0, 5.0), (0.0, 9.0)), None);
        assert_eq!(two_proportions((1.0, 0.0), (1.0, 9.0)), None);
    }

    #[test]
    fn the_error_function_is_right_on_both_sides_of_its_seam() {
        for (x, expected) in [
            (0.0, 1.0),
            (0.5, 0.479_500_122_186_953_5),
            (2.9, 4.109_787_809_945_886e-5),
            (3.5, 7.430_983_723_414_128e-7),
            (6.0, 2.151_973_671_249_891e-17),
            (-1.0, 1.842_700_792_949_715),
        ] {
            assert!((erfc(x) - expected).abs() <= 1e-9 * expected + 1e-15, "{x}: {}", erfc(x));
        }
    }

    #[test]
    fn intervals_of_shares_and_of_their_difference_are_those_of_statsmodels() {
        // `proportion_confint(1, 3, method="wilson")` of statsmodels 0.15.0.
        let third = wilson(1.0, 3.0).unwrap();
        assert!(near(third.low, 0.061_491_944_720_396_26) && near(third.high, 0.792_340_399_197_952_3));
        // `confint_proportions_2indep(14, 20, 4, 20, method="newcomb")`.
        let half = difference((14.0, 20.0), (4.0, 20.0)).unwrap();
        assert!(
            near(half.low, 0.192_408_345_018_291_07) && near(half.high, 0.695_243_118_584_557_8),
            "{half:?}"
        );
    }

    #[test]
    fn benjamini_and_hochbergs_q_values_are_those_of_r_and_statsmodels() {
        // `p.adjust(…, "BH")` of R 4.2.2 and `multipletests(…, method="fdr_bh")` of statsmodels 0.15.0.
        let q = benjamini_hochberg(&[0.01, 0.04, 0.03, 0.2, 0.5]);
        let theirs = [0.05, 0.066_666_666_666_666_7, 0.066_666_666_666_666_7, 0.25, 0.5];
        assert!(q.iter().zip(theirs).all(|(found, expected)| near(*found, expected)), "{q:?}");
    }

    #[test]
    fn benjamini_and_hochbergs_q_values_keep_their_places() {
        let q = benjamini_hochberg(&[0.01, 0.04, 0.03, 0.005]);
        for (found, expected) in q.iter().zip([0.02, 0.04, 0.04, 0.02]) {
            assert!(near(*found, expected), "{q:?}");
        }
        assert!(benjamini_hochberg(&[]).is_empty());
    }

    #[test]
    fn entropy_is_nothing_for_one_and_two_bits_for_four_alike() {
        assert_eq!(entropy(&[7, 0]), Some(0.0));
        assert!(near(entropy(&[3, 3, 3, 3]).unwrap(), 2.0));
        assert!(near(entropy(&[1, 3]).unwrap(), 0.811_278_124_459_133));
        assert_eq!(entropy(&[0, 0]), None);
    }

    proptest! {
        #[test]
        fn entropy_does_not_depend_on_the_order_of_the_counts(counts in prop::collection::vec(0_usize..1_000, 1..12)) {
            let backwards: Vec<usize> = counts.iter().rev().copied().collect();
            prop_assert_eq!(entropy(&counts).map(f64::to_bits), entropy(&backwards).map(f64::to_bits));
        }
    }

    proptest! {
        #[test]
        fn a_share_lies_within_its_interval_and_that_within_nought_and_one(n in 1u32..500, part in 0.0f64..=1.0) {
            let share = wilson(part * f64::from(n), f64::from(n)).unwrap();
            prop_assert!(share.low >= 0.0 && share.high <= 1.0);
            prop_assert!(share.low <= share.share + 1e-12 && share.share <= share.high + 1e-12);
        }

        #[test]
        fn no_q_value_is_below_its_p_value_or_out_of_order(p in prop::collection::vec(0.0f64..=1.0, 1..20)) {
            let q = benjamini_hochberg(&p);
            for (a, &p_a) in p.iter().enumerate() {
                prop_assert!(q[a] >= p_a - 1e-12 && q[a] <= 1.0);
                for (b, &p_b) in p.iter().enumerate() {
                    prop_assert!(p_a > p_b || q[a] <= q[b] + 1e-12);
                }
            }
        }
    }
}
