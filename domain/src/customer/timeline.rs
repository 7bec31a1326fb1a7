//! The effective timeline of a journey: moves and their corrections folded into stays.
//!
//! A move is what began a stay: a registration, a move, an insertion or a reactivation. A correction refers to a
//! move or to an earlier correction, so corrections form chains that lead to one move, the *root*. Any record may
//! be voided by a later correction of it; what is not voided applies to the root, and the last position wins. The
//! moves that are left stand in the order of (effective instant, position). A move to the stage already held
//! starts no stay: it is a repeat. A migration to another definition gives the last stay another label, and is
//! neither a move nor a correction.

mod correction;
mod force;
mod journey;
#[cfg(test)]
mod oracle;
mod order;
mod stay;
#[cfg(test)]
mod tests;

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::event::{CustomerEvent, Recorded};
use correction::{Correction, CorrectionKind};
pub use journey::Touched;
use journey::{Journey, StageRelabel};
pub use stay::{Change, LatestStay, Move, MoveKind, Repeat, Stay};

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
        self.apply_noting(recorded, &mut Touched::default())
    }

    /// Folds one event in as [`Self::apply`], and adds to `touched` the records of its journey, moves and corrections alike,
    /// that may stand otherwise from now on: what they say, what voids or replaces them, or which move they follow. Their
    /// number does not grow with the journey, but where corrections void one another in a chain.
    pub fn apply_noting(&mut self, recorded: &Recorded<CustomerEvent>, touched: &mut Touched) -> Change {
        if let CustomerEvent::StageMigrated(event) = &recorded.event {
            let label = StageRelabel {
                position: recorded.position,
                from: event.from.clone(),
                to: event.to.clone(),
                sub_status: event.sub_status.clone(),
                pipeline_version: event.pipeline_version,
            };
            return self.journey_mut(&event.journey).relabel(label, touched);
        }
        if let CustomerEvent::SubStatusSet(event) = &recorded.event {
            let label = StageRelabel {
                position: recorded.position,
                from: event.stage.clone(),
                to: event.stage.clone(),
                sub_status: Some(event.sub_status.clone()),
                pipeline_version: event.pipeline_version,
            };
            return self.journey_mut(&event.journey).relabel(label, touched);
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
            return self.journey_mut(journey).record(made, voids, touched);
        }
        let Some((journey, correction)) = as_correction(recorded) else { return Change::None };
        self.journey_mut(journey).correct(correction, touched)
    }

    /// The journeys, by their pipelines' keys, in the order in which they began.
    pub fn keys(&self) -> impl Iterator<Item = &str> {
        self.journeys.iter().map(|journey| journey.key.as_str())
    }

    /// The stays of a journey, in order.
    pub fn stays(&self, journey: &str) -> &[Stay] {
        self.journey(journey).map_or(&[], |journey| &journey.effective().stays)
    }

    /// The repeats of a journey, in order.
    pub fn repeats(&self, journey: &str) -> &[Repeat] {
        self.journey(journey).map_or(&[], |journey| &journey.effective().repeats)
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
        self.journey(journey)?.effective().last.map(|(effective_at, _)| effective_at)
    }

    /// The moves of a journey that are not voided, after their corrections, in effective order.
    pub fn moves(&self, journey: &str) -> Vec<Move> {
        self.journey(journey).map(Journey::effective_moves).unwrap_or_default()
    }

    /// Whether stays of a journey have labels of later definitions: then one move alone does not tell how it stands.
    pub fn is_relabelled(&self, journey: &str) -> bool {
        self.journey(journey).is_some_and(Journey::is_relabelled)
    }

    /// The move of an event as it stands after its corrections, with the event of the move before it in effective order; none
    /// where it is voided, is no move, or where the journey [is relabelled](Self::is_relabelled).
    pub fn standing(&self, journey: &str, event: Uuid) -> Option<(Move, Option<Uuid>)> {
        self.journey(journey).filter(|journey| !journey.is_relabelled())?.standing(event)
    }

    /// Where a journey ends; nowhere when all of its moves are voided.
    pub fn latest(&self, journey: &str) -> Option<LatestStay> {
        self.journey(journey)?.latest()
    }

    /// The journey that the customer is in: of those with a stay, the one moved in last.
    pub fn primary(&self) -> Option<&str> {
        let lived = self.journeys.iter().filter(|journey| !journey.effective().stays.is_empty());
        lived.max_by_key(|journey| journey.effective().last_moved).map(|journey| journey.key.as_str())
    }

    /// The earliest entry into any journey.
    pub fn began_at(&self) -> Option<DateTime<Utc>> {
        self.journeys.iter().filter_map(|journey| Some(journey.effective().stays.first()?.entered_at)).min()
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
        self.journeys.iter().find_map(|journey| journey.voided_by(event))
    }

    /// The correction in force because of which a record no longer says what holds: the one that voids it; of a move, the
    /// last one that applies to it; of a correction, the next one that says the same thing again.
    pub fn superseded_by(&self, event: Uuid) -> Option<Uuid> {
        self.journeys.iter().find_map(|journey| journey.superseded_by(event))
    }

    fn journey(&self, key: &str) -> Option<&Journey> {
        self.journeys.iter().find(|journey| journey.key == key)
    }

    fn journey_mut(&mut self, key: &str) -> &mut Journey {
        let place = self.journeys.iter().position(|journey| journey.key == key).unwrap_or_else(|| {
            self.journeys.push(Journey::of(key));
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
    let (journey, corrects, kind, also_voids) = match &recorded.event {
        CustomerEvent::MoveVoided(e) => (&e.journey, e.corrects, CorrectionKind::Void, &e.also_voids),
        CustomerEvent::MoveTargetCorrected(e) => {
            let (stage, sub_status) = (e.to.clone(), e.sub_status.clone());
            let kind = CorrectionKind::Target { stage, sub_status, pipeline_version: e.pipeline_version };
            (&e.journey, e.corrects, kind, &e.also_voids)
        }
        CustomerEvent::MoveTimeCorrected(e) => {
            (&e.journey, e.corrects, CorrectionKind::Time(e.moved_at), &e.also_voids)
        }
        _ => return None,
    };
    let (event, actor, also_voids) = (recorded.id, recorded.actor.clone(), also_voids.clone());
    let position = recorded.position;
    Some((journey, Correction { event, position, actor, corrects: Some(corrects), kind, also_voids }))
}
