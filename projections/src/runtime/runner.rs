//! Runs the projectors: one task each, fair to all tenants, awake when a log moves. A tenant that is quiet costs nothing.

use std::collections::BTreeSet;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::Instant;
use uuid::Uuid;
use waymark_eventstore::{News, TenantId};

use crate::error::ProjectionError;
use crate::models::read_model::ReadModel;
use crate::projections::Projections;
use crate::runtime::cluster;
use crate::runtime::pace::{ENTRIES_PER_STEP, is_behind};
use crate::storage::checkpoint::ProjectionId;

/// How often what does not get on is tried again, when nothing wakes the projectors.
const POLL: Duration = Duration::from_millis(200);
/// How often one more tenant is looked at, of which nothing is expected.
const ROTA: Duration = Duration::from_secs(2);
/// How often a small file is read as a whole.
const CHECK_EVERY: Duration = Duration::from_secs(20);
/// For how many times as long as a check took nothing is checked.
const CHECK_SHARE: u32 = 50;

impl Projections {
    /// Keeps every read model up with the log until `shutdown` is done, then finishes the steps under way.
    pub async fn run(self: Arc<Self>, shutdown: impl Future<Output = ()> + Send) {
        if self.engine().nodes.is_some() {
            return cluster::run(self, shutdown).await;
        }
        self.find_resting().await;
        let (stop, stopped) = watch::channel(false);
        let mut tasks = JoinSet::new();
        for model in self.models() {
            let projections = Arc::clone(&self);
            tasks.spawn(drive(projections, model, stopped.clone()));
        }
        tasks.spawn(look_after(Arc::clone(&self), stopped));
        shutdown.await;
        stop.send_replace(true);
        while tasks.join_next().await.is_some() {}
    }
}

/// Keeps one read model up with every tenant's log, round by round: those that have news, that are behind or that do not get on have
/// their page in a round, and of all others one every while, so that each is looked at in the end.
async fn drive(projections: Arc<Projections>, model: Arc<dyn ReadModel>, mut stop: watch::Receiver<bool>) {
    let engine = projections.engine();
    let (news, waited_for) = (News::default(), engine.waited_for(model.name()));
    engine.store.inform(&news);
    let logs = || engine.store.known_heads().into_iter().map(|(log, _)| log);
    let rests =
        |tenant: &TenantId| projections.rests(ProjectionId { tenant: *tenant, projection: model.name() });
    let mut turn: BTreeSet<TenantId> = logs().filter(|log| !rests(log)).collect();
    let (mut last, mut looked) = (TenantId(Uuid::nil()), Instant::now());
    while !*stop.borrow() {
        turn.extend(news.take().into_iter().chain(waited_for.take()));
        if looked.elapsed() >= ROTA {
            looked = Instant::now();
            let later = logs().filter(|log| *log > last).min();
            last = later.or_else(|| logs().min()).unwrap_or(last);
            turn.insert(last);
        }
        turn.retain(|log| !log.is_access_log());
        let tenants: Vec<TenantId> = std::mem::take(&mut turn).into_iter().collect();
        let (pace, left) = round(&projections, &model, &tenants).await;
        turn.extend(left);
        // A closed channel is a stop as well.
        match pace {
            Pace::Behind => {}
            Pace::Following => tokio::select! {
                () = tokio::time::sleep_until(engine.next_poll()) => {}
                () = waited_for.came() => {}
                _ = stop.changed() => {}
            },
            Pace::Idle => tokio::select! {
                () = news.came() => {}
                () = waited_for.came() => {}
                () = tokio::time::sleep(POLL) => {}
                _ = stop.changed() => {}
            },
        }
    }
}

/// Reads the whole file of the read models now and then, as it is on disk: what a statement would not come upon for long is
/// found within half a minute in a small file, and at a fiftieth of the time in a large one.
async fn look_after(projections: Arc<Projections>, mut stop: watch::Receiver<bool>) {
    while !*stop.borrow() {
        let began = Instant::now();
        if let Err(error) = projections.engine().db.check().await {
            tracing::warn!(%error, "the file of the read models could not be checked");
        }
        let pause = (began.elapsed() * CHECK_SHARE).max(CHECK_EVERY);
        tokio::select! {
            () = tokio::time::sleep(pause) => {}
            _ = stop.changed() => {}
        }
    }
}

/// How a round went.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Pace {
    /// There was nothing.
    Idle,
    /// There was something, and it was all there was.
    Following,
    /// There is more.
    Behind,
}

/// One page of each of these tenants. Returns whose turn it is again, whether there is news of them or not.
async fn round(
    projections: &Projections,
    model: &Arc<dyn ReadModel>,
    tenants: &[TenantId],
) -> (Pace, Vec<TenantId>) {
    let (mut pace, mut left) = (Pace::Idle, Vec::new());
    for &tenant in tenants {
        let id = ProjectionId { tenant, projection: model.name() };
        refresh(projections, model, id).await;
        match projections.advance(model, id, ENTRIES_PER_STEP).await {
            Ok(taken) if is_behind(projections, id, taken) => pace = Pace::Behind,
            Ok(taken) if taken > 0 => pace = pace.max(Pace::Following),
            // Nothing was there, somebody else does the work, or the cause stands in the status until it is gone.
            Ok(_) | Err(_) => {}
        }
        let has_more = !projections.holds_lease(id) || projections.engine().lag(id) > 0;
        if has_more && !projections.rests(id) {
            left.push(tenant);
        }
    }
    (pace, left)
}

/// Rebuilds rows that another version of the fold has made; until that is done nobody folds them further.
async fn refresh(projections: &Projections, model: &Arc<dyn ReadModel>, id: ProjectionId) {
    let is_known = projections.holds_lease(id) || projections.rests(id);
    if is_known || !matches!(projections.is_outdated(model, id.tenant).await, Ok(true)) {
        return;
    }
    match projections.rebuild(id.tenant, model.name(), &|_, _| {}).await {
        // Another process does it.
        Ok(_) | Err(ProjectionError::RebuildRunning | ProjectionError::Fenced) => {}
        Err(error) => projections.engine().failures.failed(id, &error),
    }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::tests::world::{TENANT, World};

    #[tokio::test(flavor = "multi_thread")]
    async fn a_new_tenant_is_folded_while_another_is_never_idle() {
        let world = World::new();
        let moved = json!({"journey": "sales", "pipeline_version": 1, "cycle": 1, "to": "quoted"});
        let append = async |tenant| {
            world.append_all(tenant, Uuid::from_u128(1), vec![("customer.moved", moved.clone())]).await;
        };
        append(TENANT).await;
        let projections = world.projections("p").await;
        let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
        let running = tokio::spawn(projections.clone().run(async move { drop(stopped.await) }));
        projections.wait_for(TENANT, "dwell", 1, Duration::from_secs(60)).await.unwrap();
        let new = TenantId(Uuid::from_u128(8));
        append(new).await;
        let busy = async {
            loop {
                append(TENANT).await;
                tokio::task::yield_now().await;
            }
        };
        tokio::select! {
            () = busy => {}
            reached = projections.wait_for(new, "dwell", 1, Duration::from_secs(60)) => assert_eq!(reached.unwrap(), 1),
        }
        stop.send(()).unwrap();
        running.await.unwrap();
    }

    #[tokio::test]
    async fn a_round_gives_every_tenant_one_page_however_much_one_of_them_has() {
        let world = World::new();
        let tenants: Vec<TenantId> = (1..=12).map(|number| TenantId(Uuid::from_u128(number))).collect();
        let moved = json!({"journey": "sales", "pipeline_version": 1, "cycle": 1, "to": "quoted"});
        for (number, &tenant) in tenants.iter().enumerate() {
            let (customers, count, data) = match number {
                0 => (u128::from(2 * ENTRIES_PER_STEP / 20), 20, &moved),
                1 => (1, 30, &json!({"to": 1})),
                _ => (1, 1, &moved),
            };
            for customer in 1..=customers {
                let events = vec![("customer.moved", data.clone()); count];
                world.append_all(tenant, Uuid::from_u128(customer), events).await;
            }
        }
        let projections = world.projections("p").await;
        for model in projections.models() {
            let (pace, left) = round(&projections, &model, &tenants).await;
            assert_eq!((pace, left), (Pace::Behind, vec![tenants[0]]));
        }
        for (number, &tenant) in tenants.iter().enumerate() {
            let left = if number == 0 { u64::from(ENTRIES_PER_STEP) } else { 0 };
            let parked = if number == 1 { 30 } else { 0 };
            for status in projections.status(tenant).await.unwrap() {
                assert_eq!((status.lag, status.parked), (left, parked), "{number}: {}", status.name);
            }
        }
    }
}
