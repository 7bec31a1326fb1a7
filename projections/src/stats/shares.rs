//! How the share of each stage goes from day to day, and on which days it is out of line with the days before.

use super::journeys::stays;
use super::proportion::{benjamini_hochberg, normal_beyond, two_proportions};
use super::{JourneySet, Micros};

/// How many days before a day are its baseline.
pub const BASELINE_DAYS: usize = 28;
/// How many customers both the day and the baseline must have.
pub const LEAST: f64 = 30.0;
/// The rate of false discoveries, over the stages of a day, below which a share is out of line.
pub const DISCOVERY: f64 = 0.01;
/// By what part of the baseline a share must differ.
pub const LEAST_CHANGE: f64 = 0.2;
/// What the roundings of a difference come to at most: a share that differs by just so much differs by as much.
const ROUNDING: f64 = 1e-12;

/// How many journeys stand in each stage at each of several instants, which are in order: by instant, then by stage number.
/// The work grows with the stays and with the instants, not with both multiplied.
#[must_use]
pub fn counts_at(journeys: &JourneySet, instants: &[Micros]) -> Vec<Vec<usize>> {
    let mut changes = vec![vec![0_i64; journeys.stages.len()]; instants.len() + 1];
    let last = instants.last().copied().unwrap_or(Micros::MIN);
    let first_from = |at: Micros| instants.partition_point(|instant| *instant < at);
    for (journey, records) in journeys.journeys(last) {
        let gone = journeys.ended(journey, last).map_or(Micros::MAX, |(gone, _)| gone);
        for stay in stays(records) {
            let left = stay.left.map_or(Micros::MAX, |(left, _)| left).min(gone);
            let (entered, left) = (first_from(stay.entered), first_from(left).min(instants.len()));
            if entered < left {
                changes[entered][stay.stage as usize] += 1;
                changes[left][stay.stage as usize] -= 1;
            }
        }
    }
    let mut now = vec![0_i64; journeys.stages.len()];
    let count = |changes: &Vec<i64>| {
        now.iter_mut().zip(changes).for_each(|(now, change)| *now += change);
        now.iter().map(|count| usize::try_from(*count).unwrap_or_default()).collect()
    };
    changes[..instants.len()].iter().map(count).collect()
}

/// A share that is out of line on a day.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Deviation {
    /// Which day, of the instants.
    pub day: usize,
    /// Which stage.
    pub stage: usize,
    /// The share on that day.
    pub share: f64,
    /// The mean share of the baseline.
    pub baseline: f64,
    /// How many stand there on that day, and how many anywhere.
    pub counts: (usize, usize),
    /// The two-sided p value of the two-proportion test.
    pub p: f64,
    /// The rate of false discoveries at which it still counts, over the stages of the day.
    pub q: f64,
}

/// The shares that are out of line, by day and stage. The baseline is the mean count of the days before: the same customers
/// stand there day after day, so that their days are no trials of their own. `is_tested` tells which stages are looked at.
#[must_use]
pub fn deviations(counts: &[Vec<usize>], is_tested: impl Fn(usize) -> bool) -> Vec<Deviation> {
    let mut found = Vec::new();
    for day in BASELINE_DAYS..counts.len() {
        let before = &counts[day - BASELINE_DAYS..day];
        let mean = |sum: usize| sum as f64 / BASELINE_DAYS as f64;
        let all: usize = counts[day].iter().sum();
        let all_before = mean(before.iter().flatten().sum());
        if (all as f64) < LEAST || all_before < LEAST {
            continue;
        }
        let test = |stage: usize| {
            let (here, here_before) =
                (counts[day][stage], mean(before.iter().map(|counts| counts[stage]).sum()));
            let z = two_proportions((here as f64, all as f64), (here_before, all_before))?;
            let (share, baseline) = (here as f64 / all as f64, here_before / all_before);
            Some(Deviation { day, stage, share, baseline, counts: (here, all), p: normal_beyond(z), q: 1.0 })
        };
        let tested: Vec<Deviation> =
            (0..counts[day].len()).filter(|stage| is_tested(*stage)).filter_map(test).collect();
        let q = benjamini_hochberg(&tested.iter().map(|test| test.p).collect::<Vec<_>>());
        let with_q = tested.into_iter().zip(q).map(|(test, q)| Deviation { q, ..test });
        found.extend(with_q.filter(|test| {
            test.q < DISCOVERY
                && (test.share - test.baseline).abs() >= LEAST_CHANGE * test.baseline - ROUNDING
        }));
    }
    found
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::journeys::Provenance;
    use super::super::standing::standing;
    use super::super::{CensoringEvent, MoveRecord};
    use super::*;

    fn record(at: Micros, stage: u32) -> MoveRecord {
        MoveRecord { at, stage, actor: 0, cycle: 1, repeat: false, version: 1, how: Provenance::default() }
    }

    #[test]
    fn counts_of_many_days_are_those_of_each_day() {
        let mut journeys = JourneySet::default();
        for stage in ["new", "quoted", "lost"] {
            journeys.stages.intern(stage);
        }
        for customer in 0..40_i64 {
            let id = Uuid::from_u128(customer as u128);
            journeys.push(id, record(customer % 7, 0));
            journeys.push(id, record(customer % 7 + customer % 5, 1));
            journeys.push(id, record(12 + customer % 3, 2));
            if customer % 9 == 0 {
                journeys.end(id, 10, CensoringEvent::Merged);
            }
        }
        let instants: Vec<Micros> = (-1..18).collect();
        for (counts, at) in counts_at(&journeys, &instants).iter().zip(&instants) {
            assert_eq!(counts, &standing(&journeys, *at).counts, "at {at}");
        }
    }

    #[test]
    fn only_a_share_far_from_its_own_past_is_out_of_line() {
        let mut counts = vec![vec![80, 15, 5]; BASELINE_DAYS];
        counts.push(vec![78, 16, 6]);
        counts.push(vec![60, 15, 25]);
        let found = deviations(&counts, |_| true);
        let days: Vec<(usize, usize)> = found.iter().map(|found| (found.day, found.stage)).collect();
        assert_eq!(days, [(29, 0), (29, 2)]);
        // 25 of 100 against 5.0357 of 100: `proportions_ztest` of statsmodels gives z = 3.951581608, p = 7.763638786e-05.
        assert!((found[1].p / 7.763_638_785_7e-5 - 1.0).abs() < 1e-6, "{}", found[1].p);
        assert!(found[1].share > found[1].baseline && found[0].share < found[0].baseline);
        assert!(deviations(&counts, |stage| stage == 1).is_empty());
    }

    #[test]
    fn of_fewer_than_thirty_nothing_is_said() {
        let swapped = |few: usize, many: usize| {
            let mut counts = vec![vec![many, few]; BASELINE_DAYS];
            counts.push(vec![few, many]);
            deviations(&counts, |_| true).len()
        };
        assert_eq!((swapped(2, 27), swapped(2, 28)), (0, 2), "of 29 nothing, of 30 both stages");
    }

    #[test]
    fn a_share_must_differ_by_a_fifth_of_what_it_was() {
        let grown_to = |count: usize| {
            let mut counts = vec![vec![5_000_000, 5_000_000]; BASELINE_DAYS];
            counts.push(vec![10_000_000 - count, count]);
            deviations(&counts, |stage| stage == 1).len()
        };
        assert_eq!((grown_to(5_999_999), grown_to(6_000_000)), (0, 1));
    }
}
