//! Runs the projectors of many tenants on one of several nodes: a few workers take turns, a page at a time.
//!
//! Whose turn it is, is told by [`crate::turns`]: a long backlog or an error of one tenant costs the others nothing but
//! its turns. A tenant without news costs a place in a table: its log's watch wakes it. Which tenants are this node's is
//! told by [`crate::nodes`].

use std::collections::HashMap;
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, Id, JoinError, JoinSet};
use waymark_eventstore::TenantId;

use crate::checkpoint::Which;
use crate::error::{ProjectionError, Result};
use crate::model::ReadModel;
use crate::nodes::Nodes;
use crate::projections::Projections;
use crate::runner::{PAGE, is_behind};
use crate::turns::{Ended, Turns};

/// How often a node tells that it lives, and looks which tenants are its own.
const BEAT: Duration = Duration::from_secs(1);
/// After so many beats every tenant gets a turn, whatever its watch says.
const SWEEP: i64 = 30;

/// Keeps the read models of this node's tenants up until `shutdown` is done, then finishes the steps under way and
/// leaves.
pub(crate) async fn run(projections: Arc<Projections>, shutdown: impl Future<Output = ()> + Send) {
    let mut shift = Shift::new(projections);
    let mut beats = tokio::time::interval(BEAT);
    beats.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    let mut shutdown = std::pin::pin!(shutdown);
    loop {
        shift.begin_steps();
        tokio::select! {
            () = &mut shutdown => break,
            _ = beats.tick() => shift.beat().await,
            Some(tenant) = shift.news.recv() => shift.enqueue_tenant(tenant),
            Some(which) = shift.calls.recv() => shift.hurry(which),
            Some(ended) = shift.steps.join_next_with_id() => shift.ended(ended),
            Some(Ok(which)) = shift.rests.join_next() => shift.turns.rested(which),
        }
    }
    shift.leave().await;
}

/// What a node works on.
struct Shift {
    projections: Arc<Projections>,
    beat: i64,
    /// This node's tenants, each with the task that hears of its log.
    mine: HashMap<TenantId, AbortHandle>,
    wakers: JoinSet<()>,
    heard: mpsc::UnboundedSender<TenantId>,
    news: mpsc::UnboundedReceiver<TenantId>,
    calls: mpsc::UnboundedReceiver<Which>,
    turns: Turns,
    steps: JoinSet<Result<usize>>,
    /// What each step is of.
    under_way: HashMap<Id, Which>,
    rests: JoinSet<Which>,
}

impl Shift {
    fn new(projections: Arc<Projections>) -> Self {
        let (heard, news) = mpsc::unbounded_channel();
        let calls = projections.engine().calls();
        Self {
            projections,
            beat: 0,
            mine: HashMap::new(),
            wakers: JoinSet::new(),
            heard,
            news,
            calls,
            turns: Turns::default(),
            steps: JoinSet::new(),
            under_way: HashMap::new(),
            rests: JoinSet::new(),
        }
    }

    fn begin_steps(&mut self) {
        while let Some(which) = self.turns.begin() {
            let projections = Arc::clone(&self.projections);
            let step = self.steps.spawn(async move { step(&projections, which).await });
            self.under_way.insert(step.id(), which);
        }
    }

    fn enqueue(&mut self, which: Which) {
        if self.mine.contains_key(&which.tenant) {
            self.turns.enqueue(which);
        }
    }

    /// There is news: whatever of the tenant does not rest has it at its turn.
    fn enqueue_tenant(&mut self, tenant: TenantId) {
        if self.mine.contains_key(&tenant) {
            self.all_of(tenant).into_iter().for_each(|which| self.turns.news(which));
        }
    }

    /// Somebody waits: no rest for it.
    fn hurry(&mut self, which: Which) {
        if self.mine.contains_key(&which.tenant) {
            self.turns.hurry(which);
        }
    }

    fn ended(&mut self, step: std::result::Result<(Id, Result<usize>), JoinError>) {
        let (id, step) = match step {
            Ok((id, step)) => (id, step),
            Err(error) => (error.id(), Err(ProjectionError::Database(error.to_string()))),
        };
        let Some(which) = self.under_way.remove(&id) else { return };
        if !self.mine.contains_key(&which.tenant) {
            // Left to another node while this step began: it may have taken the seat after that.
            self.leave_seat(which);
        }
        let ended = match step {
            _ if !self.mine.contains_key(&which.tenant) => Ended::Failed,
            Ok(taken) if is_behind(&self.projections, which, taken) => Ended::Behind,
            Ok(0) => Ended::Idle,
            Ok(_) => Ended::Following,
            // Another node does the work, or the cause stands in the status until it is gone.
            Err(_) => Ended::Failed,
        };
        if self.turns.ended(which, ended) {
            let until = self.projections.engine().rest_until();
            self.rests.spawn(async move {
                tokio::time::sleep_until(until).await;
                which
            });
        }
    }

    fn all_of(&self, tenant: TenantId) -> Vec<Which> {
        self.projections.models().iter().map(|model| Which { tenant, projection: model.name() }).collect()
    }

    fn nodes(&self) -> Option<&Nodes> {
        self.projections.engine().nodes.as_ref()
    }

    /// Tells that this node lives, and looks which tenants are its own now.
    async fn beat(&mut self) {
        self.beat += 1;
        let engine = self.projections.engine();
        if let Some(nodes) = self.nodes()
            && let Err(error) = nodes.beat(&engine.db, self.beat).await
        {
            tracing::error!(%error, "this node cannot tell that it lives");
            return;
        }
        match engine.store.tenants().await {
            Ok(tenants) => self.share_out(&tenants),
            Err(error) => tracing::error!(%error, "the tenants cannot be listed"),
        }
    }

    fn share_out(&mut self, tenants: &[TenantId]) {
        for &tenant in tenants {
            let wanted = self.nodes().is_none_or(|nodes| nodes.is_mine(tenant));
            match (wanted, self.mine.contains_key(&tenant)) {
                (true, false) => self.take_on(tenant),
                (false, true) => self.hand_over(tenant),
                _ => {}
            }
        }
        let mine: Vec<Which> = self.mine.keys().flat_map(|tenant| self.all_of(*tenant)).collect();
        for which in mine {
            // A seat that was lost, or whose former holder had still to leave it, is asked for again.
            if self.beat % SWEEP == 0 || !self.projections.is_seated(which) {
                self.enqueue(which);
            }
        }
    }

    fn take_on(&mut self, tenant: TenantId) {
        let mut log = self.projections.engine().store.watch(tenant);
        let heard = self.heard.clone();
        let waker = self
            .wakers
            .spawn(async move { while log.changed().await.is_ok() && heard.send(tenant).is_ok() {} });
        self.mine.insert(tenant, waker);
    }

    /// Leaves a tenant to another node, once the steps under way are done. Beats do not wait for that.
    fn hand_over(&mut self, tenant: TenantId) {
        if let Some(waker) = self.mine.remove(&tenant) {
            waker.abort();
        }
        for which in self.all_of(tenant) {
            // A turn more would take the seat again, and then nobody would fold.
            self.turns.forget(which);
            self.leave_seat(which);
        }
    }

    fn leave_seat(&mut self, which: Which) {
        let projections = Arc::clone(&self.projections);
        self.wakers.spawn(async move {
            if let Err(error) = projections.yield_seat(which).await {
                let Which { tenant, projection } = which;
                tracing::error!(%error, %tenant, projection, "a seat was not left");
            }
        });
    }

    async fn leave(mut self) {
        self.wakers.abort_all();
        self.rests.abort_all();
        while self.steps.join_next().await.is_some() {}
        if let Some(nodes) = self.nodes()
            && let Err(error) = nodes.leave(&self.projections.engine().db).await
        {
            tracing::warn!(%error, "this node could not say that it leaves");
        }
    }
}

/// One page; rows that an older version of the fold has made are rebuilt first.
async fn step(projections: &Projections, which: Which) -> Result<usize> {
    let models = projections.models();
    let model: Option<&Arc<dyn ReadModel>> = models.iter().find(|model| model.name() == which.projection);
    let Some(model) = model else { return Ok(0) };
    if !projections.is_seated(which) && projections.is_outdated(model, which.tenant).await? {
        match projections.rebuild(which.tenant, which.projection, &|_, _| {}).await {
            Ok(_) => {}
            // Another node does it.
            Err(ProjectionError::RebuildRunning | ProjectionError::Fenced) => return Ok(0),
            Err(error) => {
                projections.engine().troubles.failed(which, &error);
                return Err(error);
            }
        }
    }
    projections.advance(model, which, PAGE).await
}

#[cfg(test)]
mod tests {
    use serde_json::json;
    use uuid::Uuid;

    use super::*;
    use crate::tests::world::{MODELS, World};
    use crate::turns::WORKERS;

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
    async fn what_was_handed_over_has_no_turn_any_more_whether_it_was_ready_or_rested() {
        let world = World::new();
        let projections = world.projections("p").await;
        let mut shift = Shift::new(projections.clone());
        shift.take_on(BACKLOGGED);
        shift.enqueue_tenant(BACKLOGGED);
        let rests = shift.turns.begin().expect("all of it is ready");
        assert!(shift.turns.ended(rests, Ended::Following), "it rests");
        shift.hand_over(BACKLOGGED);
        shift.turns.rested(rests);
        shift.hurry(rests);
        shift.enqueue_tenant(BACKLOGGED);
        assert_eq!(shift.turns.begin(), None);
        shift.leave().await;
    }

    /// With a thread for each worker: a step that folds for long keeps no other from its transaction.
    #[tokio::test(flavor = "multi_thread", worker_threads = 4)]
    async fn a_backlog_and_a_parked_customer_keep_nobody_waiting_beyond_a_fixed_number_of_steps() {
        let world = World::new();
        let moved = json!({"journey": "sales", "pipeline_version": 1, "cycle": 1, "to": "quoted"});
        let customers = 600;
        for customer in 1..=customers {
            let backlog = vec![("customer.moved", moved.clone()); 3 * PAGE as usize / customers + 1];
            world.append_all(BACKLOGGED, Uuid::from_u128(customer as u128), backlog).await;
        }
        let poison = ("customer.moved", json!({"to": 1}));
        let behind = vec![("customer.moved", moved.clone()); 30];
        world.append_all(POISONED, CUSTOMER, [vec![poison], behind].concat()).await;
        for tenant in others() {
            world.append_all(tenant, CUSTOMER, vec![("customer.moved", moved.clone())]).await;
        }
        let projections = world.projections("p").await;
        let mut shift = Shift::new(projections.clone());
        // The two stand first in the queue, as they would after a restart.
        let tenants: Vec<TenantId> = [BACKLOGGED, POISONED].into_iter().chain(others()).collect();
        for &tenant in &tenants {
            shift.take_on(tenant);
            shift.enqueue_tenant(tenant);
        }
        let bound = tenants.len() * MODELS.len() + WORKERS;
        for _ in 0..bound {
            shift.begin_steps();
            let ended = shift.steps.join_next_with_id().await.expect("there is more to do");
            shift.ended(ended);
        }
        for tenant in others() {
            assert!(is_at_head(&projections, tenant).await, "{tenant} still waits after {bound} steps");
        }
        assert!(!is_at_head(&projections, BACKLOGGED).await, "the backlog was no backlog");
        for status in projections.status(POISONED).await.unwrap() {
            assert_eq!((status.lag, status.parked), (0, 31), "{}", status.name);
        }
        shift.leave().await;
    }
}
