//! The two classic failures of logs on PostgreSQL, provoked.

use std::future::Future;
use std::sync::Arc;

use sqlx::Connection;
use tokio::task::JoinSet;
use uuid::Uuid;

use super::{Database, Kind};
use crate::contract::{Bench, TENANT, appended, conflict_at, new_year};
use crate::ledger::{Trust, Verdict, verify};
use crate::{Append, Draft, EventStore, Outcome, Query, StoreError};

const RACES: usize = 1_000;
const AT_ONCE: usize = 25;

/// Commits of events of the type `slow` wait until nobody else holds the advisory lock 1.
const SLOW_COMMITS: &str = "
    CREATE FUNCTION wait() RETURNS trigger LANGUAGE plpgsql AS
    $$ BEGIN PERFORM pg_advisory_xact_lock(1); RETURN NULL; END $$;
    CREATE CONSTRAINT TRIGGER wait AFTER INSERT ON event DEFERRABLE INITIALLY DEFERRED
    FOR EACH ROW WHEN (NEW.type = 'slow') EXECUTE FUNCTION wait();";

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_reader_between_two_commits_never_skips_an_event() {
    let Some(bench) = Bench::postgres(Kind::Plain).await else { return };
    let database = bench.database();
    database.sql(SLOW_COMMITS).await;
    let other = database.open(Arc::new(new_year)).await;
    let mut gate = database.connect().await;
    sqlx::query("SELECT pg_advisory_lock(1)").execute(&mut gate).await.unwrap();

    // The first has written everything and cannot commit; the second comes later and could.
    let slow = Append::new(TENANT, vec![bench.event("slow", &[])]);
    let fast = Append::new(TENANT, vec![bench.event("fast", &[])]);
    let store = Arc::clone(&bench.store);
    let first = tokio::spawn(async move { store.append(slow).await });
    database.until(&waiting(1)).await;
    let second = tokio::spawn(async move { other.append(fast).await });
    database.until(&waiting(2)).await;
    assert_eq!(bench.head().await, 0);
    assert!(bench.all().await.is_empty(), "a later event is visible before an earlier one");

    sqlx::query("SELECT pg_advisory_unlock(1)").execute(&mut gate).await.unwrap();
    let mut seen = 0;
    while seen < 2 {
        for entry in bench.store.read(TENANT, seen, 10).await.unwrap() {
            assert_eq!(entry.position, seen + 1);
            seen = entry.position;
        }
    }
    assert_eq!(appended(first.await.unwrap()).first_position, 1);
    assert_eq!(appended(second.await.unwrap()).first_position, 2);
}

/// Whether that many transactions wait for a lock.
fn waiting(count: u32) -> String {
    format!(
        "SELECT count(*) = {count} FROM pg_stat_activity
         WHERE datname = current_database() AND wait_event_type = 'Lock'"
    )
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_processes_that_race_for_one_condition_one_wins_a_thousand_times() {
    let Some(bench) = Bench::postgres(Kind::Plain).await else { return };
    let other = bench.database().open(Arc::new(new_year)).await;
    let claim = |race: usize| {
        let tag = format!("race:{race}");
        let event = bench.event("claimed", &[&tag]);
        Append { condition: Some(Query::tag(tag).none_after(0)), ..Append::new(TENANT, vec![event]) }
    };
    for races in (0..RACES).collect::<Vec<_>>().chunks(AT_ONCE) {
        let mut racers = JoinSet::new();
        for race in races.iter().copied() {
            let (here, there) = (Arc::clone(&bench.store), Arc::clone(&other));
            let (ours, theirs) = (claim(race), claim(race));
            racers.spawn(async move { tokio::join!(here.append(ours), there.append(theirs)) });
        }
        for (ours, theirs) in racers.join_all().await {
            let won = |outcome: &Result<Outcome, StoreError>| matches!(outcome, Ok(Outcome::Appended(_)));
            let lost =
                |outcome: &Result<Outcome, StoreError>| matches!(outcome, Err(StoreError::Conflict { .. }));
            assert!(won(&ours) && lost(&theirs) || lost(&ours) && won(&theirs), "{ours:?} {theirs:?}");
        }
    }
    assert_eq!(bench.head().await, RACES as u64);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_comes_while_the_head_is_being_locked_shares_the_commit() {
    let Some(bench) = Bench::postgres(Kind::Plain).await else { return };
    let database = bench.database();
    bench.tagged(&["before"]).await;
    let mut other = database.connect().await;
    let mut holding = other.begin().await.unwrap();
    sqlx::query("SELECT position FROM log_head FOR UPDATE").execute(&mut *holding).await.unwrap();

    let append = || bench.store.append(Append::new(TENANT, vec![bench.event("e", &[])]));
    let mut waiting_ones = vec![append()];
    asked(&mut waiting_ones[0]).await;
    database.until(&waiting(1)).await;
    for _ in 0..5 {
        let mut next = append();
        asked(&mut next).await;
        waiting_ones.push(next);
    }
    holding.rollback().await.unwrap();
    for (next, position) in waiting_ones.into_iter().zip(2..) {
        assert_eq!(appended(next.await).first_position, position);
    }
    let commits: i64 = database.ask("SELECT count(DISTINCT xmin::text) FROM event WHERE position > 1").await;
    assert_eq!(commits, 1);
}

/// An append is in its queue once it was looked at.
async fn asked(append: &mut (impl Future<Output = Result<Outcome, StoreError>> + Unpin)) {
    tokio::select! {
        biased;
        outcome = append => panic!("answered before the head was free: {outcome:?}"),
        () = std::future::ready(()) => {}
    }
}

#[tokio::test]
async fn what_another_process_did_since_is_no_secret_to_a_condition() {
    let Some(bench) = Bench::postgres(Kind::Plain).await else { return };
    let other = bench.database().open(Arc::new(new_year)).await;
    let blind =
        |number: u32| Draft { blind_tags: vec![format!("phone:{number}")], ..bench.event("e", &["a"]) };
    bench.put(vec![blind(1), blind(2)]).await;
    // Held by this process, which appended it: the condition is decided by that.
    assert_eq!(conflict_at(&bench.put_if(Query::tag("a").none_after(0)).await), 2);

    appended(other.append(Append::new(TENANT, vec![bench.event("e", &["b"])])).await);
    assert_eq!(conflict_at(&bench.put_if(Query::tag("b").none_after(2)).await), 3);
    assert_eq!(bench.tagged(&["c"]).await, 4);
    assert_eq!(conflict_at(&bench.put_if(Query::tag("b").none_after(2)).await), 3);

    bench.put(vec![blind(3)]).await;
    assert_eq!(conflict_at(&bench.put_if(Query::tag("phone:3").none_after(4)).await), 5);
    let erasure = Append { erase_subjects: vec![Uuid::from_u128(7)], ..Append::new(TENANT, Vec::new()) };
    appended(other.append(erasure).await);
    appended(bench.put_if(Query::tag("phone:3").none_after(4)).await);
}

async fn many_processes_keep_one_order(kind: Kind) {
    let Some(bench) = Bench::postgres(kind).await else { return };
    let mut writers = JoinSet::new();
    for _ in 0..4 {
        let store = open(bench.database()).await;
        for _ in 0..8 {
            let store = Arc::clone(&store);
            let appends: Vec<_> =
                (0..10).map(|_| Append::new(TENANT, vec![bench.event("e", &["a", "b"])])).collect();
            writers.spawn(async move {
                for append in appends {
                    appended(store.append(append).await);
                }
            });
        }
    }
    writers.join_all().await;
    let verdict = verify(&*bench.store, TENANT, &Trust::default(), &mut |_, _| {}).await.unwrap();
    assert!(matches!(verdict, Verdict::Sound(report) if report.size == 320 && report.tags == 640));
}

async fn open(database: &Database) -> Arc<super::super::PostgresStore> {
    database.open(Arc::new(new_year)).await
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_processes_keep_one_order_where_transactions_are_serializable() {
    many_processes_keep_one_order(Kind::Partitioned).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn many_processes_keep_one_order_where_reads_are_repeatable() {
    many_processes_keep_one_order(Kind::Secured).await;
}
