//! The records of one journey, and the story that they come to.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::OnceLock;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::correction::{Correction, CorrectionKind};
use super::force::{Force, MovePlace};
use super::order::{EffectiveOrder, Moved, Standing};
use super::stay::{Change, LatestStay, Move, MoveKind, Repeat, Stay};

/// Another label for the stay that was the last one when it was recorded.
#[derive(Debug, Clone)]
pub(super) struct StageRelabel {
    pub(super) position: u64,
    pub(super) from: String,
    pub(super) to: String,
    pub(super) sub_status: Option<String>,
    pub(super) pipeline_version: u32,
}

/// The moves in effective order, as far as they were recorded before some position, by their place in that order.
type KnownMoves = BTreeMap<(DateTime<Utc>, u64), Move>;

impl StageRelabel {
    /// Renames the last stay that these moves, which were recorded before, make: the move that began it, with the repeats
    /// that follow. What is recorded or corrected later has its label of the new definition already.
    fn apply(&self, known: &mut KnownMoves, corrected_at: &HashMap<Uuid, u64>) {
        for made in known.values_mut().rev() {
            let corrected_later = corrected_at.get(&made.event).is_some_and(|at| *at > self.position);
            if corrected_later {
                made.pipeline_version = made.pipeline_version.max(self.pipeline_version);
            }
            if corrected_later || made.stage != self.from {
                break;
            }
            made.stage.clone_from(&self.to);
            made.sub_status.clone_from(&self.sub_status);
            made.pipeline_version = self.pipeline_version;
            if made.kind == MoveKind::Reactivated {
                break;
            }
        }
    }
}

#[derive(Debug, Clone, Default)]
pub(super) struct Journey {
    pub(super) key: String,
    /// Every move as recorded, in the order of positions, voided ones too.
    recorded: Vec<Move>,
    /// Where the move of an event stands among those recorded.
    moves: HashMap<Uuid, MovePlace>,
    /// What corrects them.
    force: Force,
    /// Those that are not voided, in effective order.
    order: EffectiveOrder,
    /// In the order of positions.
    relabels: Vec<StageRelabel>,
    /// What all of that comes to: told when it is first asked for, and told again after what may change any of it.
    cached: OnceLock<EffectiveTimeline>,
}

/// The records of a journey whose standing, or whose place among the others, may differ since somebody looked.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Touched {
    /// These.
    Some(BTreeSet<Uuid>),
    /// Any.
    All,
}

impl Default for Touched {
    fn default() -> Self {
        Self::Some(BTreeSet::new())
    }
}

impl Touched {
    /// Adds what was touched besides.
    pub fn add(&mut self, more: Self) {
        match more {
            Self::Some(records) => self.extend(records),
            Self::All => *self = Self::All,
        }
    }

    /// Adds some.
    fn extend(&mut self, records: impl IntoIterator<Item = Uuid>) {
        if let Self::Some(touched) = self {
            touched.extend(records);
        }
    }
}

/// What the records of a journey come to.
#[derive(Debug, Clone, Default)]
pub(super) struct EffectiveTimeline {
    pub(super) stays: Vec<Stay>,
    pub(super) repeats: Vec<Repeat>,
    /// How often each stage was entered.
    visits: HashMap<String, u32>,
    /// Where the last effective move stands in the order.
    pub(super) last: Option<(DateTime<Utc>, u64)>,
    /// The highest position among the effective moves that are not insertions.
    pub(super) last_moved: u64,
}

impl Journey {
    /// A journey in which nothing has happened yet.
    pub(super) fn of(key: &str) -> Self {
        Self { key: key.to_owned(), ..Self::default() }
    }

    pub(super) fn record(&mut self, made: Move, also_voids: Vec<Uuid>, touched: &mut Touched) -> Change {
        let journey = self.key.clone();
        if self.recorded.is_empty() {
            self.effective();
        }
        let end = self.cached.get().map(|effective| effective.last);
        let in_order =
            end.is_some_and(|last| last.is_none_or(|last| last < (made.effective_at, made.position)));
        let plain = also_voids.is_empty();
        let place = self.recorded.len();
        self.moves.entry(made.event).or_insert(place);
        self.recorded.push(made.clone());
        self.put(place, touched);
        if !plain {
            let (event, position, actor) = (made.event, made.position, made.actor.clone());
            let kind = CorrectionKind::Inserted;
            self.take(Correction { event, position, actor, corrects: None, kind, also_voids }, touched);
        }
        let effective = self.cached.get_mut().filter(|_| in_order && plain);
        match effective.map(|effective| effective.append(made)) {
            Some(true) => Change::Appended { journey },
            Some(false) => Change::Repeated { journey },
            None => self.rewritten(touched),
        }
    }

    pub(super) fn correct(&mut self, correction: Correction, touched: &mut Touched) -> Change {
        self.take(correction, touched);
        self.rewritten(touched)
    }

    pub(super) fn relabel(&mut self, relabel: StageRelabel, touched: &mut Touched) -> Change {
        self.relabels.push(relabel);
        self.rewritten(touched)
    }

    /// Lets the story be told again. A label is given to what is the last stay as known by then, which whatever is recorded
    /// or corrected later may change: with labels, any record may differ.
    fn rewritten(&mut self, touched: &mut Touched) -> Change {
        self.cached.take();
        if !self.relabels.is_empty() {
            *touched = Touched::All;
        }
        Change::Rewritten { journey: self.key.clone() }
    }

    /// Puts a correction in force, and the moves that it bears on in their places.
    fn take(&mut self, correction: Correction, touched: &mut Touched) {
        let root = self.root_place(correction.corrects.unwrap_or(correction.event));
        let moves = &self.moves;
        let records = self.force.take(correction, |event| moves.get(&event).copied());
        let of = |record: &Uuid| self.root_place(*record);
        let places: BTreeSet<MovePlace> = records.iter().filter_map(of).chain(root).collect();
        touched.extend(records);
        count_moves(places.len());
        for place in places {
            self.put(place, touched);
        }
    }

    /// Puts a move in its place among the others.
    fn put(&mut self, place: MovePlace, touched: &mut Touched) {
        let Self { recorded, force, order, .. } = self;
        let Move { event, kind, .. } = &recorded[place];
        let standing = |place: MovePlace| standing(recorded, force, place);
        let now = (!force.is_voided(*event)).then(|| standing(place).key);
        match order.put(place, *kind, now, standing) {
            Moved::All => *touched = Touched::All,
            Moved::Some(places) => touched.extend(places.into_iter().map(|place| recorded[place].event)),
        }
    }

    pub(super) fn effective(&self) -> &EffectiveTimeline {
        self.cached.get_or_init(|| {
            let mut effective = EffectiveTimeline::default();
            for made in self.effective_moves() {
                effective.append(made);
            }
            effective
        })
    }

    /// The moves that are not voided, after their corrections, in effective order.
    pub(super) fn effective_moves(&self) -> Vec<Move> {
        count_moves(self.recorded.len());
        let moves: Vec<Move> = self.order.places().map(|place| self.corrected(place)).collect();
        if self.relabels.is_empty() { moves } else { self.relabelled(moves) }
    }

    /// A move after its corrections, whether or not it is voided, without the labels of later definitions.
    fn corrected(&self, place: MovePlace) -> Move {
        let mut made = self.recorded[place].clone();
        if let Some(target) = self.force.target(place) {
            made.pipeline_version = target.pipeline_version.unwrap_or(made.pipeline_version);
            target.stage.clone_into(&mut made.stage);
            made.sub_status.clone_from(target.sub_status);
        }
        made.effective_at = self.force.time(place).unwrap_or(made.effective_at);
        made
    }

    /// The moves with the labels of later definitions: each relabel looks at what was recorded before it.
    fn relabelled(&self, mut moves: Vec<Move>) -> Vec<Move> {
        let corrected_at = |made: &Move| {
            let said_at = self.force.target(*self.moves.get(&made.event)?)?.said_at;
            Some((made.event, said_at))
        };
        let corrected_at: HashMap<Uuid, u64> = moves.iter().filter_map(corrected_at).collect();
        moves.sort_by_key(|made| made.position);
        let (mut moves, mut known) = (moves.into_iter().peekable(), KnownMoves::new());
        for relabel in &self.relabels {
            while let Some(made) = moves.next_if(|made| made.position < relabel.position) {
                known.insert((made.effective_at, made.position), made);
            }
            relabel.apply(&mut known, &corrected_at);
        }
        known.extend(moves.map(|made| ((made.effective_at, made.position), made)));
        known.into_values().collect()
    }

    /// The move of an event as it stands, with the one before it; none where it is voided or is no move. Not to be asked of
    /// a journey with labels of later definitions.
    pub(super) fn standing(&self, event: Uuid) -> Option<(Move, Option<Uuid>)> {
        let place = *self.moves.get(&event)?;
        self.order.key(place)?;
        count_moves(1);
        let former = self.order.former(place).map(|former| self.recorded[former].event);
        Some((self.corrected(place), former))
    }

    /// Where the journey ends; nowhere when all of its moves are voided.
    pub(super) fn latest(&self) -> Option<LatestStay> {
        if self.relabels.is_empty() {
            let (last, entry) = (self.order.last()?, self.order.last_entry()?);
            count_moves(2);
            return Some(LatestStay {
                last: self.corrected(last),
                entry: self.corrected(entry),
                cycle: self.order.cycles(),
                last_moved: self.order.last_recorded().unwrap_or(0),
            });
        }
        let moves = self.effective_moves();
        let EffectiveTimeline { stays, last_moved, .. } = self.effective();
        let (last, stay) = (moves.last()?, stays.last()?);
        let entry = moves.iter().find(|made| made.event == stay.entered_event)?;
        Some(LatestStay {
            last: last.clone(),
            entry: entry.clone(),
            cycle: stay.cycle,
            last_moved: *last_moved,
        })
    }

    /// Whether stays have labels of later definitions.
    pub(super) fn is_relabelled(&self) -> bool {
        !self.relabels.is_empty()
    }

    fn root_place(&self, event: Uuid) -> Option<MovePlace> {
        self.moves.get(&event).copied().or_else(|| self.force.root(event))
    }

    pub(super) fn root(&self, event: Uuid) -> Option<Uuid> {
        self.root_place(event).map(|place| self.recorded[place].event)
    }

    pub(super) fn recorded_by(&self, event: Uuid) -> Option<&str> {
        let made = self.moves.get(&event).and_then(|place| self.recorded.get(*place));
        let made = made.map(|made| made.actor.as_str());
        made.or_else(|| self.force.recorded_by(event))
    }

    pub(super) fn voided_by(&self, event: Uuid) -> Option<Uuid> {
        self.force.voided_by(event)
    }

    pub(super) fn superseded_by(&self, event: Uuid) -> Option<Uuid> {
        if let Some(by) = self.force.voided_by(event) {
            return Some(by);
        }
        match self.moves.get(&event) {
            Some(place) => self.force.last_said(*place),
            None => self.force.said_again(event),
        }
    }
}

/// How a move stands, as far as the order of moves looks at it.
fn standing<'a>(recorded: &'a [Move], force: &'a Force, place: MovePlace) -> Standing<'a> {
    let made = &recorded[place];
    let stage = force.target(place).map_or(made.stage.as_str(), |target| target.stage);
    let key = (force.time(place).unwrap_or(made.effective_at), made.position);
    Standing { key, kind: made.kind, stage }
}

impl EffectiveTimeline {
    /// Adds the next move in effective order. False when it is a repeat.
    fn append(&mut self, made: Move) -> bool {
        self.last = Some((made.effective_at, made.position));
        if made.kind != MoveKind::Inserted {
            self.last_moved = self.last_moved.max(made.position);
        }
        let reactivated = u32::from(made.kind == MoveKind::Reactivated);
        let cycle = self.stays.last().map_or(1, |last| last.cycle + reactivated);
        if let Some(last) = self.stays.last_mut() {
            if last.stage == made.stage && last.cycle == cycle {
                let Move { event, position, effective_at, stage, actor, .. } = made;
                self.repeats.push(Repeat { position, effective_at, actor, event, stage });
                return false;
            }
            last.left_at = Some(made.effective_at);
            last.left_to = Some(made.stage.clone());
        }
        let visit = match self.visits.get_mut(&made.stage) {
            Some(visits) => {
                *visits += 1;
                *visits
            }
            None => *self.visits.entry(made.stage.clone()).or_insert(1),
        };
        self.stays.push(Stay {
            cycle,
            stage: made.stage,
            sub_status: made.sub_status,
            visit,
            entered_at: made.effective_at,
            left_at: None,
            left_to: None,
            entered_event: made.event,
            entered_position: made.position,
            entered_by: made.actor,
            pipeline_version: made.pipeline_version,
        });
        true
    }
}

/// Counts the moves that were looked at on this thread, so that a test can hold how the work grows.
#[cfg(test)]
fn count_moves(moves: usize) {
    MOVES_COUNTED.with(|counted| counted.set(counted.get() + moves));
}

#[cfg(test)]
thread_local! {
    /// How many moves were looked at.
    pub(super) static MOVES_COUNTED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

#[cfg(not(test))]
fn count_moves(_: usize) {}
