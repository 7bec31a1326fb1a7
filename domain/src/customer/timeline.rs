//! The effective timeline of a journey: moves and their corrections folded into stays.
//!
//! A move is what began a stay: a registration, a move, an insertion or a reactivation. A correction refers to a
//! move or to an earlier correction, so corrections form chains that lead to one move, the *root*. Any record may
//! be voided by a later correction of it; what is not voided applies to the root, and the last position wins. The
//! moves that are left stand in the order of (effective instant, position). A move to the stage already held
//! starts no stay: it is a repeat. A migration to another definition gives the last stay another label, and is
//! neither a move nor a correction.

#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap};
use std::sync::OnceLock;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::event::{CustomerEvent, Recorded};

/// One visit to one stage: the half-open interval from `entered_at` to `left_at`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Stay {
    /// The cycle of the journey.
    pub cycle: u32,
    /// The stage.
    pub stage: String,
    /// The sub-status: the one at entry, or the last one set since.
    pub sub_status: Option<String>,
    /// Which visit to this stage in this journey, from 1.
    pub visit: u32,
    /// When it began.
    pub entered_at: DateTime<Utc>,
    /// When the next stay began; none while it is the last.
    pub left_at: Option<DateTime<Utc>>,
    /// The stage of the next stay.
    pub left_to: Option<String>,
    /// The event (move, registration, insertion or reactivation) that began it, whatever corrected that since.
    pub entered_event: Uuid,
    /// The position of that event.
    pub entered_position: u64,
    /// Who did it.
    pub entered_by: String,
    /// The definition that its label is of.
    pub pipeline_version: u32,
}

/// A record of the stage already held: it began no stay.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Repeat {
    /// The position of the event.
    pub position: u64,
    /// When it happened.
    pub effective_at: DateTime<Utc>,
    /// Who did it.
    pub actor: String,
    /// The event.
    pub event: Uuid,
    /// The stage that was held already.
    pub stage: String,
}

/// How a move came about.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MoveKind {
    /// The customer was registered.
    Registered,
    /// The customer moved.
    Moved,
    /// The move was forgotten, and entered late.
    Inserted,
    /// The customer came back, into the next cycle.
    Reactivated,
}

/// A move, as recorded or as it stands after its corrections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Move {
    /// The event.
    pub event: Uuid,
    /// Its position.
    pub position: u64,
    /// How it came about.
    pub kind: MoveKind,
    /// When it happened.
    pub effective_at: DateTime<Utc>,
    /// The stage entered.
    pub stage: String,
    /// The sub-status within it.
    pub sub_status: Option<String>,
    /// Who recorded it.
    pub actor: String,
    /// The definition that the stage is of.
    pub pipeline_version: u32,
}

/// What an event did to the timelines of a customer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Change {
    /// Nothing.
    None,
    /// A move in order: the journey's last stay, if there was one, ended, and one more began.
    Appended {
        /// The journey.
        journey: String,
    },
    /// A record in order of the stage already held: one more repeat.
    Repeated {
        /// The journey.
        journey: String,
    },
    /// A correction, or a move out of order or after one of these that nobody has asked about since: any stay and any
    /// repeat of the journey may differ.
    Rewritten {
        /// The journey.
        journey: String,
    },
}

/// The timelines of a customer's journeys. Applying an event costs the same however long the history is; the first question
/// after a correction or a move out of order costs in proportion to the journey, since anything in it may differ.
#[derive(Debug, Clone, Default)]
pub struct Journeys {
    /// In the order in which they began.
    journeys: Vec<Journey>,
}

impl Journeys {
    /// Folds one event in. Events come in the order of their positions.
    pub fn apply(&mut self, recorded: &Recorded<CustomerEvent>) -> Change {
        if let CustomerEvent::StageMigrated(event) = &recorded.event {
            return self.journey_mut(&event.journey).relabel(Relabelling {
                position: recorded.position,
                from: event.from.clone(),
                to: event.to.clone(),
                sub_status: event.sub_status.clone(),
                pipeline_version: event.pipeline_version,
            });
        }
        if let CustomerEvent::SubStatusSet(event) = &recorded.event {
            return self.journey_mut(&event.journey).relabel(Relabelling {
                position: recorded.position,
                from: event.stage.clone(),
                to: event.stage.clone(),
                sub_status: Some(event.sub_status.clone()),
                pipeline_version: event.pipeline_version,
            });
        }
        if let Some((journey, pipeline_version, kind, to, sub_status)) = as_move(&recorded.event) {
            let made = Move {
                event: recorded.id,
                position: recorded.position,
                kind,
                effective_at: recorded.effective_at,
                stage: to.to_owned(),
                sub_status: sub_status.clone(),
                actor: recorded.actor.clone(),
                pipeline_version,
            };
            let voids = match &recorded.event {
                CustomerEvent::MoveInserted(inserted) => inserted.also_voids.clone(),
                _ => Vec::new(),
            };
            return self.journey_mut(journey).record(made, voids);
        }
        let Some((journey, correction)) = as_correction(recorded) else { return Change::None };
        self.journey_mut(journey).correct(correction)
    }

    /// The journeys, by their pipelines' keys, in the order in which they began.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.journeys.iter().map(|journey| journey.key.as_str())
    }

    /// The stays of a journey, in order.
    pub fn stays(&self, journey: &str) -> &[Stay] {
        self.journey(journey).map_or(&[], |journey| &journey.story().stays)
    }

    /// The repeats of a journey, in order.
    pub fn repeats(&self, journey: &str) -> &[Repeat] {
        self.journey(journey).map_or(&[], |journey| &journey.story().repeats)
    }

    /// The last stay of a journey.
    pub fn current(&self, journey: &str) -> Option<&Stay> {
        self.stays(journey).last()
    }

    /// The stay of a journey at an instant, inclusive: the one that the last move up to it began.
    pub fn stay_at(&self, journey: &str, instant: DateTime<Utc>) -> Option<&Stay> {
        let stays = self.stays(journey);
        let later = stays.partition_point(|stay| stay.entered_at <= instant);
        stays.get(later.checked_sub(1)?)
    }

    /// When the last move of a journey happened, repeats included.
    pub fn last_moved_at(&self, journey: &str) -> Option<DateTime<Utc>> {
        self.journey(journey)?.story().last.map(|(effective_at, _)| effective_at)
    }

    /// The moves of a journey that are not voided, after their corrections, in effective order.
    pub fn moves(&self, journey: &str) -> Vec<Move> {
        let of = |journey: &Journey| journey.effective_moves(&journey.story().voided, &journey.roots());
        self.journey(journey).map(of).unwrap_or_default()
    }

    /// The journey that the customer is in: of those with a stay, the one moved in last.
    pub fn primary(&self) -> Option<&str> {
        let lived = self.journeys.iter().filter(|journey| !journey.story().stays.is_empty());
        lived.max_by_key(|journey| journey.story().last_moved).map(|journey| journey.key.as_str())
    }

    /// The earliest entry into any journey.
    pub fn began_at(&self) -> Option<DateTime<Utc>> {
        self.journeys.iter().filter_map(|journey| Some(journey.story().stays.first()?.entered_at)).min()
    }

    /// The journey that a move or a correction belongs to.
    pub fn journey_of(&self, event: Uuid) -> Option<&str> {
        let found = self.journeys.iter().find(|journey| journey.root(event).is_some())?;
        Some(&found.key)
    }

    /// The move at the root of a move's or a correction's chain.
    pub fn resolve(&self, event: Uuid) -> Option<Uuid> {
        self.journeys.iter().find_map(|journey| journey.root(event))
    }

    /// Who recorded a move or a correction.
    pub fn recorded_by(&self, event: Uuid) -> Option<&str> {
        self.journeys.iter().find_map(|journey| journey.recorded_by(event))
    }

    /// The correction in force that voids a move or a correction.
    pub fn voided_by(&self, event: Uuid) -> Option<Uuid> {
        self.journeys.iter().find_map(|journey| journey.story().voided.get(&event).copied())
    }

    /// The correction in force because of which a record no longer says what holds: of a move, the last one that
    /// applies to it; of a correction, the one that voids it or says the same thing anew.
    pub fn superseded_by(&self, event: Uuid) -> Option<Uuid> {
        self.journeys.iter().find_map(|journey| journey.superseded_by(event))
    }

    fn journey(&self, key: &str) -> Option<&Journey> {
        self.journeys.iter().find(|journey| journey.key == key)
    }

    fn journey_mut(&mut self, key: &str) -> &mut Journey {
        let place = self.journeys.iter().position(|journey| journey.key == key).unwrap_or_else(|| {
            self.journeys.push(Journey { key: key.to_owned(), ..Journey::default() });
            self.journeys.len() - 1
        });
        &mut self.journeys[place]
    }
}

/// The journey, definition, kind, target and sub-status of an event that is a move.
fn as_move(event: &CustomerEvent) -> Option<(&str, u32, MoveKind, &str, &Option<String>)> {
    Some(match event {
        CustomerEvent::Registered(e) => {
            (&e.pipeline, e.pipeline_version, MoveKind::Registered, &e.stage, &e.sub_status)
        }
        CustomerEvent::Moved(e) => (&e.journey, e.pipeline_version, MoveKind::Moved, &e.to, &e.sub_status),
        CustomerEvent::MoveInserted(e) => {
            (&e.journey, e.pipeline_version, MoveKind::Inserted, &e.to, &e.sub_status)
        }
        CustomerEvent::Reactivated(e) => {
            (&e.journey, e.pipeline_version, MoveKind::Reactivated, &e.to, &None)
        }
        _ => return None,
    })
}

/// The journey and content of an event that is a correction.
fn as_correction(recorded: &Recorded<CustomerEvent>) -> Option<(&str, Correction)> {
    let (journey, corrects, says, also_voids) = match &recorded.event {
        CustomerEvent::MoveVoided(e) => (&e.journey, e.corrects, Says::Void, &e.also_voids),
        CustomerEvent::MoveTargetCorrected(e) => {
            let (stage, sub_status) = (e.to.clone(), e.sub_status.clone());
            let says = Says::Target { stage, sub_status, pipeline_version: e.pipeline_version };
            (&e.journey, e.corrects, says, &e.also_voids)
        }
        CustomerEvent::MoveTimeCorrected(e) => {
            (&e.journey, e.corrects, Says::Time(e.moved_at), &e.also_voids)
        }
        _ => return None,
    };
    let (event, actor, also_voids) = (recorded.id, recorded.actor.clone(), also_voids.clone());
    let position = recorded.position;
    Some((journey, Correction { event, position, actor, corrects: Some(corrects), says, also_voids }))
}

/// What a correction says of the root of its chain.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Says {
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
struct Correction {
    event: Uuid,
    position: u64,
    actor: String,
    corrects: Option<Uuid>,
    says: Says,
    also_voids: Vec<Uuid>,
}

/// Another label for the stay that was the last one when it was recorded.
#[derive(Debug, Clone)]
struct Relabelling {
    position: u64,
    from: String,
    to: String,
    sub_status: Option<String>,
    pipeline_version: u32,
}

/// The moves in effective order, as far as they were recorded before some position, by their place in that order.
type Known = BTreeMap<(DateTime<Utc>, u64), Move>;

impl Relabelling {
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
struct Journey {
    key: String,
    /// Every move as recorded, in the order of positions, voided ones too.
    recorded: Vec<Move>,
    /// In the order of positions.
    corrections: Vec<Correction>,
    /// In the order of positions.
    relabellings: Vec<Relabelling>,
    /// Where the move of an event stands among those recorded.
    moves: HashMap<Uuid, usize>,
    /// Where the correction of an event stands among them.
    corrected: HashMap<Uuid, usize>,
    /// What all of that comes to: told when it is first asked for, and told again after what may change any of it.
    told: OnceLock<Story>,
}

/// What the records of a journey come to.
#[derive(Debug, Clone, Default)]
struct Story {
    stays: Vec<Stay>,
    repeats: Vec<Repeat>,
    /// How often each stage was entered.
    visits: HashMap<String, u32>,
    /// Where the last effective move stands in the order.
    last: Option<(DateTime<Utc>, u64)>,
    /// The highest position among the effective moves that are not insertions.
    last_moved: u64,
    /// Every voided record, with the correction in force that voids it.
    voided: HashMap<Uuid, Uuid>,
    /// By the place of a move: the places of the corrections whose chains lead to it, in the order of positions.
    corrections_of: HashMap<usize, Vec<usize>>,
}

impl Journey {
    fn record(&mut self, made: Move, also_voids: Vec<Uuid>) -> Change {
        let journey = self.key.clone();
        if self.recorded.is_empty() {
            self.story();
        }
        let end = self.told.get().map(|story| story.last);
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
                says: Says::Inserted,
                also_voids,
            });
        }
        self.moves.entry(made.event).or_insert(self.recorded.len());
        self.recorded.push(made.clone());
        let story = self.told.get_mut().filter(|_| in_order && plain);
        match story.map(|story| story.take(made)) {
            Some(true) => Change::Appended { journey },
            Some(false) => Change::Repeated { journey },
            None => {
                self.told.take();
                Change::Rewritten { journey }
            }
        }
    }

    fn correct(&mut self, correction: Correction) -> Change {
        self.push(correction);
        self.told.take();
        Change::Rewritten { journey: self.key.clone() }
    }

    fn push(&mut self, correction: Correction) {
        self.corrected.entry(correction.event).or_insert(self.corrections.len());
        self.corrections.push(correction);
    }

    fn relabel(&mut self, relabelling: Relabelling) -> Change {
        self.relabellings.push(relabelling);
        self.told.take();
        Change::Rewritten { journey: self.key.clone() }
    }

    fn story(&self) -> &Story {
        self.told.get_or_init(|| {
            let (voided, roots) = (self.voided(), self.roots());
            let mut story = Story::default();
            for made in self.effective_moves(&voided, &roots) {
                story.take(made);
            }
            for (place, root) in roots.into_iter().enumerate() {
                if let Some(root) = root {
                    story.corrections_of.entry(root).or_default().push(place);
                }
            }
            Story { voided, ..story }
        })
    }

    fn effective_moves(&self, voided: &HashMap<Uuid, Uuid>, roots: &[Option<usize>]) -> Vec<Move> {
        count_moves(self.recorded.len());
        let mut moves = self.recorded.clone();
        let mut corrected_at = HashMap::new();
        if !self.corrections.is_empty() {
            let in_force = self.corrections.iter().zip(roots).filter(|(c, _)| !voided.contains_key(&c.event));
            for (correction, root) in in_force {
                let Some(made) = root.and_then(|place| moves.get_mut(place)) else { continue };
                match &correction.says {
                    Says::Target { stage, sub_status, pipeline_version } => {
                        made.pipeline_version = pipeline_version.unwrap_or(made.pipeline_version);
                        made.stage.clone_from(stage);
                        made.sub_status.clone_from(sub_status);
                        corrected_at.insert(made.event, correction.position);
                    }
                    Says::Time(moved_at) => made.effective_at = *moved_at,
                    Says::Void | Says::Inserted => {}
                }
            }
            moves.retain(|made| !voided.contains_key(&made.event));
        }
        moves.sort_by_key(|made| (made.effective_at, made.position));
        if self.relabellings.is_empty() { moves } else { self.relabelled(moves, &corrected_at) }
    }

    /// The moves with the labels of later definitions: each relabelling looks at what was recorded before it.
    fn relabelled(&self, mut moves: Vec<Move>, corrected_at: &HashMap<Uuid, u64>) -> Vec<Move> {
        moves.sort_by_key(|made| made.position);
        let (mut moves, mut known) = (moves.into_iter().peekable(), Known::new());
        for relabelling in &self.relabellings {
            while let Some(made) = moves.next_if(|made| made.position < relabelling.position) {
                known.insert((made.effective_at, made.position), made);
            }
            relabelling.apply(&mut known, corrected_at);
        }
        known.extend(moves.map(|made| ((made.effective_at, made.position), made)));
        known.into_values().collect()
    }

    /// Of each correction the place of the move at the root of its chain. A chain leads to earlier records only, so that each
    /// is found by that of the record it refers to.
    fn roots(&self) -> Vec<Option<usize>> {
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
        correction.says == Says::Void || self.correction(corrects).is_some_and(|c| c.says == Says::Void)
    }

    fn correction(&self, event: Uuid) -> Option<&Correction> {
        self.corrections.get(*self.corrected.get(&event)?)
    }

    fn root(&self, event: Uuid) -> Option<Uuid> {
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

    fn recorded_by(&self, event: Uuid) -> Option<&str> {
        let made = self.moves.get(&event).and_then(|place| self.recorded.get(*place));
        let made = made.map(|made| made.actor.as_str());
        made.or_else(|| self.correction(event).map(|correction| correction.actor.as_str()))
    }

    fn superseded_by(&self, event: Uuid) -> Option<Uuid> {
        let Story { voided, corrections_of, .. } = self.story();
        if let Some(by) = voided.get(&event) {
            return Some(*by);
        }
        let root = self.moves.get(&self.root(event)?)?;
        let own = self.corrected.get(&event).copied();
        let own = own.filter(|own| self.corrections[*own].corrects.is_some());
        let says_the_same = |correction: &&Correction| {
            own.is_none_or(|own| {
                std::mem::discriminant(&self.corrections[own].says)
                    == std::mem::discriminant(&correction.says)
            })
        };
        let applies = |correction: &&Correction| {
            !voided.contains_key(&correction.event)
                && matches!(correction.says, Says::Target { .. } | Says::Time(_))
        };
        let all = corrections_of.get(root)?.iter().rev();
        let later = all.take_while(|place| own.is_none_or(|own| **place > own));
        let later = later.map(|place| &self.corrections[*place]);
        later.filter(applies).find(says_the_same).map(|correction| correction.event)
    }
}

impl Story {
    /// Adds the next move in effective order. False when it is a repeat.
    fn take(&mut self, made: Move) -> bool {
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
    tests::MOVES_TOLD.with(|told| told.set(told.get() + moves));
}

#[cfg(not(test))]
fn count_moves(_: usize) {}
