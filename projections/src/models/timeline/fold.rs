//! The fold: one row an event; a correction closes the rows it bears on and writes them again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use lru::LruCache;
use uuid::Uuid;
use waymark_domain::customer::event::CustomerEvent;
use waymark_domain::customer::timeline::{Journeys, Move, Touched};
use waymark_eventstore::Position;

use super::activity::ActivityRecord;
use super::row::Line;
use super::statements::{CLOSE, FORGET, KNOWN};
use super::tables::ROWS;
use crate::db::{Transaction, Value, values};
use crate::error::Result;
use crate::fairness::give_way;
use crate::log::decoded::DecodedEvent;
use crate::log::history::{HISTORIES_KEPT, HistoryCache, JourneyChange, count_compared};
use crate::models::read_model::{Fold, Scope, Writes};
use crate::storage::columns::TableRow as _;

/// A row that the page adds, in the final form that the page gives it.
struct Pending {
    customer: Uuid,
    line: Line,
    until: Option<Position>,
}

/// The fold of the timeline, with what it met last.
pub(super) struct TimelineFold {
    /// The histories of customers that were corrected.
    histories: HistoryCache,
    /// Of customers that were corrected: the rows that are known now.
    known: LruCache<Uuid, LinesByEvent>,
}

/// The rows of a customer that are known now, by their events.
type LinesByEvent = HashMap<Uuid, Line>;

impl Default for TimelineFold {
    fn default() -> Self {
        Self { histories: HistoryCache::default(), known: LruCache::new(HISTORIES_KEPT) }
    }
}

#[async_trait]
impl Fold for TimelineFold {
    async fn fold(&mut self, scope: &Scope<'_>, events: &[Arc<DecodedEvent>]) -> Result<Writes> {
        let mut page = Page {
            scope,
            transaction: scope.db.read(scope.tenant).await?,
            pending: Vec::new(),
            places: HashMap::new(),
            closed: Vec::new(),
            closed_rows: HashSet::new(),
        };
        for (number, fact) in events.iter().enumerate() {
            give_way(number).await;
            let line = Line::of(fact);
            if let Some(known) = self.known.get_mut(&fact.customer) {
                known.insert(line.event, line.clone());
            }
            page.add(fact.customer, line);
            if let JourneyChange::Rewrite { journey } = JourneyChange::of(&fact.event.event) {
                page.rewrite(self, fact, journey).await?;
            }
            if matches!(fact.event.event, CustomerEvent::Erased(_)) {
                self.known.pop(&fact.customer);
                page.forget(fact.customer);
            }
        }
        Ok(page.writes())
    }
}

struct Page<'a> {
    scope: &'a Scope<'a>,
    transaction: Transaction,
    pending: Vec<Pending>,
    /// Where each of them stands, by its key.
    places: HashMap<RowKey, usize>,
    closed: Vec<(&'static str, Vec<Value>)>,
    /// The stored rows that are closed: customer, position, and since when they are known.
    closed_rows: HashSet<RowKey>,
}

/// By what a row is known: customer, position, and since when it is known.
type RowKey = (Uuid, Position, Position);

impl Page<'_> {
    /// Gives the records that an event bears on the standing that they have from its position on.
    async fn rewrite(&mut self, cache: &mut TimelineFold, fact: &DecodedEvent, journey: &str) -> Result<()> {
        let (customer, position) = (fact.customer, fact.event.position);
        let history = cache.histories.of(self.scope.store, self.scope.tenant, customer, position).await?;
        let touched = history.take_touched(journey);
        if !cache.known.contains(&customer) {
            let live = self.live(customer).await?;
            cache.known.put(customer, live);
        }
        let Some(known) = cache.known.get_mut(&customer) else { return Ok(()) };
        let journeys = &history.journeys;
        self.refer(known, fact, journeys);
        let (records, moves) = match touched {
            Touched::Some(records) => {
                let moves = records.iter().filter_map(|record| move_of(journeys, journey, *record));
                let moves = by_event(moves);
                (records.into_iter().collect::<Vec<_>>(), moves)
            }
            Touched::All => (known.keys().copied().collect(), by_event(journeys.moves(journey))),
        };
        count_compared(records.len());
        for record in records {
            let line = known.get_mut(&record).filter(|line| line.journey.as_deref() == Some(journey));
            let Some(line) = line else { continue };
            let standing = line.standing_in(journeys, moves.get(&record));
            if standing == line.standing {
                continue;
            }
            if line.known_from == position {
                line.standing = standing;
                self.replace(customer, line);
                continue;
            }
            self.close(customer, line, position);
            (line.standing, line.known_from) = (standing, position);
            self.add(customer, line.clone());
        }
        Ok(())
    }

    /// Lets a correction say what it is about: the stage that was recorded, by whom, and when that happened as far as is
    /// known with it.
    fn refer(&mut self, known: &mut LinesByEvent, fact: &DecodedEvent, journeys: &Journeys) {
        let line = known.get(&fact.event.id).filter(|line| line.is_correction());
        let root = line.and_then(|line| journeys.resolve(line.corrects?));
        let Some(root) = root.and_then(|root| known.get(&root)) else { return };
        let made = root.journey.as_deref().and_then(|journey| move_of(journeys, journey, root.event));
        let standing = root.standing_in(journeys, made.as_ref());
        let (whom, about_stage) = (Some(root.actor.clone()), root.stage_to.clone());
        let about_at = Some(standing.now_at.unwrap_or_else(|| root.at()));
        let Some(line) = known.get_mut(&fact.event.id) else { return };
        line.activity = ActivityRecord { whom, about_stage, about_at, ..line.activity.clone() };
        self.replace(fact.customer, line);
    }

    /// Takes away how long the texts of a customer were.
    fn forget(&mut self, customer: Uuid) {
        for row in self.pending.iter_mut().filter(|row| row.customer == customer) {
            row.line.activity.chars = None;
        }
        let (tenant, generation) = (self.scope.tenant.0, self.scope.generation);
        self.closed.push((FORGET, values![tenant, generation, customer].to_vec()));
    }

    /// The customer's rows as known so far: the stored ones, with what the page has done.
    async fn live(&mut self, customer: Uuid) -> Result<LinesByEvent> {
        let (tenant, generation) = (self.scope.tenant.0, self.scope.generation);
        let rows = self.transaction.rows(KNOWN, &values![tenant, generation, customer, i64::MAX]).await?;
        let mut live = Vec::with_capacity(rows.len());
        for row in &rows {
            let line = Line::read(row)?;
            if !self.closed_rows.contains(&(customer, line.position, line.known_from)) {
                live.push(line);
            }
        }
        let mine = self.pending.iter().filter(|row| row.customer == customer && row.until.is_none());
        live.extend(mine.map(|row| row.line.clone()));
        count_compared(live.len());
        Ok(live.into_iter().map(|line| (line.event, line)).collect())
    }

    fn pending_mut(&mut self, customer: Uuid, line: &Line) -> Option<&mut Pending> {
        let place = self.places.get(&(customer, line.position, line.known_from))?;
        self.pending.get_mut(*place)
    }

    fn add(&mut self, customer: Uuid, line: Line) {
        self.places.insert((customer, line.position, line.known_from), self.pending.len());
        self.pending.push(Pending { customer, line, until: None });
    }

    fn replace(&mut self, customer: Uuid, line: &Line) {
        if let Some(row) = self.pending_mut(customer, line) {
            row.line = line.clone();
        }
    }

    fn close(&mut self, customer: Uuid, line: &Line, until: Position) {
        if let Some(row) = self.pending_mut(customer, line) {
            row.until = Some(until);
            return;
        }
        let mut values = key(self.scope, customer, line).to_vec();
        values.push(until.into());
        self.closed_rows.insert((customer, line.position, line.known_from));
        self.closed.push((CLOSE, values));
    }

    fn writes(mut self) -> Writes {
        // In the order of the key, so that rows of one leaf of the table are written together.
        self.pending.sort_by_key(|row| (row.customer, row.line.position, row.line.known_from));
        let mut rows = Vec::with_capacity(self.pending.len() * ROWS.width());
        for Pending { customer, line, until } in self.pending {
            line.into_row(customer, until).push(&mut rows);
        }
        Writes { statements: self.closed, rows: vec![(&ROWS, rows)], ..Writes::default() }
    }
}

/// The move of an event as it stands; none where it is voided or is no move.
fn move_of(journeys: &Journeys, journey: &str, event: Uuid) -> Option<Move> {
    if journeys.is_relabelled(journey) {
        return journeys.moves(journey).into_iter().find(|made| made.event == event);
    }
    journeys.standing(journey, event).map(|(made, _)| made)
}

/// Moves by their events.
fn by_event(moves: impl IntoIterator<Item = Move>) -> HashMap<Uuid, Move> {
    moves.into_iter().map(|made| (made.event, made)).collect()
}

/// The key of a stored row: the first binds of the closing statement.
fn key(scope: &Scope<'_>, customer: Uuid, line: &Line) -> [Value; 5] {
    values![scope.tenant.0, scope.generation, customer, line.position, line.known_from]
}
