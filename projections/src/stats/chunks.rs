//! Records of many journeys in chunks that sets share: a set that differs from another in a few journeys copies the chunks
//! that these stand in and no others.
//!
//! A journey takes 20 bytes (its customer, where its records begin), a record the 40 of [`MoveRecord`].

use std::collections::BTreeMap;
use std::ops::Range;
use std::sync::Arc;

use uuid::Uuid;

use super::Micros;
use super::record::MoveRecord;

/// Journeys in a chunk that is filled from the beginning. A chunk that grows beyond twice as many is divided.
const JOURNEYS: usize = 512;

/// Some consecutive journeys.
#[derive(Debug, Clone, Default)]
struct Chunk {
    customers: Vec<Uuid>,
    /// Where the records of each begin.
    starts: Vec<u32>,
    records: Vec<MoveRecord>,
    /// The pipeline versions that records are of, each with the earliest instant of one.
    versions: Vec<(u16, Micros)>,
}

impl Chunk {
    fn push(&mut self, customer: Uuid, record: MoveRecord) {
        if self.customers.last() != Some(&customer) {
            self.customers.push(customer);
            self.starts.push(u32::try_from(self.records.len()).unwrap_or(u32::MAX));
        }
        match self.versions.iter_mut().find(|(version, _)| *version == record.version) {
            Some((_, earliest)) => *earliest = record.at.min(*earliest),
            None => self.versions.push((record.version, record.at)),
        }
        self.records.push(record);
    }

    fn add(&mut self, customer: Uuid, records: &[MoveRecord]) {
        records.iter().for_each(|record| self.push(customer, *record));
    }

    fn span(&self, journey: usize) -> Range<usize> {
        let end = self.starts.get(journey + 1).map_or(self.records.len(), |start| *start as usize);
        self.starts[journey] as usize..end
    }

    fn iter(&self) -> impl Iterator<Item = (Uuid, &[MoveRecord])> {
        let spans = (0..self.customers.len()).map(|journey| &self.records[self.span(journey)]);
        self.customers.iter().copied().zip(spans)
    }
}

/// Journeys in the order in which they were added, each with its records.
#[derive(Debug, Clone, Default)]
pub(super) struct Chunks {
    chunks: Vec<Arc<Chunk>>,
    /// The number of each chunk's first journey.
    firsts: Vec<usize>,
    journeys: usize,
    records: usize,
}

impl Chunks {
    /// Adds a record to the last journey, or begins the journey of another customer.
    pub(super) fn push(&mut self, customer: Uuid, record: MoveRecord) {
        let last = self.chunks.last().map(|chunk| (chunk.customers.last(), chunk.customers.len()));
        let goes_on = last.is_some_and(|(last, _)| last == Some(&customer));
        if !goes_on {
            if last.is_none_or(|(_, journeys)| journeys >= JOURNEYS) {
                self.firsts.push(self.journeys);
                self.chunks.push(Arc::default());
            }
            self.journeys += 1;
        }
        if let Some(chunk) = self.chunks.last_mut() {
            Arc::make_mut(chunk).push(customer, record);
        }
        self.records += 1;
    }

    pub(super) fn add(&mut self, customer: Uuid, records: &[MoveRecord]) {
        records.iter().for_each(|record| self.push(customer, *record));
    }

    /// How many journeys there are.
    pub(super) fn len(&self) -> usize {
        self.journeys
    }

    /// How many records they have together.
    pub(super) fn records(&self) -> usize {
        self.records
    }

    /// The customer of a journey.
    pub(super) fn customer(&self, journey: usize) -> Uuid {
        let (chunk, journey) = self.find(journey);
        chunk.customers[journey]
    }

    /// The records of a journey.
    pub(super) fn of(&self, journey: usize) -> &[MoveRecord] {
        let (chunk, journey) = self.find(journey);
        &chunk.records[chunk.span(journey)]
    }

    /// Every journey in order: its customer and its records.
    pub(super) fn iter(&self) -> impl Iterator<Item = (Uuid, &[MoveRecord])> {
        self.chunks.iter().flat_map(|chunk| chunk.iter())
    }

    /// All records, journey by journey.
    pub(super) fn all(&self) -> impl Iterator<Item = &MoveRecord> {
        self.chunks.iter().flat_map(|chunk| &chunk.records)
    }

    /// The records of a customer, of journeys that stand in the order of their customers.
    pub(super) fn of_customer(&self, customer: Uuid) -> &[MoveRecord] {
        let begins_by_then =
            |chunk: &Arc<Chunk>| chunk.customers.first().is_some_and(|first| *first <= customer);
        let chunk = self.chunks[..self.chunks.partition_point(begins_by_then)].last();
        chunk.map_or(&[], |chunk| match chunk.customers.binary_search(&customer) {
            Ok(journey) => &chunk.records[chunk.span(journey)],
            Err(_) => &[],
        })
    }

    /// The pipeline versions that records up to and including an instant are of, in order, of the customers that count.
    pub(super) fn versions(&self, until: Micros, counts: impl Fn(Uuid) -> bool) -> Vec<u16> {
        let mut met: Vec<u16> = Vec::new();
        for chunk in &self.chunks {
            if chunk.versions.iter().all(|(version, at)| *at > until || met.contains(version)) {
                continue;
            }
            for (_, records) in chunk.iter().filter(|(customer, _)| counts(*customer)) {
                for record in records.iter().filter(|record| record.at <= until) {
                    if !met.contains(&record.version) {
                        met.push(record.version);
                    }
                }
            }
        }
        met.sort_unstable();
        met
    }

    /// The same with every record changed, but for its instant and its version.
    pub(super) fn mapped(&self, change: impl Fn(&MoveRecord) -> MoveRecord) -> Self {
        let chunk = |chunk: &Arc<Chunk>| {
            let records = chunk.records.iter().map(&change).collect();
            Arc::new(Chunk { records, ..Chunk::clone(chunk) })
        };
        Self { chunks: self.chunks.iter().map(chunk).collect(), firsts: self.firsts.clone(), ..*self }
    }

    /// Puts other records in the place of those of some customers, of journeys that stand in the order of their customers; no
    /// records take the journey away. `gone` is given each record that no longer stands.
    pub(super) fn replace(
        &mut self,
        changes: &BTreeMap<Uuid, Vec<MoveRecord>>,
        mut gone: impl FnMut(&MoveRecord),
    ) {
        let old = std::mem::take(&mut self.chunks);
        let mut rest = changes.iter().peekable();
        for (place, chunk) in old.iter().enumerate() {
            let until = old.get(place + 1).and_then(|next| next.customers.first());
            let mut here = Vec::new();
            while let Some(change) = rest.next_if(|(customer, _)| until.is_none_or(|until| *customer < until))
            {
                here.push(change);
            }
            if here.is_empty() {
                self.chunks.push(Arc::clone(chunk));
            } else {
                self.chunks.extend(merged(chunk, &here, &mut gone));
            }
        }
        let beyond: Vec<_> = rest.collect();
        self.chunks.extend(merged(&Chunk::default(), &beyond, &mut gone));
        self.recount();
    }

    fn recount(&mut self) {
        self.firsts.clear();
        (self.journeys, self.records) = (0, 0);
        for chunk in &self.chunks {
            self.firsts.push(self.journeys);
            self.journeys += chunk.customers.len();
            self.records += chunk.records.len();
        }
    }

    fn find(&self, journey: usize) -> (&Chunk, usize) {
        let chunk = self.firsts.partition_point(|first| *first <= journey) - 1;
        (&self.chunks[chunk], journey - self.firsts[chunk])
    }
}

/// A chunk with some journeys changed, in as many chunks as that takes.
fn merged(
    chunk: &Chunk,
    changes: &[(&Uuid, &Vec<MoveRecord>)],
    gone: &mut impl FnMut(&MoveRecord),
) -> Vec<Arc<Chunk>> {
    let mut made = Chunk::default();
    let mut changes = changes.iter().peekable();
    for (customer, records) in chunk.iter() {
        while let Some((new, records)) = changes.next_if(|(new, _)| **new < customer) {
            made.add(**new, records);
        }
        match changes.next_if(|(changed, _)| **changed == customer) {
            Some((_, now)) => {
                records.iter().for_each(&mut *gone);
                made.add(customer, now);
            }
            None => made.add(customer, records),
        }
    }
    changes.for_each(|(new, records)| made.add(**new, records));
    divided(made)
}

fn divided(chunk: Chunk) -> Vec<Arc<Chunk>> {
    if chunk.customers.is_empty() {
        return Vec::new();
    }
    if chunk.customers.len() <= 2 * JOURNEYS {
        return vec![Arc::new(chunk)];
    }
    let journeys: Vec<_> = chunk.iter().collect();
    let part = |journeys: &[(Uuid, &[MoveRecord])]| {
        let mut part = Chunk::default();
        journeys.iter().for_each(|(customer, records)| part.add(*customer, records));
        Arc::new(part)
    };
    journeys.chunks(JOURNEYS).map(part).collect()
}

#[cfg(test)]
mod tests {
    use super::super::journeys::Provenance;
    use super::*;

    fn record(at: i64) -> MoveRecord {
        MoveRecord { at, stage: 0, actor: 0, cycle: 1, repeat: false, version: 1, how: Provenance::default() }
    }

    fn all(chunks: &Chunks) -> Vec<(Uuid, Vec<i64>)> {
        chunks.iter().map(|(id, records)| (id, records.iter().map(|record| record.at).collect())).collect()
    }

    #[test]
    fn replaced_journeys_stand_where_they_would_stand_had_they_been_added_so() {
        let id = |number: usize| Uuid::from_u128(number as u128);
        let mut chunks = Chunks::default();
        let mut expected: BTreeMap<Uuid, Vec<i64>> = BTreeMap::new();
        for number in (0..5 * JOURNEYS).map(|number| 2 * number + 1) {
            chunks.add(id(number), &[record(number as i64), record(number as i64 + 1)]);
            expected.insert(id(number), vec![number as i64, number as i64 + 1]);
        }
        // Before the first, in between, many in one place, beyond the last, changed and taken away.
        let new = [0, 2, 700].into_iter().chain(3_100..3_100 + 3 * JOURNEYS).chain([90_000, 90_001]);
        let mut changes: BTreeMap<Uuid, Vec<MoveRecord>> =
            new.map(|number| (id(number), vec![record(7)])).collect();
        changes.extend((1_101..1_300).map(|number| (id(number), Vec::new())));
        let mut gone = 0;
        let before = all(&chunks);
        let mut patched = chunks.clone();
        patched.replace(&changes, |_| gone += 1);
        assert_eq!(all(&chunks), before, "the other set is as it was");
        let mut expected_gone = 0;
        for (customer, records) in &changes {
            expected_gone += expected.remove(customer).map_or(0, |records| records.len());
            if !records.is_empty() {
                expected.insert(*customer, vec![7]);
            }
        }
        assert_eq!(gone, expected_gone);
        assert_eq!(all(&patched), expected.clone().into_iter().collect::<Vec<_>>());
        assert_eq!((patched.len(), patched.records()), (expected.len(), expected.values().flatten().count()));
        for (journey, (customer, records)) in expected.iter().enumerate() {
            assert_eq!((patched.customer(journey), patched.of(journey).len()), (*customer, records.len()));
        }
        let shared =
            patched.chunks.iter().filter(|chunk| chunks.chunks.iter().any(|old| Arc::ptr_eq(old, chunk)));
        assert!(shared.count() >= 1, "a chunk that nothing changed in is shared");
    }

    #[test]
    fn journeys_are_taken_away_to_the_last() {
        let mut chunks = Chunks::default();
        chunks.add(Uuid::from_u128(1), &[record(1)]);
        chunks.replace(&BTreeMap::from([(Uuid::from_u128(1), Vec::new())]), |_| ());
        assert_eq!((chunks.len(), chunks.records(), chunks.iter().count()), (0, 0, 0));
        chunks.replace(&BTreeMap::from([(Uuid::from_u128(2), vec![record(5)])]), |_| ());
        assert_eq!((chunks.customer(0), chunks.of(0)[0].at), (Uuid::from_u128(2), 5));
    }
}
