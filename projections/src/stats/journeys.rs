//! Many journeys in compact memory: the input of every figure.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use super::Micros;
use super::chunks::Chunks;

pub use super::record::{MoveRecord, Origin, Provenance, move_kind_of, move_kind_word};

/// Texts that recur (stages, actors), each kept once and named by a small number.
#[derive(Debug, Clone, Default)]
pub struct Names {
    texts: Vec<String>,
    index: HashMap<String, u32>,
}

impl Names {
    /// The number of a text, new or known.
    pub fn intern(&mut self, text: &str) -> u32 {
        if let Some(&known) = self.index.get(text) {
            return known;
        }
        let id = u32::try_from(self.texts.len()).unwrap_or(u32::MAX);
        self.texts.push(text.to_owned());
        self.index.insert(text.to_owned(), id);
        id
    }

    /// The text of a number that [`Names::intern`] gave.
    #[must_use]
    pub fn text(&self, id: u32) -> &str {
        &self.texts[id as usize]
    }

    /// The number of a text, if it is known.
    #[must_use]
    pub fn find(&self, text: &str) -> Option<u32> {
        self.index.get(text).copied()
    }

    /// How many texts there are; their numbers are `0..len`.
    #[must_use]
    pub fn len(&self) -> usize {
        self.texts.len()
    }

    /// Whether there is no text at all.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.texts.is_empty()
    }
}

/// Why the observation of a customer ended, or that it went on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum CensoringEvent {
    /// Another customer went on in its place.
    Merged,
    /// It went on by itself again.
    Unmerged,
    /// The person was forgotten.
    Erased,
}

impl CensoringEvent {
    /// The word under which it stands in the tables.
    #[must_use]
    pub fn as_str(self) -> &'static str {
        match self {
            Self::Merged => "merged",
            Self::Unmerged => "unmerged",
            Self::Erased => "erased",
        }
    }

    /// The end of that word.
    #[must_use]
    pub fn parse(word: &str) -> Option<Self> {
        [Self::Merged, Self::Unmerged, Self::Erased].into_iter().find(|end| end.as_str() == word)
    }
}

/// Where observation ended, of ends in the order in which they were recorded, as seen at an instant: none while it
/// goes on.
#[must_use]
pub fn ended(ends: &[(Micros, CensoringEvent)], until: Micros) -> Option<(Micros, CensoringEvent)> {
    ends.iter()
        .rev()
        .find(|(at, _)| *at <= until)
        .copied()
        .filter(|(_, end)| *end != CensoringEvent::Unmerged)
}

/// One stay as seen at an instant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stay {
    /// The stage.
    pub stage: u32,
    /// The cycle of the journey.
    pub cycle: u32,
    /// Which stay in this stage in this journey, from 1.
    pub ordinal: u32,
    /// The pipeline version that the stage is of.
    pub version: u16,
    /// When it began.
    pub entered: Micros,
    /// When the next stay began, and in which stage; none for the last.
    pub left: Option<(Micros, u32)>,
}

impl Stay {
    /// The last instant at which it was seen, itself included: just before it ended or its observation did, or the last one that
    /// counts. Before it began, where it has no length.
    #[must_use]
    pub fn seen_last(&self, ended: Option<Micros>, last: Micros) -> Micros {
        let end = self.left.map(|(left, _)| left).or(ended);
        end.map_or(last, |end| end.saturating_sub(1))
    }
}

/// The records of many journeys, each journey's in effective order.
#[derive(Debug, Clone, Default)]
pub struct JourneySet {
    /// The stages met.
    pub stages: Names,
    /// The actors met.
    pub actors: Names,
    pub(super) records: Chunks,
    pub(super) ends: Arc<HashMap<Uuid, Vec<(Micros, CensoringEvent)>>>,
}

impl JourneySet {
    /// Adds a record to the journey of `customer`. Records of one journey come one after the other, in order of
    /// (instant, position).
    pub fn push(&mut self, customer: Uuid, record: MoveRecord) {
        self.records.push(customer, record);
    }

    /// Adds where a customer's observation ended or went on, in the order of recording.
    pub fn end(&mut self, customer: Uuid, at: Micros, end: CensoringEvent) {
        Arc::make_mut(&mut self.ends).entry(customer).or_default().push((at, end));
    }

    /// Where the observation of a journey ended or went on, in the order of recording.
    #[must_use]
    pub fn ends(&self, journey: usize) -> &[(Micros, CensoringEvent)] {
        self.ends.get(&self.customer(journey)).map_or(&[], Vec::as_slice)
    }

    /// Where the observation of a journey had ended by an instant, and why.
    #[must_use]
    pub fn ended(&self, journey: usize, until: Micros) -> Option<(Micros, CensoringEvent)> {
        if self.ends.is_empty() {
            return None;
        }
        ended(self.ends.get(&self.customer(journey))?, until)
    }

    /// How many journeys there are.
    #[must_use]
    pub fn len(&self) -> usize {
        self.records.len()
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// When the first of them began; none when there is none.
    #[must_use]
    pub fn began_at(&self) -> Option<Micros> {
        self.records.all().map(|record| record.at).min()
    }

    /// How many records the journeys have together.
    #[must_use]
    pub fn records(&self) -> usize {
        self.records.records()
    }

    /// The customer of the journey with this number.
    #[must_use]
    pub fn customer(&self, journey: usize) -> Uuid {
        self.records.customer(journey)
    }

    /// The records of one journey up to and including an instant.
    #[must_use]
    pub fn until(&self, journey: usize, until: Micros) -> &[MoveRecord] {
        prefix(self.records.of(journey), until)
    }

    /// The records of every journey up to and including an instant, empty where the journey began later.
    pub fn journeys(&self, until: Micros) -> impl Iterator<Item = (usize, &[MoveRecord])> {
        self.records.iter().enumerate().map(move |(journey, (_, records))| (journey, prefix(records, until)))
    }

    /// The pipeline versions that records up to and including an instant are of, in order.
    #[must_use]
    pub fn versions(&self, until: Micros) -> Vec<u32> {
        self.versions_of(until, |_| true)
    }

    /// The same of the customers that count.
    #[must_use]
    pub fn versions_of(&self, until: Micros, counts: impl Fn(Uuid) -> bool) -> Vec<u32> {
        self.records.versions(until, counts).into_iter().map(u32::from).collect()
    }

    /// Where observation had ended by an instant, of the customers of whom it had, whether or not they have a journey.
    #[must_use]
    pub fn all_ended(&self, until: Micros) -> BTreeMap<Uuid, (Micros, CensoringEvent)> {
        self.ends.iter().filter_map(|(customer, ends)| Some((*customer, ended(ends, until)?))).collect()
    }

    /// The journeys of some customers alone, of a set in the order of its customers, with the numbers of stages and actors
    /// unchanged.
    #[must_use]
    pub(super) fn only(&self, customers: &BTreeSet<Uuid>) -> Self {
        let (stages, actors, ends) = (self.stages.clone(), self.actors.clone(), self.ends.clone());
        let mut kept = Self { stages, actors, ends, ..Self::default() };
        for customer in customers {
            kept.records.add(*customer, self.records.of_customer(*customer));
        }
        kept
    }

    /// The journeys that pass a test, with the numbers of stages and actors unchanged.
    #[must_use]
    pub fn keep(&self, mut test: impl FnMut(Uuid, &[MoveRecord]) -> bool) -> Self {
        let (stages, actors, ends) = (self.stages.clone(), self.actors.clone(), self.ends.clone());
        let mut kept = Self { stages, actors, ends, ..Self::default() };
        for (customer, records) in self.records.iter() {
            if test(customer, records) {
                kept.records.add(customer, records);
            }
        }
        kept
    }

    /// The journeys without what was recorded after an instant, with the numbers of stages and actors unchanged.
    #[must_use]
    pub fn recorded_by(&self, instant: Micros) -> Self {
        let (stages, actors, ends) = (self.stages.clone(), self.actors.clone(), self.ends.clone());
        let mut kept = Self { stages, actors, ends, ..Self::default() };
        for (customer, records) in self.records.iter() {
            for record in records.iter().filter(|record| record.how.recorded <= instant) {
                kept.push(customer, *record);
            }
        }
        kept
    }

    /// The journeys with the records that `write` makes of each one's; names may be added for it. A journey of which no record
    /// is left is gone.
    #[must_use]
    pub fn rewritten(
        &self,
        mut write: impl FnMut(&mut Names, &mut Names, Uuid, &[MoveRecord]) -> Vec<MoveRecord>,
    ) -> Self {
        let (stages, actors, ends) = (self.stages.clone(), self.actors.clone(), self.ends.clone());
        let mut written = Self { stages, actors, ends, ..Self::default() };
        for (customer, records) in self.records.iter() {
            for record in write(&mut written.stages, &mut written.actors, customer, records) {
                written.push(customer, record);
            }
        }
        written
    }

    /// Adds records of a journey of another set, whose customer has none here, with where its observation ended.
    pub fn adopt(&mut self, other: &Self, journey: usize, records: &[MoveRecord]) {
        let customer = other.customer(journey);
        for record in records {
            let record = self.translate(other, record);
            self.push(customer, record);
        }
        if let Some(ends) = other.ends.get(&customer) {
            Arc::make_mut(&mut self.ends).insert(customer, ends.clone());
        }
    }

    /// A record of another set with the numbers that its names have here.
    pub(super) fn translate(&mut self, other: &Self, record: &MoveRecord) -> MoveRecord {
        let stage = self.stages.intern(other.stages.text(record.stage));
        let actor = self.actors.intern(other.actors.text(record.actor));
        MoveRecord { stage, actor, ..*record }
    }
}

/// The records up to and including an instant.
fn prefix(records: &[MoveRecord], until: Micros) -> &[MoveRecord] {
    &records[..records.partition_point(|record| record.at <= until)]
}

/// The stays that a journey's records make, in order.
#[must_use]
pub fn stays(records: &[MoveRecord]) -> Vec<Stay> {
    let mut stays: Vec<Stay> = Vec::with_capacity(records.len());
    for record in records.iter().filter(|record| !record.repeat) {
        if let Some(previous) = stays.last_mut() {
            previous.left = Some((record.at, record.stage));
        }
        let earlier = stays.iter().filter(|stay| stay.stage == record.stage).count();
        stays.push(Stay {
            stage: record.stage,
            cycle: record.cycle,
            ordinal: u32::try_from(earlier).unwrap_or(u32::MAX).saturating_add(1),
            version: record.version,
            entered: record.at,
            left: None,
        });
    }
    stays
}
