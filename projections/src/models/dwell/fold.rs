//! The fold: moves and corrections into rows that say what was known when.

use std::collections::{BTreeSet, HashMap, HashSet};
use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;
use lru::LruCache;
use uuid::Uuid;
use waymark_domain::customer::event::{CustomerEvent, Recorded};
use waymark_domain::customer::timeline::{MoveKind, Touched};
use waymark_eventstore::Position;

use super::statements::{CLOSE, KNOWN, TAIL};
use super::tables::{END_ROWS, EndRow, MOVES, MoveRow};
use crate::db::{Row, Transaction, Value, values};
use crate::error::Result;
use crate::fairness::give_way;
use crate::log::decoded::DecodedEvent;
use crate::log::history::{
    HISTORIES_KEPT, History, HistoryCache, JourneyChange, JourneyEnd, PositionedMove, count_compared, place,
    position_moves,
};
use crate::models::read_model::{Fold, Scope, Writes};
use crate::stats::journeys::{Origin, Provenance, move_kind_word};
use crate::stats::{CensoringEvent, Micros};
use crate::storage::columns::TableRow as _;

/// A row of the table that is known now, with the position since when.
#[derive(Clone)]
struct Live {
    placed: PositionedMove,
    since: Position,
}

/// The page's rows, each in the final form that the page gives it.
struct Pending {
    journey: String,
    customer: Uuid,
    placed: PositionedMove,
    how: Provenance,
    reason: Option<String>,
    since: Position,
    until: Option<Position>,
}

/// How many journeys' ends are kept: some hundred bytes each.
const JOURNEY_ENDS_KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(19_999);

/// The fold of the transitions, with what it met last.
pub(super) struct DwellFold {
    /// Where journeys end, by pipeline and customer.
    journey_ends: LruCache<(String, Uuid), JourneyEnd>,
    /// The histories of customers that were corrected.
    histories: HistoryCache,
    /// Of journeys that were corrected: the rows that are known now.
    known: LruCache<(String, Uuid), LiveRows>,
}

/// The rows of a journey that are known now, by the events of its moves.
type LiveRows = HashMap<Uuid, Live>;

impl Default for DwellFold {
    fn default() -> Self {
        let (journey_ends, known) = (LruCache::new(JOURNEY_ENDS_KEPT), LruCache::new(HISTORIES_KEPT));
        Self { journey_ends, histories: HistoryCache::default(), known }
    }
}

#[async_trait]
impl Fold for DwellFold {
    async fn fold(&mut self, scope: &Scope<'_>, events: &[Arc<DecodedEvent>]) -> Result<Writes> {
        let cache = self;
        let mut page = Page {
            scope,
            transaction: scope.db.read(scope.tenant).await?,
            pending: Vec::new(),
            places: HashMap::new(),
            closed: Vec::new(),
            closed_rows: HashSet::new(),
            emptied: HashSet::new(),
        };
        let mut ends = Vec::new();
        for (number, fact) in events.iter().enumerate() {
            give_way(number).await;
            if let Some(end) = CensoringEvent::of(fact) {
                let (at, position) = (fact.event.effective_at.timestamp_micros(), fact.event.position);
                let reason = end.as_str().to_owned();
                EndRow { customer: fact.customer, position, effective_at: at, reason }.push(&mut ends);
            }
            let journey = match JourneyChange::of(&fact.event.event) {
                JourneyChange::None => continue,
                JourneyChange::Rewrite { journey } | JourneyChange::Move { journey, .. } => journey,
            };
            let key = (journey.to_owned(), fact.customer);
            if !page.append(cache, &key, fact).await? {
                page.rewrite(cache, key, fact).await?;
            }
        }
        let mut writes = page.writes();
        writes.rows.push((&END_ROWS, ends));
        Ok(writes)
    }
}

impl CensoringEvent {
    /// What an event says of the customer's observation.
    pub(super) fn of(fact: &DecodedEvent) -> Option<Self> {
        match &fact.event.event {
            CustomerEvent::MergedInto(_) => Some(Self::Merged),
            CustomerEvent::Unmerged(event) if event.absorbed == fact.customer => Some(Self::Unmerged),
            CustomerEvent::Erased(_) => Some(Self::Erased),
            _ => None,
        }
    }
}

struct Page<'a> {
    scope: &'a Scope<'a>,
    transaction: Transaction,
    pending: Vec<Pending>,
    /// Where each of them stands, by its key.
    places: HashMap<RowKey, usize>,
    closed: Vec<(&'static str, Vec<Value>)>,
    /// The stored rows that are closed, by their keys.
    closed_rows: HashSet<RowKey>,
    /// Journeys all of whose moves the page took away: what is stored of them holds no longer.
    emptied: HashSet<(String, Uuid)>,
}

impl Page<'_> {
    /// A move in order is one more row. False when the event is anything else.
    async fn append(
        &mut self,
        cache: &mut DwellFold,
        key: &(String, Uuid),
        fact: &DecodedEvent,
    ) -> Result<bool> {
        let JourneyChange::Move { kind, stage, sub_status, pipeline_version, .. } =
            JourneyChange::of(&fact.event.event)
        else {
            return Ok(false);
        };
        let (at, position) = (fact.event.effective_at.timestamp_micros(), fact.event.position);
        let tail = match cache.journey_ends.get(key) {
            Some(tail) => Some(tail.clone()),
            // Nothing comes before the registration, so there is nothing to look for.
            None if matches!(fact.event.event, CustomerEvent::Registered(_)) => None,
            None if self.emptied.contains(key) => None,
            None => self.stored_tail(key).await?,
        };
        if tail.as_ref().is_some_and(|tail| tail.at > at) {
            return Ok(false);
        }
        let (cycle, repeat) = place(tail.as_ref(), kind, stage);
        cache.journey_ends.put(key.clone(), JourneyEnd { at, position, stage: stage.to_owned(), cycle });
        let placed = PositionedMove {
            position,
            event: fact.event.id,
            at,
            stage: stage.to_owned(),
            sub_status: sub_status.map(str::to_owned),
            actor: fact.event.actor.clone(),
            cycle,
            repeat,
            inserted: false,
            version: pipeline_version,
        };
        if let Some(known) = cache.known.get_mut(key) {
            known.insert(placed.event, Live { placed: placed.clone(), since: position });
        }
        self.add(key, placed, Some(&fact.event), position);
        Ok(true)
    }

    /// The end of a journey that this worker has not met: in the tables, or nowhere.
    async fn stored_tail(&mut self, key: &(String, Uuid)) -> Result<Option<JourneyEnd>> {
        let (tenant, generation) = (self.scope.tenant.0, self.scope.generation);
        let row = self.transaction.row(TAIL, &values![tenant, generation, key.0.as_str(), key.1]).await?;
        row.map(|row| {
            Ok(JourneyEnd {
                at: row.int("effective_at")?,
                position: row.position("position")?,
                stage: row.text("stage")?,
                cycle: row.number("cycle")?,
            })
        })
        .transpose()
    }

    /// A correction, or a move out of order: writes what differs by it, of the records that it bears on.
    async fn rewrite(
        &mut self,
        cache: &mut DwellFold,
        key: (String, Uuid),
        fact: &DecodedEvent,
    ) -> Result<()> {
        let position = fact.event.position;
        let (store, tenant) = (self.scope.store, self.scope.tenant);
        let history = cache.histories.of(store, tenant, fact.customer, position).await?;
        let touched = history.take_touched(&key.0);
        if !cache.known.contains(&key) {
            let live = self.live(&key).await?;
            cache.known.put(key.clone(), live);
        }
        let Some(known) = cache.known.get_mut(&key) else { return Ok(()) };
        let some = match &touched {
            Touched::Some(records) => {
                some_moves(history, &key.0, records, known).map(|now| (records.clone(), now))
            }
            Touched::All => None,
        };
        let (records, now) = some.unwrap_or_else(|| {
            let all = position_moves(history.journeys.moves(&key.0));
            let now: HashMap<_, _> = all.into_iter().map(|placed| (placed.event, placed)).collect();
            (known.keys().chain(now.keys()).copied().collect(), now)
        });
        count_compared(records.len());
        for record in records {
            self.renew(&key, known, (record, now.get(&record)), history, position);
        }
        match history.journeys.latest(&key.0) {
            Some(latest) => drop(cache.journey_ends.put(key, latest.into())),
            None => {
                cache.journey_ends.pop(&key);
                self.emptied.insert(key);
            }
        }
        Ok(())
    }

    /// Closes the row of a move and opens another, where it stands otherwise now.
    fn renew(
        &mut self,
        key: &(String, Uuid),
        known: &mut LiveRows,
        (record, now): (Uuid, Option<&PositionedMove>),
        history: &History,
        position: Position,
    ) {
        let before = known.get(&record);
        if before.zip(now).is_some_and(|(before, now)| same_row(&before.placed, now)) {
            return;
        }
        if let Some(gone) = known.remove(&record) {
            self.close(key, &gone, position);
        }
        if let Some(now) = now {
            known.insert(record, Live { placed: now.clone(), since: position });
            self.add(key, now.clone(), history.event(record), position);
        }
    }

    /// The journey as known before this event: the stored rows, with what the page has done so far.
    async fn live(&mut self, key: &(String, Uuid)) -> Result<LiveRows> {
        let (tenant, generation) = (self.scope.tenant.0, self.scope.generation);
        let values = values![tenant, generation, key.0.as_str(), key.1, Micros::MAX];
        let rows = self.transaction.rows(KNOWN, &values).await?;
        let stored: Vec<Live> = rows
            .iter()
            .map(|row| Ok(Live { placed: read(row)?, since: row.position("known_from")? }))
            .collect::<Result<_>>()?;
        let closed = |live: &Live| self.closed_rows.contains(&row_key(key, live));
        let mut live: Vec<Live> = stored.into_iter().filter(|live| !closed(live)).collect();
        let mine = self.pending.iter().filter(|row| row.until.is_none() && is_of(row, key));
        live.extend(mine.map(|row| Live { placed: row.placed.clone(), since: row.since }));
        count_compared(live.len());
        Ok(live.into_iter().map(|live| (live.placed.event, live)).collect())
    }

    fn add(
        &mut self,
        key: &(String, Uuid),
        placed: PositionedMove,
        event: Option<&Recorded<CustomerEvent>>,
        since: Position,
    ) {
        let (journey, customer) = key.clone();
        let (how, reason) = (event.map(how).unwrap_or_default(), event.and_then(reason));
        let place = (journey.clone(), customer, placed.at, placed.position, since);
        self.places.insert(place, self.pending.len());
        self.pending.push(Pending { journey, customer, placed, how, reason, since, until: None });
    }

    fn close(&mut self, key: &(String, Uuid), gone: &Live, until: Position) {
        let mine = self.places.get(&row_key(key, gone)).and_then(|place| self.pending.get_mut(*place));
        match mine {
            Some(row) => row.until = Some(until),
            None => {
                let mut values = close_values(self.scope, key, gone);
                values.push(until.into());
                self.closed_rows.insert(row_key(key, gone));
                self.closed.push((CLOSE, values));
            }
        }
    }

    fn writes(mut self) -> Writes {
        // In the order of the key, so that rows of one leaf of the table are written together.
        self.pending.sort_by(|a, b| {
            let key = |row: &Pending| (row.customer, row.placed.at, row.placed.position, row.since);
            a.journey.cmp(&b.journey).then_with(|| key(a).cmp(&key(b)))
        });
        let mut rows = Vec::with_capacity(self.pending.len() * MOVES.width());
        for row in self.pending {
            let PositionedMove {
                position, event, at, stage, sub_status, actor, cycle, repeat, version, ..
            } = row.placed;
            let Provenance { recorded, by, kind, noted } = row.how;
            let made = MoveRow {
                journey: row.journey,
                customer: row.customer,
                effective_at: at,
                position,
                known_from: row.since,
                known_until: row.until,
                event,
                stage,
                sub_status,
                cycle,
                repeats: repeat,
                actor,
                version,
                recorded_at: recorded,
                made_by: by.as_str().to_owned(),
                kind: move_kind_word(kind).to_owned(),
                noted,
                reason: row.reason,
            };
            made.push(&mut rows);
        }
        Writes { statements: self.closed, rows: vec![(&MOVES, rows)], ..Writes::default() }
    }
}

/// The moves among some records of a journey as they stand, each in its place: none where a row is not known that must be.
/// A record of which there is no move now is not among them.
fn some_moves(
    history: &History,
    journey: &str,
    records: &BTreeSet<Uuid>,
    known: &LiveRows,
) -> Option<HashMap<Uuid, PositionedMove>> {
    let standing = records.iter().filter_map(|record| history.journeys.standing(journey, *record));
    let mut standing: Vec<_> = standing.collect();
    standing.sort_by_key(|(made, _)| (made.effective_at, made.position));
    let mut now: HashMap<Uuid, PositionedMove> = HashMap::with_capacity(standing.len());
    for (made, former) in standing {
        let tail = match former {
            None => None,
            Some(former) => {
                let placed = now.get(&former).or_else(|| known.get(&former).map(|live| &live.placed))?;
                Some(placed.tail())
            }
        };
        now.insert(made.event, PositionedMove::after(tail.as_ref(), made));
    }
    Some(now)
}

/// How an event came to be recorded, and whether it says why: a note, or a reason in words where no note was asked for.
/// The texts of a move that was approved stand in its request.
fn how(event: &Recorded<CustomerEvent>) -> Provenance {
    let (kind, noted) = match &event.event {
        CustomerEvent::Registered(e) => (MoveKind::Registered, e.note.is_some()),
        CustomerEvent::Moved(e) => {
            (MoveKind::Moved, e.note.is_some() || e.reason_text.is_some() || e.approval.is_some())
        }
        CustomerEvent::MoveInserted(_) => (MoveKind::Inserted, true),
        CustomerEvent::Reactivated(_) => (MoveKind::Reactivated, true),
        _ => (MoveKind::Moved, false),
    };
    let recorded = event.recorded_at.timestamp_micros();
    Provenance { recorded, by: Origin::of(event.origin.as_deref()), kind, noted }
}

/// The reason code that an event gives.
fn reason(event: &Recorded<CustomerEvent>) -> Option<String> {
    match &event.event {
        CustomerEvent::Moved(e) => e.reason.clone(),
        _ => None,
    }
}

/// Whether two accounts of a move make the same row. How it came about makes no difference.
fn same_row(a: &PositionedMove, b: &PositionedMove) -> bool {
    let PositionedMove { position, event, at, stage, sub_status, actor, cycle, repeat, version, inserted: _ } =
        a;
    (*position, *event, *at, *cycle, *repeat, *version)
        == (b.position, b.event, b.at, b.cycle, b.repeat, b.version)
        && (stage, sub_status, actor) == (&b.stage, &b.sub_status, &b.actor)
}

fn is_of(row: &Pending, key: &(String, Uuid)) -> bool {
    row.customer == key.1 && row.journey == key.0
}

/// By what a stored row is known: journey, customer, instant, position, and since when it is known.
type RowKey = (String, Uuid, Micros, Position, Position);

fn row_key((journey, customer): &(String, Uuid), live: &Live) -> RowKey {
    (journey.clone(), *customer, live.placed.at, live.placed.position, live.since)
}

/// The key of a stored row: the first binds of the closing statement.
fn close_values(scope: &Scope<'_>, key: &(String, Uuid), live: &Live) -> Vec<Value> {
    let Live { placed, since } = live;
    values![scope.tenant.0, scope.generation, key.0.as_str(), key.1, placed.at, placed.position, *since]
        .into()
}

/// Reads a row of the statement `known.sql`.
pub(super) fn read(row: &Row) -> Result<PositionedMove> {
    Ok(PositionedMove {
        at: row.int("effective_at")?,
        position: row.position("position")?,
        event: row.uuid("event")?,
        stage: row.text("stage")?,
        sub_status: row.opt_text("sub_status")?,
        cycle: row.number("cycle")?,
        repeat: row.flag("repeats")?,
        actor: row.text("actor")?,
        inserted: false,
        version: row.number("version")?,
    })
}
