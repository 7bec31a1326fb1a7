//! What every store promises, one named rule a test. Each rule runs against each store.

mod aborted;
mod appending;
mod concurrency;
mod conditions;
mod durability;
mod erasure;
mod proofs;
mod queries;
mod random;
mod reading;
mod receipts;
mod segments;
mod transfer;

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex};

use chrono::{DateTime, TimeDelta, Utc};
use serde_json::json;
use tempfile::TempDir;
use uuid::Uuid;

use crate::ledger::LedgerStore;
use crate::postgres::tests::{Database, Kind};
use crate::{
    Append, Appended, Clock, Condition, Draft, Entry, MemoryStore, Options, Outcome, Position, Query,
    ReceiptDraft, SqliteStore, StoreError, TenantId,
};

/// Names rules as tests of each store.
macro_rules! contract {
    ($($rule:ident),+ $(,)?) => {
        mod memory {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() { super::$rule($crate::contract::Bench::memory()).await; })+
        }
        mod sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() { super::$rule($crate::contract::Bench::sqlite(None).await).await; })+
        }
        // The tags of every other entry go into the index together, so that both places are always looked into.
        mod sqlite_indexing {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() { super::$rule($crate::contract::Bench::sqlite(Some(2)).await).await; })+
        }
        $crate::contract::contract_on_postgres!(postgres, Plain, $($rule),+);
        $crate::contract::contract_on_postgres!(partitioned, Partitioned, $($rule),+);
        $crate::contract::contract_on_postgres!(secured, Secured, $($rule),+);
        $crate::contract::contract_on_postgres!(citus, Citus, $($rule),+);
    };
}
use contract;

/// Names rules as tests on a database of one kind, when there is a server.
macro_rules! contract_on_postgres {
    ($name:ident, $kind:ident, $($rule:ident),+) => {
        mod $name {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                let kind = $crate::postgres::tests::Kind::$kind;
                if let Some(bench) = $crate::contract::Bench::postgres(kind).await {
                    super::$rule(bench).await;
                }
            })+
        }
    };
}
use contract_on_postgres;

pub(crate) const TENANT: TenantId = TenantId(Uuid::from_u128(0xa));
pub(crate) const OTHER: TenantId = TenantId(Uuid::from_u128(0xb));

/// A store under test and a clock that stands still until moved.
pub(crate) struct Bench {
    pub(crate) store: Arc<dyn LedgerStore>,
    clock: Arc<Mutex<DateTime<Utc>>>,
    ids: AtomicU64,
    home: Home,
}

/// Where a store keeps what it has.
enum Home {
    Nowhere,
    /// With how many entries may wait for the index of tags, where that is not as usual.
    Folder(TempDir, Option<usize>),
    Database(Database),
}

/// 2026-01-01T00:00:00Z.
pub(crate) fn new_year() -> DateTime<Utc> {
    DateTime::from_timestamp(1_767_225_600, 0).unwrap()
}

impl Bench {
    pub(crate) fn memory() -> Self {
        let clock = Arc::new(Mutex::new(new_year()));
        let store = MemoryStore::new(clock_of(&clock));
        Self { store, clock, ids: AtomicU64::new(1), home: Home::Nowhere }
    }

    pub(crate) async fn sqlite(unindexed: Option<usize>) -> Self {
        let clock = Arc::new(Mutex::new(new_year()));
        let folder = tempfile::tempdir().unwrap();
        let store = open_sqlite(&folder, &clock, unindexed).await;
        Self { store, clock, ids: AtomicU64::new(1), home: Home::Folder(folder, unindexed) }
    }

    /// `None` where there is no server.
    pub(crate) async fn postgres(kind: Kind) -> Option<Self> {
        let database = Database::create(kind).await?;
        let clock = Arc::new(Mutex::new(new_year()));
        let store = database.open(clock_of(&clock)).await;
        Some(Self { store, clock, ids: AtomicU64::new(1), home: Home::Database(database) })
    }

    /// The database of a store that has one.
    pub(crate) fn database(&self) -> &Database {
        match &self.home {
            Home::Database(database) => database,
            Home::Nowhere | Home::Folder(..) => panic!("the store is not in a database"),
        }
    }

    /// Closes the store and opens it again; a store in memory just goes on.
    pub(crate) async fn reopen(&mut self) {
        if self.survives() {
            self.store.close().await;
        }
        match &self.home {
            Home::Nowhere => {}
            Home::Folder(folder, unindexed) => {
                self.store = open_sqlite(folder, &self.clock, *unindexed).await;
            }
            Home::Database(database) => self.store = database.open(clock_of(&self.clock)).await,
        }
    }

    /// The same log, opened by who may take entries out of it; `None` in memory, where they stay.
    pub(crate) async fn archiver(&self) -> Option<Arc<dyn LedgerStore>> {
        match &self.home {
            Home::Nowhere => None,
            Home::Folder(..) => Some(Arc::clone(&self.store)),
            Home::Database(database) => Some(database.open_as_owner(clock_of(&self.clock)).await),
        }
    }

    /// Whether what was appended is still there after closing and opening again.
    pub(crate) fn survives(&self) -> bool {
        !matches!(self.home, Home::Nowhere)
    }

    pub(crate) fn set_clock(&self, now: DateTime<Utc>) {
        *self.clock.lock().unwrap() = now;
    }

    pub(crate) fn advance(&self, by: TimeDelta) {
        *self.clock.lock().unwrap() += by;
    }

    /// An event with a fresh id.
    pub(crate) fn event(&self, event_type: &str, tags: &[&str]) -> Draft {
        let id = Uuid::from_u128(u128::from(self.ids.fetch_add(1, Ordering::Relaxed)));
        Draft {
            id,
            event_type: event_type.to_owned().into(),
            type_version: 1,
            subject: format!("thing/{}", Uuid::from_u128(7)),
            effective_at: new_year(),
            actor: "rep:li".to_owned(),
            via: None,
            origin: None,
            endpoint: None,
            causation_id: None,
            correlation_id: None,
            tags: tags.iter().map(|tag| (*tag).to_owned()).collect(),
            blind_tags: Vec::new(),
            data: json!({ "n": 1 }),
        }
    }

    /// Appends one event of type `e` with these tags.
    pub(crate) async fn tagged(&self, tags: &[&str]) -> Position {
        self.put(vec![self.event("e", tags)]).await.first_position
    }

    /// Appends one event of this type with these tags.
    pub(crate) async fn typed(&self, event_type: &str, tags: &[&str]) -> Position {
        self.put(vec![self.event(event_type, tags)]).await.first_position
    }

    /// Appends events that nothing stands against.
    pub(crate) async fn put(&self, events: Vec<Draft>) -> Appended {
        appended(self.store.append(Append::new(TENANT, events)).await)
    }

    /// Appends one event under a condition.
    pub(crate) async fn put_if(&self, condition: Condition) -> Result<Outcome, StoreError> {
        let event = self.event("e", &["new"]);
        self.store.append(Append { condition: Some(condition), ..Append::new(TENANT, vec![event]) }).await
    }

    pub(crate) async fn refusal(&self, event: Draft) -> String {
        match self.store.append(Append::new(TENANT, vec![event])).await {
            Err(StoreError::Invalid(why)) => why,
            Err(error @ StoreError::TooLarge { .. }) => error.to_string(),
            other => panic!("not refused as invalid: {other:?}"),
        }
    }

    pub(crate) async fn all(&self) -> Vec<Entry> {
        self.store.read(TENANT, 0, u32::MAX).await.unwrap()
    }

    pub(crate) async fn head(&self) -> Position {
        self.store.head(TENANT).await.unwrap().position
    }

    /// The positions that match a query.
    pub(crate) async fn matching(&self, query: &Query) -> Vec<Position> {
        let entries = self.store.read_matching(TENANT, query, 0, Position::MAX, u32::MAX).await.unwrap();
        entries.iter().map(|entry| entry.position).collect()
    }
}

fn clock_of(clock: &Arc<Mutex<DateTime<Utc>>>) -> Clock {
    let clock = Arc::clone(clock);
    Arc::new(move || *clock.lock().unwrap())
}

async fn open_sqlite(
    folder: &TempDir,
    clock: &Arc<Mutex<DateTime<Utc>>>,
    unindexed: Option<usize>,
) -> Arc<SqliteStore> {
    let file = folder.path().join("log.db");
    let mut options = Options::new(clock_of(clock));
    options.unindexed = unindexed.unwrap_or(options.unindexed);
    options.segments = Some(folder.path().join("segments"));
    SqliteStore::open(file.to_str().unwrap(), options).await.unwrap()
}

pub(crate) fn appended(outcome: Result<Outcome, StoreError>) -> Appended {
    match outcome {
        Ok(Outcome::Appended(appended)) => appended,
        other => panic!("not appended: {other:?}"),
    }
}

pub(crate) fn receipt(command_id: &str, digest: u8, outcome: &str) -> Option<ReceiptDraft> {
    Some(ReceiptDraft {
        command_id: command_id.to_owned(),
        digest: [digest; 32],
        outcome: outcome.as_bytes().to_vec(),
    })
}

pub(crate) fn item(types: &[&str], tags: &[&str]) -> Query {
    let owned = |list: &[&str]| list.iter().map(|each| (*each).to_owned()).collect();
    Query { items: vec![crate::QueryItem { types: owned(types), tags: owned(tags) }] }
}

pub(crate) fn conflict_at(outcome: &Result<Outcome, StoreError>) -> Position {
    match outcome {
        Err(StoreError::Conflict { position }) => *position,
        other => panic!("no conflict: {other:?}"),
    }
}
