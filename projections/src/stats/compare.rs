//! Whether two samples of times differ.

use super::survival::Curve;
use super::{Micros, seconds};

/// The standard normal quantile of 0.975.
const Z: f64 = 1.959_963_984_540_054;

/// The difference of two restricted means in seconds, the first less the second, with its 95% interval (Irwin 1949; the
/// variance of each is that of `survfit` in R). None where either has no subject.
#[must_use]
pub fn restricted_mean_difference(first: &Curve, second: &Curve, horizon: Micros) -> Option<(f64, f64, f64)> {
    if first.subjects == 0 || second.subjects == 0 {
        return None;
    }
    let estimate = first.restricted_mean(horizon) - second.restricted_mean(horizon);
    let spread = Z * (restricted_variance(first, horizon) + restricted_variance(second, horizon)).sqrt();
    Some((estimate, estimate - spread, estimate + spread))
}

/// The variance of a restricted mean: over the ages at which somebody left, the square of the area under the curve from there
/// to the horizon, times Greenwood's increment.
fn restricted_variance(curve: &Curve, horizon: Micros) -> f64 {
    let steps: Vec<_> = curve.steps.iter().take_while(|step| step.at < horizon).collect();
    let (mut area, mut variance, mut until) = (0.0, 0.0, horizon);
    for step in steps.iter().rev() {
        area += step.survival * seconds(until - step.at);
        until = step.at;
        let (at_risk, left) = (step.at_risk as f64, step.events as f64);
        if at_risk > left {
            variance += area * area * left / (at_risk * (at_risk - left));
        }
    }
    variance
}

#[cfg(test)]
mod tests {
    use super::super::survival::{Subject, kaplan_meier};
    use super::*;

    fn near(found: f64, expected: f64) {
        assert!((found - expected).abs() < 1e-9 * expected.abs().max(1.0), "{found} is not {expected}");
    }

    #[test]
    fn the_restricted_mean_and_its_error_agree_with_r() {
        // survfit(…) with rmean = 10, of R's survival 3.5.3.
        const SECOND: Micros = 1_000_000;
        let subject =
            |(exit, left): (i64, bool)| Subject { entry: 0, exit: exit * SECOND, cause: left.then_some(0) };
        let first = [(2, true), (3, true), (5, false), (6, true), (8, true), (10, false), (12, true)];
        let second = [(1, true), (2, true), (2, false), (4, true), (9, true)];
        let [a, b] =
            [first.map(subject).to_vec(), second.map(subject).to_vec()].map(|group| kaplan_meier(&group));
        near(a.restricted_mean(10 * SECOND), 6.785_714_285_714_286);
        let (estimate, low, high) = restricted_mean_difference(&a, &b, 10 * SECOND).unwrap();
        near(estimate, 2.285_714_285_714_285_6);
        near(high - low, 7.596_504_932_293_32);
        assert_eq!(restricted_mean_difference(&a, &kaplan_meier(&[]), SECOND), None);
    }
}
