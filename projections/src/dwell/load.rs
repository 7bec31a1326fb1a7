//! Reads a pipeline's journeys, as known at a position, into compact memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use uuid::Uuid;
use waymark_eventstore::{Position, TenantId};

use super::{ENDS, JOURNEYS};
use crate::ask::View;
use crate::db::values;
use crate::error::{ProjectionError, Result};
use crate::figures::history::{By, How, Kind};
use crate::figures::{End, Histories, Micros, Record};

/// Journeys read at a time.
const ROWS: u32 = 1_000;
/// How many records are held in memory at most, of all pipelines together: 40 bytes each.
const HELD_RECORDS: usize = 1_000_000;

/// The journeys of pipelines as they were last asked for: a dashboard asks for dwell, flows and paths of the same
/// state of knowledge one after the other.
#[derive(Default)]
pub(crate) struct Loaded(Mutex<HashMap<(TenantId, String), Held>>);

struct Held {
    file: u64,
    generation: u32,
    known: Position,
    histories: Arc<Histories>,
}

impl Loaded {
    fn get(&self, view: &View, pipeline: &str, known: Position) -> Option<Arc<Histories>> {
        let held = self.lock();
        let held = held.get(&(view.tenant, pipeline.to_owned()))?;
        let same = (held.file, held.generation, held.known) == (view.file, view.generation, known);
        same.then(|| Arc::clone(&held.histories))
    }

    fn put(&self, view: &View, pipeline: &str, known: Position, histories: &Arc<Histories>) {
        let mut held = self.lock();
        held.remove(&(view.tenant, pipeline.to_owned()));
        let records: usize = held.values().map(|held| held.histories.records()).sum();
        if records + histories.records() > HELD_RECORDS {
            held.clear();
        }
        let (file, generation) = (view.file, view.generation);
        let one = Held { file, generation, known, histories: Arc::clone(histories) };
        held.insert((view.tenant, pipeline.to_owned()), one);
    }

    fn lock(&self) -> MutexGuard<'_, HashMap<(TenantId, String), Held>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The journeys of a pipeline as they were known at a position, each in effective order.
pub(crate) async fn load(view: &mut View, pipeline: &str, known: Position) -> Result<Arc<Histories>> {
    let loaded = Arc::clone(&view.loaded);
    if let Some(held) = loaded.get(view, pipeline, known) {
        return Ok(held);
    }
    let histories = Arc::new(fetch(view, pipeline, known).await?);
    loaded.put(view, pipeline, known, &histories);
    Ok(histories)
}

/// The journeys of a pipeline as they were known at a position, read for this once.
pub(crate) async fn fetch(view: &mut View, pipeline: &str, known: Position) -> Result<Histories> {
    let mut histories = Histories::default();
    for row in view.session.rows(ENDS, &values![view.tenant.0, view.generation, known]).await? {
        if let Some(end) = End::parse(row.str(2)?) {
            histories.end(row.uuid(0)?, row.int(1)?, end);
        }
    }
    let mut after = Uuid::nil();
    loop {
        let values = values![view.tenant.0, view.generation, pipeline, after, known, ROWS];
        let rows = view.session.rows(JOURNEYS, &values).await?;
        for row in &rows {
            after = row.uuid(0)?;
            read(&mut histories, after, row.str(1)?)?;
        }
        if rows.len() < ROWS as usize {
            return Ok(histories);
        }
    }
}

/// Adds the moves of one journey, in the form that `journeys.sql` gives them.
fn read(histories: &mut Histories, customer: Uuid, moves: &str) -> Result<()> {
    let mut rest = moves;
    while !rest.is_empty() {
        let at = number::<Micros>(&mut rest)?;
        let cycle = number(&mut rest)?;
        let repeat = number::<u8>(&mut rest)? != 0;
        let version = number(&mut rest)?;
        let how = How {
            recorded: number::<Micros>(&mut rest)?,
            by: By::parse(word(&mut rest)?).ok_or_else(unreadable)?,
            kind: Kind::parse(word(&mut rest)?).ok_or_else(unreadable)?,
            noted: number::<u8>(&mut rest)? != 0,
        };
        let stage = histories.stages.intern(text(&mut rest)?);
        let actor = histories.actors.intern(text(&mut rest)?);
        histories.push(customer, Record { at, stage, actor, cycle, repeat, version, how });
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

fn unreadable() -> ProjectionError {
    ProjectionError::Database(
        "the moves of a journey are not in the form that they were asked for".to_owned(),
    )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn stages_and_actors_may_hold_anything() {
        let mut histories = Histories::default();
        read(
            &mut histories,
            Uuid::nil(),
            "5 1 0 1 9 rule moved 1 5 报 | 0  -7 2 1 2 0 import registered 0 1 3 9 rep:a b c ",
        )
        .unwrap();
        let records = histories.until(0, Micros::MAX);
        assert_eq!((records.len(), records[1].at, records[1].cycle, records[1].repeat), (2, -7, 2, true));
        assert_eq!(histories.stages.text(records[0].stage), "报 |");
        assert_eq!(histories.actors.text(records[0].actor), "");
        assert_eq!(histories.stages.text(records[1].stage), "3");
        assert_eq!(histories.actors.text(records[1].actor), "rep:a b c");
        assert_eq!(records[0].how, How { recorded: 9, by: By::Rule, kind: Kind::Moved, noted: true });
        assert_eq!(records[1].how, How { recorded: 0, by: By::Import, kind: Kind::Registered, noted: false });
    }
}
