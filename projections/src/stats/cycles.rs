//! The passes of a journey, from entry to an end: the unit of conversion.

use waymark_domain::pipeline::StageType;

use super::journeys::stays;
use super::{Micros, MoveRecord, Stay};

/// What each stage means, by its number; none for a stage that no definition has.
pub type Kinds = [Option<StageType>];

/// One pass of a journey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cycle {
    /// Which, from 1.
    pub cycle: u32,
    /// When it began.
    pub began: Micros,
    /// Its stays, in order; there is at least one.
    pub stays: Vec<Stay>,
}

/// How a cycle ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Outcome {
    /// In a deal: when it was first won.
    Won(Micros),
    /// Without one: when it was lost.
    Lost(Micros),
    /// In a stage of type closed: it is not known whether in a deal.
    Closed(Micros),
}

impl Outcome {
    /// When.
    #[must_use]
    pub fn at(self) -> Micros {
        match self {
            Self::Won(at) | Self::Lost(at) | Self::Closed(at) => at,
        }
    }
}

/// The cycles that a journey's records make, in order.
#[must_use]
pub fn cycles(records: &[MoveRecord]) -> Vec<Cycle> {
    let mut cycles: Vec<Cycle> = Vec::new();
    for stay in stays(records) {
        match cycles.last_mut() {
            Some(last) if last.cycle == stay.cycle => last.stays.push(stay),
            _ => cycles.push(Cycle { cycle: stay.cycle, began: stay.entered, stays: vec![stay] }),
        }
    }
    cycles
}

fn kind(kinds: &Kinds, stage: u32) -> Option<StageType> {
    kinds.get(stage as usize).copied().flatten()
}

impl Cycle {
    /// How it ended, if it has. A cycle that was won stays won whatever followed; one that went back from lost or closed is
    /// open.
    #[must_use]
    pub fn outcome(&self, kinds: &Kinds) -> Option<Outcome> {
        let is_won = |stay: &&Stay| kind(kinds, stay.stage).is_some_and(StageType::is_won);
        if let Some(won) = self.stays.iter().find(is_won) {
            return Some(Outcome::Won(won.entered));
        }
        let last = self.stays.last()?;
        let kind = kind(kinds, last.stage)?;
        let lost = kind.is_lost().then_some(Outcome::Lost(last.entered));
        lost.or_else(|| kind.ends_without_outcome().then_some(Outcome::Closed(last.entered)))
    }

    /// The stay in which it stands, or stood last.
    #[must_use]
    pub fn last(&self) -> Option<&Stay> {
        self.stays.last()
    }

    /// Whether it was ever in a stage that is neither the entry stage nor an end.
    #[must_use]
    pub fn used_an_intermediate(&self, entry: Option<u32>, kinds: &Kinds) -> bool {
        self.stays.iter().any(|stay| {
            Some(stay.stage) != entry && !kind(kinds, stay.stage).is_some_and(StageType::is_final)
        })
    }
}

#[cfg(test)]
mod tests {
    use super::super::journeys::Provenance;
    use super::*;

    const KINDS: [Option<StageType>; 4] =
        [Some(StageType::Open), Some(StageType::Open), Some(StageType::Won), Some(StageType::Lost)];

    fn journey(records: &[(Micros, u32, u32)]) -> Vec<Cycle> {
        let record = |(at, stage, cycle): &(Micros, u32, u32)| MoveRecord {
            at: *at,
            stage: *stage,
            actor: 0,
            cycle: *cycle,
            repeat: false,
            version: 1,
            how: Provenance::default(),
        };
        cycles(&records.iter().map(record).collect::<Vec<_>>())
    }

    #[test]
    fn lost_and_won_later_is_one_lost_cycle_and_one_won() {
        let found = journey(&[(1, 0, 1), (2, 3, 1), (5, 0, 2), (9, 2, 2)]);
        let outcomes: Vec<_> = found.iter().map(|cycle| cycle.outcome(&KINDS)).collect();
        assert_eq!(outcomes, [Some(Outcome::Lost(2)), Some(Outcome::Won(9))]);
        assert_eq!(found[1].began, 5);
    }

    #[test]
    fn what_went_back_from_lost_is_open_and_what_was_won_stays_won() {
        assert_eq!(journey(&[(1, 0, 1), (2, 3, 1), (3, 0, 1)])[0].outcome(&KINDS), None);
        assert_eq!(journey(&[(1, 2, 1), (2, 3, 1)])[0].outcome(&KINDS), Some(Outcome::Won(1)));
    }

    #[test]
    fn from_the_entry_straight_to_an_end_nothing_lies_between() {
        assert!(!journey(&[(1, 0, 1), (2, 2, 1)])[0].used_an_intermediate(Some(0), &KINDS));
        assert!(journey(&[(1, 0, 1), (2, 1, 1), (3, 2, 1)])[0].used_an_intermediate(Some(0), &KINDS));
    }
}
