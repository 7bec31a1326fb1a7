//! The journeys in which two states of knowledge may differ.

use std::collections::BTreeSet;

use uuid::Uuid;
use waymark_eventstore::Position;

use super::statements::{ENDS_AMONG, MOVES_AMONG};
use crate::db::{Row, Value, values};
use crate::error::{ProjectionError, Result};
use crate::log::changed;
use crate::log::decoded::DecodedEvent;
use crate::log::history::JourneyChange;
use crate::models::snapshot::{Snapshot, Sources};
use crate::stats::journeys::{Origin, Provenance, move_kind_of};
use crate::stats::{CensoringEvent, JourneySet, Micros, MoveRecord};
use crate::storage::table::fetch_by_keys;

/// The customers whose journey in a pipeline, or the end of whose observation, an entry after one position and up to another
/// bears on. None where an entry cannot be told by this program.
pub(super) async fn customers(
    snapshot: &Snapshot,
    pipeline: &str,
    after: Position,
    until: Position,
) -> Result<Option<BTreeSet<Uuid>>> {
    let Sources { store, vault, .. } = &snapshot.sources;
    let changed = |fact: &DecodedEvent| bears_on(fact, pipeline);
    changed::customers((&**store, vault), snapshot.tenant, (after, until), changed).await
}

fn bears_on(fact: &DecodedEvent, pipeline: &str) -> bool {
    let journey = match JourneyChange::of(&fact.event.event) {
        JourneyChange::None => None,
        JourneyChange::Rewrite { journey } | JourneyChange::Move { journey, .. } => Some(journey),
    };
    journey == Some(pipeline) || CensoringEvent::of(fact).is_some()
}

/// The journeys of some customers alone, as they were known at a position, in the order of the customers.
pub(crate) async fn journeys(
    snapshot: &mut Snapshot,
    pipeline: &str,
    customers: &BTreeSet<Uuid>,
    known: Position,
) -> Result<JourneySet> {
    let keys: Vec<Value> = customers.iter().map(|customer| (*customer).into()).collect();
    let (tenant, generation) = (snapshot.tenant.0, snapshot.generation);
    let head = values![tenant, generation, known];
    let rows = fetch_by_keys(&mut snapshot.transaction, ENDS_AMONG, &head, &keys).await?;
    let mut ends = rows
        .iter()
        .map(|row| Ok((row.uuid("customer")?, row.position("position")?, row.int("effective_at")?, row)))
        .collect::<Result<Vec<_>>>()?;
    ends.sort_unstable_by_key(|(customer, position, ..)| (*customer, *position));
    ends.dedup_by_key(|(customer, position, ..)| (*customer, *position));
    let mut journeys = JourneySet::default();
    for (customer, _, at, row) in ends {
        if let Some(end) = CensoringEvent::parse(row.str("reason")?) {
            journeys.end(customer, at, end);
        }
    }
    let head = values![tenant, generation, pipeline, known];
    let rows = fetch_by_keys(&mut snapshot.transaction, MOVES_AMONG, &head, &keys).await?;
    let mut moves = rows
        .iter()
        .map(|row| Ok(((row.uuid("customer")?, row.int("effective_at")?, row.position("position")?), row)))
        .collect::<Result<Vec<((Uuid, Micros, Position), &Row)>>>()?;
    moves.sort_unstable_by_key(|(place, _)| *place);
    moves.dedup_by_key(|(place, _)| *place);
    for ((customer, at, _), row) in moves {
        let record = record(&mut journeys, at, row)?;
        journeys.push(customer, record);
    }
    Ok(journeys)
}

fn record(journeys: &mut JourneySet, at: Micros, row: &Row) -> Result<MoveRecord> {
    Ok(MoveRecord {
        at,
        stage: journeys.stages.intern(row.str("stage")?),
        actor: journeys.actors.intern(row.str("actor")?),
        cycle: row.number("cycle")?,
        repeat: row.flag("repeats")?,
        version: row.number("version")?.try_into().map_err(|_| unreadable())?,
        how: Provenance {
            recorded: row.int("recorded_at")?,
            by: Origin::parse(row.str("made_by")?).ok_or_else(unreadable)?,
            kind: move_kind_of(row.str("kind")?).ok_or_else(unreadable)?,
            noted: row.flag("noted")?,
        },
    })
}

/// A row that no fold of this program has written.
pub(super) fn unreadable() -> ProjectionError {
    ProjectionError::Database(
        "the moves of a journey are not in the form that they were asked for".to_owned(),
    )
}
