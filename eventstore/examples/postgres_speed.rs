//! How fast the log appends on PostgreSQL, beside what the server gives those who do less.
//!
//! `cargo run --release -p waymark-eventstore --example postgres_speed -- postgres://…/postgres [events]` makes a
//! database `waymark_speed` on that server and drops it again. 64 tasks append one event each at a time to one
//! tenant, under a condition; every commit is on disk before its answer. The floors decide, tag and hash nothing.

#![expect(
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a measurement prints, and ends where it is broken"
)]

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use sqlx::postgres::{PgPool, PgPoolOptions};
use sqlx::{AssertSqlSafe, Connection, PgConnection, Postgres, QueryBuilder};
use tokio::sync::{mpsc, oneshot};
use tokio::task::JoinSet;
use uuid::Uuid;
use waymark_eventstore::{Append, Draft, EventStore, Outcome, PostgresStore, Query, TenantId, postgres};

const TASKS: u64 = 64;
const ROW_BYTES: usize = 900;
const DATABASE: &str = "waymark_speed";

#[tokio::main]
async fn main() {
    let mut arguments = std::env::args().skip(1);
    let admin = arguments.next().expect("the URL of a server");
    let each = arguments.next().map_or(100, |each| each.parse::<u64>().expect("a number") / TASKS).max(1);
    run(&admin, &format!("DROP DATABASE IF EXISTS {DATABASE} WITH (FORCE)")).await;
    run(&admin, &format!("CREATE DATABASE {DATABASE}")).await;
    let (server, _) = admin.rsplit_once('/').expect("a database in the URL");
    let url = format!("{server}/{DATABASE}");
    let ours = conditional_appends(&url, each).await;
    run(
        &url,
        "CREATE TABLE bare_head (tenant_id uuid PRIMARY KEY, position bigint NOT NULL);
         CREATE TABLE bare (tenant_id uuid, position bigint, entry bytea, PRIMARY KEY (tenant_id, position));
         INSERT INTO bare_head VALUES ('00000000-0000-0000-0000-000000000001', 0)",
    )
    .await;
    let alone = alone(&url, each.div_ceil(8)).await;
    let grouped = grouped(&url, each).await;
    run(&admin, &format!("DROP DATABASE {DATABASE} WITH (FORCE)")).await;
    println!("conditional appends of one event       {ours:8.0} a second");
    println!(
        "one transaction each, the head locked  {alone:8.0} a second; ours {:.1} times that",
        ours / alone
    );
    println!(
        "bare rows by group commit              {grouped:8.0} a second; ours {:.2} of that",
        ours / grouped
    );
}

async fn run(url: &str, sql: &str) {
    let mut connection = PgConnection::connect(url).await.expect("a server");
    sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.expect("it is done");
}

fn tenant() -> TenantId {
    TenantId(Uuid::from_u128(1))
}

async fn conditional_appends(url: &str, each: u64) -> f64 {
    let options = postgres::Options::new(Arc::new(|| {
        chrono::DateTime::from_timestamp(1_767_225_600, 0).expect("an instant")
    }));
    let store = PostgresStore::open(url, options).await.expect("the log opens");
    let made = Arc::new(AtomicU64::new(1));
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for task in 0..TASKS {
        let (store, made) = (Arc::clone(&store), Arc::clone(&made));
        tasks.spawn(async move {
            let tag = format!("customer:{}", Uuid::from_u128(u128::from(task)));
            let mut seen = 0;
            for _ in 0..each {
                let id = Uuid::from_u128(u128::from(made.fetch_add(1, Ordering::Relaxed)) << 64);
                let condition = Some(Query::tag(tag.clone()).none_after(seen));
                let append = Append { condition, ..Append::new(tenant(), vec![draft(id, &tag)]) };
                match store.append(append).await {
                    Ok(Outcome::Appended(appended)) => seen = appended.last_position(),
                    other => panic!("not appended: {other:?}"),
                }
            }
        });
    }
    tasks.join_all().await;
    let rate = (TASKS * each) as f64 / started.elapsed().as_secs_f64();
    store.close().await;
    rate
}

fn draft(id: Uuid, tag: &str) -> Draft {
    Draft {
        id,
        event_type: "customer.noted".into(),
        type_version: 1,
        subject: "customer/1".to_owned(),
        effective_at: chrono::DateTime::UNIX_EPOCH,
        actor: "rep:li".to_owned(),
        via: None,
        origin: None,
        causation_id: None,
        correlation_id: None,
        tags: vec![tag.to_owned()],
        blind_tags: Vec::new(),
        data: serde_json::json!({ "text": "x".repeat(500) }),
    }
}

async fn pool(url: &str, connections: u32) -> PgPool {
    let options = PgPoolOptions::new().max_connections(connections).test_before_acquire(false);
    options.connect(url).await.expect("a server")
}

/// Each event is a transaction: lock the head, insert, move the head, commit.
async fn alone(url: &str, each: u64) -> f64 {
    let pool = pool(url, 16).await;
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let pool = pool.clone();
        tasks.spawn(async move {
            for _ in 0..each {
                append_alone(&pool).await.expect("a row");
            }
        });
    }
    tasks.join_all().await;
    (TASKS * each) as f64 / started.elapsed().as_secs_f64()
}

async fn append_alone(pool: &PgPool) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let lock = sqlx::query_scalar("SELECT position FROM bare_head WHERE tenant_id = $1 FOR UPDATE");
    let position: i64 = lock.bind(tenant().0).fetch_one(&mut *transaction).await?;
    sqlx::query("INSERT INTO bare (tenant_id, position, entry) VALUES ($1, $2, $3)")
        .bind(tenant().0)
        .bind(position + 1)
        .bind(vec![b'x'; ROW_BYTES])
        .execute(&mut *transaction)
        .await?;
    sqlx::query("UPDATE bare_head SET position = $2 WHERE tenant_id = $1")
        .bind(tenant().0)
        .bind(position + 1)
        .execute(&mut *transaction)
        .await?;
    transaction.commit().await
}

/// Rows that wait together are inserted together, by one statement that is its own transaction.
async fn grouped(url: &str, each: u64) -> f64 {
    let pool = pool(url, 1).await;
    let (jobs, mut waiting) = mpsc::channel::<oneshot::Sender<()>>(4_096);
    tokio::spawn(async move {
        let mut batch = Vec::new();
        let mut position = 1_000_000_000_i64;
        while waiting.recv_many(&mut batch, 2_000).await > 0 {
            let mut insert = QueryBuilder::<Postgres>::new("INSERT INTO bare (tenant_id, position, entry) ");
            insert.push_values(&batch, |mut row, _| {
                position += 1;
                row.push_bind(tenant().0).push_bind(position).push_bind(vec![b'x'; ROW_BYTES]);
            });
            insert.build().execute(&pool).await.expect("rows");
            batch.drain(..).for_each(|answer| answer.send(()).unwrap_or_default());
        }
    });
    let started = Instant::now();
    let mut tasks = JoinSet::new();
    for _ in 0..TASKS {
        let jobs = jobs.clone();
        tasks.spawn(async move {
            for _ in 0..each {
                let (answer, answered) = oneshot::channel();
                jobs.send(answer).await.expect("the committer runs");
                answered.await.expect("the committer answers");
            }
        });
    }
    tasks.join_all().await;
    (TASKS * each) as f64 / started.elapsed().as_secs_f64()
}
