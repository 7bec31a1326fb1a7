//! Two hundred tenants whose read models one process keeps up: one of them has a backlog, one a customer with an event
//! that cannot be folded and many behind it, and the others append an event now and then. What the others wait, with
//! and without those two, beside each other.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};
use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};
use uuid::Uuid;
use waymark_api::domain::customer::CustomerEvent;
use waymark_api::domain::customer::event::Moved;
use waymark_api::eventstore::vault::{RootKey, Vault};
use waymark_api::eventstore::{Append, Draft, EventStore, Outcome, Position, TenantId};
use waymark_tests::load::percentile;
use waymark_tests::{Installation, now};

use crate::engine::Engine;
use crate::lag::{Event, Watch};
use crate::{Size, Table};

const OTHERS: u128 = 198;
const BACKLOGGED: TenantId = TenantId(Uuid::from_u128(1_001));
const POISONED: TenantId = TenantId(Uuid::from_u128(1_002));
/// Every tenant's period: so far apart are the events that it appends.
const PERIOD: Duration = Duration::from_secs(1);
/// Events of one append of the backlog.
const BATCH: usize = 500;
/// How many customers the backlog is of.
const CUSTOMERS: usize = 1_000;
/// Events behind the one that cannot be folded.
const BEHIND: usize = 500;

pub(crate) async fn measure(engine: Engine, size: Size, table: &mut Table) {
    table.section(&format!("fairness over 200 tenants on {}", engine.name()));
    let (rounds, backlog) = if size == Size::Full { (15, 100_000) } else { (2, 5_000) };
    let installation = engine.installation();
    let log = Log { store: engine.log(&installation).await, made: AtomicU64::new(1) };
    let vault = Arc::new(Vault::new(log.store.clone(), RootKey([7; 32])));
    let views = engine.read_models(&installation, log.store.clone(), vault).await;
    let (stop, stopped) = oneshot::channel::<()>();
    let running = tokio::spawn(views.clone().run(async { drop(stopped.await) }));

    // The first event of each is not counted: seats are taken and tables are warm after it.
    others(&log, 1, watch(engine, &installation).await).await;
    let quiet = others(&log, rounds, watch(engine, &installation).await).await;
    report(table, "the others, with nobody else", &quiet);

    log.append_poison().await;
    let others = others(&log, rounds, watch(engine, &installation).await);
    let (busy, appended) = tokio::join!(others, log.append_backlog(backlog));
    report(table, "the others, beside backlog and poison", &busy);
    let status = views.status(BACKLOGGED).await.expect("the read models can be asked");
    let left = status.iter().map(|status| status.lag).max().unwrap_or(0);
    let parked = views.status(POISONED).await.expect("the read models can be asked");
    let parked = parked.iter().map(|status| status.parked).max().unwrap_or(0);
    let remark = format!("{backlog} events, appended in {appended:.1?}; {parked} events parked elsewhere");
    table.figure("left of the backlog when the others were done", left.to_string(), remark);
    stop.send(()).ok();
    running.await.expect("the read models stop when told");
    views.close().await;
    log.store.close().await;
}

async fn watch(engine: Engine, installation: &Installation) -> Watch {
    Watch::start(engine, installation).await
}

fn report(table: &mut Table, name: &str, lags: &[Duration]) {
    let (p50, p99) = (percentile(lags, 50), percentile(lags, 99));
    let longest = lags.last().copied().unwrap_or_default();
    table.figure(
        name,
        format!("{p50:.3?}"),
        format!("p50; p99 {p99:.3?}, longest {longest:.3?}, {} events", lags.len()),
    );
}

/// Each of the others appends an event a period, all of them spread over it. Answers their lags, the shortest first.
async fn others(log: &Log, rounds: u32, watch: Watch) -> Vec<Duration> {
    let started = Instant::now();
    join_all((0..OTHERS).map(|number| {
        let events = watch.events.clone();
        async move {
            let (tenant, customer) = (TenantId(Uuid::from_u128(number + 1)), Uuid::from_u128(number + 1));
            let offset = PERIOD.mul_f64(number as f64 / OTHERS as f64);
            for round in 0..rounds {
                sleep_until(started + PERIOD * round + offset).await;
                let position = log.append(tenant, vec![log.moved(customer)]).await;
                events.send(Event { tenant: Some(tenant.0), position, at: Instant::now() }).ok();
            }
        }
    }))
    .await;
    watch.lags().await
}

/// The log, and what its events are numbered by.
struct Log {
    store: Arc<dyn EventStore>,
    made: AtomicU64,
}

impl Log {
    async fn append(&self, tenant: TenantId, events: Vec<Draft>) -> Position {
        match self.store.append(Append::new(tenant, events)).await.expect("nothing stands against it") {
            Outcome::Appended(appended) => appended.last_position(),
            Outcome::Repeated(_) => panic!("no receipt was asked for"),
        }
    }

    async fn append_backlog(&self, events: usize) -> Duration {
        let started = Instant::now();
        for first in (0..events).step_by(BATCH) {
            let customers =
                (first..first + BATCH).map(|number| Uuid::from_u128((number % CUSTOMERS) as u128));
            self.append(BACKLOGGED, customers.map(|customer| self.moved(customer)).collect()).await;
        }
        started.elapsed()
    }

    /// What no program can read as what it says it is, and what waits behind it.
    async fn append_poison(&self) {
        let customer = Uuid::from_u128(1);
        let bad = Draft { data: json!({"to": 1}), ..self.moved(customer) };
        let behind = (0..BEHIND).map(|_| self.moved(customer));
        self.append(POISONED, std::iter::once(bad).chain(behind).collect()).await;
    }

    fn moved(&self, customer: Uuid) -> Draft {
        let number = self.made.fetch_add(1, Ordering::Relaxed);
        let event = CustomerEvent::Moved(Moved {
            journey: "sales".to_owned(),
            pipeline_version: 1,
            cycle: 1,
            from: None,
            to: ["new", "quoted"][number as usize % 2].to_owned(),
            sub_status: None,
            direction: None,
            reason: None,
            reason_text: None,
            note: None,
            next_step: None,
            evidence: Vec::new(),
            approval: None,
            overrides: Vec::new(),
            text: None,
        });
        Draft {
            // In the order of making, as the service's are.
            id: Uuid::from_u128(u128::from(number) << 64),
            event_type: event.event_type().into(),
            type_version: event.type_version(),
            subject: format!("customer/{customer}"),
            effective_at: now(),
            actor: "rep:li".to_owned(),
            via: None,
            origin: None,
            endpoint: None,
            causation_id: None,
            correlation_id: None,
            tags: vec![format!("customer:{customer}")],
            blind_tags: Vec::new(),
            data: event.to_json().unwrap_or(Value::Null),
        }
    }
}
