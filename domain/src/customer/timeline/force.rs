//! Which corrections of a journey are in force, kept up as each one comes.

use std::collections::{BTreeSet, BinaryHeap, HashMap};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::correction::{Correction, CorrectionKind};

/// Where a correction stands among those of its journey, in the order of positions.
pub(super) type CorrectionPlace = usize;
/// Where a move stands among those of its journey, in the order of positions.
pub(super) type MovePlace = usize;

/// The corrections of a journey, and which of them are in force.
///
/// A correction is in force unless a later one that is in force voids it. A new correction is therefore always in force, and
/// what it voids may bring back what that had voided: each such change leads to earlier records only, so that following
/// them from the last to the first meets each at most once.
#[derive(Debug, Clone, Default)]
pub(super) struct Force {
    corrections: Vec<CorrectionRecord>,
    /// Where the correction of an event stands.
    places: HashMap<Uuid, CorrectionPlace>,
    /// By a record, of whatever kind: the corrections in force that void it.
    voiders: HashMap<Uuid, BTreeSet<CorrectionPlace>>,
    /// By the move at the root of their chains: the corrections in force that say something of it.
    said: HashMap<MovePlace, CorrectionsOfMove>,
}

#[derive(Debug, Clone)]
struct CorrectionRecord {
    correction: Correction,
    /// The move at the root of the chain. A chain leads to earlier records only, so it never changes.
    root: Option<MovePlace>,
    /// The records that it voids while it is in force.
    voids: Vec<Uuid>,
    in_force: bool,
}

/// What corrections in force say of a move, by their places.
#[derive(Debug, Clone, Default)]
struct CorrectionsOfMove {
    targets: BTreeSet<CorrectionPlace>,
    times: BTreeSet<CorrectionPlace>,
}

/// The target that holds for a move after its corrections.
pub(super) struct Target<'a> {
    pub(super) stage: &'a str,
    pub(super) sub_status: &'a Option<String>,
    pub(super) pipeline_version: Option<u32>,
    /// The position of the correction that says so.
    pub(super) said_at: u64,
}

impl Force {
    /// Takes the next correction in. `root_of` finds the place of a move by its event. Answers the events of all records
    /// whose standing may differ from now on; the journey's moves among them are to be put in their places again.
    pub(super) fn take(
        &mut self,
        correction: Correction,
        root_of: impl Fn(Uuid) -> Option<MovePlace>,
    ) -> Vec<Uuid> {
        let place = self.corrections.len();
        let root = correction.corrects.and_then(|corrects| root_of(corrects).or_else(|| self.root(corrects)));
        let taken_back = correction.corrects.filter(|corrects| self.takes_back(&correction, *corrects));
        let voids = taken_back.iter().chain(&correction.also_voids).copied().collect();
        let event = correction.event;
        self.corrections.push(CorrectionRecord { correction, root, voids, in_force: false });
        self.places.entry(event).or_insert(place);
        self.settle(place)
    }

    /// Puts a correction in force, and follows what that changes.
    fn settle(&mut self, place: CorrectionPlace) -> Vec<Uuid> {
        let mut touched = Vec::new();
        let mut open = BinaryHeap::from([place]);
        while let Some(place) = open.pop() {
            let event = self.corrections[place].correction.event;
            let in_force = !self.is_voided(event);
            touched.push(event);
            if self.corrections[place].in_force == in_force {
                continue;
            }
            self.corrections[place].in_force = in_force;
            touched.extend(self.say(place, in_force));
            for record in self.corrections[place].voids.clone() {
                let voiders = self.voiders.entry(record).or_default();
                if in_force {
                    voiders.insert(place)
                } else {
                    voiders.remove(&place)
                };
                touched.push(record);
                // Only what stands before it: nothing recorded earlier can know of what is recorded later.
                open.extend(self.places.get(&record).filter(|earlier| **earlier < place));
            }
        }
        touched
    }

    /// Lets what a correction says of its move hold, or no longer. Answers the correction that it replaces or gives way to.
    fn say(&mut self, place: CorrectionPlace, holds: bool) -> Option<Uuid> {
        let CorrectionRecord { correction, root, .. } = &self.corrections[place];
        let said = self.said.entry((*root)?).or_default();
        let said = match correction.kind {
            CorrectionKind::Target { .. } => &mut said.targets,
            CorrectionKind::Time(_) => &mut said.times,
            CorrectionKind::Void | CorrectionKind::Inserted => return None,
        };
        if holds {
            said.insert(place)
        } else {
            said.remove(&place)
        };
        let former = said.range(..place).next_back()?;
        Some(self.corrections[*former].correction.event)
    }

    /// Whether the correction undoes the record it refers to: a void does, and so does another stage or instant
    /// given for a record that was voided before, because it says that it happened after all.
    fn takes_back(&self, correction: &Correction, corrects: Uuid) -> bool {
        correction.kind == CorrectionKind::Void
            || self.correction(corrects).is_some_and(|c| c.kind == CorrectionKind::Void)
    }

    fn correction(&self, event: Uuid) -> Option<&Correction> {
        self.places.get(&event).map(|place| &self.corrections[*place].correction)
    }

    /// The place of the move at the root of a correction's chain.
    pub(super) fn root(&self, event: Uuid) -> Option<MovePlace> {
        self.corrections[*self.places.get(&event)?].root
    }

    /// Who recorded a correction.
    pub(super) fn recorded_by(&self, event: Uuid) -> Option<&str> {
        self.correction(event).map(|correction| correction.actor.as_str())
    }

    /// The correction in force that voids a record: of several, the last.
    pub(super) fn voided_by(&self, record: Uuid) -> Option<Uuid> {
        let place = self.voiders.get(&record)?.last()?;
        Some(self.corrections[*place].correction.event)
    }

    pub(super) fn is_voided(&self, record: Uuid) -> bool {
        self.voiders.get(&record).is_some_and(|voiders| !voiders.is_empty())
    }

    /// The target that holds for a move, where it was corrected.
    pub(super) fn target(&self, of: MovePlace) -> Option<Target<'_>> {
        let mut said =
            self.said.get(&of)?.targets.iter().rev().map(|place| &self.corrections[*place].correction);
        let last = said.next()?;
        let CorrectionKind::Target { stage, sub_status, pipeline_version } = &last.kind else { return None };
        // An early program did not say of which definition a corrected stage is: then it is of the one named before.
        let named_before = said.find_map(|correction| match &correction.kind {
            CorrectionKind::Target { pipeline_version, .. } => *pipeline_version,
            _ => None,
        });
        let pipeline_version = pipeline_version.or(named_before);
        Some(Target { stage, sub_status, pipeline_version, said_at: last.position })
    }

    /// The instant that holds for a move, where it was corrected.
    pub(super) fn time(&self, of: MovePlace) -> Option<DateTime<Utc>> {
        let place = self.said.get(&of)?.times.last()?;
        match self.corrections[*place].correction.kind {
            CorrectionKind::Time(moved_at) => Some(moved_at),
            _ => None,
        }
    }

    /// The last correction in force that applies to a move.
    pub(super) fn last_said(&self, of: MovePlace) -> Option<Uuid> {
        let said = self.said.get(&of)?;
        let place = said.targets.last().max(said.times.last())?;
        Some(self.corrections[*place].correction.event)
    }

    /// The next correction in force that says the same thing of the same move as this one, and so replaces it.
    pub(super) fn said_again(&self, event: Uuid) -> Option<Uuid> {
        let place = *self.places.get(&event)?;
        let CorrectionRecord { correction, root, .. } = &self.corrections[place];
        let said = self.said.get(&(*root)?)?;
        let said = match correction.kind {
            CorrectionKind::Target { .. } => &said.targets,
            CorrectionKind::Time(_) => &said.times,
            CorrectionKind::Void | CorrectionKind::Inserted => return None,
        };
        let next = said.range(place + 1..).next()?;
        Some(self.corrections[*next].correction.event)
    }
}
