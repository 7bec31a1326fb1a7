//! The stays of a pipeline in columns, sorted once so that each question is a pass over them.
//!
//! By stage: the stays that ended by length (24 bytes each: length, entry, journey, where they went, which visit, version),
//! the last stays by entry (16 bytes), the ways from the beginning of a journey to its first stay by length (12 bytes a stage
//! of a journey), and the repeats (12 bytes). A stay thus takes 24 to 36 bytes, and a journey 24.
//!
//! Journeys that changed since the columns were made are *stale*: their stays are passed over there, and stand in small
//! columns of their own beside them ([`StayIndex`]).

use std::sync::Arc;

use uuid::Uuid;

use super::journeys::stays;
use super::{JourneySet, Micros};

/// Which visit of a customer to a stage a stay is: the first, the second, or a later one.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct VisitOrdinal(u16);

const VISIT_SHIFT: u32 = 14;
const STAGE_MASK: u16 = (1 << VISIT_SHIFT) - 1;

/// A stage number and a visit in 16 bits.
fn packed(stage: u32, ordinal: u32) -> Option<u16> {
    let stage = u16::try_from(stage).ok().filter(|stage| *stage <= STAGE_MASK)?;
    Some(stage | (ordinal.clamp(1, 3) as u16) << VISIT_SHIFT)
}

impl VisitOrdinal {
    pub(super) fn of(packed: u16) -> Self {
        Self(packed >> VISIT_SHIFT)
    }

    pub(super) fn is_first(self) -> bool {
        self.0 == 1
    }

    pub(super) fn is_second(self) -> bool {
        self.0 == 2
    }
}

/// The stage of a packed pair.
pub(super) fn stage_of(packed: u16) -> u16 {
    packed & STAGE_MASK
}

/// The stays of a stage that another one followed, by length.
#[derive(Debug, Default)]
pub(super) struct Ended {
    pub(super) lengths: Vec<Micros>,
    pub(super) entered: Vec<Micros>,
    pub(super) journeys: Vec<u32>,
    /// Where it went, and which visit it was.
    pub(super) to: Vec<u16>,
    pub(super) versions: Vec<u16>,
}

/// The last stays of journeys, by entry.
#[derive(Debug, Default)]
pub(super) struct Last {
    pub(super) entered: Vec<Micros>,
    pub(super) journeys: Vec<u32>,
    /// Which visit it is.
    pub(super) visits: Vec<u16>,
    pub(super) versions: Vec<u16>,
}

/// What stands by itself of each journey: a length or an instant, sorted.
#[derive(Debug, Default)]
pub(super) struct Points {
    pub(super) at: Vec<Micros>,
    pub(super) journeys: Vec<u32>,
}

/// The columns of one stage.
#[derive(Debug, Default)]
pub(super) struct StageColumns {
    pub(super) ended: Ended,
    pub(super) last: Last,
    pub(super) passages: Points,
    pub(super) repeats: Points,
}

/// The stays of many journeys in columns, by stage.
#[derive(Debug, Default)]
pub struct StayColumns {
    pub(super) stages: Vec<StageColumns>,
    /// The customer of each journey, in order.
    pub(super) customers: Vec<Uuid>,
    /// When the first stay of each began.
    pub(super) began: Vec<Micros>,
    /// The last instant at which anything happened.
    pub(super) latest: Micros,
}

/// The rows of one stage while they are gathered.
#[derive(Default)]
struct Rows {
    ended: Vec<(Micros, Micros, u32, u16, u16)>,
    last: Vec<(Micros, u32, u16, u16)>,
    passages: Vec<(Micros, u32)>,
    repeats: Vec<(Micros, u32)>,
}

impl StayColumns {
    /// Of journeys in the order of their customers; none where there are more stages or journeys than the columns can number.
    #[must_use]
    pub fn of(journeys: &JourneySet) -> Option<Self> {
        let mut rows: Vec<Rows> = (0..journeys.stages.len()).map(|_| Rows::default()).collect();
        let mut made = Self { latest: Micros::MIN, ..Self::default() };
        for (journey, records) in journeys.journeys(Micros::MAX) {
            let number = u32::try_from(journey).ok()?;
            made.customers.push(journeys.customer(journey));
            made.latest = records.last().map_or(made.latest, |record| made.latest.max(record.at));
            for repeat in records.iter().filter(|record| record.repeat) {
                rows[repeat.stage as usize].repeats.push((repeat.at, number));
            }
            let stays = stays(records);
            let began = stays.first().map_or(Micros::MAX, |stay| stay.entered);
            made.began.push(began);
            for stay in stays {
                let rows = &mut rows[stay.stage as usize];
                match stay.left {
                    Some((left, to)) => {
                        let to = packed(to, stay.ordinal)?;
                        rows.ended.push((left - stay.entered, stay.entered, number, to, stay.version));
                    }
                    None => rows.last.push((stay.entered, number, packed(0, stay.ordinal)?, stay.version)),
                }
                if stay.ordinal == 1 {
                    rows.passages.push((stay.entered - began, number));
                }
            }
        }
        made.stages = rows.into_iter().map(StageColumns::of).collect();
        made.customers.shrink_to_fit();
        made.began.shrink_to_fit();
        Some(made)
    }

    /// How many journeys they hold.
    #[must_use]
    pub fn journeys(&self) -> usize {
        self.customers.len()
    }

    /// How many stays they hold.
    #[must_use]
    pub fn stays(&self) -> usize {
        self.stages.iter().map(|stage| stage.ended.lengths.len() + stage.last.entered.len()).sum()
    }

    /// How many bytes they take.
    #[must_use]
    pub fn bytes(&self) -> usize {
        let of_stage = |stage: &StageColumns| {
            stage.ended.lengths.capacity() * 24
                + stage.last.entered.capacity() * 16
                + (stage.passages.at.capacity() + stage.repeats.at.capacity()) * 12
        };
        self.stages.iter().map(of_stage).sum::<usize>() + self.customers.capacity() * 24
    }

    /// The number of a customer's journey.
    fn find(&self, customer: Uuid) -> Option<usize> {
        self.customers.binary_search(&customer).ok()
    }
}

impl StageColumns {
    fn of(mut rows: Rows) -> Self {
        rows.ended.sort_unstable();
        rows.last.sort_unstable();
        let points = |mut rows: Vec<(Micros, u32)>| {
            rows.sort_unstable();
            let (at, journeys) = rows.into_iter().unzip();
            Points { at, journeys }
        };
        let ended = Ended {
            lengths: rows.ended.iter().map(|row| row.0).collect(),
            entered: rows.ended.iter().map(|row| row.1).collect(),
            journeys: rows.ended.iter().map(|row| row.2).collect(),
            to: rows.ended.iter().map(|row| row.3).collect(),
            versions: rows.ended.iter().map(|row| row.4).collect(),
        };
        let last = Last {
            entered: rows.last.iter().map(|row| row.0).collect(),
            journeys: rows.last.iter().map(|row| row.1).collect(),
            visits: rows.last.iter().map(|row| row.2).collect(),
            versions: rows.last.iter().map(|row| row.3).collect(),
        };
        Self { ended, last, passages: points(rows.passages), repeats: points(rows.repeats) }
    }
}

/// A mark a journey.
#[derive(Debug, Clone, Default)]
pub struct JourneyBitmap(Vec<u64>);

impl JourneyBitmap {
    /// No journey of this number of journeys is marked.
    #[must_use]
    pub fn none(journeys: usize) -> Self {
        Self(vec![0; journeys.div_ceil(64)])
    }

    /// The journeys that are not marked, and perhaps some beyond the last.
    pub(super) fn others(&self) -> Self {
        Self(self.0.iter().map(|word| !word).collect())
    }

    /// Marks a journey, and says whether it was marked.
    pub fn mark(&mut self, journey: usize) -> bool {
        let (word, bit) = (&mut self.0[journey / 64], 1 << (journey % 64));
        let was = *word & bit != 0;
        *word |= bit;
        was
    }

    /// Whether a journey is marked.
    #[must_use]
    pub fn holds(&self, journey: u32) -> bool {
        let journey = journey as usize;
        self.0[journey / 64] & (1 << (journey % 64)) != 0
    }
}

/// The stays of a pipeline in one state of knowledge: columns of an earlier state, and those of the journeys that changed since.
#[derive(Debug)]
pub struct StayIndex {
    base: Arc<StayColumns>,
    /// The journeys of the base that changed; none where none did.
    stale: Option<JourneyBitmap>,
    recent: StayColumns,
}

impl StayIndex {
    /// Of columns that are up to date.
    #[must_use]
    pub fn of(base: Arc<StayColumns>) -> Self {
        Self { base, stale: None, recent: StayColumns::default() }
    }

    /// Of columns of an earlier state, and the journeys of the customers that changed since, as they are now; none where these
    /// cannot be numbered.
    #[must_use]
    pub fn with_changes<'a>(
        base: Arc<StayColumns>,
        changed: impl IntoIterator<Item = &'a Uuid>,
        now: &JourneySet,
    ) -> Option<Self> {
        let mut stale = JourneyBitmap::none(base.customers.len());
        for journey in changed.into_iter().filter_map(|customer| base.find(*customer)) {
            stale.mark(journey);
        }
        Some(Self { recent: StayColumns::of(now)?, base, stale: Some(stale) })
    }

    /// How many stays it holds, those that are passed over included.
    #[must_use]
    pub fn stays(&self) -> usize {
        self.base.stays() + self.recent.stays()
    }

    /// Whether all of it is of one state of knowledge.
    pub(super) fn is_of_one_state(&self) -> bool {
        self.stale.is_none()
    }

    /// The columns that others can be put beside.
    pub(super) fn base(&self) -> Arc<StayColumns> {
        Arc::clone(&self.base)
    }

    /// How many bytes it takes.
    #[must_use]
    pub fn bytes(&self) -> usize {
        self.base.bytes() + self.recent.bytes() + self.stale.as_ref().map_or(0, |stale| stale.0.len() * 8)
    }

    /// The columns, each with the journeys that are passed over there.
    pub(super) fn parts(&self) -> [(&StayColumns, Option<&JourneyBitmap>); 2] {
        [(&self.base, self.stale.as_ref()), (&self.recent, None)]
    }
}
