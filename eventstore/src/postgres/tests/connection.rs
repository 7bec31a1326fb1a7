//! Connections that end at any moment, the worst included.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::time::Duration;

use tokio::task::JoinSet;

use super::super::{Options, PostgresStore};
use super::database::options;
use super::proxy::{Proxy, Weather};
use super::{Database, Kind};
use crate::contract::{Bench, TENANT, appended, new_year, receipt};
use crate::ledger::{Trust, Verdict, verify};
use crate::{Append, EventStore, Outcome, Position, StoreError};

/// A store whose connections go through bad weather.
struct Exposed {
    database: Database,
    proxy: Proxy,
    store: Arc<PostgresStore>,
    drafts: Bench,
}

impl Exposed {
    async fn new(patience: Duration) -> Option<Self> {
        let database = Database::create(Kind::Plain).await?;
        let proxy = Proxy::before(&database.url()).await;
        let options = Options { patience, hints: false, ..options(Arc::new(new_year)) };
        let store = PostgresStore::open(&proxy.url(&database.url()), options).await.unwrap();
        Some(Self { database, proxy, store, drafts: Bench::memory() })
    }

    fn append(&self) -> Append {
        Append::new(TENANT, vec![self.drafts.event("e", &["a"]), self.drafts.event("e", &["b"])])
    }

    fn command(&self, id: &str) -> Append {
        Append { receipt: receipt(id, 1, "done"), ..self.append() }
    }

    /// Where the log ends, asked over another connection.
    async fn head(&self) -> i64 {
        self.database.ask("SELECT coalesce(max(position), 0) FROM log_head").await
    }

    async fn assert_sound(&self, size: Position) {
        let store = self.database.open(Arc::new(new_year)).await;
        let verdict = verify(&*store, TENANT, &Trust::default(), &mut |_, _| {}).await.unwrap();
        assert!(matches!(&verdict, Verdict::Sound(report) if report.size == size), "{verdict:?}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_whose_answer_was_lost_is_found_in_the_log_and_answered() {
    let Some(exposed) = Exposed::new(Duration::from_secs(60)).await else { return };
    appended(exposed.store.append(exposed.append()).await);
    exposed.proxy.set(Weather::AnswerLost);
    let done = appended(exposed.store.append(exposed.append()).await);
    assert_eq!((done.first_position, done.count), (3, 2));
    exposed.proxy.set(Weather::AnswerLost);
    let done = appended(exposed.store.append(exposed.command("c")).await);
    assert_eq!((done.first_position, done.count), (5, 2));
    exposed.assert_sound(6).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_remembered_refusal_whose_answer_was_lost_is_not_taken_for_a_repetition() {
    let Some(exposed) = Exposed::new(Duration::from_secs(60)).await else { return };
    exposed.proxy.set(Weather::AnswerLost);
    let refusal = Append { receipt: receipt("c", 1, "no"), ..Append::new(TENANT, Vec::new()) };
    assert_eq!(appended(exposed.store.append(refusal.clone()).await).count, 0);
    assert!(matches!(exposed.store.append(refusal).await, Ok(Outcome::Repeated(_))));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_never_arrived_is_done_once() {
    let Some(exposed) = Exposed::new(Duration::from_secs(60)).await else { return };
    exposed.proxy.set(Weather::CommitLost);
    let done = appended(exposed.store.append(exposed.command("c")).await);
    assert_eq!((done.first_position, done.count), (1, 2));
    exposed.assert_sound(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_that_cannot_be_looked_up_is_neither_confirmed_nor_refused() {
    let Some(exposed) = Exposed::new(Duration::from_millis(500)).await else { return };
    exposed.proxy.set(Weather::CutOff);
    let request = exposed.command("c");
    let outcome = exposed.store.append(request.clone()).await;
    assert!(matches!(outcome, Err(StoreError::InDoubt(_))), "{outcome:?}");
    assert_eq!(exposed.head().await, 2);
    exposed.proxy.set(Weather::Fine);
    let repeated = exposed.store.append(request).await;
    assert!(matches!(&repeated, Ok(Outcome::Repeated(first)) if first.first_position == 1), "{repeated:?}");
    exposed.assert_sound(2).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_that_cannot_be_reached_refuses_and_the_log_goes_on_once_it_can() {
    let Some(exposed) = Exposed::new(Duration::from_millis(500)).await else { return };
    exposed.proxy.set(Weather::Dead);
    let outcome = exposed.store.append(exposed.append()).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    assert_eq!(exposed.head().await, 0);
    exposed.proxy.set(Weather::Fine);
    assert_eq!(appended(exposed.store.append(exposed.append()).await).first_position, 1);
}

/// Makes the first inserts of events fail, as often as told, with this SQLSTATE.
fn failing(times: u32, state: &str) -> String {
    format!(
        "CREATE SEQUENCE attempts;
         CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
         $$ BEGIN
             IF nextval('attempts') <= {times} THEN RAISE EXCEPTION USING ERRCODE = '{state}'; END IF;
             RETURN NULL;
         END $$;
         CREATE TRIGGER fail AFTER INSERT ON event FOR EACH STATEMENT EXECUTE FUNCTION fail();"
    )
}

#[tokio::test]
async fn what_lost_against_another_transaction_is_tried_again() {
    for state in ["40001", "40P01"] {
        let Some(bench) = Bench::postgres(Kind::Plain).await else { return };
        bench.database().sql(&failing(3, state)).await;
        assert_eq!(bench.tagged(&["a"]).await, 1);
        assert_eq!(bench.database().ask::<i64>("SELECT last_value FROM attempts").await, 4);
    }
}

#[tokio::test]
async fn another_failure_changes_nothing_and_the_log_goes_on() {
    let Some(bench) = Bench::postgres(Kind::Plain).await else { return };
    bench.database().sql(&failing(1, "53100")).await;
    let outcome = bench.store.append(Append::new(TENANT, vec![bench.event("e", &["a"])])).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    assert_eq!(bench.head().await, 0);
    assert_eq!(bench.tagged(&["a"]).await, 1);
}

#[tokio::test]
async fn a_commit_that_the_server_refused_changes_nothing_and_the_log_goes_on() {
    let Some(bench) = Bench::postgres(Kind::Plain).await else { return };
    bench
        .database()
        .sql(
            "CREATE FUNCTION fail() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN RAISE EXCEPTION USING ERRCODE = '53100'; END $$;
             CREATE CONSTRAINT TRIGGER fail AFTER INSERT ON event DEFERRABLE INITIALLY DEFERRED
             FOR EACH ROW EXECUTE FUNCTION fail();",
        )
        .await;
    let outcome = bench.store.append(Append::new(TENANT, vec![bench.event("e", &["a"])])).await;
    assert!(matches!(outcome, Err(StoreError::Unavailable(_))), "{outcome:?}");
    bench.database().sql("DROP TRIGGER fail ON event").await;
    assert_eq!(bench.tagged(&["a"]).await, 1);
}

#[tokio::test]
async fn readers_outlive_their_connections() {
    let Some(bench) = Bench::postgres(Kind::Plain).await else { return };
    bench.tagged(&["a"]).await;
    let all: Vec<_> = (0..3).map(|_| bench.all()).collect();
    for entries in all {
        assert_eq!(entries.await.len(), 1);
    }
    bench.database().sql(TERMINATE).await;
    assert_eq!(bench.all().await.len(), 1);
    assert_eq!(bench.tagged(&["a"]).await, 2);
}

const TERMINATE: &str = "SELECT pg_terminate_backend(pid) FROM pg_stat_activity
    WHERE datname = current_database() AND application_name = 'waymark'";
const WRITERS: u64 = 8;
/// How often each writer appends at least, and at most while too few connections were killed.
const APPENDS: usize = 40;
const MOST_APPENDS: usize = 2_000;
const KILLS: u32 = 11;

/// Appends until each is acknowledged, as a client that resends does; the position it was told.
async fn insist(store: &PostgresStore, request: &Append) -> Position {
    loop {
        match store.append(request.clone()).await {
            Ok(Outcome::Appended(done)) => return done.first_position,
            Ok(Outcome::Repeated(receipt)) => return receipt.first_position,
            Err(StoreError::Unavailable(_) | StoreError::InDoubt(_)) => {}
            Err(other) => panic!("refused: {other:?}"),
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_killed_under_load_lose_nothing_and_double_nothing() {
    let Some(bench) = Bench::postgres(Kind::Plain).await else { return };
    let store = bench.database().open(Arc::new(new_year)).await;
    let kills = Arc::new(AtomicU32::new(0));
    let mut writers = JoinSet::new();
    for writer in 0..WRITERS {
        let (store, kills) = (Arc::clone(&store), Arc::clone(&kills));
        let command = |number| Append {
            receipt: receipt(&format!("{writer}-{number}"), 1, "done"),
            ..Append::new(TENANT, vec![bench.event("e", &["a"]), bench.event("e", &["b"])])
        };
        let requests: Vec<Append> = (0..MOST_APPENDS).map(command).collect();
        writers.spawn(async move {
            let mut told = Vec::new();
            for request in requests {
                if told.len() >= APPENDS && kills.load(Ordering::SeqCst) >= KILLS {
                    break;
                }
                told.push((request.events[0].id, insist(&store, &request).await));
            }
            told
        });
    }
    let working = Arc::new(AtomicBool::new(true));
    let killer =
        tokio::spawn(kill(bench.database().connect().await, Arc::clone(&working), Arc::clone(&kills)));
    let told = writers.join_all().await.concat();
    working.store(false, Ordering::SeqCst);
    killer.await.unwrap();
    assert!(kills.load(Ordering::SeqCst) >= KILLS, "hardly a connection was killed");

    let written = told.len() as u64 * 2;
    assert_eq!(bench.head().await, written);
    for (id, position) in told {
        let entry = bench.store.read(TENANT, position - 1, 1).await.unwrap().remove(0);
        assert_eq!(entry.envelope().unwrap().id, id);
    }
    let verdict = verify(&*bench.store, TENANT, &Trust::default(), &mut |_, _| {}).await.unwrap();
    assert!(matches!(verdict, Verdict::Sound(report) if report.size == written));
}

/// Kills every connection of the stores each time the log has moved, and counts how often.
async fn kill(mut connection: sqlx::postgres::PgConnection, working: Arc<AtomicBool>, kills: Arc<AtomicU32>) {
    let mut last = 0;
    while working.load(Ordering::SeqCst) {
        let head: Option<i64> = sqlx::query_scalar("SELECT max(position) FROM log_head")
            .fetch_one(&mut connection)
            .await
            .unwrap();
        if head.unwrap_or_default() > last {
            last = head.unwrap_or_default();
            sqlx::raw_sql(TERMINATE).execute(&mut connection).await.unwrap();
            kills.fetch_add(1, Ordering::SeqCst);
        }
    }
}
