//! Two reports of the same question beside each other: whether they differ, and how surely.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use utoipa::ToSchema;

use super::bottlenecks::{Bottleneck, BottlenecksReport};
use super::channels::{ChannelReport, ChannelsReport};
use super::effect::{EffectReport, EffectRow};
use super::funnels::FunnelReport;
use super::latency::LatencyReport;
use super::losses::LossesReport;
use super::loyalty::LoyaltyReport;
use super::quality::QualityReport;
use super::reps::RepsReport;
use crate::dwell::{DwellReport, Ending, FlowsReport, HeatmapReport, PathsReport, StandardReport};
use crate::stats::compare::restricted_mean_difference;
use crate::stats::logrank::{log_rank, stratified_log_rank};
use crate::stats::proportion::{self, SMALL, benjamini_hochberg, normal_beyond, two_proportions};
use crate::stats::ranks::mann_whitney;
use crate::stats::survival::{Subject, kaplan_meier};
use crate::stats::{Micros, sum};

/// Microseconds of a second.
const MICROS: f64 = 1e6;
/// How far the restricted means of bottlenecks go, in seconds: as those of dwell times unless told otherwise.
const DAYS_30: u64 = 30 * 86_400;

/// The difference of a figure between two reports, the first less the second.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct Difference {
    /// Which figure: `win_share` (won of all that is counted, or of what ended, by rep and of paths), `lost_share` (lost of all that
    /// ended), `restricted_mean_seconds` (how long stays last, of all stages their sum), `delay_seconds` (the median of all
    /// differences of two delays), `late_share`, `leak_share` (leaking of all that are open), `without_note_share` (of the moves
    /// that people made), `handover_share` (of the records that follow another one, those by somebody
    /// else), `way_share` (of the moves out of a stage, those to another), `cycle_seconds` (from the beginning to the deal, the
    /// median of all differences of two), `standard_share` (of the journeys, those that follow the standard path), `path_seconds`
    /// (from the first record to the path's end, as `cycle_seconds`), `path_share` (of the journeys, those along the path),
    /// `followed_share` (of the conversations, those that a move forward followed), `loyal_share` (of the buyers),
    /// `seconds_between` (two purchases of the loyal, as `cycle_seconds`) or `weekday_share` (of the records, those of the day).
    pub figure: &'static str,
    /// The stage that it is of; null for the whole.
    pub stage: Option<String>,
    /// Of `way_share`, the stage that the way leads to.
    pub to: Option<String>,
    /// Of a row of the report, what the row is of: `source` and `channel`, `actor`, or `weekday` (`0` is Monday).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key: Option<BTreeMap<String, Option<String>>>,
    /// Of `path_share` and `path_seconds` of one path, its stages.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub path: Option<Vec<String>>,
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
    /// `win_share`, `lost_share` and `cycle_seconds`: whether it is known of both sides yet what becomes of their cycles. Otherwise the younger side
    /// may look worse, or better, for its age alone. Null for other figures.
    pub mature: Option<bool>,
}

impl Difference {
    /// A figure of the whole, without an interval or a test.
    fn of(figure: &'static str, test: &'static str, estimate: f64, small: bool) -> Self {
        Self {
            figure,
            stage: None,
            to: None,
            key: None,
            path: None,
            estimate,
            low: None,
            high: None,
            p_value: None,
            q_value: None,
            test,
            small,
            mature: None,
        }
    }

    /// Whether it is of the whole report, and not of a part of it.
    #[must_use]
    pub fn is_of_the_whole(&self) -> bool {
        self.stage.is_none() && self.key.is_none() && self.path.is_none()
    }
}

/// A report that can be held beside another.
pub trait Comparable {
    /// How it differs from another one.
    fn differences(&self, other: &Self) -> Vec<Difference>;
}

/// The difference of two shares of counts; parts of deals count as such.
fn of_shares(figure: &'static str, first: (f64, f64), second: (f64, f64)) -> Vec<Difference> {
    let difference = proportion::difference(first, second).map(|share| Difference {
        low: Some(share.low),
        high: Some(share.high),
        p_value: two_proportions(first, second).map(normal_beyond),
        ..Difference::of(figure, "two-proportion", share.share, first.1 < SMALL || second.1 < SMALL)
    });
    difference.into_iter().collect()
}

/// By how much times of one sample are longer than those of another.
fn of_times(figure: &'static str, first: &[Micros], second: &[Micros]) -> Vec<Difference> {
    let small = (first.len().min(second.len()) as f64) < SMALL;
    let difference = mann_whitney(first, second).map(|shift| Difference {
        low: Some(shift.low / MICROS),
        high: Some(shift.high / MICROS),
        p_value: shift.p_value,
        ..Difference::of(figure, "mann-whitney", shift.estimate / MICROS, small)
    });
    difference.into_iter().collect()
}

/// The same of a row, which says what it is of.
fn of_row(differences: Vec<Difference>, key: &[(&str, Option<&String>)]) -> Vec<Difference> {
    let key: BTreeMap<String, Option<String>> =
        key.iter().map(|(name, value)| ((*name).to_owned(), value.map(|value| (*value).clone()))).collect();
    let row = |difference| Difference { key: Some(key.clone()), ..difference };
    differences.into_iter().map(row).collect()
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
        let delays = of_times("delay_seconds", &self.delays, &other.delays);
        delays.into_iter().chain(of_shares("late_share", late(self), late(other))).collect()
    }
}

impl Comparable for FlowsReport {
    /// The whole is how often a journey goes on with somebody else; beside it, of each way out of a stage, how many took it.
    fn differences(&self, other: &Self) -> Vec<Difference> {
        let handed_on = |report: &Self| (report.handovers as f64, report.followed as f64);
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
        let pairs = self.stages.iter().filter_map(|stage| {
            let same = other.stages.iter().find(|other| other.stage == stage.stage)?;
            Some((stage.stage.as_str(), &stage.subjects[..], &same.subjects[..]))
        });
        let horizon = self.stages.first().map_or(0, |stage| stage.kaplan_meier.horizon_seconds);
        of_stages(&pairs.collect::<Vec<_>>(), horizon)
    }
}

impl Comparable for BottlenecksReport {
    /// As dwell times, of the stages in which deals are worked.
    fn differences(&self, other: &Self) -> Vec<Difference> {
        let same = |item: &Bottleneck| other.items.iter().find(|other| other.stage == item.stage);
        let pairs = self
            .items
            .iter()
            .filter_map(|item| Some((item.stage.as_str(), &item.subjects[..], &same(item)?.subjects[..])));
        of_stages(&pairs.collect::<Vec<_>>(), DAYS_30)
    }
}

impl Comparable for ChannelsReport {
    /// The whole is what becomes of all leads; beside it of those of each source and channel.
    fn differences(&self, other: &Self) -> Vec<Difference> {
        let of = |items: [Vec<&ChannelReport>; 2]| {
            let won = |items: &[&ChannelReport]| {
                let each = |figure: fn(&ChannelReport) -> f64| sum(items.iter().map(|item| figure(item)));
                (each(|item| item.won), each(|item| item.leads))
            };
            let mature = items.iter().flatten().all(|item| item.maturity.mature);
            ripe(of_shares("win_share", won(&items[0]), won(&items[1])), Some(mature))
        };
        let times = |first: &[Micros], second: &[Micros], mature| {
            ripe(of_times("cycle_seconds", first, second), Some(mature))
        };
        let all = [self, other].map(|report| report.items.iter().collect::<Vec<_>>());
        let mature = all.iter().flatten().all(|item| item.maturity.mature);
        let mut differences = of(all);
        differences.extend(times(&self.lengths, &other.lengths, mature));
        for item in &self.items {
            let is_same =
                |other: &&ChannelReport| (&other.source, &other.channel) == (&item.source, &item.channel);
            let Some(same) = other.items.iter().find(is_same) else { continue };
            let mature = item.maturity.mature && same.maturity.mature;
            let of_item =
                of([vec![item], vec![same]]).into_iter().chain(times(&item.lengths, &same.lengths, mature));
            let key = [("source", item.source.as_ref()), ("channel", item.channel.as_ref())];
            differences.extend(of_row(of_item.collect(), &key));
        }
        differences
    }
}

impl Comparable for PathsReport {
    /// The whole is how many of the journeys that have ended were won; beside it who follows the standard path, how long the way to
    /// an ending took, and each path of either page.
    fn differences(&self, other: &Self) -> Vec<Difference> {
        let won = |report: &Self| (report.whole.won as f64, (report.whole.won + report.whole.lost) as f64);
        let mut differences = of_shares("win_share", won(self), won(other));
        let followed = [self, other].map(|report| report.standard.as_ref());
        if let [Some(first), Some(second)] = followed {
            let following =
                |(report, journeys): (&StandardReport, usize)| (report.following as f64, journeys as f64);
            let all = [(first, self.whole.count), (second, other.whole.count)].map(following);
            differences.extend(of_shares("standard_share", all[0], all[1]));
        }
        if self.ending != Ending::Any {
            let times = |report: &Self| report.spans.values().flatten().copied().collect::<Vec<_>>();
            differences.extend(of_times("path_seconds", &times(self), &times(other)));
        }
        let paths: BTreeSet<&Vec<String>> =
            [self, other].into_iter().flat_map(|report| &report.paths).map(|path| &path.stages).collect();
        for path in paths {
            let spans = |report: &'_ Self| report.spans.get(path).cloned().unwrap_or_default();
            let (first, second) = (spans(self), spans(other));
            let share = |spans: &[Micros], report: &Self| (spans.len() as f64, report.journeys as f64);
            let mut of_path = of_shares("path_share", share(&first, self), share(&second, other));
            if self.ending != Ending::Any {
                of_path.extend(of_times("path_seconds", &first, &second));
            }
            differences.extend(of_path.into_iter().map(|one| Difference { path: Some(path.clone()), ..one }));
        }
        differences
    }
}

impl Comparable for EffectReport {
    /// The whole is of all conversations; beside it those of each person in each stage.
    fn differences(&self, other: &Self) -> Vec<Difference> {
        let of = |rows: &[&EffectRow]| {
            let sum =
                |figure: fn(&EffectRow) -> usize| rows.iter().map(|row| figure(row)).sum::<usize>() as f64;
            (sum(|row| row.followed), sum(|row| row.follow_ups))
        };
        let all = |report: &Self| of(&report.rows.iter().collect::<Vec<_>>());
        let mut differences = of_shares("followed_share", all(self), all(other));
        for row in &self.rows {
            let is_same = |other: &&EffectRow| {
                (&other.actor, &other.pipeline, &other.stage) == (&row.actor, &row.pipeline, &row.stage)
            };
            let Some(same) = other.rows.iter().find(is_same) else { continue };
            let share =
                of_row(of_shares("followed_share", of(&[row]), of(&[same])), &[("actor", Some(&row.actor))]);
            differences
                .extend(share.into_iter().map(|one| Difference { stage: Some(row.stage.clone()), ..one }));
        }
        differences
    }
}

impl Comparable for LoyaltyReport {
    fn differences(&self, other: &Self) -> Vec<Difference> {
        let loyal = |report: &Self| (report.loyal as f64, report.buyers as f64);
        let mut differences = of_shares("loyal_share", loyal(self), loyal(other));
        differences.extend(of_times("seconds_between", &self.between, &other.between));
        differences
    }
}

impl Comparable for HeatmapReport {
    /// Of each day of the week, how much of what is recorded is recorded on it.
    fn differences(&self, other: &Self) -> Vec<Difference> {
        let days = |report: &Self| {
            report.weekdays.iter().map(|hours| hours.iter().sum::<u64>() as f64).collect::<Vec<_>>()
        };
        let (first, second) = (days(self), days(other));
        let (all, all_other) = (sum(first.iter().copied()), sum(second.iter().copied()));
        let day = |(weekday, (ours, theirs)): (usize, (&f64, &f64))| {
            let share = of_shares("weekday_share", (*ours, all), (*theirs, all_other));
            of_row(share, &[("weekday", Some(&weekday.to_string()))])
        };
        first.iter().zip(&second).enumerate().flat_map(day).collect()
    }
}

/// How much longer stays last: the sum over the stages that both have, tested in strata, and each of these stages.
fn of_stages(pairs: &[(&str, &[Subject], &[Subject])], horizon_seconds: u64) -> Vec<Difference> {
    let of_stays = |(stage, first, second): &(&str, &[Subject], &[Subject])| {
        let curves = (kaplan_meier(first), kaplan_meier(second));
        let horizon = Micros::try_from(horizon_seconds).ok()?.saturating_mul(1_000_000);
        let (estimate, low, high) = restricted_mean_difference(&curves.0, &curves.1, horizon)?;
        let small = (curves.0.subjects.min(curves.1.subjects) as f64) < SMALL;
        Some(Difference {
            stage: Some((*stage).to_owned()),
            low: Some(low),
            high: Some(high),
            p_value: log_rank(first, second),
            ..Difference::of("restricted_mean_seconds", "log-rank", estimate, small)
        })
    };
    let stages: Vec<Difference> = pairs.iter().filter_map(of_stays).collect();
    let p_value = stratified_log_rank(pairs.iter().map(|(_, first, second)| (*first, *second)));
    overall(&stages, p_value).into_iter().chain(stages).collect()
}

/// The sum of the differences of all stages, whose variances add up; small where a stage is. None without stages.
fn overall(stages: &[Difference], p_value: Option<f64>) -> Option<Difference> {
    if stages.is_empty() {
        return None;
    }
    let estimate = sum(stages.iter().map(|stage| stage.estimate));
    let half = |stage: &Difference| stage.high.map_or(0.0, |high| high - stage.estimate);
    let spread = sum(stages.iter().map(|stage| half(stage).powi(2))).sqrt();
    let small = stages.iter().any(|stage| stage.small);
    Some(Difference {
        low: Some(estimate - spread),
        high: Some(estimate + spread),
        p_value,
        ..Difference::of("restricted_mean_seconds", "log-rank", estimate, small)
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
            stage: Some("quoted".to_owned()),
            low: Some(estimate - spread),
            high: Some(estimate + spread),
            p_value: Some(0.5),
            ..Difference::of("restricted_mean_seconds", "log-rank", estimate, small)
        };
        let whole = overall(&[stage(10.0, 3.0, false), stage(-4.0, 4.0, true)], Some(0.2)).unwrap();
        assert_eq!((whole.estimate, whole.low, whole.high), (6.0, Some(1.0), Some(11.0)));
        assert_eq!((whole.stage, whole.p_value, whole.small), (None, Some(0.2), true));
        assert!(overall(&[], None).is_none());
    }
}
