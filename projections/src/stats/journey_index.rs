//! The journeys of a pipeline, kept while they change: what changed is patched in, and everything else is shared with the
//! states before.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::{Arc, OnceLock};

use uuid::Uuid;

use super::stay_columns::{StayColumns, StayIndex};
use super::{JourneySet, MoveRecord, Names};

/// Of how many journeys one may have changed before the changes are merged into the columns of stays.
const JOURNEYS_A_CHANGE: usize = 24;

/// This number may change in any case.
const FEW: usize = 8;

/// Of how many journeys one may have changed for merging to cost less than sorting all.
const JOURNEYS_A_MERGE: usize = 2;

/// The journeys of a pipeline in the order of their customers, in one state of knowledge.
///
/// It names the stages and actors that its records have and no others, as a set that was read afresh does.
#[derive(Debug, Clone, Default)]
pub struct JourneyIndex {
    journeys: Arc<JourneySet>,
    /// How many records are of each stage, and of each actor, by number.
    stage_uses: Vec<usize>,
    actor_uses: Vec<usize>,
    /// The columns of an earlier state, and the customers that changed since.
    base: Option<Arc<StayColumns>>,
    changed: BTreeSet<Uuid>,
    /// The stays, once somebody asked for them.
    stays: OnceLock<Option<Arc<StayIndex>>>,
}

impl JourneyIndex {
    /// Of journeys in the order of their customers.
    #[must_use]
    pub fn of(journeys: JourneySet) -> Self {
        let mut index = Self { journeys: Arc::new(journeys), ..Self::default() };
        let journeys = Arc::clone(&index.journeys);
        journeys.records.all().for_each(|record| index.count(record));
        index
    }

    /// The journeys.
    #[must_use]
    pub fn journeys(&self) -> &Arc<JourneySet> {
        &self.journeys
    }

    /// The stays in columns, made when they are first asked for; none where they cannot be numbered.
    #[must_use]
    pub fn stays(&self) -> Option<Arc<StayIndex>> {
        let make = || {
            let limit = |base: &Arc<StayColumns>| FEW.max(base.journeys() / JOURNEYS_A_MERGE);
            let Some(base) = self.base.as_ref().filter(|base| self.changed.len() <= limit(base)) else {
                return StayColumns::of(&self.journeys).map(|columns| StayIndex::of(Arc::new(columns)));
            };
            let now = self.journeys.only(&self.changed);
            let beside = StayIndex::with_changes(Arc::clone(base), &self.changed, &now)?;
            let is_small = self.changed.len() <= FEW.max(base.journeys() / JOURNEYS_A_CHANGE);
            Some(if is_small { beside } else { StayIndex::of(Arc::new(beside.renewed())) })
        };
        let make = || make().map(Arc::new);
        self.stays.get_or_init(make).clone()
    }

    /// The columns that a state after this one can begin with, and the customers that changed since they were made.
    fn latest_columns(&self) -> (Option<Arc<StayColumns>>, BTreeSet<Uuid>) {
        match self.stays.get() {
            Some(Some(stays)) if stays.is_of_one_state() => (Some(stays.base()), BTreeSet::new()),
            _ => (self.base.clone(), self.changed.clone()),
        }
    }

    /// About how many bytes it takes, were nothing of it shared.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let journey = size_of::<Uuid>() + size_of::<u32>();
        let journeys = self.journeys.records() * size_of::<MoveRecord>() + self.journeys.len() * journey;
        let stays = match self.stays.get() {
            Some(Some(stays)) => stays.bytes(),
            _ => self.base.as_ref().map_or(0, |base| base.bytes()),
        };
        journeys + stays
    }

    /// The index with some customers as they are in another set, which has these customers in order and nobody else; one of
    /// whom nothing stands there is gone.
    #[must_use]
    pub fn patched(&self, customers: &BTreeSet<Uuid>, now: &JourneySet) -> Self {
        let mut journeys = JourneySet::clone(&self.journeys);
        let mut changes: BTreeMap<Uuid, Vec<MoveRecord>> =
            customers.iter().map(|customer| (*customer, Vec::new())).collect();
        for (customer, records) in now.records.iter() {
            let translated = records.iter().map(|record| journeys.translate(now, record)).collect();
            changes.insert(customer, translated);
        }
        for customer in customers.iter().filter(|id| self.journeys.ends.get(*id) != now.ends.get(*id)) {
            let ends = Arc::make_mut(&mut journeys.ends);
            match now.ends.get(customer) {
                Some(now) => ends.insert(*customer, now.clone()),
                None => ends.remove(customer),
            };
        }
        let (mut stage_uses, mut actor_uses) = (self.stage_uses.clone(), self.actor_uses.clone());
        journeys.records.replace(&changes, |gone| {
            stage_uses[gone.stage as usize] -= 1;
            actor_uses[gone.actor as usize] -= 1;
        });
        let (base, mut changed) = self.latest_columns();
        if base.is_some() {
            changed.extend(customers);
        }
        let stays = OnceLock::new();
        let mut index = Self { journeys: Arc::new(journeys), stage_uses, actor_uses, base, changed, stays };
        changes.values().flatten().for_each(|record| index.count(record));
        let all = index.stage_uses.iter().chain(&index.actor_uses);
        if all.copied().any(|uses| uses == 0) { index.renumbered() } else { index }
    }

    fn count(&mut self, record: &MoveRecord) {
        for (uses, number) in [(&mut self.stage_uses, record.stage), (&mut self.actor_uses, record.actor)] {
            let number = number as usize;
            if uses.len() <= number {
                uses.resize(number + 1, 0);
            }
            uses[number] += 1;
        }
    }

    /// Without the names that no record has any more.
    fn renumbered(&self) -> Self {
        let (stages, stage_numbers) = in_use(&self.journeys.stages, &self.stage_uses);
        let (actors, actor_numbers) = in_use(&self.journeys.actors, &self.actor_uses);
        let records = self.journeys.records.mapped(|record| MoveRecord {
            stage: stage_numbers[record.stage as usize],
            actor: actor_numbers[record.actor as usize],
            ..*record
        });
        Self::of(JourneySet { stages, actors, records, ends: Arc::clone(&self.journeys.ends) })
    }
}

/// The names that are in use, and the number that each of all names has among them.
fn in_use(names: &Names, uses: &[usize]) -> (Names, Vec<u32>) {
    let mut kept = Names::default();
    let numbers = (0..).zip(uses).map(|(number, uses)| match uses {
        0 => u32::MAX,
        _ => kept.intern(names.text(number)),
    });
    let numbers = numbers.collect();
    (kept, numbers)
}

#[cfg(test)]
mod tests {
    use super::super::CensoringEvent;
    use super::super::journeys::Provenance;
    use super::*;

    fn add(set: &mut JourneySet, customer: u128, at: i64, stage: &str, actor: &str) {
        let (stage, actor) = (set.stages.intern(stage), set.actors.intern(actor));
        let record =
            MoveRecord { at, stage, actor, cycle: 1, repeat: false, version: 1, how: Provenance::default() };
        set.push(Uuid::from_u128(customer), record);
    }

    #[test]
    fn names_that_no_record_has_any_more_are_forgotten() {
        let mut before = JourneySet::default();
        add(&mut before, 1, 0, "called", "rep:wang");
        add(&mut before, 2, 0, "new", "rep:li");
        before.end(Uuid::from_u128(1), 5, CensoringEvent::Merged);
        let mut now = JourneySet::default();
        add(&mut now, 1, 3, "quoted", "rep:li");
        let index = JourneyIndex::of(before).patched(&BTreeSet::from([Uuid::from_u128(1)]), &now);
        let journeys = index.journeys();
        assert_eq!((journeys.stages.find("called"), journeys.actors.find("rep:wang")), (None, None));
        let stages = journeys.journeys(10).map(|(_, records)| journeys.stages.text(records[0].stage));
        assert_eq!(stages.collect::<Vec<_>>(), ["quoted", "new"]);
        assert_eq!(journeys.ended(0, 10), None, "its observation goes on");
    }
}
