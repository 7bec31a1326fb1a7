//! Runs the projectors of many tenants on one of several nodes: a few workers take turns, a page at a time.
//!
//! Whose turn it is, is decided by [`crate::runtime::scheduler`]: a long backlog or an error of one tenant costs the others nothing but
//! its turns. A tenant without news costs a place in a table: it is named when its log moves. Which tenants belong to this node is
//! told by [`crate::runtime::nodes`].

use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::ops::Bound;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{Id, JoinError, JoinSet};
use uuid::Uuid;
use waymark_eventstore::{News, TenantId};

use crate::error::{ProjectionError, Result};
use crate::models::read_model::ReadModel;
use crate::projections::Projections;
use crate::runtime::nodes::{Duty, Nodes};
use crate::runtime::pace::{ENTRIES_PER_STEP, is_behind};
use crate::runtime::scheduler::{FairScheduler, StepOutcome};
use crate::storage::checkpoint::ProjectionId;

/// How often a node tells that it lives, and looks which tenants are its own.
const HEARTBEAT: Duration = Duration::from_secs(1);
/// With every Nth heartbeat one read model of one tenant has a turn, whatever is known of it, and each in the end: however
/// many there are, it costs no more.
const ROTA: i64 = 2;

/// Keeps the read models of this node's tenants up until `shutdown` is done, then finishes the steps under way and
/// leaves.
pub(crate) async fn run(projections: Arc<Projections>, shutdown: impl Future<Output = ()> + Send) {
    let mut runner = ClusterRunner::new(projections);
    let mut heartbeats = tokio::time::interval(HEARTBEAT);
    heartbeats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        runner.begin_steps();
        tokio::select! {
            () = &mut shutdown => break,
            _ = heartbeats.tick() => runner.heartbeat().await,
            tenants = runner.news.next() => tenants.into_iter().for_each(|tenant| runner.enqueue_tenant(tenant)),
            Some(id) = runner.requests.recv() => runner.prioritize(id),
            Some(ended) = runner.steps.join_next_with_id() => runner.ended(ended),
            Some(Ok(id)) = runner.windows.join_next() => runner.scheduler.window_elapsed(id),
        }
    }
    runner.shut_down().await;
}

/// What a node works on.
struct ClusterRunner {
    projections: Arc<Projections>,
    heartbeat: i64,
    /// This node's tenants.
    assigned: BTreeSet<TenantId>,
    /// The read model that had its turn of the rota last, by its place among them, and of whom.
    rota: (TenantId, usize),
    tasks: JoinSet<()>,
    news: News,
    requests: mpsc::UnboundedReceiver<ProjectionId>,
    scheduler: FairScheduler,
    steps: JoinSet<Result<usize>>,
    /// What each step is of.
    under_way: HashMap<Id, ProjectionId>,
    windows: JoinSet<ProjectionId>,
}

impl ClusterRunner {
    fn new(projections: Arc<Projections>) -> Self {
        let news = News::default();
        projections.engine().store.inform(&news);
        let requests = projections.engine().catch_up_requests();
        Self {
            projections,
            heartbeat: 0,
            assigned: BTreeSet::new(),
            rota: (TenantId(Uuid::nil()), 0),
            tasks: JoinSet::new(),
            news,
            requests,
            scheduler: FairScheduler::default(),
            steps: JoinSet::new(),
            under_way: HashMap::new(),
            windows: JoinSet::new(),
        }
    }

    fn begin_steps(&mut self) {
        while let Some(id) = self.scheduler.begin() {
            let projections = Arc::clone(&self.projections);
            let step = self.steps.spawn(async move { step(&projections, id).await });
            self.under_way.insert(step.id(), id);
        }
    }

    fn enqueue(&mut self, id: ProjectionId) {
        if self.assigned.contains(&id.tenant) {
            self.scheduler.enqueue(id);
        }
    }

    /// There is news: whatever of the tenant does not wait for a window has it at its turn.
    fn enqueue_tenant(&mut self, tenant: TenantId) {
        if self.assigned.contains(&tenant) {
            self.all_of(tenant).into_iter().for_each(|id| self.scheduler.news(id));
        }
    }

    /// Somebody waits: it does not wait for its window.
    fn prioritize(&mut self, id: ProjectionId) {
        if self.assigned.contains(&id.tenant) {
            self.scheduler.prioritize(id);
        }
    }

    fn ended(&mut self, step: std::result::Result<(Id, Result<usize>), JoinError>) {
        let (id, step) = match step {
            Ok((id, step)) => (id, step),
            Err(error) => (error.id(), Err(ProjectionError::Database(error.to_string()))),
        };
        let Some(id) = self.under_way.remove(&id) else { return };
        if !self.assigned.contains(&id.tenant) {
            // Left to another node while this step began: it may have taken the lease after that.
            self.release_lease_of(id);
        }
        let ended = match step {
            _ if !self.assigned.contains(&id.tenant) => StepOutcome::Failed,
            Ok(taken) if is_behind(&self.projections, id, taken) => StepOutcome::Behind,
            Ok(0) => StepOutcome::Idle,
            Ok(_) => StepOutcome::Following,
            // Another node does the work, or the cause stands in the status until it is gone.
            Err(_) => StepOutcome::Failed,
        };
        if self.scheduler.ended(id, ended) {
            let until = self.projections.engine().next_poll();
            self.windows.spawn(async move {
                tokio::time::sleep_until(until).await;
                id
            });
        }
    }

    fn all_of(&self, tenant: TenantId) -> Vec<ProjectionId> {
        self.projections
            .models()
            .iter()
            .map(|model| ProjectionId { tenant, projection: model.name() })
            .collect()
    }

    fn nodes(&self) -> Option<&Nodes> {
        self.projections.engine().nodes.as_ref()
    }

    /// Tells that this node lives, and looks which tenants are its own now.
    async fn heartbeat(&mut self) {
        self.heartbeat += 1;
        let engine = self.projections.engine();
        if let Some(nodes) = self.nodes()
            && let Err(error) = nodes.heartbeat(&engine.db, self.heartbeat).await
        {
            tracing::error!(%error, "this node cannot tell that it lives");
            return;
        }
        let logs = engine.store.known_heads().into_iter().map(|(log, _)| log);
        let tenants: Vec<TenantId> = logs.filter(|log| !log.is_access_log()).collect();
        let comes = |tenant: &TenantId| {
            !self.assigned.contains(tenant) && self.projections.tends(*tenant, Duty::Upkeep)
        };
        if tenants.iter().any(comes) {
            self.projections.find_resting().await;
        }
        self.rebalance(tenants.into_iter());
    }

    fn rebalance(&mut self, tenants: impl Iterator<Item = TenantId>) {
        for tenant in tenants {
            let wanted = self.projections.tends(tenant, Duty::Upkeep);
            match (wanted, self.assigned.contains(&tenant)) {
                (true, false) => self.assign(tenant),
                (false, true) => self.unassign(tenant),
                _ => {}
            }
        }
        let assigned: Vec<ProjectionId> =
            self.assigned.iter().flat_map(|tenant| self.all_of(*tenant)).collect();
        for id in assigned {
            // A lease that was lost, or whose former holder had still to leave it, is asked for again, once there is more to fold.
            if !self.projections.rests(id) && !self.projections.holds_lease(id) {
                self.enqueue(id);
            }
        }
        if self.heartbeat % ROTA == 0
            && let Some(id) = self.next_of_rota()
        {
            self.enqueue(id);
        }
    }

    /// The read model that has its turn next, whatever is known of it; none where nobody is this node's.
    fn next_of_rota(&mut self) -> Option<ProjectionId> {
        let (tenant, place) = self.rota;
        let again = self.assigned.contains(&tenant).then(|| self.all_of(tenant).get(place + 1).copied());
        if let Some(id) = again.flatten() {
            self.rota = (tenant, place + 1);
            return Some(id);
        }
        let after = (Bound::Excluded(tenant), Bound::Unbounded);
        let tenant = self.assigned.range(after).next().or_else(|| self.assigned.first()).copied()?;
        self.rota = (tenant, 0);
        self.all_of(tenant).first().copied()
    }

    fn assign(&mut self, tenant: TenantId) {
        self.assigned.insert(tenant);
    }

    /// Leaves a tenant to another node, once the steps under way are done. Heartbeats do not wait for that.
    fn unassign(&mut self, tenant: TenantId) {
        self.assigned.remove(&tenant);
        for id in self.all_of(tenant) {
            // A turn more would take the lease again, and then nobody would fold.
            self.scheduler.forget(id);
            self.release_lease_of(id);
        }
    }

    fn release_lease_of(&mut self, id: ProjectionId) {
        let projections = Arc::clone(&self.projections);
        self.tasks.spawn(async move {
            if let Err(error) = projections.release_lease(id).await {
                let ProjectionId { tenant, projection } = id;
                tracing::error!(%error, %tenant, projection, "a lease was not left");
            }
        });
    }

    async fn shut_down(mut self) {
        self.tasks.abort_all();
        self.windows.abort_all();
        while self.steps.join_next().await.is_some() {}
        if let Some(nodes) = self.nodes()
            && let Err(error) = nodes.leave(&self.projections.engine().db).await
        {
            tracing::warn!(%error, "this node could not say that it leaves");
        }
    }
}

/// One page; rows that an older version of the fold has made are rebuilt first.
async fn step(projections: &Projections, id: ProjectionId) -> Result<usize> {
    let models = projections.models();
    let model: Option<&Arc<dyn ReadModel>> = models.iter().find(|model| model.name() == id.projection);
    let Some(model) = model else { return Ok(0) };
    let is_known = projections.holds_lease(id) || projections.rests(id);
    if !is_known && projections.is_outdated(model, id.tenant).await? {
        match projections.rebuild(id.tenant, id.projection, &|_, _| {}).await {
            Ok(_) => {}
            // Another node does it.
            Err(ProjectionError::RebuildRunning | ProjectionError::Fenced) => return Ok(0),
            Err(error) => {
                projections.engine().failures.failed(id, &error);
                return Err(error);
            }
        }
    }
    projections.advance(model, id, ENTRIES_PER_STEP).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;
    use crate::runtime::scheduler::WORKERS;
    use crate::tests::world::{MODELS, World};

    const BACKLOGGED: TenantId = TenantId(Uuid::from_u128(21));
    const POISONED: TenantId = TenantId(Uuid::from_u128(22));
    const CUSTOMER: Uuid = Uuid::from_u128(1);

    fn others() -> impl Iterator<Item = TenantId> {
        (1..=20).map(|number| TenantId(Uuid::from_u128(number)))
    }

    async fn is_at_head(projections: &Projections, tenant: TenantId) -> bool {
        projections.status(tenant).await.unwrap().iter().all(|status| status.lag == 0)
    }

    #[tokio::test]
    async fn each_read_model_of_each_tenant_has_its_turn_of_the_rota_in_the_end() {
        let world = World::new();
        let mut runner = ClusterRunner::new(world.projections("p").await);
        assert_eq!(runner.next_of_rota(), None, "nobody is here");
        let tenants = [BACKLOGGED, POISONED];
        tenants.into_iter().for_each(|tenant| runner.assign(tenant));
        let all = tenants.len() * MODELS.len();
        let turns: Vec<ProjectionId> = (0..2 * all).filter_map(|_| runner.next_of_rota()).collect();
        let each: Vec<ProjectionId> = tenants.iter().flat_map(|tenant| runner.all_of(*tenant)).collect();
        assert_eq!(turns, [each.clone(), each].concat());
        runner.shut_down().await;
    }

    #[tokio::test]
    async fn what_was_handed_over_has_no_turn_any_more_whether_it_was_ready_or_rested() {
        let world = World::new();
        let projections = world.projections("p").await;
        let mut runner = ClusterRunner::new(projections.clone());
        runner.assign(BACKLOGGED);
        runner.enqueue_tenant(BACKLOGGED);
        let waiting = runner.scheduler.begin().expect("all of it is ready");
        assert!(runner.scheduler.ended(waiting, StepOutcome::Following), "it waits for its window");
        runner.unassign(BACKLOGGED);
        runner.scheduler.window_elapsed(waiting);
        runner.prioritize(waiting);
        runner.enqueue_tenant(BACKLOGGED);
        assert_eq!(runner.scheduler.begin(), None);
        runner.shut_down().await;
    }

    /// With a thread for each worker: a step that folds for long keeps no other from its transaction.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_backlog_and_a_parked_customer_keep_nobody_waiting_beyond_a_fixed_number_of_steps() {
        let world = World::new();
        let moved = json!({"journey": "sales", "pipeline_version": 1, "cycle": 1, "to": "quoted"});
        let customers = 600;
        for customer in 1..=customers {
            let backlog =
                vec![("customer.moved", moved.clone()); 3 * ENTRIES_PER_STEP as usize / customers + 1];
            world.append_all(BACKLOGGED, Uuid::from_u128(customer as u128), backlog).await;
        }
        let poison = ("customer.moved", json!({"to": 1}));
        let behind = vec![("customer.moved", moved.clone()); 30];
        world.append_all(POISONED, CUSTOMER, [vec![poison], behind].concat()).await;
        for tenant in others() {
            world.append_all(tenant, CUSTOMER, vec![("customer.moved", moved.clone())]).await;
        }
        let projections = world.projections("p").await;
        let mut runner = ClusterRunner::new(projections.clone());
        // The two stand first in the queue, as they would after a restart.
        let tenants: Vec<TenantId> = [BACKLOGGED, POISONED].into_iter().chain(others()).collect();
        for &tenant in &tenants {
            runner.assign(tenant);
            runner.enqueue_tenant(tenant);
        }
        let bound = tenants.len() * MODELS.len() + WORKERS;
        for _ in 0..bound {
            runner.begin_steps();
            let ended = runner.steps.join_next_with_id().await.expect("there is more to do");
            runner.ended(ended);
        }
        for tenant in others() {
            assert!(is_at_head(&projections, tenant).await, "{tenant} still waits after {bound} steps");
        }
        assert!(!is_at_head(&projections, BACKLOGGED).await, "the backlog was no backlog");
        for status in projections.status(POISONED).await.unwrap() {
            assert_eq!((status.lag, status.parked), (0, 31), "{}", status.name);
        }
        runner.shut_down().await;
    }
}
