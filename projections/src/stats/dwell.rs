//! How long stays last, stage by stage.

use std::collections::BTreeMap;

use super::incidence::{Incidence, aalen_johansen};
use super::journeys::{CensoringEvent, Stay, stays};
use super::survival::{Curve, Subject, kaplan_meier};
use super::{JourneySet, Micros, quantile, seconds};

/// What counts as one subject.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Unit {
    /// Every stay. Stays of one customer are correlated.
    #[default]
    Stay,
    /// Every customer once a stage, by its first stay there.
    Customer,
}

/// What is asked of the stays.
#[derive(Debug, Clone, Copy)]
pub struct Question {
    /// Stays that ended before are left out, those that began before enter the risk set late. One that ends here ends in the
    /// window.
    pub from: Option<Micros>,
    /// The last instant at which a move counts.
    pub last: Micros,
    /// The instant at which open stays are cut off: the last one that counts, or the end of a window just after it.
    pub until: Micros,
    /// The unit.
    pub unit: Unit,
    /// Up to where the restricted mean goes.
    pub horizon: Micros,
}

/// The dwell figures of one stage.
#[derive(Debug, Clone)]
pub struct StageDwell {
    /// Stays.
    pub stays: usize,
    /// Stays that ended.
    pub completed: usize,
    /// Last stays in a stage that is not final.
    pub open: usize,
    /// Last stays in a final stage.
    pub finals: usize,
    /// Stays that ended at the instant they began.
    pub zero_stays: usize,
    /// Customers that were ever here.
    pub customers: usize,
    /// Visits beyond the first, summed over customers.
    pub reentries: usize,
    /// Customers with more than one stay.
    pub customers_with_reentry: usize,
    /// Records that named the stage while it was held.
    pub repeats: usize,
    /// Lengths of the stays that ended.
    pub lengths: Option<Lengths>,
    /// How long stays last, open ones included.
    pub curve: Curve,
    /// The stays as survival analysis sees them.
    pub subjects: Vec<Subject>,
    /// Where they go, by stage number.
    pub exits: Vec<(u32, Incidence)>,
    /// Of the last stays, those whose observation ended early, by the reason: they are open no more.
    pub censored: Vec<(CensoringEvent, usize)>,
    /// When open stays began whose observation goes on, sorted.
    pub standing_since: Vec<Micros>,
}

/// Moments and quantiles of a sample of lengths, in seconds.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Lengths {
    /// The mean.
    pub mean: f64,
    /// The smallest.
    pub min: f64,
    /// The largest.
    pub max: f64,
    /// The sum.
    pub total: f64,
    /// The interpolated quantiles at 0.5, 0.9 and 0.95.
    pub continuous: [f64; 3],
    /// The discrete quantiles at the same places.
    pub discrete: [f64; 3],
}

impl Lengths {
    /// Of a sample in any order; none of an empty one.
    #[must_use]
    pub fn of(mut sample: Vec<Micros>) -> Option<Self> {
        sample.sort_unstable();
        Self::of_sorted(&sample)
    }

    /// Of a sorted sample; none of an empty one.
    #[must_use]
    pub fn of_sorted(sample: &[Micros]) -> Option<Self> {
        const PLACES: [f64; 3] = [0.5, 0.9, 0.95];
        // The sum is taken over integers, so that it does not depend on the order.
        let total = total(sample) as f64 / 1e6;
        let (count, at) = (sample.len(), |place: usize| seconds(sample[place]));
        Some(Self {
            mean: total / count as f64,
            min: seconds(*sample.first()?),
            max: seconds(*sample.last()?),
            total,
            continuous: PLACES.map(|p| quantile::continuous_of(count, at, p).unwrap_or_default()),
            discrete: PLACES.map(|p| quantile::discrete_of(count, at, p).unwrap_or_default()),
        })
    }
}

/// The sum of a sample. Its upper and lower halves are summed apart, each in a machine word: of fewer than two to the 31st
/// numbers neither overflows.
fn total(sample: &[Micros]) -> i128 {
    let upper: i64 = sample.iter().map(|number| number >> 32).sum();
    let lower: i64 = sample.iter().map(|number| number & 0xffff_ffff).sum();
    (i128::from(upper) << 32) + i128::from(lower)
}

#[derive(Default, Clone)]
struct DwellAccumulator {
    stays: usize,
    open: usize,
    finals: usize,
    zero_stays: usize,
    customers: usize,
    reentries: usize,
    customers_with_reentry: usize,
    repeats: usize,
    lengths: Vec<Micros>,
    subjects: Vec<Subject>,
    standing_since: Vec<Micros>,
    censored: BTreeMap<CensoringEvent, usize>,
}

/// Which stays of a journey count, by its number: all, without a test.
pub type StayTest<'a> = Option<&'a dyn Fn(usize, &Stay) -> bool>;

/// The dwell figures of every stage, by stage number.
///
/// `is_final(stage, version)` tells the stages of type won and lost in the version that a stay is of. `elapsed(journey, from, to)` is the clock: how much time
/// passed on it between two instants of a journey.
#[must_use]
pub fn dwell(
    journeys: &JourneySet,
    question: &Question,
    is_final: impl Fn(u32, u16) -> bool,
    elapsed: impl Fn(usize, Micros, Micros) -> Micros,
) -> Vec<StageDwell> {
    dwell_of(journeys, question, None, is_final, elapsed)
}

/// The same of the stays that count.
#[must_use]
pub fn dwell_of(
    journeys: &JourneySet,
    question: &Question,
    counts: StayTest<'_>,
    is_final: impl Fn(u32, u16) -> bool,
    elapsed: impl Fn(usize, Micros, Micros) -> Micros,
) -> Vec<StageDwell> {
    let mut tallies = vec![DwellAccumulator::default(); journeys.stages.len()];
    let within = |at: Micros| question.from.is_none_or(|from| at >= from);
    for (journey, records) in journeys.journeys(question.last) {
        let all = stays(records);
        let is_counted = |stay: &Stay| counts.is_none_or(|counts| counts(journey, stay));
        for record in records.iter().filter(|record| record.repeat && within(record.at)) {
            let of = all.iter().rev().find(|stay| stay.stage == record.stage && stay.entered <= record.at);
            tallies[record.stage as usize].repeats += usize::from(of.is_none_or(is_counted));
        }
        let ended = journeys.ended(journey, question.last);
        let last_seen = ended.map_or(question.until, |(at, _)| at);
        let mut seen: Vec<(u32, usize)> = Vec::new();
        for stay in all.into_iter().filter(is_counted) {
            if question.unit == Unit::Customer && stay.ordinal > 1 {
                continue;
            }
            let observed_until = stay.left.map_or(last_seen.max(stay.entered), |(left, _)| left);
            if (stay.left.is_some() || ended.is_some()) && !within(observed_until) {
                continue;
            }
            let tally = &mut tallies[stay.stage as usize];
            let age = |at| elapsed(journey, stay.entered, at);
            let entry = question.from.map_or(0, |from| age(from.max(stay.entered)));
            let exit = age(observed_until);
            tally.stays += 1;
            match stay.left {
                Some((left, _)) => {
                    tally.lengths.push(exit);
                    tally.zero_stays += usize::from(left == stay.entered);
                }
                None if is_final(stay.stage, stay.version) => tally.finals += 1,
                None => match ended {
                    Some((_, end)) => *tally.censored.entry(end).or_default() += 1,
                    None => {
                        tally.open += 1;
                        tally.standing_since.push(stay.entered);
                    }
                },
            }
            tally.subjects.push(Subject { entry, exit, cause: stay.left.map(|(_, to)| to) });
            match seen.iter_mut().find(|(stage, _)| *stage == stay.stage) {
                Some((_, stays)) => *stays += 1,
                None => seen.push((stay.stage, 1)),
            }
        }
        for (stage, stays) in seen {
            let tally = &mut tallies[stage as usize];
            tally.customers += 1;
            tally.reentries += stays - 1;
            tally.customers_with_reentry += usize::from(stays > 1);
        }
    }
    tallies.into_iter().map(|tally| tally.finish(question.horizon)).collect()
}

impl DwellAccumulator {
    fn finish(mut self, horizon: Micros) -> StageDwell {
        self.standing_since.sort_unstable();
        StageDwell {
            stays: self.stays,
            completed: self.lengths.len(),
            open: self.open,
            finals: self.finals,
            zero_stays: self.zero_stays,
            customers: self.customers,
            reentries: self.reentries,
            customers_with_reentry: self.customers_with_reentry,
            repeats: self.repeats,
            lengths: Lengths::of(self.lengths),
            curve: kaplan_meier(&self.subjects),
            exits: aalen_johansen(&self.subjects, horizon).into_iter().collect(),
            subjects: self.subjects,
            censored: self.censored.into_iter().collect(),
            standing_since: self.standing_since,
        }
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::super::MoveRecord;
    use super::super::journeys::Provenance;
    use super::*;

    /// One stay that ends after seven days, and one whose customer is merged after five and, perhaps, parted again
    /// after eight.
    fn two_stays(parted: bool, until: Micros) -> StageDwell {
        let mut journeys = JourneySet::default();
        let (waiting, next) = (journeys.stages.intern("waiting"), journeys.stages.intern("next"));
        let actor = journeys.actors.intern("rep:li");
        let (left, merged) = (Uuid::from_u128(1), Uuid::from_u128(2));
        let record = |at, stage| MoveRecord {
            at,
            stage,
            actor,
            cycle: 1,
            repeat: false,
            version: 1,
            how: Provenance::default(),
        };
        journeys.push(left, record(0, waiting));
        journeys.push(left, record(7, next));
        journeys.push(merged, record(0, waiting));
        journeys.end(merged, 5, CensoringEvent::Merged);
        if parted {
            journeys.end(merged, 8, CensoringEvent::Unmerged);
        }
        let question = Question { from: None, last: until, until, unit: Unit::Stay, horizon: 100 };
        dwell(&journeys, &question, |_, _| false, |_, from, to| to - from).swap_remove(waiting as usize)
    }

    #[test]
    fn a_sum_is_that_of_the_numbers_beyond_a_machine_word() {
        let sample = [i64::MAX, 1, -5, i64::MAX, 1 << 33, i64::MIN];
        assert_eq!(total(&sample), sample.iter().map(|&number| i128::from(number)).sum::<i128>());
    }

    #[test]
    fn a_stay_is_seen_until_its_customer_was_merged_and_no_longer() {
        let stage = two_stays(false, 10);
        assert_eq!((stage.stays, stage.completed, stage.open), (2, 1, 0), "the other one is open no more");
        assert_eq!(stage.censored, [(CensoringEvent::Merged, 1)]);
        assert!(stage.standing_since.is_empty());
        assert_eq!((stage.curve.subjects, stage.curve.steps[0].at_risk), (2, 1));
    }

    #[test]
    fn before_the_merge_and_after_it_was_undone_nothing_is_cut_off() {
        for (parted, until) in [(false, 4), (true, 10)] {
            let stage = two_stays(parted, until);
            assert!(stage.censored.is_empty(), "until {until}");
            assert!(stage.standing_since.contains(&0));
        }
        assert_eq!(two_stays(true, 10).curve.steps[0].at_risk, 2);
        assert_eq!(
            two_stays(true, 7).censored,
            [(CensoringEvent::Merged, 1)],
            "as it stood before it was undone"
        );
    }
}
