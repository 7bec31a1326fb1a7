//! Making the tables, checking the server, and what people and other processes see.

use std::collections::HashSet;
use std::sync::Arc;
use std::time::Duration;

use sqlx::Connection;
use sqlx::postgres::PgConnection;
use tokio::task::JoinSet;

use super::super::{Options, PostgresStore};
use super::database::options;
use super::{Database, Kind};
use crate::contract::{Bench, OTHER, TENANT, appended, new_year};
use crate::{Append, EventStore, News, StoreError};

async fn refusal(database: &Database) -> String {
    match PostgresStore::open(&database.url(), options(Arc::new(new_year))).await.err() {
        Some(StoreError::Unavailable(why)) => why,
        other => panic!("not refused: {other:?}"),
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn processes_that_start_together_make_the_tables_once() {
    let Some(database) = Database::create(Kind::Plain).await else { return };
    let mut starting = JoinSet::new();
    for _ in 0..8 {
        let url = database.url();
        starting.spawn(async move { PostgresStore::open(&url, options(Arc::new(new_year))).await.map(drop) });
    }
    for opened in starting.join_all().await {
        opened.unwrap();
    }
}

#[tokio::test]
async fn tables_that_were_half_made_are_completed() {
    let Some(database) = Database::create(Kind::Plain).await else { return };
    database.sql(super::super::schema::MIGRATIONS[0]).await;
    let store = database.open(Arc::new(new_year)).await;
    assert_eq!(store.integrity().await.unwrap(), "ok");
    let indexes: i64 = database.ask("SELECT count(*) FROM pg_indexes WHERE indexname LIKE 'event%by%'").await;
    assert_eq!(indexes, 2);
}

#[tokio::test]
async fn a_database_of_a_newer_layout_is_not_opened() {
    let Some(database) = Database::create(Kind::Plain).await else { return };
    database.open(Arc::new(new_year)).await.close().await;
    database.sql("UPDATE log_layout SET version = 2").await;
    let why = refusal(&database).await;
    assert!(why.contains("layout 2"), "{why}");
}

#[tokio::test]
async fn commits_wait_for_the_disk_whatever_the_database_says() {
    let Some(database) = Database::create(Kind::Plain).await else { return };
    database.default("synchronous_commit", "off").await;
    let bench_store = database.open(Arc::new(new_year)).await;
    database
        .sql(
            "CREATE TABLE seen (setting text);
             CREATE FUNCTION see() RETURNS trigger LANGUAGE plpgsql AS
             $$ BEGIN INSERT INTO seen VALUES (current_setting('synchronous_commit')); RETURN NULL; END $$;
             CREATE TRIGGER see AFTER INSERT ON event FOR EACH ROW EXECUTE FUNCTION see();",
        )
        .await;
    let event = Bench::memory().event("e", &[]);
    appended(bench_store.append(Append::new(TENANT, vec![event])).await);
    assert_eq!(database.ask::<String>("SELECT setting FROM seen").await, "on");
}

#[tokio::test]
async fn a_url_of_another_database_is_refused() {
    let opened = PostgresStore::open("mysql://localhost/x", Options::new(Arc::new(new_year))).await;
    assert!(matches!(opened.err(), Some(StoreError::Unavailable(_))));
}

#[tokio::test]
async fn the_readable_view_shows_instants_as_timestamps() {
    let Some(bench) = Bench::postgres(Kind::Plain).await else { return };
    bench.tagged(&["a"]).await;
    let row: String = bench
        .database()
        .ask(
            "SELECT format('%s %s %s %s', position, actor, recorded_at AT TIME ZONE 'UTC',
                effective_at AT TIME ZONE 'UTC') FROM event_readable",
        )
        .await;
    assert_eq!(row, "1 rep:li 2026-01-01 00:00:00 2026-01-01 00:00:00");
}

#[tokio::test]
async fn the_structural_check_notices_a_missing_entry() {
    let Some(bench) = Bench::postgres(Kind::Plain).await else { return };
    for _ in 0..3 {
        bench.tagged(&[]).await;
    }
    let store = bench.database().open(Arc::new(new_year)).await;
    assert_eq!(store.integrity().await.unwrap(), "ok");
    bench.database().sql("DELETE FROM event WHERE position = 2").await;
    let fault = store.integrity().await.unwrap();
    assert!(fault.contains("the head is at 3, 2 entries end at 3"), "{fault}");
}

async fn another_process_wakes(options: Options) {
    let Some(bench) = Bench::postgres(Kind::Plain).await else { return };
    let other = PostgresStore::open(&bench.database().url(), options.clone()).await.unwrap();
    let mut watched = other.watch(TENANT);
    if options.hints {
        // The listening task connects on its own; a hint sent before it listens would be for nobody.
        let listens = "SELECT count(*) >= 2 FROM pg_stat_activity
            WHERE datname = current_database() AND query = 'LISTEN \"waymark_log\"'";
        bench.database().until(listens).await;
    }
    bench.tagged(&[]).await;
    assert_eq!(*watched.wait_for(|position| *position == 1).await.unwrap(), 1);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_is_woken_by_what_another_process_appended_without_hints() {
    another_process_wakes(Options { hints: false, ..options(Arc::new(new_year)) }).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_watcher_is_woken_by_a_hint_before_it_would_look() {
    let look_every = Duration::from_secs(100_000);
    let seldom = Options { look_every, look_when_told_every: look_every, ..options(Arc::new(new_year)) };
    another_process_wakes(seldom).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_notification_names_the_tenants_whose_logs_moved_and_those_of_which_there_is_other_news() {
    let Some(bench) = Bench::postgres(Kind::Plain).await else { return };
    let seldom = Duration::from_secs(100_000);
    let options = Options { look_every: seldom, look_when_told_every: seldom, ..options(Arc::new(new_year)) };
    let other = PostgresStore::open(&bench.database().url(), options).await.unwrap();
    let news = News::default();
    other.inform(&news);
    let listens = "SELECT count(*) >= 2 FROM pg_stat_activity
        WHERE datname = current_database() AND query = 'LISTEN \"waymark_log\"'";
    bench.database().until(listens).await;
    bench.tagged(&[]).await;
    assert_eq!(news.next().await, HashSet::from([TENANT]));
    assert_eq!(other.known_heads(), [(TENANT, 1)]);
    bench.store.tell(OTHER);
    assert_eq!(news.next().await, HashSet::from([OTHER]));
    other.close().await;
}

#[tokio::test]
async fn a_store_that_is_dropped_without_closing_leaves_no_connection() {
    let Some(database) = Database::create(Kind::Plain).await else { return };
    let store = database.open(Arc::new(new_year)).await;
    appended(store.append(Append::new(TENANT, vec![Bench::memory().event("e", &[])])).await);
    drop(store);
    let gone = "SELECT count(*) = 0 FROM pg_stat_activity
        WHERE datname = current_database() AND pid <> pg_backend_pid()";
    database.until(gone).await;
}

#[tokio::test]
async fn a_role_without_the_right_to_make_tables_is_told_so() {
    let Some(database) = Database::create(Kind::Secured).await else { return };
    let mut owner = PgConnection::connect(&database.owner_url()).await.unwrap();
    sqlx::raw_sql("DELETE FROM log_layout").execute(&mut owner).await.unwrap();
    let why = refusal(&database).await;
    assert!(why.contains("permission denied") || why.contains("must be owner"), "{why}");
}
