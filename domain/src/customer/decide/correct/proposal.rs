//! A correction as an event, and the timelines as they would be with it.

use uuid::Uuid;

use crate::customer::command::{Amendment, Correct};
use crate::customer::decide::new_event::NewEvent;
use crate::customer::event::{
    CustomerEvent, Evidence, MoveInserted, MoveTargetCorrected, MoveTimeCorrected, MoveVoided, Recorded,
};
use crate::customer::state::Customer;
use crate::customer::timeline::Journeys;
use crate::{Context, Personal, Pipeline};

/// Stands for the correction while nobody knows its id yet.
pub(super) const PROPOSED: Uuid = Uuid::max();

/// The correction as an event.
pub(super) fn proposal(
    customer: &Customer,
    command: &Correct,
    pipeline: &Pipeline,
    context: &Context<'_>,
    (also_voids, evidence): (Vec<Uuid>, Vec<Evidence>),
) -> NewEvent {
    let journey = pipeline.key.clone();
    let reason = Personal::Clear(command.reason.clone());
    let on_conflict = command.on_conflict;
    let corrects = command.corrects.unwrap_or_default();
    let (event, effective_at) = match command.change.clone() {
        Amendment::Void => {
            let event = MoveVoided { journey, corrects, reason, on_conflict, also_voids };
            (CustomerEvent::MoveVoided(event), context.now)
        }
        Amendment::Target { to, sub_status } => {
            let pipeline_version = Some(pipeline.version);
            let event = MoveTargetCorrected {
                journey,
                corrects,
                pipeline_version,
                to,
                sub_status,
                reason,
                on_conflict,
                also_voids,
                evidence,
            };
            (CustomerEvent::MoveTargetCorrected(event), context.now)
        }
        Amendment::Time { moved_at } => {
            let event = MoveTimeCorrected { journey, corrects, moved_at, reason, on_conflict, also_voids };
            (CustomerEvent::MoveTimeCorrected(event), context.now)
        }
        Amendment::Insert { to, sub_status, moved_at } => {
            let left = customer.journeys.stay_at(&journey, moved_at);
            let event = MoveInserted {
                pipeline_version: pipeline.version,
                corrects: command.corrects,
                cycle: left.map_or(1, |stay| stay.cycle),
                from: left.map(|stay| stay.stage.clone()).unwrap_or_default(),
                journey,
                to,
                sub_status,
                reason,
                on_conflict,
                also_voids,
                evidence,
            };
            (CustomerEvent::MoveInserted(event), moved_at)
        }
    };
    NewEvent { event, effective_at }
}

/// The timelines as they would be with the correction.
pub(super) fn resulting(customer: &Customer, event: &NewEvent) -> Journeys {
    let mut journeys = customer.journeys.clone();
    journeys.apply(&Recorded {
        position: u64::MAX,
        id: PROPOSED,
        effective_at: event.effective_at,
        recorded_at: event.effective_at,
        actor: String::new(),
        origin: None,
        event: event.event.clone(),
    });
    journeys
}
