//! The records of one journey, and the story that they come to.

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::{Change, Move, MoveKind, Repeat, Stay};

/// What a correction says of the root of its chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CorrectionKind {
    /// It never happened.
    Void,
    /// It led elsewhere.
    Target { stage: String, sub_status: Option<String>, pipeline_version: Option<u32> },
    /// It happened at another instant.
    Time(DateTime<Utc>),
    /// Nothing: an insertion, which is a move itself, may yet void what followed it.
    Inserted,
}

#[derive(Debug, Clone)]
pub(super) struct Correction {
    pub(super) event: Uuid,
    pub(super) position: u64,
    pub(super) actor: String,
    pub(super) corrects: Option<Uuid>,
    pub(super) kind: CorrectionKind,
    pub(super) also_voids: Vec<Uuid>,
}

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
type Known = BTreeMap<(DateTime<Utc>, u64), Move>;

impl StageRelabel {
    /// Renames the last stay that these moves, which were recorded before, make: the move that began it, with the repeats
    /// that follow. What is recorded or corrected later has its label of the new definition already.
    fn apply(&self, known: &mut Known, corrected_at: &HashMap<Uuid, u64>) {
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
    /// In the order of positions.
    corrections: Vec<Correction>,
    /// In the order of positions.
    relabels: Vec<StageRelabel>,
    /// Where the move of an event stands among those recorded.
    moves: HashMap<Uuid, usize>,
    /// Where the correction of an event stands among them.
    corrected: HashMap<Uuid, usize>,
    /// What all of that comes to: told when it is first asked for, and told again after what may change any of it.
    cached: OnceLock<EffectiveTimeline>,
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
    /// Every voided record, with the correction in force that voids it.
    pub(super) voided: HashMap<Uuid, Uuid>,
    /// By the place of a move: the places of the corrections whose chains lead to it, in the order of positions.
    corrections_of: HashMap<usize, Vec<usize>>,
}

impl Journey {
    /// A journey in which nothing has happened yet.
    pub(super) fn of(key: &str) -> Self {
        Self { key: key.to_owned(), ..Self::default() }
    }

    pub(super) fn record(&mut self, made: Move, also_voids: Vec<Uuid>) -> Change {
        let journey = self.key.clone();
        if self.recorded.is_empty() {
            self.effective();
        }
        let end = self.cached.get().map(|effective| effective.last);
        let in_order =
            end.is_some_and(|last| last.is_none_or(|last| last < (made.effective_at, made.position)));
        let plain = also_voids.is_empty();
        if !plain {
            let (event, actor) = (made.event, made.actor.clone());
            self.push(Correction {
                event,
                position: made.position,
                actor,
                corrects: None,
                kind: CorrectionKind::Inserted,
                also_voids,
            });
        }
        self.moves.entry(made.event).or_insert(self.recorded.len());
        self.recorded.push(made.clone());
        let effective = self.cached.get_mut().filter(|_| in_order && plain);
        match effective.map(|effective| effective.append(made)) {
            Some(true) => Change::Appended { journey },
            Some(false) => Change::Repeated { journey },
            None => {
                self.cached.take();
                Change::Rewritten { journey }
            }
        }
    }

    pub(super) fn correct(&mut self, correction: Correction) -> Change {
        self.push(correction);
        self.cached.take();
        Change::Rewritten { journey: self.key.clone() }
    }

    fn push(&mut self, correction: Correction) {
        self.corrected.entry(correction.event).or_insert(self.corrections.len());
        self.corrections.push(correction);
    }

    pub(super) fn relabel(&mut self, relabel: StageRelabel) -> Change {
        self.relabels.push(relabel);
        self.cached.take();
        Change::Rewritten { journey: self.key.clone() }
    }

    pub(super) fn effective(&self) -> &EffectiveTimeline {
        self.cached.get_or_init(|| {
            let (voided, roots) = (self.voided(), self.roots());
            let mut effective = EffectiveTimeline::default();
            for made in self.effective_moves(&voided, &roots) {
                effective.append(made);
            }
            for (place, root) in roots.into_iter().enumerate() {
                if let Some(root) = root {
                    effective.corrections_of.entry(root).or_default().push(place);
                }
            }
            EffectiveTimeline { voided, ..effective }
        })
    }

    pub(super) fn effective_moves(&self, voided: &HashMap<Uuid, Uuid>, roots: &[Option<usize>]) -> Vec<Move> {
        count_moves(self.recorded.len());
        let mut moves = self.recorded.clone();
        let mut corrected_at = HashMap::new();
        if !self.corrections.is_empty() {
            let in_force = self.corrections.iter().zip(roots).filter(|(c, _)| !voided.contains_key(&c.event));
            for (correction, root) in in_force {
                let Some(made) = root.and_then(|place| moves.get_mut(place)) else { continue };
                match &correction.kind {
                    CorrectionKind::Target { stage, sub_status, pipeline_version } => {
                        made.pipeline_version = pipeline_version.unwrap_or(made.pipeline_version);
                        made.stage.clone_from(stage);
                        made.sub_status.clone_from(sub_status);
                        corrected_at.insert(made.event, correction.position);
                    }
                    CorrectionKind::Time(moved_at) => made.effective_at = *moved_at,
                    CorrectionKind::Void | CorrectionKind::Inserted => {}
                }
            }
            moves.retain(|made| !voided.contains_key(&made.event));
        }
        moves.sort_by_key(|made| (made.effective_at, made.position));
        if self.relabels.is_empty() { moves } else { self.relabelled(moves, &corrected_at) }
    }

    /// The moves with the labels of later definitions: each relabelling looks at what was recorded before it.
    fn relabelled(&self, mut moves: Vec<Move>, corrected_at: &HashMap<Uuid, u64>) -> Vec<Move> {
        moves.sort_by_key(|made| made.position);
        let (mut moves, mut known) = (moves.into_iter().peekable(), Known::new());
        for relabel in &self.relabels {
            while let Some(made) = moves.next_if(|made| made.position < relabel.position) {
                known.insert((made.effective_at, made.position), made);
            }
            relabel.apply(&mut known, corrected_at);
        }
        known.extend(moves.map(|made| ((made.effective_at, made.position), made)));
        known.into_values().collect()
    }

    /// Of each correction the place of the move at the root of its chain. A chain leads to earlier records only, so that each
    /// is found by that of the record it refers to.
    pub(super) fn roots(&self) -> Vec<Option<usize>> {
        let mut roots: Vec<Option<usize>> = Vec::with_capacity(self.corrections.len());
        for correction in &self.corrections {
            let root = correction.corrects.and_then(|corrects| match self.moves.get(&corrects) {
                Some(place) => Some(*place),
                None => roots.get(*self.corrected.get(&corrects)?).copied().flatten(),
            });
            roots.push(root);
        }
        roots
    }

    /// Every voided record, with the correction in force that voids it. A correction is in force unless a later
    /// one in force voids it, so they are gone through from the last to the first.
    fn voided(&self) -> HashMap<Uuid, Uuid> {
        let mut voided = HashMap::new();
        for correction in self.corrections.iter().rev() {
            if voided.contains_key(&correction.event) {
                continue;
            }
            let target = correction.corrects.filter(|corrects| self.takes_back(correction, *corrects));
            for record in target.iter().chain(&correction.also_voids) {
                voided.entry(*record).or_insert(correction.event);
            }
        }
        voided
    }

    /// Whether the correction undoes the record it refers to: a void does, and so does another stage or instant
    /// given for a record that was voided before, because it says that it happened after all.
    fn takes_back(&self, correction: &Correction, corrects: Uuid) -> bool {
        correction.kind == CorrectionKind::Void
            || self.correction(corrects).is_some_and(|c| c.kind == CorrectionKind::Void)
    }

    fn correction(&self, event: Uuid) -> Option<&Correction> {
        self.corrections.get(*self.corrected.get(&event)?)
    }

    pub(super) fn root(&self, event: Uuid) -> Option<Uuid> {
        let mut event = event;
        // A chain leads to earlier records only, so it is never longer than there are corrections.
        for _ in 0..=self.corrections.len() {
            if self.moves.contains_key(&event) {
                return Some(event);
            }
            event = self.correction(event)?.corrects?;
        }
        None
    }

    pub(super) fn recorded_by(&self, event: Uuid) -> Option<&str> {
        let made = self.moves.get(&event).and_then(|place| self.recorded.get(*place));
        let made = made.map(|made| made.actor.as_str());
        made.or_else(|| self.correction(event).map(|correction| correction.actor.as_str()))
    }

    pub(super) fn superseded_by(&self, event: Uuid) -> Option<Uuid> {
        let EffectiveTimeline { voided, corrections_of, .. } = self.effective();
        if let Some(by) = voided.get(&event) {
            return Some(*by);
        }
        let root = self.moves.get(&self.root(event)?)?;
        let own = self.corrected.get(&event).copied();
        let own = own.filter(|own| self.corrections[*own].corrects.is_some());
        let says_the_same = |correction: &&Correction| {
            own.is_none_or(|own| {
                std::mem::discriminant(&self.corrections[own].kind)
                    == std::mem::discriminant(&correction.kind)
            })
        };
        let applies = |correction: &&Correction| {
            !voided.contains_key(&correction.event)
                && matches!(correction.kind, CorrectionKind::Target { .. } | CorrectionKind::Time(_))
        };
        let all = corrections_of.get(root)?.iter().rev();
        let later = all.take_while(|place| own.is_none_or(|own| **place > own));
        let later = later.map(|place| &self.corrections[*place]);
        later.filter(applies).find(says_the_same).map(|correction| correction.event)
    }
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

/// Counts the moves that stories were told of on this thread, so that a test can hold how the work grows.
#[cfg(test)]
fn count_moves(moves: usize) {
    super::tests::MOVES_TOLD.with(|cached| cached.set(cached.get() + moves));
}

#[cfg(not(test))]
fn count_moves(_: usize) {}
