//! What events do to a journey, and the log's own account of it.

use std::collections::{BTreeMap, HashMap};
use std::num::NonZeroUsize;

use chrono::{DateTime, Utc};
use lru::LruCache;
use uuid::Uuid;
use waymark_domain::codec::CodecError;
use waymark_domain::customer::event::{CustomerEvent, Recorded};
use waymark_domain::customer::timeline::{Change, Journeys, LatestStay, Move, MoveKind, Touched};
use waymark_domain::tags;
use waymark_eventstore::{EventStore, Position, Query, TenantId};

use crate::error::{ProjectionError, Result};
use crate::log::decoded::recorded;
use crate::stats::Micros;

/// Entries read at a time.
const ENTRIES_PER_PAGE: u32 = 1_000;

/// What an event does to a journey.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum JourneyChange<'a> {
    /// Nothing.
    None,
    /// A move. In order it is simply the next one.
    Move {
        journey: &'a str,
        kind: MoveKind,
        pipeline_version: u32,
        stage: &'a str,
        sub_status: Option<&'a str>,
    },
    /// A correction, or another label for a stay: anything in the journey may differ.
    Rewrite { journey: &'a str },
}

impl<'a> JourneyChange<'a> {
    pub(crate) fn of(event: &'a CustomerEvent) -> Self {
        match event {
            CustomerEvent::Registered(e) => Self::Move {
                journey: &e.pipeline,
                kind: MoveKind::Registered,
                pipeline_version: e.pipeline_version,
                stage: &e.stage,
                sub_status: e.sub_status.as_deref(),
            },
            CustomerEvent::Moved(e) => Self::Move {
                journey: &e.journey,
                kind: MoveKind::Moved,
                pipeline_version: e.pipeline_version,
                stage: &e.to,
                sub_status: e.sub_status.as_deref(),
            },
            CustomerEvent::MoveInserted(e) if e.also_voids.is_empty() => Self::Move {
                journey: &e.journey,
                kind: MoveKind::Inserted,
                pipeline_version: e.pipeline_version,
                stage: &e.to,
                sub_status: e.sub_status.as_deref(),
            },
            CustomerEvent::Reactivated(e) => Self::Move {
                journey: &e.journey,
                kind: MoveKind::Reactivated,
                pipeline_version: e.pipeline_version,
                stage: &e.to,
                sub_status: None,
            },
            CustomerEvent::MoveInserted(e) => Self::Rewrite { journey: &e.journey },
            CustomerEvent::StageMigrated(e) => Self::Rewrite { journey: &e.journey },
            CustomerEvent::SubStatusSet(e) => Self::Rewrite { journey: &e.journey },
            CustomerEvent::MoveVoided(e) => Self::Rewrite { journey: &e.journey },
            CustomerEvent::MoveTargetCorrected(e) => Self::Rewrite { journey: &e.journey },
            CustomerEvent::MoveTimeCorrected(e) => Self::Rewrite { journey: &e.journey },
            _ => Self::None,
        }
    }
}

/// Where a journey ends: all that is needed to place a move that comes in order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct JourneyEnd {
    pub(crate) at: Micros,
    pub(crate) position: Position,
    pub(crate) stage: String,
    pub(crate) cycle: u32,
}

/// The cycle of the next move after a tail, and whether it repeats the stage already held.
pub(crate) fn place(tail: Option<&JourneyEnd>, kind: MoveKind, stage: &str) -> (u32, bool) {
    let reactivated = u32::from(kind == MoveKind::Reactivated);
    let Some(tail) = tail else { return (1, false) };
    let cycle = tail.cycle + reactivated;
    (cycle, tail.stage == stage && tail.cycle == cycle)
}

/// A move as it stands after corrections, with its place in the journey.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PositionedMove {
    pub(crate) position: Position,
    pub(crate) event: Uuid,
    pub(crate) at: Micros,
    pub(crate) stage: String,
    pub(crate) sub_status: Option<String>,
    pub(crate) actor: String,
    pub(crate) cycle: u32,
    pub(crate) repeat: bool,
    pub(crate) inserted: bool,
    pub(crate) version: u32,
}

impl From<LatestStay> for JourneyEnd {
    fn from(LatestStay { last, cycle, .. }: LatestStay) -> Self {
        let at = last.effective_at.timestamp_micros();
        Self { at, position: last.position, stage: last.stage, cycle }
    }
}

impl PositionedMove {
    /// A move after the one that a journey ended with before.
    pub(crate) fn after(tail: Option<&JourneyEnd>, made: Move) -> Self {
        let (cycle, repeat) = place(tail, made.kind, &made.stage);
        Self {
            position: made.position,
            event: made.event,
            at: made.effective_at.timestamp_micros(),
            stage: made.stage,
            sub_status: made.sub_status,
            actor: made.actor,
            cycle,
            repeat,
            inserted: made.kind == MoveKind::Inserted,
            version: made.pipeline_version,
        }
    }

    /// The end of a journey whose last move this is.
    pub(crate) fn tail(&self) -> JourneyEnd {
        JourneyEnd { at: self.at, position: self.position, stage: self.stage.clone(), cycle: self.cycle }
    }
}

/// The moves of a journey in effective order, each with its place.
pub(crate) fn position_moves(moves: Vec<Move>) -> Vec<PositionedMove> {
    let mut tail = None;
    moves
        .into_iter()
        .map(|made| {
            let placed = PositionedMove::after(tail.as_ref(), made);
            tail = Some(placed.tail());
            placed
        })
        .collect()
}

/// The events of one customer up to a position, as the log has them. Entries that cannot be read as events are
/// left out: they are parked or skipped, and nothing folds them.
pub(crate) async fn events(
    store: &dyn EventStore,
    tenant: TenantId,
    customer: Uuid,
    until: Position,
) -> Result<Vec<Recorded<CustomerEvent>>> {
    events_between(store, tenant, customer, 0, until).await
}

/// The events of one customer after a position and up to another, as [`events`].
async fn events_between(
    store: &dyn EventStore,
    tenant: TenantId,
    customer: Uuid,
    mut after: Position,
    until: Position,
) -> Result<Vec<Recorded<CustomerEvent>>> {
    let query = Query::tag(tags::customer(customer));
    let mut events = Vec::new();
    loop {
        let page = store.read_matching(tenant, &query, after, until, ENTRIES_PER_PAGE).await?;
        for entry in &page {
            let paused = |cause: String| ProjectionError::Paused { position: entry.position, cause };
            let envelope = entry.envelope().map_err(|error| paused(error.to_string()))?;
            match CustomerEvent::decode(&envelope.event_type, envelope.type_version, envelope.data) {
                Ok(Some(event)) => events.push(recorded(&envelope, event)),
                Err(newer @ CodecError::NewerVersion { .. }) => return Err(paused(newer.to_string())),
                Ok(None) | Err(_) => {}
            }
        }
        match page.last() {
            Some(last) if page.len() == ENTRIES_PER_PAGE as usize => after = last.position,
            _ => return Ok(events),
        }
    }
}

/// What was read of some customers lately, so that a correction reads and decodes only what came since the one before it.
pub(crate) struct HistoryCache(LruCache<Uuid, History>);

/// The events of a customer up to a position, and the timelines that they make.
pub(crate) struct History {
    until: Position,
    events: HashMap<Uuid, Recorded<CustomerEvent>>,
    pub(crate) journeys: Journeys,
    /// By journey: what may stand otherwise than when it was last asked about.
    touched: BTreeMap<String, Touched>,
}

/// How many customers' histories are kept: those that are corrected again and again.
pub(crate) const HISTORIES_KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(255);

impl History {
    fn new() -> Self {
        let (events, touched) = (HashMap::new(), BTreeMap::new());
        Self { until: 0, events, journeys: Journeys::default(), touched }
    }

    fn apply(&mut self, event: Recorded<CustomerEvent>) {
        let mut touched = Touched::default();
        match self.journeys.apply_noting(&event, &mut touched) {
            Change::None => {}
            Change::Appended { journey } | Change::Repeated { journey } | Change::Rewritten { journey } => {
                self.touched.entry(journey).or_default().add(touched);
            }
        }
        self.events.insert(event.id, event);
    }

    /// The events of the customer, in the order of positions.
    pub(crate) fn events(&self) -> Vec<&Recorded<CustomerEvent>> {
        let mut events: Vec<_> = self.events.values().collect();
        events.sort_unstable_by_key(|event| event.position);
        events
    }

    /// An event of the customer.
    pub(crate) fn event(&self, id: Uuid) -> Option<&Recorded<CustomerEvent>> {
        self.events.get(&id)
    }

    /// The records of a journey that may stand otherwise than when this was asked last.
    pub(crate) fn take_touched(&mut self, journey: &str) -> Touched {
        let touched = self.touched.remove(journey).unwrap_or_default();
        if self.journeys.is_relabelled(journey) { Touched::All } else { touched }
    }
}

impl Default for HistoryCache {
    fn default() -> Self {
        Self(LruCache::new(HISTORIES_KEPT))
    }
}

impl HistoryCache {
    /// What a customer's history was up to a position.
    pub(crate) async fn of(
        &mut self,
        store: &dyn EventStore,
        tenant: TenantId,
        customer: Uuid,
        until: Position,
    ) -> Result<&mut History> {
        let known = self.0.pop(&customer).filter(|known| known.until <= until);
        let mut history = known.unwrap_or_else(History::new);
        for event in events_between(store, tenant, customer, history.until, until).await? {
            history.apply(event);
        }
        history.until = until;
        Ok(self.0.get_or_insert_mut(customer, || history))
    }
}

/// The timelines that these events make.
pub(crate) fn journeys<'a>(events: impl IntoIterator<Item = &'a Recorded<CustomerEvent>>) -> Journeys {
    let mut journeys = Journeys::default();
    for event in events {
        journeys.apply(event);
    }
    journeys
}

/// An instant of the tables.
pub(crate) fn instant(at: Micros) -> DateTime<Utc> {
    DateTime::from_timestamp_micros(at).unwrap_or_default()
}

#[cfg(test)]
thread_local! {
    /// How many records corrections have been compared with, on this thread.
    pub(crate) static COMPARED: std::cell::Cell<usize> = const { std::cell::Cell::new(0) };
}

/// Counts records that a correction was compared with, so that a test can hold how the work grows.
#[cfg(test)]
pub(crate) fn count_compared(records: usize) {
    COMPARED.with(|compared| compared.set(compared.get() + records));
}

#[cfg(not(test))]
pub(crate) fn count_compared(_: usize) {}
