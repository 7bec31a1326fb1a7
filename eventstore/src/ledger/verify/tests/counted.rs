//! What a verification asks of a store, counted: each row once, and twice as much of a log that is twice as long.

use std::collections::BTreeMap;
use std::future::Future;
use std::sync::{Arc, Mutex};

use async_trait::async_trait;
use chrono::{DateTime, Utc};
use tokio::sync::watch;
use uuid::Uuid;

use super::{Author, clock, note, options, verdict};
use crate::contract::TENANT;
use crate::ledger::{FirstNote, Hash, LedgerStore, Record, StoredHead, TagRecord, Tile, Verdict};
use crate::postgres::tests::{Database, Kind};
use crate::vault::WrappedKey;
use crate::{
    Append, BlindTag, Draft, Entry, EventStore, Head, Intake, LogEnd, News, Outcome, Position, PostgresStore,
    Query, Receipt, SqliteStore, StoreError, TenantId, TransferChunk, Transferable, postgres,
};

type Answer<T> = Result<T, StoreError>;

/// A store that counts what it is asked, and how many rows it answers.
struct Counted {
    store: Arc<dyn Transferable>,
    /// By question: how often it was asked, and the rows of all answers.
    asked: Mutex<BTreeMap<&'static str, (usize, usize)>>,
    /// Appended once the stored checkpoints were read.
    meanwhile: Mutex<Option<Append>>,
}

impl Counted {
    fn over(store: Arc<dyn Transferable>) -> Arc<Self> {
        Arc::new(Self { store, asked: Mutex::default(), meanwhile: Mutex::default() })
    }

    fn note(&self, question: &'static str, rows: usize) {
        let mut asked = self.asked.lock().unwrap();
        let (times, all) = asked.entry(question).or_default();
        *times += 1;
        *all += rows;
    }

    async fn rows<T>(
        &self,
        question: &'static str,
        answer: impl Future<Output = Answer<Vec<T>>>,
    ) -> Answer<Vec<T>> {
        let rows = answer.await?;
        self.note(question, rows.len());
        Ok(rows)
    }

    async fn one<T>(&self, question: &'static str, answer: impl Future<Output = Answer<T>>) -> Answer<T> {
        self.note(question, 1);
        answer.await
    }
}

#[async_trait]
impl EventStore for Counted {
    async fn append(&self, request: Append) -> Answer<Outcome> {
        self.store.append(request).await
    }

    async fn read(&self, tenant: TenantId, after: Position, limit: u32) -> Answer<Vec<Entry>> {
        self.rows("entries", self.store.read(tenant, after, limit)).await
    }

    async fn read_matching(
        &self,
        tenant: TenantId,
        query: &Query,
        after: Position,
        until: Position,
        limit: u32,
    ) -> Answer<Vec<Entry>> {
        self.rows("entries", self.store.read_matching(tenant, query, after, until, limit)).await
    }

    async fn head(&self, tenant: TenantId) -> Answer<Head> {
        self.one("head", self.store.head(tenant)).await
    }

    async fn position_at(&self, tenant: TenantId, known_at: DateTime<Utc>) -> Answer<Position> {
        self.one("position at", self.store.position_at(tenant, known_at)).await
    }

    async fn receipt(&self, tenant: TenantId, command_id: &str) -> Answer<Option<Receipt>> {
        self.one("receipt", self.store.receipt(tenant, command_id)).await
    }

    async fn forget_refusals(
        &self,
        tenant: TenantId,
        commands: Vec<String>,
        before: DateTime<Utc>,
    ) -> Answer<u64> {
        self.store.forget_refusals(tenant, commands, before).await
    }

    async fn data_keys(&self, tenant: TenantId, subjects: &[Uuid]) -> Answer<Vec<WrappedKey>> {
        self.rows("keys of subjects", self.store.data_keys(tenant, subjects)).await
    }

    async fn erasures(&self, tenant: TenantId) -> Answer<u64> {
        self.one("erasures", self.store.erasures(tenant)).await
    }

    async fn tenant_key(&self, tenant: TenantId, candidate: Vec<u8>) -> Answer<Vec<u8>> {
        self.one("tenant key", self.store.tenant_key(tenant, candidate)).await
    }

    async fn ends(&self) -> Answer<Vec<LogEnd>> {
        self.rows("logs", self.store.ends()).await
    }

    fn watch(&self, tenant: TenantId) -> watch::Receiver<Position> {
        self.store.watch(tenant)
    }

    fn known_heads(&self) -> Vec<(TenantId, Position)> {
        self.store.known_heads()
    }

    fn inform(&self, news: &News) {
        self.store.inform(news);
    }

    fn tell(&self, tenant: TenantId) {
        self.store.tell(tenant);
    }

    async fn answers(&self) -> Answer<()> {
        self.store.answers().await
    }

    fn intake(&self) -> watch::Receiver<Intake> {
        self.store.intake()
    }

    async fn close(&self) {
        self.store.close().await;
    }
}

#[async_trait]
impl LedgerStore for Counted {
    async fn records(&self, tenant: TenantId, after: Position, limit: u32) -> Answer<Vec<Record>> {
        self.rows("records", self.store.records(tenant, after, limit)).await
    }

    async fn tags(&self, tenant: TenantId, after: Position, until: Position) -> Answer<Vec<TagRecord>> {
        self.rows("tags", self.store.tags(tenant, after, until)).await
    }

    async fn tags_by_tag(
        &self,
        tenant: TenantId,
        after: (&str, Position),
        limit: u32,
    ) -> Answer<Vec<TagRecord>> {
        self.rows("tags", self.store.tags_by_tag(tenant, after, limit)).await
    }

    async fn leaf_hashes(&self, tenant: TenantId, after: Position, until: Position) -> Answer<Vec<Hash>> {
        self.rows("leaves", self.store.leaf_hashes(tenant, after, until)).await
    }

    async fn tile_places(&self, tenant: TenantId) -> Answer<Vec<(i64, i64)>> {
        self.rows("places of tiles", self.store.tile_places(tenant)).await
    }

    async fn position_of(&self, tenant: TenantId, id: Uuid) -> Answer<Option<Position>> {
        self.one("position of", self.store.position_of(tenant, id)).await
    }

    async fn tile(&self, tenant: TenantId, level: u8, index: u64) -> Answer<Option<Tile>> {
        self.one("tiles", self.store.tile(tenant, level, index)).await
    }

    async fn stored_head(&self, tenant: TenantId) -> Answer<Option<StoredHead>> {
        self.one("stored head", self.store.stored_head(tenant)).await
    }

    async fn save_checkpoint(&self, tenant: TenantId, size: u64, note: &str) -> Answer<()> {
        self.store.save_checkpoint(tenant, size, note).await
    }

    async fn checkpoints(&self, tenant: TenantId) -> Answer<Vec<(u64, String)>> {
        let answer = self.rows("checkpoints", self.store.checkpoints(tenant)).await;
        let meanwhile = self.meanwhile.lock().unwrap().take();
        if let Some(append) = meanwhile {
            self.store.append(append).await?;
        }
        answer
    }

    async fn checkpoints_after(&self, tenant: TenantId, size: u64, limit: u32) -> Answer<Vec<(u64, String)>> {
        self.rows("checkpoints", self.store.checkpoints_after(tenant, size, limit)).await
    }

    async fn latest_checkpoint(&self, tenant: TenantId) -> Answer<Option<String>> {
        self.one("latest checkpoint", self.store.latest_checkpoint(tenant)).await
    }
}

#[async_trait]
impl Transferable for Counted {
    async fn blind_tags(&self, tenant: TenantId, after: &BlindTag, limit: u32) -> Answer<Vec<BlindTag>> {
        self.rows("blind tags", self.store.blind_tags(tenant, after, limit)).await
    }

    async fn receipts(&self, tenant: TenantId, after: &str, limit: u32) -> Answer<Vec<(String, Receipt)>> {
        self.rows("receipts", self.store.receipts(tenant, after, limit)).await
    }

    async fn keys(&self, tenant: TenantId, after: Uuid, limit: u32) -> Answer<Vec<WrappedKey>> {
        self.rows("keys", self.store.keys(tenant, after, limit)).await
    }

    async fn stored_tenant_key(&self, tenant: TenantId) -> Answer<Option<Vec<u8>>> {
        self.one("stored tenant key", self.store.stored_tenant_key(tenant)).await
    }

    async fn import_chunk(&self, tenant: TenantId, chunk: TransferChunk) -> Answer<()> {
        self.store.import_chunk(tenant, chunk).await
    }
}

/// Lengthens a log by a thousand entries, nearly all of them about one subject, ten keys and twenty commands.
async fn lengthen(author: &mut Author, number: usize) {
    for step in 0..10 {
        author.register(TENANT, Some(&format!("register {number}.{step}"))).await;
        author.tell(TENANT, 99, Some(&format!("tell {number}.{step}"))).await;
    }
    let _ = author.sign(TENANT).await;
}

/// What a verification asks of the log as it stands.
async fn asked(store: &Arc<dyn Transferable>) -> BTreeMap<&'static str, (usize, usize)> {
    let counted = Counted::over(store.clone());
    let verdict = verdict(counted.clone(), TENANT, Vec::new()).await;
    assert!(matches!(verdict, Ok(Verdict::Sound(_))), "{verdict:?}");
    counted.asked.lock().unwrap().clone()
}

async fn work_grows_no_faster_than_the_log(store: Arc<dyn Transferable>) {
    let mut author = Author::over(store.clone(), 1);
    for number in 0..3 {
        lengthen(&mut author, number).await;
    }
    let once = asked(&store).await;
    for number in 3..6 {
        lengthen(&mut author, number).await;
    }
    let twice = asked(&store).await;
    // Each entry, tag, tile, receipt and key once.
    let rows = |asked: &BTreeMap<_, (usize, usize)>| {
        ["records", "tags", "tiles", "places of tiles", "receipts", "keys", "blind tags"]
            .map(|question| asked.get(question).map_or(0, |(_, rows)| *rows))
    };
    assert_eq!(rows(&once), [3_000, 6_000, 11, 11, 60, 30, 30], "{once:?}");
    assert_eq!(rows(&twice), [6_000, 12_000, 23, 23, 120, 60, 60], "{twice:?}");
    for (question, (times, rows)) in &twice {
        let (times_once, rows_once) = once.get(question).copied().unwrap_or_default();
        assert!(*times <= 2 * times_once + 1, "{question}: {times_once} times, then {times}");
        assert!(*rows <= 2 * rows_once + 1, "{question}: {rows_once} rows, then {rows}");
    }
}

#[tokio::test]
async fn the_work_of_a_verification_grows_no_faster_than_the_log() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    work_grows_no_faster_than_the_log(SqliteStore::open(file.to_str().unwrap(), options()).await.unwrap())
        .await;
}

#[tokio::test]
async fn the_work_of_a_verification_on_postgres_grows_no_faster_than_the_log() {
    let Some(database) = Database::create(Kind::Plain).await else { return };
    let first: FirstNote = Arc::new(note);
    let options = postgres::Options { first_note: Some(first), ..postgres::Options::new(clock()) };
    let options = postgres::Options { shards: 1, read_connections: 2, ..options };
    work_grows_no_faster_than_the_log(PostgresStore::open(&database.url(), options).await.unwrap()).await;
}

#[tokio::test]
async fn a_log_that_begins_while_it_is_verified_is_not_called_unsigned() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let store = SqliteStore::open(file.to_str().unwrap(), options()).await.unwrap();
    let counted = Counted::over(store.clone());
    let first: Draft = Author::over(store, 1).draft("thing.told", Uuid::nil(), serde_json::json!({}));
    *counted.meanwhile.lock().unwrap() = Some(Append::new(TENANT, vec![first]));
    let verdict = verdict(counted, TENANT, Vec::new()).await;
    assert!(matches!(&verdict, Ok(Verdict::Sound(report)) if report.size == 1), "{verdict:?}");
}
