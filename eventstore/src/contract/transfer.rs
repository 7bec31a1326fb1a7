//! What holds when a log moves from one store into another, whichever engine they are.

use uuid::Uuid;

use super::{Bench, OTHER, TENANT, appended, receipt};
use crate::ledger::{LedgerStore, Trust, Verdict, verify};
use crate::postgres::tests::{Database, Kind};
use crate::vault::WrappedKey;
use crate::{
    Append, BlindTag, Draft, Options, Position, SqliteStore, StoreError, TransferChunk, Transferable,
};
use std::sync::Arc;

/// Two stores, and what keeps them there.
struct Pair {
    bench: Bench,
    source: Arc<dyn Transferable>,
    target: Arc<dyn Transferable>,
    _homes: (tempfile::TempDir, Option<Database>),
}

/// Names rules as tests of moves from SQLite to SQLite and, where there is a server, to PostgreSQL and from it.
macro_rules! moves {
    ($($rule:ident),+ $(,)?) => {
        mod sqlite_to_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() { super::$rule(super::Pair::of_sqlite().await).await; })+
        }
        mod sqlite_to_postgres {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                if let Some(pair) = super::Pair::with_postgres(false).await { super::$rule(pair).await; }
            })+
        }
        mod postgres_to_sqlite {
            $(#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn $rule() {
                if let Some(pair) = super::Pair::with_postgres(true).await { super::$rule(pair).await; }
            })+
        }
    };
}

moves!(
    a_moved_log_is_the_same_log,
    a_chunk_for_another_log_is_refused,
    a_gap_is_refused,
    an_entry_that_tells_of_another_position_is_refused,
    side_tables_may_be_sent_again,
    an_erasure_of_the_source_follows,
    a_moved_log_goes_on,
);

async fn sqlite(folder: &tempfile::TempDir, name: &str) -> Arc<SqliteStore> {
    let file = folder.path().join(name);
    let clock: crate::Clock = Arc::new(super::new_year);
    SqliteStore::open(file.to_str().unwrap(), Options::new(clock)).await.unwrap()
}

impl Pair {
    async fn of_sqlite() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let (source, target) = (sqlite(&folder, "a.db").await, sqlite(&folder, "b.db").await);
        Self { bench: Bench::memory(), source, target, _homes: (folder, None) }
    }

    async fn with_postgres(from: bool) -> Option<Self> {
        let database = Database::create(Kind::Secured).await?;
        let folder = tempfile::tempdir().unwrap();
        let file: Arc<dyn Transferable> = sqlite(&folder, "a.db").await;
        let server: Arc<dyn Transferable> = database.open(Arc::new(super::new_year)).await;
        let (source, target) = if from { (server, file) } else { (file, server) };
        Some(Self { bench: Bench::memory(), source, target, _homes: (folder, Some(database)) })
    }

    /// More than a tile of events in the source, with receipts, keys and a blind tag each of two subjects.
    async fn fill(&self) {
        for number in 0..3_u8 {
            let subject = Uuid::from_u128(u128::from(number) + 1);
            let mut events: Vec<Draft> = (0..100).map(|_| self.bench.event("e", &["a", "b"])).collect();
            events[0].subject = format!("customer/{subject}");
            events[0].blind_tags = vec![format!("blind:{number}")];
            let append = Append {
                receipt: receipt(&format!("c{number}"), number, "done"),
                new_keys: vec![WrappedKey {
                    key_id: Uuid::from_u128(99),
                    subject,
                    wrapped: vec![number; 60],
                    destroyed: false,
                }],
                ..Append::new(TENANT, events)
            };
            appended(self.source.append(append).await);
        }
    }

    /// The next chunk of the source for the target.
    async fn chunk(&self, limit: u32) -> TransferChunk {
        let head = self.target.head(TENANT).await.unwrap();
        let entries = self.source.read(TENANT, head.position, limit).await.unwrap();
        TransferChunk { entries, ..TransferChunk::new(head.position, head.root) }
    }

    /// The side tables: blind tags, receipts, keys.
    async fn side_tables(&self) -> TransferChunk {
        let head = self.target.head(TENANT).await.unwrap();
        TransferChunk {
            blind_tags: self.source.blind_tags(TENANT, &BlindTag::before_all(), 100).await.unwrap(),
            receipts: self.source.receipts(TENANT, "", 100).await.unwrap(),
            keys: self.source.keys(TENANT, Uuid::nil(), 100).await.unwrap(),
            erasures: self.source.erasures(TENANT).await.unwrap(),
            ..TransferChunk::new(head.position, head.root)
        }
    }

    async fn move_all(&self, page: u32) {
        while self.at(&self.target).await < self.at(&self.source).await {
            self.target.import_chunk(TENANT, self.chunk(page).await).await.unwrap();
        }
        self.target.import_chunk(TENANT, self.side_tables().await).await.unwrap();
    }

    async fn at(&self, store: &Arc<dyn Transferable>) -> Position {
        store.head(TENANT).await.unwrap().position
    }

    async fn refusal(&self, chunk: TransferChunk) -> String {
        match self.target.import_chunk(TENANT, chunk).await {
            Err(StoreError::Invalid(why)) => why,
            other => panic!("not refused: {other:?}"),
        }
    }
}

async fn sound(store: &dyn LedgerStore) -> u64 {
    match verify(store, TENANT, &Trust::default(), &mut |_, _| {}).await.unwrap() {
        Verdict::Sound(report) => report.size,
        other => panic!("not sound: {other:?}"),
    }
}

async fn a_moved_log_is_the_same_log(pair: Pair) {
    pair.fill().await;
    pair.move_all(77).await;
    let (source, target) = (&pair.source, &pair.target);
    assert_eq!(target.head(TENANT).await.unwrap(), source.head(TENANT).await.unwrap());
    assert_eq!(
        target.records(TENANT, 0, 1_000).await.unwrap(),
        source.records(TENANT, 0, 1_000).await.unwrap()
    );
    assert_eq!(target.tile(TENANT, 0, 0).await.unwrap(), source.tile(TENANT, 0, 0).await.unwrap());
    let side_tables = pair.side_tables().await;
    assert_eq!((side_tables.receipts.len(), side_tables.keys.len(), side_tables.blind_tags.len()), (3, 3, 3));
    assert_eq!(target.receipts(TENANT, "", 100).await.unwrap(), side_tables.receipts);
    assert_eq!(target.keys(TENANT, Uuid::nil(), 100).await.unwrap(), side_tables.keys);
    assert_eq!(
        target.blind_tags(TENANT, &BlindTag::before_all(), 100).await.unwrap(),
        side_tables.blind_tags
    );
    assert_eq!(sound(&**target).await, 300);
}

async fn a_chunk_for_another_log_is_refused(pair: Pair) {
    pair.fill().await;
    let chunk = pair.chunk(10).await;
    appended(pair.target.append(Append::new(TENANT, vec![pair.bench.event("e", &[])])).await);
    assert!(pair.refusal(chunk).await.contains("ends at 1"));
    let entries = pair.source.read(TENANT, 1, 10).await.unwrap();
    let root = crate::ledger::root_at(&*pair.source, TENANT, 1).await.unwrap();
    let why = pair.refusal(TransferChunk { entries, ..TransferChunk::new(1, root) }).await;
    assert!(why.contains("not those of the log"), "{why}");
    assert_eq!(pair.at(&pair.target).await, 1);
    assert_eq!(pair.target.head(OTHER).await.unwrap().position, 0);
}

async fn a_gap_is_refused(pair: Pair) {
    pair.fill().await;
    let mut chunk = pair.chunk(10).await;
    chunk.entries.remove(4);
    assert!(pair.refusal(chunk).await.contains("position 5: a gap"));
    assert_eq!(pair.at(&pair.target).await, 0);
}

async fn an_entry_that_tells_of_another_position_is_refused(pair: Pair) {
    pair.fill().await;
    let mut chunk = pair.chunk(10).await;
    chunk.entries[4].bytes = chunk.entries[5].bytes.clone();
    assert!(pair.refusal(chunk).await.contains("position 5: the entry tells of another"));
    assert_eq!(pair.at(&pair.target).await, 0);
}

async fn side_tables_may_be_sent_again(pair: Pair) {
    pair.fill().await;
    pair.move_all(1_000).await;
    let before = pair.target.receipts(TENANT, "", 100).await.unwrap();
    pair.target.import_chunk(TENANT, pair.side_tables().await).await.unwrap();
    assert_eq!(pair.target.receipts(TENANT, "", 100).await.unwrap(), before);
    assert_eq!(sound(&*pair.target).await, 300);
}

async fn an_erasure_of_the_source_follows(pair: Pair) {
    pair.fill().await;
    pair.move_all(1_000).await;
    let erase = Append { erase_subjects: vec![Uuid::from_u128(2)], ..Append::new(TENANT, Vec::new()) };
    appended(pair.source.append(erase).await);
    pair.move_all(1_000).await;
    let key = pair.target.data_key(TENANT, Uuid::from_u128(2)).await.unwrap().unwrap();
    assert!(key.destroyed && key.wrapped.is_empty());
    assert_eq!(pair.target.blind_tags(TENANT, &BlindTag::before_all(), 100).await.unwrap().len(), 2);
    assert_eq!(pair.target.erasures(TENANT).await.unwrap(), 1);
}

async fn a_moved_log_goes_on(pair: Pair) {
    pair.fill().await;
    pair.move_all(64).await;
    let next = appended(pair.target.append(Append::new(TENANT, vec![pair.bench.event("e", &[])])).await);
    assert_eq!(next.first_position, 301);
    assert_eq!(*pair.target.watch(TENANT).borrow(), 301);
    assert_eq!(sound(&*pair.target).await, 301);
}
