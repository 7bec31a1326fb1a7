//! How customers move: transitions, what is reached from where, how long the way took, who handed over to whom.

use std::collections::BTreeMap;

use chrono::{DateTime, NaiveDate};

use super::dwell::StayTest;
use super::journeys::{Stay, stays};
use super::{JourneySet, Micros, MoveRecord, seconds};

/// The flows of many journeys at an instant. Stages and actors are numbers of the histories.
#[derive(Debug, Clone, Default)]
pub struct Flows {
    /// How many journeys had begun, and have a stay that counts.
    pub journeys: usize,
    /// How many records they have, repeats included.
    pub events: usize,
    /// How many of these were followed by another one of the journey.
    pub followed: usize,
    /// Moves between consecutive stays.
    pub transitions: BTreeMap<(u32, u32), usize>,
    /// Records that named the stage already held, by stage.
    pub repeats: BTreeMap<u32, usize>,
    /// In which stage journeys began.
    pub start: BTreeMap<u32, usize>,
    /// In which stage they stand.
    pub end: BTreeMap<u32, usize>,
    /// Journeys with a stay in the second stage after their first stay in the first that counts.
    pub reached: BTreeMap<(u32, u32), usize>,
    /// Seconds from the first record of a journey to its first stay in the stage, sorted.
    pub first_passage: BTreeMap<u32, Vec<f64>>,
    /// Of those that were followed, those by somebody else than the next one.
    pub handovers: usize,
    /// By actor: records, and stays begun.
    pub actors: BTreeMap<u32, (usize, usize)>,
    /// Stays begun by UTC date.
    pub changes_per_day: BTreeMap<NaiveDate, usize>,
    /// Seconds from the first to the last record of each journey, sorted.
    pub durations: Vec<f64>,
    /// Seconds since the first record of each journey that does not stand in a final stage, sorted.
    pub open_ages: Vec<f64>,
}

/// Folds the journeys at an instant. `is_final(stage, version)` tells the stages of type won and lost in the version that
/// a record is of.
#[must_use]
pub fn flows(journeys: &JourneySet, until: Micros, is_final: impl Fn(u32, u16) -> bool) -> Flows {
    flows_of(journeys, until, None, is_final)
}

/// The same of the stays that count: of the ways out of them, and of the records that were made while they lasted, the first of which
/// began them. Durations, ages and first passages are of journeys, and there are none where not every stay counts.
#[must_use]
pub fn flows_of(
    journeys: &JourneySet,
    until: Micros,
    counts: StayTest<'_>,
    is_final: impl Fn(u32, u16) -> bool,
) -> Flows {
    let mut flows = Flows::default();
    for (journey, records) in journeys.journeys(until) {
        let (Some(first), Some(last)) = (records.first(), records.last()) else { continue };
        let stays = stays(records);
        // Whether what was recorded before the first stay counts, and then of each stay.
        let each = stays.iter().map(|stay| counts.is_none_or(|counts| counts(journey, stay)));
        let counted: Vec<bool> = std::iter::once(counts.is_none()).chain(each).collect();
        if !counted.contains(&true) {
            continue;
        }
        flows.journeys += 1;
        flows.add_records(records, &counted);
        flows.add_stays(&stays, &counted[1..]);
        if counted.last() == Some(&true) {
            *flows.end.entry(last.stage).or_default() += 1;
        }
        if counts.is_some() {
            continue;
        }
        flows.add_passages(&stays);
        flows.durations.push(seconds(last.at - first.at));
        if !is_final(last.stage, last.version) {
            flows.open_ages.push(seconds(until - first.at));
        }
    }
    flows.durations.sort_unstable_by(f64::total_cmp);
    flows.open_ages.sort_unstable_by(f64::total_cmp);
    for spans in flows.first_passage.values_mut() {
        spans.sort_unstable_by(f64::total_cmp);
    }
    flows
}

impl Flows {
    fn add_records(&mut self, records: &[MoveRecord], counted: &[bool]) {
        // Each record that is no repeat begins the next stay.
        let mut begun = 0;
        for (number, record) in records.iter().enumerate() {
            begun += usize::from(!record.repeat);
            if !counted[begun] {
                continue;
            }
            self.events += 1;
            if let Some(next) = records.get(number + 1) {
                self.followed += 1;
                self.handovers += usize::from(next.actor != record.actor);
            }
            let actor = self.actors.entry(record.actor).or_default();
            actor.0 += 1;
            actor.1 += usize::from(!record.repeat);
            if record.repeat {
                *self.repeats.entry(record.stage).or_default() += 1;
                continue;
            }
            if let Some(at) = DateTime::from_timestamp_micros(record.at) {
                *self.changes_per_day.entry(at.date_naive()).or_default() += 1;
            }
        }
    }

    fn add_stays(&mut self, stays: &[Stay], counted: &[bool]) {
        let those = || stays.iter().zip(counted).enumerate().filter(|(_, (_, counts))| **counts);
        let mut met: Vec<u32> = Vec::new();
        for (index, (stay, _)) in those() {
            if index == 0 {
                *self.start.entry(stay.stage).or_default() += 1;
            }
            if let Some((_, to)) = stay.left {
                *self.transitions.entry((stay.stage, to)).or_default() += 1;
            }
            if met.contains(&stay.stage) {
                continue;
            }
            met.push(stay.stage);
            let mut later: Vec<u32> = stays[index + 1..].iter().map(|later| later.stage).collect();
            later.sort_unstable();
            later.dedup();
            for to in later.into_iter().filter(|&to| to != stay.stage) {
                *self.reached.entry((stay.stage, to)).or_default() += 1;
            }
        }
    }

    fn add_passages(&mut self, stays: &[Stay]) {
        let Some(begin) = stays.first() else { return };
        for stay in stays.iter().filter(|stay| stay.ordinal == 1) {
            self.first_passage.entry(stay.stage).or_default().push(seconds(stay.entered - begin.entered));
        }
    }
}
