//! Whatever is asked of a log may be given up at any moment: no connection goes back to its pool inside a transaction.

use std::sync::Arc;

use sqlx::postgres::PgPool;
use sqlx::sqlite::SqlitePool;
use uuid::Uuid;

use super::{Bench, OTHER, TENANT, appended, item, new_year, receipt};
use crate::given_up::given_up_everywhere;
use crate::ledger::{Trust, Verdict, verify};
use crate::postgres::tests::{Database, Kind};
use crate::vault::WrappedKey;
use crate::{
    Append, BlindTag, Options, Position, Query, SqliteStore, StoreError, TransferChunk, Transferable,
};

/// Gives up each question after every number of polls, until it ends.
macro_rules! each {
    ($left_open:expr, $($question:expr),+ $(,)?) => {
        $(given_up_everywhere(stringify!($question), || $question, $left_open).await;)+
    };
}

/// On how many connections of a pool, all of which are taken, a transaction is open: refused within another one.
async fn open_on_sqlite(pool: &SqlitePool) -> usize {
    let mut taken = Vec::new();
    for _ in 0..pool.options().get_max_connections() {
        taken.push(pool.acquire().await.unwrap());
    }
    let mut open = 0;
    for connection in &mut taken {
        open += usize::from(sqlx::raw_sql("BEGIN").execute(&mut **connection).await.is_err());
        sqlx::raw_sql("ROLLBACK").execute(&mut **connection).await.unwrap();
    }
    open
}

/// The same: a savepoint is refused outside of a transaction, and within one that failed everything is.
async fn open_on_postgres(pool: &PgPool) -> usize {
    let mut taken = Vec::new();
    for _ in 0..pool.options().get_max_connections() {
        taken.push(pool.acquire().await.unwrap());
    }
    let mut open = 0;
    for connection in &mut taken {
        let savepoint = sqlx::raw_sql("SAVEPOINT probe").execute(&mut **connection).await;
        let is_aborted = sqlx::raw_sql("SELECT 1").execute(&mut **connection).await.is_err();
        open += usize::from(savepoint.is_ok() || is_aborted);
        sqlx::raw_sql("ROLLBACK").execute(&mut **connection).await.unwrap();
    }
    open
}

/// Somebody's key, and events that use whatever an event can have.
fn whole(drafts: &Bench, events: usize) -> Append {
    let subject = Uuid::from_u128(7);
    let mut events: Vec<_> = (0..events).map(|_| drafts.event("e", &["a", "b"])).collect();
    events[0].blind_tags = vec!["phone:x".to_owned()];
    let key = WrappedKey { key_id: Uuid::from_u128(9), subject, wrapped: vec![1; 60], destroyed: false };
    Append { receipt: receipt("first", 1, "done"), new_keys: vec![key], ..Append::new(TENANT, events) }
}

/// Another log's next entry, to be imported.
async fn imported(store: &dyn Transferable, source: &dyn Transferable) -> Result<(), StoreError> {
    let head = store.head(OTHER).await?;
    let entries = source.read(TENANT, head.position, 1).await?;
    store.import_chunk(OTHER, TransferChunk { entries, ..TransferChunk::new(head.position, head.root) }).await
}

async fn nothing_that_is_given_up_leaves_a_transaction_open(
    store: Arc<dyn Transferable>,
    left_open: &impl AsyncFn() -> usize,
) {
    let (drafts, home) = (Bench::memory(), tempfile::tempdir().unwrap());
    let options = Options::new(Arc::new(new_year));
    let source: Arc<dyn Transferable> =
        SqliteStore::open(home.path().join("source.db").to_str().unwrap(), options).await.unwrap();
    for log in [&store, &source] {
        appended(log.append(whole(&drafts, 300)).await);
    }
    let (store, source) = (&*store, &*source);
    let (subject, all) = (Uuid::from_u128(7), Query::all());
    let (tagged, before_all, trust) = (item(&["e"], &["a"]), BlindTag::before_all(), Trust::default());
    let guarded = || Append {
        condition: Some(Query::tag("nobody").none_after(0)),
        receipt: receipt("again", 1, "done"),
        ..Append::new(TENANT, vec![drafts.event("e", &["c"])])
    };
    each!(
        left_open,
        store.append(Append::new(TENANT, vec![drafts.event("e", &["c"])])),
        store.append(guarded()),
        store.read(TENANT, 0, 10),
        store.read_matching(TENANT, &tagged, 0, Position::MAX, 10),
        store.read_matching(TENANT, &all, 0, Position::MAX, 10),
        store.head(TENANT),
        store.erasures(TENANT),
        store.position_at(TENANT, new_year()),
        store.receipt(TENANT, "first"),
        store.forget_refusals(TENANT, vec!["first".to_owned()], new_year()),
        store.data_key(TENANT, subject),
        store.tenant_key(TENANT, vec![1; 60]),
        store.stored_tenant_key(TENANT),
        store.logs(),
        store.answers(),
        store.is_cold(TENANT, 1),
        store.records(TENANT, 0, 10),
        store.tags(TENANT, 0, 10),
        store.tags_by_tag(TENANT, ("", 0), 10),
        store.leaf_hashes(TENANT, 0, 10),
        store.tile_places(TENANT),
        store.tile(TENANT, 0, 0),
        store.position_of(TENANT, subject),
        store.stored_head(TENANT),
        store.save_checkpoint(TENANT, 300, "a note"),
        store.checkpoints(TENANT),
        store.checkpoints_after(TENANT, 0, 10),
        store.latest_checkpoint(TENANT),
        store.blind_tags(TENANT, &before_all, 10),
        store.receipts(TENANT, "", 10),
        store.keys(TENANT, Uuid::nil(), 10),
        imported(store, source),
        async { verify(store, TENANT, &Trust::default(), &mut |_, _| {}).await },
    );
    let mut nothing = |_: Position, _: Position| {};
    for (tenant, least) in [(TENANT, 301), (OTHER, 1)] {
        let verdict = verify(store, tenant, &trust, &mut nothing).await.unwrap();
        assert!(matches!(&verdict, Verdict::Sound(report) if report.size >= least), "{tenant}: {verdict:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_up_at_any_await_leaves_no_transaction_open() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("log.db");
    let store = SqliteStore::open(file.to_str().unwrap(), Options::new(Arc::new(new_year))).await.unwrap();
    let pool = store.read_pool().clone();
    nothing_that_is_given_up_leaves_a_transaction_open(store, &async || open_on_sqlite(&pool).await).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_up_at_any_await_leaves_no_transaction_open_on_postgres() {
    // As the owner, and where every read is a transaction of a role that sees its tenant alone.
    for kind in [Kind::Plain, Kind::Secured] {
        let Some(database) = Database::create(kind).await else { return };
        let store = database.open(Arc::new(new_year)).await;
        let pool = store.read_pool().clone();
        let left_open = &async || open_on_postgres(&pool).await;
        nothing_that_is_given_up_leaves_a_transaction_open(store, left_open).await;
    }
}
