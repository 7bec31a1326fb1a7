//! Two reports of the same question beside each other: whether they differ, and how surely.

use serde::Serialize;
use utoipa::ToSchema;

use super::funnels::FunnelReport;
use super::latency::LatencyReport;
use super::losses::LossesReport;
use super::reps::RepsReport;
use crate::dwell::{DwellReport, FlowsReport};
use crate::stats::Micros;
use crate::stats::compare::restricted_mean_difference;
use crate::stats::logrank::log_rank;
use crate::stats::proportion::{self, SMALL, benjamini_hochberg, normal_beyond, two_proportions};
use crate::stats::ranks::mann_whitney;
use crate::stats::survival::kaplan_meier;

/// Microseconds of a second.
const MICROS: f64 = 1e6;

/// The difference of a figure between two reports, the first less the second.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Difference {
    /// Which figure: `win_share` (won of all that is counted, or of what ended, by rep), `lost_share` (lost of all that
    /// ended), `restricted_mean_seconds`, `delay_seconds` (the median of all differences of two delays) or `late_share`.
    pub figure: &'static str,
    /// The stage that it is of; null for the whole.
    pub stage: Option<String>,
    /// The difference.
    pub estimate: f64,
    /// The lower end of its 95% interval; null where there is none.
    pub low: Option<f64>,
    /// The upper end.
    pub high: Option<f64>,
    /// The two-sided p value of the test; null where the two cannot differ.
    pub p_value: Option<f64>,
    /// The rate of false discoveries at which it still counts, over all differences of the answer (Benjamini and Hochberg).
    pub q_value: Option<f64>,
    /// The test: `two-proportion` (interval of Newcombe) `log-rank` with delayed entry (interval of the
    /// restricted means), or `mann-whitney` (interval of Hodges and Lehmann).
    pub test: &'static str,
    /// Whether either rests on fewer than 20.
    pub small: bool,
}

/// A report that can be held beside another.
pub trait Comparable {
    /// How it differs from another one.
    fn differences(&self, other: &Self) -> Vec<Difference>;
}

/// The difference of two shares of counts; parts of deals count as such.
fn of_shares(figure: &'static str, first: (f64, f64), second: (f64, f64)) -> Vec<Difference> {
    let difference = proportion::difference(first, second).map(|share| Difference {
        figure,
        stage: None,
        estimate: share.share,
        low: Some(share.low),
        high: Some(share.high),
        p_value: two_proportions(first, second).map(normal_beyond),
        q_value: None,
        test: "two-proportion",
        small: first.1 < SMALL || second.1 < SMALL,
    });
    difference.into_iter().collect()
}

impl Comparable for FunnelReport {
    fn differences(&self, other: &Self) -> Vec<Difference> {
        let won = |report: &Self| (report.totals.won as f64, report.totals.count as f64);
        of_shares("win_share", won(self), won(other))
    }
}

impl Comparable for LossesReport {
    fn differences(&self, other: &Self) -> Vec<Difference> {
        let lost = |report: &Self| (report.lost as f64, report.ended as f64);
        of_shares("lost_share", lost(self), lost(other))
    }
}

impl Comparable for RepsReport {
    fn differences(&self, other: &Self) -> Vec<Difference> {
        let won = |report: &Self| (report.totals.won, report.totals.won + report.totals.lost);
        of_shares("win_share", won(self), won(other))
    }
}

impl Comparable for LatencyReport {
    fn differences(&self, other: &Self) -> Vec<Difference> {
        let late = |report: &Self| (report.changes.late as f64, report.changes.count as f64);
        let counts = self.changes.count.min(other.changes.count) as f64;
        let delays = mann_whitney(&self.delays, &other.delays).map(|shift| Difference {
            figure: "delay_seconds",
            stage: None,
            estimate: shift.estimate / MICROS,
            low: Some(shift.low / MICROS),
            high: Some(shift.high / MICROS),
            p_value: shift.p_value,
            q_value: None,
            test: "mann-whitney",
            small: counts < SMALL,
        });
        delays.into_iter().chain(of_shares("late_share", late(self), late(other))).collect()
    }
}

impl Comparable for FlowsReport {
    /// Counts of ways have no figure of their own that could be tested.
    fn differences(&self, _: &Self) -> Vec<Difference> {
        Vec::new()
    }
}

impl Comparable for DwellReport {
    fn differences(&self, other: &Self) -> Vec<Difference> {
        let pairs = self.stages.iter().filter_map(|stage| {
            let same = other.stages.iter().find(|other| other.stage == stage.stage)?;
            let (first, second) = (kaplan_meier(&stage.subjects), kaplan_meier(&same.subjects));
            let horizon =
                Micros::try_from(stage.kaplan_meier.horizon_seconds).ok()?.saturating_mul(1_000_000);
            let (estimate, low, high) = restricted_mean_difference(&first, &second, horizon)?;
            Some(Difference {
                figure: "restricted_mean_seconds",
                stage: Some(stage.stage.clone()),
                estimate,
                low: Some(low),
                high: Some(high),
                p_value: log_rank(&stage.subjects, &same.subjects),
                q_value: None,
                test: "log-rank",
                small: (first.subjects.min(second.subjects) as f64) < SMALL,
            })
        });
        pairs.collect()
    }
}

/// Gives all differences of an answer the rate of false discoveries at which each still counts.
pub fn with_q_values<'a>(differences: impl IntoIterator<Item = &'a mut Difference>) {
    let mut tested: Vec<&mut Difference> =
        differences.into_iter().filter(|difference| difference.p_value.is_some()).collect();
    let p: Vec<f64> = tested.iter().filter_map(|difference| difference.p_value).collect();
    for (difference, q) in tested.iter_mut().zip(benjamini_hochberg(&p)) {
        difference.q_value = Some(q);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn shares_differ_by_the_test_of_two_proportions_and_all_differences_are_judged_together() {
        let mut both = of_shares("win_share", (30.0, 100.0), (15.0, 100.0));
        both.extend(of_shares("win_share", (3.0, 10.0), (1.0, 10.0)));
        both.extend(of_shares("win_share", (0.0, 10.0), (0.0, 10.0)));
        with_q_values(&mut both);
        assert!((both[0].estimate - 0.15).abs() < 1e-12 && both[0].low > Some(0.0));
        // `proportions_ztest([30, 15], [100, 100])` of statsmodels 0.15.
        assert!((both[0].p_value.unwrap() - 0.011_085_166).abs() < 1e-8);
        assert!((both[0].q_value.unwrap() - 2.0 * 0.011_085_166).abs() < 1e-7);
        assert_eq!((both[0].small, both[1].small), (false, true));
        assert_eq!((both[2].p_value, both[2].q_value), (None, None));
        assert!(of_shares("win_share", (0.0, 0.0), (1.0, 2.0)).is_empty());
    }
}
