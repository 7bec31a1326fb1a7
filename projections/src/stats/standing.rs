//! Where everybody stands at an instant.

use super::{CensoringEvent, JourneySet, Micros};

/// How many journeys stand in each stage at an instant (inclusive), and how many had not begun.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Standing {
    /// By stage number.
    pub counts: Vec<usize>,
    /// Journeys whose first record is later.
    pub not_started: usize,
}

/// Counts the journeys by the stage of their last record at or before `until`.
#[must_use]
pub fn standing(journeys: &JourneySet, until: Micros) -> Standing {
    let mut standing = Standing { counts: vec![0; journeys.stages.len()], not_started: 0 };
    for (journey, records) in journeys.journeys(until) {
        // Who was merged stands where the survivor stands, and is counted there.
        if journeys.ended(journey, until).is_some_and(|(_, end)| end == CensoringEvent::Merged) {
            continue;
        }
        match records.last() {
            Some(last) => standing.counts[last.stage as usize] += 1,
            None => standing.not_started += 1,
        }
    }
    standing
}
