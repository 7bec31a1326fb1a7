//! The store alone, in process: conditional appends of one event each, on one tenant and on 64, beside loops that
//! insert rows of the same size and do nothing else.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use futures::future::join_all;
use serde_json::json;
use uuid::Uuid;
use waymark_api::eventstore::{Append, Draft, EventStore, Outcome, Query, TenantId};
use waymark_tests::{Installation, now};

use crate::cpu::{Counters, Used};
use crate::durable::{Bare, GroupCommitter};
use crate::engine::Engine;
use crate::floors::ROW_BYTES;
use crate::{Size, Table};

/// Where the targets are set.
const TASKS: usize = 64;
const TENANTS: usize = 64;
/// Text that makes an entry about as long as a bare row.
const TEXT_BYTES: usize = 500;

/// A run of appends.
#[derive(Debug, Clone, Copy)]
struct Load {
    tasks: usize,
    tenants: usize,
    /// How many appends each task makes.
    each: usize,
}

pub(crate) async fn measure(engine: Engine, size: Size, table: &mut Table) {
    table.section(&format!("the store alone on {}", engine.name()));
    let installation = engine.installation();
    let each = if size == Size::Full { 1_000 } else { 100 };
    let bare = Floors::measure(engine, &installation, each, table).await;
    let appender = Appender::open(engine, &installation).await;
    let mut hot = f64::NAN;
    for tenants in [1, TENANTS] {
        for tasks in [1, 16, TASKS] {
            let (rate, used) = appender.run(Load { tasks, tenants, each }).await;
            let name = format!("conditional appends, {tasks} tasks, {tenants} tenants");
            table.rate(&name, rate, used.to_string());
            match (tasks, tenants) {
                (TASKS, 1) => {
                    hot = rate;
                    bare.compare(engine, rate, table);
                }
                (TASKS, _) if engine == Engine::Postgres => {
                    table.ratio_or_bound("64 tenants / one tenant, 64 tasks", rate, hot, 1.5, used);
                }
                _ => {}
            }
        }
    }
    appender.close().await;
}

/// What the database gives those who do less, by 64 tasks.
struct Floors {
    alone: f64,
    grouped: f64,
}

impl Floors {
    async fn measure(engine: Engine, installation: &Installation, each: usize, table: &mut Table) -> Self {
        let open = |name: &str| {
            let database = engine.floor_database(installation, name);
            async move { Bare::open(&database).await }
        };
        let alone = alone(open("alone.db").await, each.div_ceil(16)).await;
        let grouped = grouped(open("grouped.db").await, each).await;
        let bulk = bulk(open("bulk.db").await, TASKS * each).await;
        let ordered = if engine == Engine::Postgres { ", under the tenant's locked head" } else { "" };
        table.rate(
            "floor: one transaction an event",
            alone,
            format!("64 tasks, rows of {ROW_BYTES} bytes{ordered}"),
        );
        table.rate("floor: bare rows by group commit", grouped, "64 tasks");
        table.rate("floor: raw bulk insert", bulk, format!("{} rows in one transaction", TASKS * each));
        Self { alone, grouped }
    }

    fn compare(&self, engine: Engine, rate: f64, table: &mut Table) {
        let (name, figure) = ("one tenant, 64 tasks / one transaction an event", rate / self.alone);
        match engine {
            Engine::Postgres => table.ratio(name, rate, self.alone, 10.0),
            Engine::Sqlite => table.figure(name, format!("{figure:.2}x"), "for comparison"),
        }
        table.ratio("one tenant, 64 tasks / bare rows by group commit", rate, self.grouped, 0.5);
    }
}

async fn alone(bare: Bare, each: usize) -> f64 {
    let row = vec![b'x'; ROW_BYTES];
    rate(each, |_| {
        let (bare, row) = (bare.clone(), row.clone());
        async move {
            for _ in 0..each {
                bare.append_alone(&row).await;
            }
        }
    })
    .await
}

async fn grouped(bare: Bare, each: usize) -> f64 {
    let committer = GroupCommitter::start(bare);
    rate(each, |_| {
        let committer = committer.clone();
        async move {
            for _ in 0..each {
                committer.append(vec![b'x'; ROW_BYTES]).await;
            }
        }
    })
    .await
}

async fn bulk(bare: Bare, rows: usize) -> f64 {
    let rows = vec![vec![b'x'; ROW_BYTES]; rows];
    let started = Instant::now();
    bare.append_many(0, &rows).await;
    rows.len() as f64 / started.elapsed().as_secs_f64()
}

/// How many rows a second 64 tasks make, each as many.
async fn rate<F>(each: usize, task: impl Fn(usize) -> F) -> f64
where
    F: Future<Output = ()> + Send + 'static,
{
    let started = Instant::now();
    finish(join_all((0..TASKS).map(|number| tokio::spawn(task(number)))).await);
    (TASKS * each) as f64 / started.elapsed().as_secs_f64()
}

/// The store, and what its events are numbered by.
struct Appender {
    store: Arc<dyn EventStore>,
    /// In the order of making, as the service's ids are (UUID version 7).
    made: Arc<AtomicU64>,
    runs: AtomicU64,
}

impl Appender {
    async fn open(engine: Engine, installation: &Installation) -> Self {
        let store = engine.log(installation).await;
        Self { store, made: Arc::new(AtomicU64::new(1)), runs: AtomicU64::new(1) }
    }

    /// Appends on fresh tenants, after a few appends that nobody times: connections and statements are made by then.
    async fn run(&self, load: Load) -> (f64, Used) {
        let run = self.runs.fetch_add(1, Ordering::Relaxed);
        let tenants: Arc<[TenantId]> = (0..load.tenants).map(|number| tenant(run, number)).collect();
        self.append(Load { each: load.tenants.div_ceil(load.tasks), ..load }, &tenants, "warm").await;
        let (counters, started) = (Counters::now(), Instant::now());
        self.append(load, &tenants, "measured").await;
        let seconds = started.elapsed().as_secs_f64();
        ((load.tasks * load.each) as f64 / seconds, counters.used())
    }

    async fn append(&self, load: Load, tenants: &Arc<[TenantId]>, round: &'static str) {
        let tasks = (0..load.tasks).map(|task| {
            let (store, made, tenants) =
                (Arc::clone(&self.store), Arc::clone(&self.made), Arc::clone(tenants));
            tokio::spawn(async move {
                let tag = format!("customer:{round}:{task}");
                let mut seen = vec![0; tenants.len()];
                for number in 0..load.each {
                    let turn = (task + number * load.tasks) % tenants.len();
                    let id = Uuid::from_u128(u128::from(made.fetch_add(1, Ordering::Relaxed)) << 64);
                    let mut append = Append::new(tenants[turn], vec![draft(id, &tag)]);
                    append.condition = Some(Query::tag(tag.clone()).none_after(seen[turn]));
                    let Outcome::Appended(appended) =
                        store.append(append).await.expect("nobody else writes there")
                    else {
                        panic!("no receipt was asked for")
                    };
                    seen[turn] = appended.last_position();
                }
            })
        });
        finish(join_all(tasks).await);
    }

    async fn close(self) {
        self.store.close().await;
    }
}

/// Spread over the writing tasks as ids made by chance would be.
fn tenant(run: u64, number: usize) -> TenantId {
    TenantId(Uuid::from_u128((u128::from(run) << 64) | number as u128))
}

fn draft(id: Uuid, tag: &str) -> Draft {
    Draft {
        id,
        event_type: "customer.noted".into(),
        type_version: 1,
        subject: "customer/1".to_owned(),
        effective_at: now(),
        actor: "rep:li".to_owned(),
        via: None,
        origin: None,
        endpoint: None,
        causation_id: None,
        correlation_id: None,
        tags: vec![tag.to_owned()],
        blind_tags: Vec::new(),
        data: json!({"text": "x".repeat(TEXT_BYTES)}),
    }
}

fn finish(tasks: Vec<Result<(), tokio::task::JoinError>>) {
    for task in tasks {
        task.expect("the task ended");
    }
}
