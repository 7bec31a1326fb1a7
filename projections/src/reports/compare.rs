//! Two reports of the same question beside each other: whether they differ, and how surely.

use std::collections::BTreeSet;

use serde::Serialize;
use utoipa::ToSchema;

use super::funnels::FunnelReport;
use super::latency::LatencyReport;
use super::losses::LossesReport;
use super::quality::QualityReport;
use super::reps::RepsReport;
use crate::dwell::{DwellReport, FlowsReport, StageReport};
use crate::stats::compare::restricted_mean_difference;
use crate::stats::logrank::{log_rank, stratified_log_rank};
use crate::stats::proportion::{self, SMALL, benjamini_hochberg, normal_beyond, two_proportions};
use crate::stats::ranks::mann_whitney;
use crate::stats::survival::kaplan_meier;
use crate::stats::{Micros, sum};

/// Microseconds of a second.
const MICROS: f64 = 1e6;

/// The difference of a figure between two reports, the first less the second.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Difference {
    /// Which figure: `win_share` (won of all that is counted, or of what ended, by rep), `lost_share` (lost of all that
    /// ended), `restricted_mean_seconds` (how long stays last, of all stages their sum), `delay_seconds` (the median of all
    /// differences of two delays), `late_share`, `leak_share` (leaking of all that are open), `without_note_share` (of the moves
    /// that people made), `handover_share` (of the records that follow another one, those by somebody
    /// else) or `way_share` (of the moves out of a stage, those to another).
    pub figure: &'static str,
    /// The stage that it is of; null for the whole.
    pub stage: Option<String>,
    /// Of `way_share`, the stage that the way leads to.
    pub to: Option<String>,
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
    /// The test: `two-proportion` (interval of Newcombe), `log-rank` with delayed entry (interval of the restricted means; of
    /// all stages stratified by stage), or `mann-whitney` (interval of Hodges and Lehmann).
    pub test: &'static str,
    /// Whether either rests on fewer than 20.
    pub small: bool,
    /// `win_share` and `lost_share`: whether it is known of both sides yet what becomes of their cycles. Otherwise the younger side
    /// may look worse, or better, for its age alone. Null for other figures.
    pub mature: Option<bool>,
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
        to: None,
        estimate: share.share,
        low: Some(share.low),
        high: Some(share.high),
        p_value: two_proportions(first, second).map(normal_beyond),
        q_value: None,
        test: "two-proportion",
        small: first.1 < SMALL || second.1 < SMALL,
        mature: None,
    });
    difference.into_iter().collect()
}

/// The same, with whether both sides are mature.
fn ripe(differences: Vec<Difference>, mature: Option<bool>) -> Vec<Difference> {
    differences.into_iter().map(|difference| Difference { mature, ..difference }).collect()
}

impl Comparable for FunnelReport {
    fn differences(&self, other: &Self) -> Vec<Difference> {
        let won = |report: &Self| (report.totals.won as f64, report.totals.count as f64);
        let differences = of_shares("win_share", won(self), won(other));
        let both = [self, other].map(|report| report.maturity.map(|maturity| maturity.mature));
        ripe(differences, both[0].zip(both[1]).map(|(one, other)| one && other))
    }
}

impl Comparable for LossesReport {
    fn differences(&self, other: &Self) -> Vec<Difference> {
        let lost = |report: &Self| (report.lost as f64, report.ended as f64);
        let differences = of_shares("lost_share", lost(self), lost(other));
        ripe(differences, Some(self.maturity.mature && other.maturity.mature))
    }
}

impl Comparable for QualityReport {
    fn differences(&self, other: &Self) -> Vec<Difference> {
        let leaking = |report: &Self| (report.leak.leaking as f64, report.leak.open as f64);
        let silent = |report: &Self| (report.notes.without_note as f64, report.notes.moves as f64);
        let leaks = of_shares("leak_share", leaking(self), leaking(other));
        leaks.into_iter().chain(of_shares("without_note_share", silent(self), silent(other))).collect()
    }
}

impl Comparable for RepsReport {
    fn differences(&self, other: &Self) -> Vec<Difference> {
        let won = |report: &Self| (report.totals.won, report.totals.won + report.totals.lost);
        let differences = of_shares("win_share", won(self), won(other));
        ripe(differences, Some(self.totals.maturity.mature && other.totals.maturity.mature))
    }
}

impl Comparable for LatencyReport {
    fn differences(&self, other: &Self) -> Vec<Difference> {
        let late = |report: &Self| (report.changes.late as f64, report.changes.count as f64);
        let counts = self.changes.count.min(other.changes.count) as f64;
        let delays = mann_whitney(&self.delays, &other.delays).map(|shift| Difference {
            figure: "delay_seconds",
            stage: None,
            to: None,
            estimate: shift.estimate / MICROS,
            low: Some(shift.low / MICROS),
            high: Some(shift.high / MICROS),
            p_value: shift.p_value,
            q_value: None,
            test: "mann-whitney",
            small: counts < SMALL,
            mature: None,
        });
        delays.into_iter().chain(of_shares("late_share", late(self), late(other))).collect()
    }
}

impl Comparable for FlowsReport {
    /// The whole is how often a journey goes on with somebody else; beside it, of each way out of a stage, how many took it.
    fn differences(&self, other: &Self) -> Vec<Difference> {
        let handed_on = |report: &Self| {
            let followed = report.events.saturating_sub(report.journeys);
            (report.handovers as f64, followed as f64)
        };
        let mut differences = of_shares("handover_share", handed_on(self), handed_on(other));
        let ways: BTreeSet<(&str, &str)> = [self, other].into_iter().flat_map(Self::ways).collect();
        for (from, to) in ways {
            let share = of_shares("way_share", self.way(from, to), other.way(from, to));
            let (stage, to) = (Some(from.to_owned()), Some(to.to_owned()));
            differences.extend(share.into_iter().map(|one| Difference {
                stage: stage.clone(),
                to: to.clone(),
                ..one
            }));
        }
        differences
    }
}

impl FlowsReport {
    fn ways(&self) -> impl Iterator<Item = (&str, &str)> {
        self.transitions.iter().map(|way| (way.from.as_str(), way.to.as_str()))
    }

    /// How many of those that left a stage went to another, and how many left it.
    fn way(&self, from: &str, to: &str) -> (f64, f64) {
        let out = || self.transitions.iter().filter(|way| way.from == from);
        let there: usize = out().filter(|way| way.to == to).map(|way| way.count).sum();
        (there as f64, out().map(|way| way.count).sum::<usize>() as f64)
    }
}

impl Comparable for DwellReport {
    /// The whole is the sum over the stages that both have; beside it each stage.
    fn differences(&self, other: &Self) -> Vec<Difference> {
        let pairs = || {
            self.stages.iter().filter_map(move |stage| {
                Some((stage, other.stages.iter().find(|other| other.stage == stage.stage)?))
            })
        };
        let stages: Vec<Difference> = pairs().filter_map(|(stage, same)| of_stays(stage, same)).collect();
        let strata = pairs().map(|(stage, same)| (&stage.subjects[..], &same.subjects[..]));
        let p_value = stratified_log_rank(strata);
        overall(&stages, p_value).into_iter().chain(stages).collect()
    }
}

/// How much longer stays in a stage last.
fn of_stays(stage: &StageReport, same: &StageReport) -> Option<Difference> {
    let (first, second) = (kaplan_meier(&stage.subjects), kaplan_meier(&same.subjects));
    let horizon = Micros::try_from(stage.kaplan_meier.horizon_seconds).ok()?.saturating_mul(1_000_000);
    let (estimate, low, high) = restricted_mean_difference(&first, &second, horizon)?;
    Some(Difference {
        figure: "restricted_mean_seconds",
        stage: Some(stage.stage.clone()),
        to: None,
        estimate,
        low: Some(low),
        high: Some(high),
        p_value: log_rank(&stage.subjects, &same.subjects),
        q_value: None,
        test: "log-rank",
        small: (first.subjects.min(second.subjects) as f64) < SMALL,
        mature: None,
    })
}

/// The sum of the differences of all stages, whose variances add up; small where a stage is. None without stages.
fn overall(stages: &[Difference], p_value: Option<f64>) -> Option<Difference> {
    if stages.is_empty() {
        return None;
    }
    let estimate = sum(stages.iter().map(|stage| stage.estimate));
    let half = |stage: &Difference| stage.high.map_or(0.0, |high| high - stage.estimate);
    let spread = sum(stages.iter().map(|stage| half(stage).powi(2))).sqrt();
    Some(Difference {
        figure: "restricted_mean_seconds",
        stage: None,
        to: None,
        estimate,
        low: Some(estimate - spread),
        high: Some(estimate + spread),
        p_value,
        q_value: None,
        test: "log-rank",
        small: stages.iter().any(|stage| stage.small),
        mature: None,
    })
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

    #[test]
    fn the_differences_of_stages_add_up_with_their_variances() {
        let stage = |estimate: f64, spread: f64, small| Difference {
            figure: "restricted_mean_seconds",
            stage: Some("quoted".to_owned()),
            to: None,
            estimate,
            low: Some(estimate - spread),
            high: Some(estimate + spread),
            p_value: Some(0.5),
            q_value: None,
            test: "log-rank",
            small,
            mature: None,
        };
        let whole = overall(&[stage(10.0, 3.0, false), stage(-4.0, 4.0, true)], Some(0.2)).unwrap();
        assert_eq!((whole.estimate, whole.low, whole.high), (6.0, Some(1.0), Some(11.0)));
        assert_eq!((whole.stage, whole.p_value, whole.small), (None, Some(0.2), true));
        assert!(overall(&[], None).is_none());
    }
}
