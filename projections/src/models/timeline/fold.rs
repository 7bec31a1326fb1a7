//! The fold: one row an event; a correction closes the rows it bears on and writes them again.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;
use waymark_domain::customer::event::CustomerEvent;
use waymark_domain::customer::timeline::{Journeys, Move};
use waymark_eventstore::Position;

use super::activity::ActivityRecord;
use super::row::Line;
use super::statements::{CLOSE, FORGET, KNOWN};
use super::tables::ROWS;
use crate::db::{Transaction, Value, values};
use crate::error::Result;
use crate::log::decoded::DecodedEvent;
use crate::log::history::{HistoryCache, JourneyChange};
use crate::models::read_model::{Fold, Scope, Writes};
use crate::storage::columns::TableRow as _;

/// A row that the page adds, in the final form that the page gives it.
struct Pending {
    customer: Uuid,
    line: Line,
    until: Option<Position>,
}

/// The fold of the timeline, with the histories of the customers that were corrected last.
#[derive(Default)]
pub(super) struct TimelineFold(HistoryCache);

#[async_trait]
impl Fold for TimelineFold {
    async fn fold(&mut self, scope: &Scope<'_>, events: &[Arc<DecodedEvent>]) -> Result<Writes> {
        let histories = &mut self.0;
        let mut page = Page {
            scope,
            transaction: scope.db.read(scope.tenant).await?,
            pending: Vec::new(),
            closed: Vec::new(),
            closed_rows: HashSet::new(),
        };
        for fact in events {
            let line = Line::of(fact);
            page.pending.push(Pending { customer: fact.customer, line, until: None });
            if let JourneyChange::Rewrite { journey } = JourneyChange::of(&fact.event.event) {
                page.rewrite(histories, fact.customer, journey, fact.event.position).await?;
            }
            if matches!(fact.event.event, CustomerEvent::Erased(_)) {
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
    closed: Vec<(&'static str, Vec<Value>)>,
    /// The stored rows that are closed: customer, position, and since when they are known.
    closed_rows: HashSet<(Uuid, Position, Position)>,
}

impl Page<'_> {
    /// Gives every record of a journey the standing that it has from this position on.
    async fn rewrite(
        &mut self,
        histories: &mut HistoryCache,
        customer: Uuid,
        journey: &str,
        position: Position,
    ) -> Result<()> {
        let history = histories.of(self.scope.store, self.scope.tenant, customer, position).await?;
        let journeys = &history.journeys;
        let moves = by_event(journeys.moves(journey));
        let live = self.live(customer).await?;
        self.refer(customer, &live, journeys, position);
        for line in self.live(customer).await? {
            if line.journey.as_deref() != Some(journey) {
                continue;
            }
            let standing = line.standing_in(journeys, &moves);
            if standing == line.standing {
                continue;
            }
            if line.known_from == position {
                self.replace(customer, &line, Line { standing, ..line.clone() });
                continue;
            }
            self.close(customer, &line, position);
            let line = Line { standing, known_from: position, ..line };
            self.pending.push(Pending { customer, line, until: None });
        }
        Ok(())
    }

    /// Lets a correction say what it is about: the stage that was recorded, by whom, and when that happened as far as is
    /// known with it.
    fn refer(&mut self, customer: Uuid, live: &[Line], journeys: &Journeys, position: Position) {
        let Some(line) = live.iter().find(|line| line.position == position && line.is_correction()) else {
            return;
        };
        let root = line.corrects.and_then(|corrects| journeys.resolve(corrects));
        let Some(root) = live.iter().find(|line| Some(line.event) == root) else { return };
        let moves = root.journey.as_deref().map(|journey| journeys.moves(journey)).unwrap_or_default();
        let moves = by_event(moves);
        let standing = root.standing_in(journeys, &moves);
        let activity = ActivityRecord {
            whom: Some(root.actor.clone()),
            about_stage: root.stage_to.clone(),
            about_at: Some(standing.now_at.unwrap_or_else(|| root.at())),
            ..line.activity.clone()
        };
        self.replace(customer, line, Line { activity, ..line.clone() });
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
    async fn live(&mut self, customer: Uuid) -> Result<Vec<Line>> {
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
        Ok(live)
    }

    fn pending_mut(&mut self, customer: Uuid, line: &Line) -> Option<&mut Pending> {
        let same = |row: &&mut Pending| row.customer == customer && row.until.is_none() && row.line == *line;
        self.pending.iter_mut().find(same)
    }

    fn replace(&mut self, customer: Uuid, line: &Line, by: Line) {
        if let Some(row) = self.pending_mut(customer, line) {
            row.line = by;
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

/// The moves of a journey by their events.
fn by_event(moves: Vec<Move>) -> HashMap<Uuid, Move> {
    moves.into_iter().map(|made| (made.event, made)).collect()
}

/// The key of a stored row: the first binds of the closing statement.
fn key(scope: &Scope<'_>, customer: Uuid, line: &Line) -> [Value; 5] {
    values![scope.tenant.0, scope.generation, customer, line.position, line.known_from]
}
