//! One row of the timeline: an event, and the outcome.

use uuid::Uuid;
use waymark_domain::customer::event::CustomerEvent;
use waymark_domain::customer::timeline::{Journeys, Move};
use waymark_eventstore::Position;

use super::activity::{self, ActivityRecord, VOIDED};
use super::tables::TimelineRow;
use crate::db::Row;
use crate::error::Result;
use crate::log::decoded::DecodedEvent;
use crate::stats::Micros;
use crate::stats::journeys::Origin;
use crate::storage::columns::TableRow as _;

/// An event, and the outcome.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Line {
    pub(super) position: Position,
    pub(super) known_from: Position,
    pub(super) event: Uuid,
    pub(super) event_type: String,
    pub(super) effective_at: Micros,
    pub(super) recorded_at: Micros,
    pub(super) actor: String,
    pub(super) journey: Option<String>,
    pub(super) stage_from: Option<String>,
    pub(super) stage_to: Option<String>,
    pub(super) corrects: Option<Uuid>,
    pub(super) other: Option<Uuid>,
    pub(super) made_by: Origin,
    pub(super) activity: ActivityRecord,
    pub(super) standing: Standing,
}

/// What corrections have made of an event.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Standing {
    pub(super) now_at: Option<Micros>,
    pub(super) now_stage: Option<String>,
    pub(super) superseded_by: Option<Uuid>,
    pub(super) voided: bool,
}

/// What an event says of stages: its journey, the stage left, the stage entered, the event corrected.
type Says<'a> = (Option<&'a str>, Option<&'a str>, Option<&'a str>, Option<Uuid>);

fn says(event: &CustomerEvent) -> Says<'_> {
    match event {
        CustomerEvent::Registered(e) => (Some(&e.pipeline), None, Some(&e.stage), None),
        CustomerEvent::Moved(e) => (Some(&e.journey), e.from.as_deref(), Some(&e.to), None),
        CustomerEvent::Reactivated(e) => (Some(&e.journey), Some(&e.from), Some(&e.to), None),
        CustomerEvent::StageMigrated(e) => (Some(&e.journey), Some(&e.from), Some(&e.to), None),
        CustomerEvent::MoveInserted(e) => (Some(&e.journey), Some(&e.from), Some(&e.to), e.corrects),
        CustomerEvent::MoveTargetCorrected(e) => (Some(&e.journey), None, Some(&e.to), Some(e.corrects)),
        CustomerEvent::MoveTimeCorrected(e) => (Some(&e.journey), None, None, Some(e.corrects)),
        CustomerEvent::MoveVoided(e) => (Some(&e.journey), None, None, Some(e.corrects)),
        _ => (None, None, None, None),
    }
}

/// The other customer that an event is about.
fn other_of(fact: &DecodedEvent) -> Option<Uuid> {
    match &fact.event.event {
        CustomerEvent::Absorbed(e) => Some(e.absorbed),
        CustomerEvent::MergedInto(e) => Some(e.survivor),
        CustomerEvent::Distinguished(e) => Some(e.other),
        CustomerEvent::DistinctionWithdrawn(e) => Some(e.other),
        CustomerEvent::Unmerged(e) if e.absorbed == fact.customer => Some(e.survivor),
        CustomerEvent::Unmerged(e) => Some(e.absorbed),
        _ => None,
    }
}

impl Line {
    /// The row of an event that nothing has corrected yet.
    pub(super) fn of(fact: &DecodedEvent) -> Self {
        let event = &fact.event;
        let (journey, stage_from, stage_to, corrects) = says(&event.event);
        Self {
            position: event.position,
            known_from: event.position,
            event: event.id,
            event_type: event.event.event_type().to_owned(),
            effective_at: event.effective_at.timestamp_micros(),
            recorded_at: event.recorded_at.timestamp_micros(),
            actor: event.actor.clone(),
            journey: journey.map(str::to_owned),
            stage_from: stage_from.map(str::to_owned),
            stage_to: stage_to.map(str::to_owned),
            corrects,
            other: other_of(fact),
            made_by: Origin::of(event.origin.as_deref()),
            activity: ActivityRecord::of(fact),
            standing: Standing::default(),
        }
    }

    /// What the line says of the deed: a person's move that was voided is one that the journeys no longer show.
    fn deed_word(&self) -> Option<&'static str> {
        let is_move = matches!(
            self.event_type.as_str(),
            "customer.registered" | "customer.moved" | "customer.reactivated"
        );
        let voided = self.standing.voided && is_move && self.made_by == Origin::Person;
        self.activity.word.or(voided.then_some(VOIDED))
    }

    /// Whether it says that a move was recorded wrongly, and is no move itself.
    pub(super) fn is_correction(&self) -> bool {
        matches!(
            self.event_type.as_str(),
            "customer.move_voided" | "customer.move_target_corrected" | "customer.move_time_corrected"
        )
    }

    /// Whether it gave a stay another label, and is no move.
    pub(super) fn is_migration(&self) -> bool {
        self.event_type == "customer.stage_migrated"
    }

    /// What the journeys make of it, given its move after corrections; none where it is voided or is no move.
    pub(super) fn standing_in(&self, journeys: &Journeys, made: Option<&Move>) -> Standing {
        let now_at = made.map(|made| made.effective_at.timestamp_micros());
        let now_stage = made.map(|made| made.stage.clone());
        Standing {
            now_at: now_at.filter(|&at| at != self.effective_at),
            now_stage: now_stage.filter(|stage| Some(stage) != self.stage_to.as_ref()),
            superseded_by: journeys.superseded_by(self.event),
            voided: journeys.voided_by(self.event).is_some(),
        }
    }

    /// When it happened, as far as is known.
    pub(super) fn at(&self) -> Micros {
        self.standing.now_at.unwrap_or(self.effective_at)
    }

    /// The stage it led to, as far as is known.
    pub(super) fn stage(&self) -> Option<&str> {
        self.standing.now_stage.as_deref().or(self.stage_to.as_deref())
    }

    /// The line of a row that has all columns of the table.
    pub(super) fn read(row: &Row) -> Result<Self> {
        let row = TimelineRow::read(row)?;
        Ok(Self {
            position: row.position,
            known_from: row.known_from,
            event: row.event,
            event_type: row.event_type,
            effective_at: row.effective_at,
            recorded_at: row.recorded_at,
            actor: row.actor,
            journey: row.journey,
            stage_from: row.stage_from,
            stage_to: row.stage_to,
            corrects: row.corrects,
            other: row.other,
            made_by: Origin::parse(&row.made_by).unwrap_or_default(),
            activity: ActivityRecord {
                word: row.deed.as_deref().and_then(activity::kept),
                whom: row.whom,
                about_stage: row.about_stage,
                about_at: row.about_at,
                next_at: row.next_at,
                chars: row.chars,
                overrides: row.overrides,
            },
            standing: Standing {
                now_at: row.now_at,
                now_stage: row.now_stage,
                superseded_by: row.superseded_by,
                voided: row.voided,
            },
        })
    }

    /// Its row, known until a position.
    pub(super) fn into_row(self, customer: Uuid, known_until: Option<Position>) -> TimelineRow {
        let deed = self.deed_word().map(str::to_owned);
        let Standing { now_at, now_stage, superseded_by, voided } = self.standing;
        let ActivityRecord { word: _, whom, about_stage, about_at, next_at, chars, overrides } =
            self.activity;
        TimelineRow {
            customer,
            position: self.position,
            known_from: self.known_from,
            known_until,
            event: self.event,
            event_type: self.event_type,
            effective_at: self.effective_at,
            recorded_at: self.recorded_at,
            actor: self.actor,
            journey: self.journey,
            stage_from: self.stage_from,
            stage_to: self.stage_to,
            corrects: self.corrects,
            now_at,
            now_stage,
            superseded_by,
            voided,
            other: self.other,
            made_by: self.made_by.as_str().to_owned(),
            deed,
            whom,
            about_stage,
            about_at,
            next_at,
            chars,
            overrides,
        }
    }
}
