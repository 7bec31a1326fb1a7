//! The log in memory: short, slow and plainly right. What it does is what the durable stores must do.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::watch;
use uuid::Uuid;

use crate::intake::Gate;
use crate::ledger::{Frontier, Hash, LedgerStore, Record, StoredHead, TILE_WIDTH, TagRecord, Tile};
use crate::prepare::{Prepared, Request};
use crate::vault::{RewrappedKey, WrappedKey};
use crate::watchers::Watchers;
use crate::{
    Append, Appended, Clock, Condition, Entry, EventStore, Head, Intake, LogEnd, News, Outcome, Position,
    Query, Receipt, StoreError, TenantId, instant,
};

/// A log that lives as long as the process.
pub struct MemoryStore {
    clock: Clock,
    watchers: Watchers,
    gate: Gate,
    logs: Mutex<Option<BTreeMap<TenantId, Log>>>,
}

/// One tenant's log.
#[derive(Default)]
struct Log {
    events: Vec<Event>,
    frontier: Frontier,
    receipts: HashMap<String, Receipt>,
    keys: HashMap<Uuid, WrappedKey>,
    tenant_key: Option<Vec<u8>>,
    erasures: u64,
    checkpoints: BTreeMap<u64, String>,
}

/// One event with all that it is found by.
struct Event {
    entry: Entry,
    id: Uuid,
    event_type: String,
    leaf: Hash,
    tags: Vec<String>,
    blind_tags: Vec<String>,
    blind_subject: Option<Uuid>,
}

impl MemoryStore {
    /// An empty log.
    #[must_use]
    pub fn new(clock: Clock) -> Arc<Self> {
        let logs = Mutex::new(Some(BTreeMap::new()));
        Arc::new(Self { clock, watchers: Watchers::default(), gate: Gate::open(), logs })
    }

    /// Looks at a tenant's log, or at an empty one.
    fn look<T>(&self, tenant: TenantId, look: impl FnOnce(&Log) -> T) -> Result<T, StoreError> {
        let logs = self.lock();
        let logs = logs.as_ref().ok_or_else(closed)?;
        let empty = Log::default();
        Ok(look(logs.get(&tenant).unwrap_or(&empty)))
    }

    fn lock(&self) -> MutexGuard<'_, Option<BTreeMap<TenantId, Log>>> {
        self.logs.lock()
    }
}

fn closed() -> StoreError {
    StoreError::Unavailable("the log is closed".to_owned())
}

impl Log {
    fn position(&self) -> Position {
        self.events.len() as Position
    }

    fn recorded_at(&self) -> Option<DateTime<Utc>> {
        self.events.last().map(|event| event.entry.recorded_at)
    }

    fn append(&mut self, request: &Request, clock: DateTime<Utc>) -> Result<Outcome, StoreError> {
        if let Some(draft) = &request.receipt
            && let Some(receipt) = self.receipts.get(&draft.command_id)
        {
            let same = receipt.digest == draft.digest;
            return if same {
                Ok(Outcome::Repeated(receipt.clone()))
            } else {
                Err(StoreError::CommandIdReused)
            };
        }
        let clock = instant::truncated(clock);
        let now = self.recorded_at().map_or(clock, |last| last.max(clock));
        if request.must_record_before.is_some_and(|bound| now >= bound) {
            return Err(StoreError::DeadlinePassed);
        }
        let forbidden = |condition: &Condition| {
            let last = self.events.iter().rev().find(|event| event.matches(&condition.query))?;
            Some(last.entry.position).filter(|position| *position > condition.after)
        };
        if let Some(position) = request.conditions().filter_map(forbidden).max() {
            return Err(StoreError::Conflict { position });
        }
        if let Some(taken) = request.events.iter().find(|new| self.events.iter().any(|old| old.id == new.id))
        {
            return Err(StoreError::Invalid(format!("the event id {} is in the log already", taken.id)));
        }
        if request.erasures_seen.is_some_and(|seen| seen != self.erasures) {
            return Err(StoreError::Conflict { position: self.position() });
        }
        let has_other = |new: &WrappedKey| self.keys.get(&new.subject).is_some_and(|old| old != new);
        let is_changed =
            |key: &RewrappedKey| self.keys.get(&key.subject).is_none_or(|known| known.wrapped != key.stored);
        if request.new_keys.iter().any(has_other) || request.changed_keys.iter().any(is_changed) {
            return Err(StoreError::Conflict { position: self.position() });
        }
        Ok(Outcome::Appended(self.record(request, now)))
    }

    fn record(&mut self, request: &Request, now: DateTime<Utc>) -> Appended {
        let first_position = if request.events.is_empty() { self.position() } else { self.position() + 1 };
        let count = u32::try_from(request.events.len()).unwrap_or(u32::MAX);
        for event in &request.events {
            self.push(event, now);
        }
        self.keys.extend(request.new_keys.iter().map(|key| (key.subject, key.clone())));
        for key in &request.changed_keys {
            self.erasures += 1;
            if let Some(known) = self.keys.get_mut(&key.subject) {
                known.wrapped.clone_from(&key.wrapped);
            }
        }
        for subject in &request.erase_subjects {
            self.erase(*subject);
        }
        for (position, tag) in &request.forget_tags {
            self.forget(*position, tag);
        }
        if let Some(draft) = &request.receipt {
            let (digest, outcome) = (draft.digest, draft.outcome.clone());
            let receipt = Receipt { digest, outcome, first_position, count, recorded_at: now };
            self.receipts.insert(draft.command_id.clone(), receipt);
        }
        Appended { first_position, count, recorded_at: now }
    }

    fn push(&mut self, event: &Prepared, recorded_at: DateTime<Utc>) {
        let position = self.position() + 1;
        let mut bytes = Vec::new();
        let leaf = event.complete(position, &instant::to_text(recorded_at), &mut bytes);
        self.frontier.push(leaf);
        self.events.push(Event {
            entry: Entry { position, recorded_at, bytes: bytes.into() },
            id: event.id,
            event_type: event.event_type.to_string(),
            leaf,
            tags: event.tags.clone(),
            blind_tags: event.blind_tags.clone(),
            blind_subject: event.blind_subject,
        });
    }

    fn erase(&mut self, subject: Uuid) {
        self.erasures += 1;
        if let Some(key) = self.keys.get_mut(&subject) {
            key.wrapped.clear();
            key.destroyed = true;
        }
        for event in self.events.iter_mut().filter(|event| event.blind_subject == Some(subject)) {
            event.blind_tags.clear();
        }
    }

    fn forget(&mut self, position: Position, tag: &str) {
        self.erasures += 1;
        for event in self.events.iter_mut().filter(|event| event.entry.position == position) {
            event.blind_tags.retain(|held| held != tag);
        }
    }

    fn between(&self, after: Position, until: Position) -> impl Iterator<Item = &Event> {
        self.events.iter().filter(move |event| (after + 1..=until).contains(&event.entry.position))
    }

    fn tile(&self, level: u8, index: u64) -> Option<Tile> {
        let covered = TILE_WIDTH.checked_pow(u32::from(level))?;
        let first = index.checked_mul(covered)?.checked_mul(TILE_WIDTH)?;
        let leaves: Vec<Hash> =
            self.between(first, first + covered * TILE_WIDTH).map(|event| event.leaf).collect();
        let full = leaves.len() as u64 == covered * TILE_WIDTH;
        let hashes = || leaves.chunks(covered as usize).map(crate::ledger::root_of).collect();
        full.then(|| Tile { level, index, hashes: hashes() })
    }
}

impl Event {
    fn matches(&self, query: &Query) -> bool {
        let tags = [self.tags.as_slice(), &self.blind_tags].concat();
        query.matches(&self.event_type, &tags)
    }
}

#[async_trait]
impl EventStore for MemoryStore {
    async fn append(&self, request: Append) -> Result<Outcome, StoreError> {
        let request = Request::prepare(request)?;
        if request.archived.is_some() {
            return Err(StoreError::Invalid("a log in memory keeps no segments".to_owned()));
        }
        let mut logs = self.lock();
        let log = logs.as_mut().ok_or_else(closed)?.entry(request.tenant).or_default();
        let outcome = log.append(&request, (self.clock)())?;
        self.watchers.moved(request.tenant, log.position());
        Ok(outcome)
    }

    async fn read(&self, tenant: TenantId, after: Position, limit: u32) -> Result<Vec<Entry>, StoreError> {
        self.read_matching(tenant, &Query::all(), after, Position::MAX, limit).await
    }

    async fn read_matching(
        &self,
        tenant: TenantId,
        query: &Query,
        after: Position,
        until: Position,
        limit: u32,
    ) -> Result<Vec<Entry>, StoreError> {
        self.look(tenant, |log| {
            let matching = log.events.iter().filter(|event| {
                event.entry.position > after && event.entry.position <= until && event.matches(query)
            });
            matching.take(limit as usize).map(|event| event.entry.clone()).collect()
        })
    }

    async fn head(&self, tenant: TenantId) -> Result<Head, StoreError> {
        self.look(tenant, |log| Head {
            position: log.position(),
            recorded_at: log.recorded_at().unwrap_or(DateTime::UNIX_EPOCH),
            root: log.frontier.root(),
        })
    }

    async fn position_at(&self, tenant: TenantId, known_at: DateTime<Utc>) -> Result<Position, StoreError> {
        self.look(tenant, |log| {
            let known = log.events.iter().rev().find(|event| event.entry.recorded_at <= known_at);
            known.map_or(0, |event| event.entry.position)
        })
    }

    async fn forget_refusals(
        &self,
        tenant: TenantId,
        commands: Vec<String>,
        before: DateTime<Utc>,
    ) -> Result<u64, StoreError> {
        let mut logs = self.lock();
        let log = logs.as_mut().ok_or_else(closed)?.entry(tenant).or_default();
        let kept = log.receipts.len();
        let is_old = |receipt: &Receipt| receipt.count == 0 && receipt.recorded_at < before;
        log.receipts.retain(|command, receipt| !(commands.contains(command) && is_old(receipt)));
        Ok((kept - log.receipts.len()) as u64)
    }

    async fn receipt(&self, tenant: TenantId, command_id: &str) -> Result<Option<Receipt>, StoreError> {
        self.look(tenant, |log| log.receipts.get(command_id).cloned())
    }

    async fn data_keys(&self, tenant: TenantId, subjects: &[Uuid]) -> Result<Vec<WrappedKey>, StoreError> {
        self.look(tenant, |log| {
            subjects.iter().filter_map(|subject| log.keys.get(subject).cloned()).collect()
        })
    }

    async fn erasures(&self, tenant: TenantId) -> Result<u64, StoreError> {
        self.look(tenant, |log| log.erasures)
    }

    async fn tenant_key(&self, tenant: TenantId, candidate: Vec<u8>) -> Result<Vec<u8>, StoreError> {
        let mut logs = self.lock();
        let log = logs.as_mut().ok_or_else(closed)?.entry(tenant).or_default();
        Ok(log.tenant_key.get_or_insert(candidate).clone())
    }

    async fn ends(&self) -> Result<Vec<LogEnd>, StoreError> {
        let logs = self.lock();
        let logs = logs.as_ref().ok_or_else(closed)?;
        let end = |(log, kept): (&TenantId, &Log)| {
            let (position, recorded_at) = (kept.position(), kept.recorded_at()?);
            Some(LogEnd { log: *log, position, recorded_at, erasures: kept.erasures })
        };
        Ok(logs.iter().filter_map(end).collect())
    }

    fn watch(&self, tenant: TenantId) -> watch::Receiver<Position> {
        self.watchers.subscribe(tenant)
    }

    fn known_heads(&self) -> Vec<(TenantId, Position)> {
        self.watchers.known()
    }

    fn inform(&self, news: &News) {
        self.watchers.announcer.inform(news);
    }

    fn tell(&self, tenant: TenantId) {
        self.watchers.announcer.tell(tenant);
    }

    async fn answers(&self) -> Result<(), StoreError> {
        self.lock().as_ref().map(drop).ok_or_else(closed)
    }

    fn intake(&self) -> watch::Receiver<Intake> {
        self.gate.watch()
    }

    async fn close(&self) {
        *self.lock() = None;
    }
}

#[async_trait]
impl LedgerStore for MemoryStore {
    async fn records(
        &self,
        tenant: TenantId,
        after: Position,
        limit: u32,
    ) -> Result<Vec<Record>, StoreError> {
        self.look(tenant, |log| {
            let events = log.events.iter().filter(|event| event.entry.position > after).take(limit as usize);
            events
                .map(|event| Record {
                    entry: event.entry.clone(),
                    id: event.id,
                    event_type: event.event_type.clone(),
                    leaf: event.leaf,
                })
                .collect()
        })
    }

    async fn tags(
        &self,
        tenant: TenantId,
        after: Position,
        until: Position,
    ) -> Result<Vec<TagRecord>, StoreError> {
        self.look(tenant, |log| {
            let mut tags = Vec::new();
            for event in log.between(after, until) {
                let (position, event_type) = (event.entry.position, event.event_type.as_str());
                let record = |tag: &String| TagRecord {
                    position,
                    event_type: event_type.to_owned(),
                    tag: tag.clone(),
                };
                tags.extend(event.tags.iter().map(record));
            }
            tags
        })
    }

    async fn tags_by_tag(
        &self,
        tenant: TenantId,
        (after, position): (&str, Position),
        limit: u32,
    ) -> Result<Vec<TagRecord>, StoreError> {
        let mut tags = self.tags(tenant, 0, Position::MAX).await?;
        tags.retain(|record| (record.tag.as_str(), record.position) > (after, position));
        tags.sort_by(|one, other| (&one.tag, one.position).cmp(&(&other.tag, other.position)));
        tags.truncate(usize::try_from(limit).unwrap_or(usize::MAX));
        Ok(tags)
    }

    async fn leaf_hashes(
        &self,
        tenant: TenantId,
        after: Position,
        until: Position,
    ) -> Result<Vec<Hash>, StoreError> {
        self.look(tenant, |log| log.between(after, until).map(|event| event.leaf).collect())
    }

    async fn position_of(&self, tenant: TenantId, id: Uuid) -> Result<Option<Position>, StoreError> {
        self.look(tenant, |log| {
            log.events.iter().find(|event| event.id == id).map(|event| event.entry.position)
        })
    }

    async fn tile(&self, tenant: TenantId, level: u8, index: u64) -> Result<Option<Tile>, StoreError> {
        self.look(tenant, |log| log.tile(level, index))
    }

    async fn stored_head(&self, tenant: TenantId) -> Result<Option<StoredHead>, StoreError> {
        self.look(tenant, |log| {
            let (frontier, root) = (log.frontier.clone(), log.frontier.root());
            let (recorded_at, indexed) = (log.recorded_at(), log.position());
            (indexed > 0).then_some(StoredHead { frontier, root, recorded_at, indexed })
        })
    }

    async fn save_checkpoint(&self, tenant: TenantId, size: u64, note: &str) -> Result<(), StoreError> {
        let mut logs = self.lock();
        let log = logs.as_mut().ok_or_else(closed)?.entry(tenant).or_default();
        log.checkpoints.insert(size, note.to_owned());
        Ok(())
    }

    async fn tile_places(&self, tenant: TenantId) -> Result<Vec<(i64, i64)>, StoreError> {
        self.look(tenant, |log| {
            let mut places = Vec::new();
            for (level, width) in (0..).map_while(|level| Some((level, TILE_WIDTH.checked_pow(level + 1)?))) {
                let full = (log.position() / width).cast_signed();
                places.extend((0..full).map(|index| (i64::from(level), index)));
            }
            places
        })
    }

    async fn checkpoints(&self, tenant: TenantId) -> Result<Vec<(u64, String)>, StoreError> {
        self.look(tenant, |log| log.checkpoints.iter().map(|(size, note)| (*size, note.clone())).collect())
    }

    async fn checkpoints_after(
        &self,
        tenant: TenantId,
        size: u64,
        limit: u32,
    ) -> Result<Vec<(u64, String)>, StoreError> {
        self.look(tenant, |log| {
            let larger = log.checkpoints.iter().filter(|(stored, _)| **stored > size);
            larger.take(limit as usize).map(|(size, note)| (*size, note.clone())).collect()
        })
    }

    async fn latest_checkpoint(&self, tenant: TenantId) -> Result<Option<String>, StoreError> {
        self.look(tenant, |log| log.checkpoints.values().next_back().cloned())
    }
}
