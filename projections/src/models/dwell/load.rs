//! Reads a pipeline's journeys, as known at a position, into compact memory.

use std::collections::HashMap;
use std::sync::Arc;

use uuid::Uuid;
use waymark_eventstore::Position;

use super::changed::{self, unreadable};
use super::statements::{ENDS, JOURNEYS, REASONS};
use crate::db::values;
use crate::error::Result;
use crate::log::changed::is_worth_following;
use crate::models::snapshot::Snapshot;
use crate::stats::journeys::{Origin, Provenance, move_kind_of};
use crate::stats::{CensoringEvent, JourneyIndex, JourneySet, Micros, MoveRecord};

/// Journeys read at a time.
const ROWS: u32 = 1_000;

/// The journeys of a pipeline as they were known at a position, each in effective order.
///
/// They are kept: of another state of knowledge that is not far away, only the journeys are read in which the two differ.
pub(crate) async fn load(
    snapshot: &mut Snapshot,
    pipeline: &str,
    known: Position,
) -> Result<Arc<JourneySet>> {
    Ok(Arc::clone(load_index(snapshot, pipeline, known).await?.journeys()))
}

/// The same, with the columns of stays that are kept with them.
pub(super) async fn load_index(
    snapshot: &mut Snapshot,
    pipeline: &str,
    known: Position,
) -> Result<Arc<JourneyIndex>> {
    let rows = snapshot.rows();
    let cache = Arc::clone(&snapshot.sources.journey_cache);
    let kept = cache.of(snapshot.tenant, pipeline);
    let mut states = kept.lock().await;
    let index = match states.nearest(&rows, known) {
        Some((position, index)) if position == known => index,
        Some(nearest) => Arc::new(follow(snapshot, pipeline, nearest, known).await?),
        None => Arc::new(JourneyIndex::of(fetch(snapshot, pipeline, known).await?)),
    };
    states.keep(rows, known, &index);
    cache.weigh(snapshot.tenant, pipeline, &states);
    Ok(index)
}

/// The journeys in another state of knowledge than the one they are in.
async fn follow(
    snapshot: &mut Snapshot,
    pipeline: &str,
    (position, index): (Position, Arc<JourneyIndex>),
    known: Position,
) -> Result<JourneyIndex> {
    let records = u64::try_from(index.journeys().records()).unwrap_or(u64::MAX);
    let (after, until) = (position.min(known), position.max(known));
    if is_worth_following(records, until - after)
        && let Some(customers) = changed::customers(snapshot, pipeline, after, until).await?
    {
        let now = changed::journeys(snapshot, pipeline, &customers, known).await?;
        return Ok(index.patched(&customers, &now));
    }
    Ok(JourneyIndex::of(fetch(snapshot, pipeline, known).await?))
}

/// The journeys of a pipeline as they were known at a position, read for this once.
pub(crate) async fn fetch(snapshot: &mut Snapshot, pipeline: &str, known: Position) -> Result<JourneySet> {
    let mut journeys = JourneySet::default();
    for row in
        snapshot.transaction.rows(ENDS, &values![snapshot.tenant.0, snapshot.generation, known]).await?
    {
        if let Some(end) = CensoringEvent::parse(row.str("reason")?) {
            journeys.end(row.uuid("customer")?, row.int("effective_at")?, end);
        }
    }
    let mut after = Uuid::nil();
    loop {
        let values = values![snapshot.tenant.0, snapshot.generation, pipeline, after, known, ROWS];
        let rows = snapshot.transaction.rows(JOURNEYS, &values).await?;
        for row in &rows {
            after = row.uuid("customer")?;
            read(&mut journeys, after, row.str("moves")?)?;
        }
        if rows.len() < ROWS as usize {
            return Ok(journeys);
        }
    }
}

/// The reason codes that moves were made with, as known at a position: by the customer and the instant of the move. Of several
/// moves at one instant, the last.
pub(crate) async fn reasons(
    snapshot: &mut Snapshot,
    pipeline: &str,
    known: Position,
) -> Result<HashMap<(Uuid, Micros), String>> {
    let values = values![snapshot.tenant.0, snapshot.generation, pipeline, known];
    let rows = snapshot.transaction.rows(REASONS, &values).await?;
    rows.iter()
        .map(|row| Ok(((row.uuid("customer")?, row.int("effective_at")?), row.text("reason")?)))
        .collect()
}

/// Adds the moves of one journey, in the form that `journeys.sql` gives them.
fn read(journeys: &mut JourneySet, customer: Uuid, moves: &str) -> Result<()> {
    let mut rest = moves;
    while !rest.is_empty() {
        let at = number::<Micros>(&mut rest)?;
        let cycle = number(&mut rest)?;
        let repeat = number::<u8>(&mut rest)? != 0;
        let version = number(&mut rest)?;
        let how = Provenance {
            recorded: number::<Micros>(&mut rest)?,
            by: Origin::parse(word(&mut rest)?).ok_or_else(unreadable)?,
            kind: move_kind_of(word(&mut rest)?).ok_or_else(unreadable)?,
            noted: number::<u8>(&mut rest)? != 0,
        };
        let stage = journeys.stages.intern(text(&mut rest)?);
        let actor = journeys.actors.intern(text(&mut rest)?);
        journeys.push(customer, MoveRecord { at, stage, actor, cycle, repeat, version, how });
    }
    Ok(())
}

fn number<T: std::str::FromStr>(rest: &mut &str) -> Result<T> {
    word(rest)?.parse().map_err(|_| unreadable())
}

/// What stands before the next space.
fn word<'a>(rest: &mut &'a str) -> Result<&'a str> {
    let (word, after) = rest.split_once(' ').ok_or_else(unreadable)?;
    *rest = after;
    Ok(word)
}

fn text<'a>(rest: &mut &'a str) -> Result<&'a str> {
    let length: usize = number(rest)?;
    let (text, after) = rest.split_at_checked(length).ok_or_else(unreadable)?;
    *rest = after.strip_prefix(' ').ok_or_else(unreadable)?;
    Ok(text)
}

#[cfg(test)]
mod tests {
    use waymark_domain::customer::timeline::MoveKind;

    use super::*;

    #[test]
    fn stages_and_actors_may_hold_anything() {
        let mut journeys = JourneySet::default();
        read(
            &mut journeys,
            Uuid::nil(),
            "5 1 0 1 9 rule moved 1 5 报 | 0  -7 2 1 2 0 import registered 0 1 3 9 rep:a b c ",
        )
        .unwrap();
        let records = journeys.until(0, Micros::MAX);
        assert_eq!((records.len(), records[1].at, records[1].cycle, records[1].repeat), (2, -7, 2, true));
        assert_eq!(journeys.stages.text(records[0].stage), "报 |");
        assert_eq!(journeys.actors.text(records[0].actor), "");
        assert_eq!(journeys.stages.text(records[1].stage), "3");
        assert_eq!(journeys.actors.text(records[1].actor), "rep:a b c");
        assert_eq!(
            records[0].how,
            Provenance { recorded: 9, by: Origin::Rule, kind: MoveKind::Moved, noted: true }
        );
        assert_eq!(
            records[1].how,
            Provenance { recorded: 0, by: Origin::Import, kind: MoveKind::Registered, noted: false }
        );
    }
}
