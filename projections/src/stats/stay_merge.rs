//! Columns of stays brought up to date: merged with the columns beside them rather than sorted again.

use uuid::Uuid;

use super::Micros;
use super::stay_columns::{Ended, Last, Points, StageColumns, StayColumns, StayIndex};

/// The number of a journey that is passed over.
const STALE: u32 = u32::MAX;

impl StayIndex {
    /// All stays in columns of their own.
    #[must_use]
    pub fn renewed(&self) -> StayColumns {
        let [(base, stale), (recent, _)] = self.parts();
        let mut made = StayColumns { latest: base.latest.max(recent.latest), ..StayColumns::default() };
        let (mut of_base, mut of_recent) = (Vec::with_capacity(base.journeys()), Vec::new());
        let mut later = recent.customers.iter().zip(&recent.began).peekable();
        let mut next = 0_u32;
        let mut add = |customer: Uuid, began: Micros| {
            made.customers.push(customer);
            made.began.push(began);
            next += 1;
            next - 1
        };
        for (journey, (customer, began)) in (0..).zip(base.customers.iter().zip(&base.began)) {
            if stale.is_some_and(|stale| stale.holds(journey)) {
                of_base.push(STALE);
                continue;
            }
            while let Some((customer, began)) = later.next_if(|(later, _)| *later < customer) {
                of_recent.push(add(*customer, *began));
            }
            of_base.push(add(*customer, *began));
        }
        later.for_each(|(customer, began)| of_recent.push(add(*customer, *began)));
        let numbers = Numbers { of_base, of_recent };
        let empty = StageColumns::default();
        let stages = base.stages.len().max(recent.stages.len());
        made.stages = (0..stages)
            .map(|stage| {
                let (base, recent) = (base.stages.get(stage), recent.stages.get(stage));
                numbers.merged(base.unwrap_or(&empty), recent.unwrap_or(&empty))
            })
            .collect();
        made
    }
}

/// The numbers that journeys have now.
struct Numbers {
    of_base: Vec<u32>,
    of_recent: Vec<u32>,
}

impl Numbers {
    fn merged(&self, base: &StageColumns, recent: &StageColumns) -> StageColumns {
        StageColumns {
            ended: self.ended(&base.ended, &recent.ended),
            last: self.last(&base.last, &recent.last),
            passages: self.points(&base.passages, &recent.passages),
            repeats: self.points(&base.repeats, &recent.repeats),
        }
    }

    fn ended(&self, base: &Ended, recent: &Ended) -> Ended {
        let rows = base.lengths.len() + recent.lengths.len();
        let mut all = Ended {
            lengths: Vec::with_capacity(rows),
            entered: Vec::with_capacity(rows),
            journeys: Vec::with_capacity(rows),
            to: Vec::with_capacity(rows),
            versions: Vec::with_capacity(rows),
        };
        let sides = [(&base.lengths[..], &base.journeys[..]), (&recent.lengths, &recent.journeys)];
        self.interleave(sides, |is_recent, place, journey| {
            let from = if is_recent { recent } else { base };
            all.lengths.push(from.lengths[place]);
            all.entered.push(from.entered[place]);
            all.journeys.push(journey);
            all.to.push(from.to[place]);
            all.versions.push(from.versions[place]);
        });
        all
    }

    fn last(&self, base: &Last, recent: &Last) -> Last {
        let mut all = Last::default();
        let sides = [(&base.entered[..], &base.journeys[..]), (&recent.entered, &recent.journeys)];
        self.interleave(sides, |is_recent, place, journey| {
            let from = if is_recent { recent } else { base };
            all.entered.push(from.entered[place]);
            all.journeys.push(journey);
            all.visits.push(from.visits[place]);
            all.versions.push(from.versions[place]);
        });
        all
    }

    fn points(&self, base: &Points, recent: &Points) -> Points {
        let rows = base.at.len() + recent.at.len();
        let mut all = Points { at: Vec::with_capacity(rows), journeys: Vec::with_capacity(rows) };
        let sides = [(&base.at[..], &base.journeys[..]), (&recent.at, &recent.journeys)];
        self.interleave(sides, |is_recent, place, journey| {
            let from = if is_recent { recent } else { base };
            all.at.push(from.at[place]);
            all.journeys.push(journey);
        });
        all
    }

    /// Goes along the rows of both sides in the order of their keys, but for those that are passed over: which side, which row,
    /// and the number of its journey now.
    fn interleave(&self, [base, recent]: [(&[Micros], &[u32]); 2], mut take: impl FnMut(bool, usize, u32)) {
        let mut later = recent.0.iter().zip(recent.1).enumerate().peekable();
        for (place, (key, journey)) in base.0.iter().zip(base.1).enumerate() {
            let number = self.of_base[*journey as usize];
            if number == STALE {
                continue;
            }
            while let Some((place, (_, journey))) = later.next_if(|(_, (later, _))| *later < key) {
                take(true, place, self.of_recent[*journey as usize]);
            }
            take(false, place, number);
        }
        later.for_each(|(place, (_, journey))| take(true, place, self.of_recent[*journey as usize]));
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::sync::Arc;

    use super::super::journeys::Provenance;
    use super::super::{JourneyIndex, JourneySet, MoveRecord};
    use super::*;

    fn add(set: &mut JourneySet, customer: u128, seed: u64) {
        let mut number = seed;
        let mut at = (seed % 97) as Micros;
        for _ in 0..seed % 7 {
            number = number.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let stage = set.stages.intern(["new", "called", "quoted"][(number >> 40) as usize % 3]);
            let actor = set.actors.intern("rep:li");
            let repeat = number >> 20 & 7 == 0;
            let how = Provenance::default();
            set.push(
                Uuid::from_u128(customer),
                MoveRecord { at, stage, actor, cycle: 1, repeat, version: 1, how },
            );
            at += (number >> 33) as Micros % 50;
        }
    }

    type Row = (Micros, Micros, u32, u16, u16);

    /// The rows of a stage, in an order that does not hang on how they were gathered.
    fn rows(columns: &StayColumns) -> Vec<[Vec<Row>; 4]> {
        let stages = columns.stages.iter().map(|stage| {
            let (ended, last) = (&stage.ended, &stage.last);
            let points = |points: &Points| {
                assert!(points.at.is_sorted());
                points.at.iter().zip(&points.journeys).map(|(at, journey)| (*at, 0, *journey, 0, 0)).collect()
            };
            assert!(ended.lengths.is_sorted() && last.entered.is_sorted());
            let of_ended = |row: usize| {
                (
                    ended.lengths[row],
                    ended.entered[row],
                    ended.journeys[row],
                    ended.to[row],
                    ended.versions[row],
                )
            };
            let of_last =
                |row: usize| (last.entered[row], 0, last.journeys[row], last.visits[row], last.versions[row]);
            let mut rows = [
                (0..ended.lengths.len()).map(of_ended).collect(),
                (0..last.entered.len()).map(of_last).collect(),
                points(&stage.passages),
                points(&stage.repeats),
            ];
            rows.iter_mut().for_each(|rows: &mut Vec<_>| rows.sort_unstable());
            rows
        });
        stages.collect()
    }

    #[test]
    fn merged_columns_are_those_that_are_made_of_all_journeys_at_once() {
        let mut before = JourneySet::default();
        (0..300).filter(|customer| customer % 3 != 0).for_each(|customer| {
            add(&mut before, customer, customer as u64 * 7_919 + 1);
        });
        let index = JourneyIndex::of(before);
        let base = Arc::new(StayColumns::of(index.journeys()).unwrap());
        // Changed, new and gone.
        let changed: BTreeSet<Uuid> =
            (0..300).filter(|customer| customer % 5 == 0).map(Uuid::from_u128).collect();
        let mut now = JourneySet::default();
        for stage in ["new", "called", "quoted"] {
            now.stages.intern(stage);
        }
        let seeds = changed.iter().map(Uuid::as_u128).filter(|customer| customer % 4 != 1);
        seeds.for_each(|customer| add(&mut now, customer, customer as u64 * 104_729 + 5));
        let after = index.patched(&changed, &now);
        let changes = after.journeys().only(&changed);
        let merged = StayIndex::with_changes(base, &changed, &changes).unwrap().renewed();
        let all = StayColumns::of(after.journeys()).unwrap();
        assert_eq!(rows(&merged), rows(&all));
        assert_eq!((&merged.customers, &merged.began), (&all.customers, &all.began));
        assert!(merged.latest >= all.latest && merged.journeys() > 100);
    }
}
