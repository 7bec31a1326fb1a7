//! Runs the projectors of many tenants on one of several nodes: a few workers take turns, a page at a time.
//!
//! What is ready stands in a queue. A worker takes the first, folds one page of it, and puts it back at the end when
//! there is more: a long backlog or an error of one tenant costs the others nothing but its turns. A tenant without news
//! costs a place in a table: its log's watch wakes it. Which tenants are this node's is told by [`crate::nodes`].

use std::collections::{HashMap, HashSet, VecDeque};
use std::future::Future;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::task::{AbortHandle, JoinSet};
use waymark_eventstore::TenantId;

use crate::checkpoint::Which;
use crate::error::{ProjectionError, Result};
use crate::model::ReadModel;
use crate::nodes::Nodes;
use crate::projections::Projections;
use crate::runner::{PAGE, REST};

/// Steps under way at once.
const WORKERS: usize = 4;
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
            Some(ended) = shift.steps.join_next() => shift.ended(ended),
            Some(Ok(which)) = shift.rests.join_next() => shift.rested(which),
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
    ready: VecDeque<Which>,
    queued: HashSet<Which>,
    steps: JoinSet<(Which, Result<usize>)>,
    /// What is being folded, and whether there was news meanwhile.
    running: HashMap<Which, bool>,
    rests: JoinSet<Which>,
    resting: HashSet<Which>,
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
            ready: VecDeque::new(),
            queued: HashSet::new(),
            steps: JoinSet::new(),
            running: HashMap::new(),
            rests: JoinSet::new(),
            resting: HashSet::new(),
        }
    }

    fn begin_steps(&mut self) {
        while self.steps.len() < WORKERS {
            let Some(which) = self.ready.pop_front() else { return };
            self.queued.remove(&which);
            self.running.insert(which, false);
            let projections = Arc::clone(&self.projections);
            self.steps.spawn(async move { (which, step(&projections, which).await) });
        }
    }

    fn enqueue(&mut self, which: Which) {
        if !self.mine.contains_key(&which.tenant) {
            return;
        }
        if let Some(news) = self.running.get_mut(&which) {
            *news = true;
        } else if self.queued.insert(which) {
            self.ready.push_back(which);
        }
    }

    /// There is news: whatever of the tenant does not rest has it at its turn.
    fn enqueue_tenant(&mut self, tenant: TenantId) {
        for which in self.all_of(tenant) {
            if !self.resting.contains(&which) {
                self.enqueue(which);
            }
        }
    }

    /// Somebody waits: no rest for it.
    fn hurry(&mut self, which: Which) {
        self.resting.remove(&which);
        self.enqueue(which);
    }

    fn rested(&mut self, which: Which) {
        if self.resting.remove(&which) {
            self.enqueue(which);
        }
    }

    fn ended(&mut self, ended: std::result::Result<(Which, Result<usize>), tokio::task::JoinError>) {
        let (which, step) = match ended {
            Ok(ended) => ended,
            Err(error) => {
                // Which one it was is not told; all of them get a turn at the next sweep.
                tracing::error!(%error, "a step did not end well");
                return;
            }
        };
        let news = self.running.remove(&which).unwrap_or(false);
        match step {
            Ok(taken) if taken == PAGE as usize => self.enqueue(which),
            Ok(taken) if taken > 0 || news => {
                // What keeps up lets events gather: a step over many costs little more than a step over one.
                self.resting.insert(which);
                self.rests.spawn(async move {
                    tokio::time::sleep(REST).await;
                    which
                });
            }
            // Nothing was there, another node does the work, or the cause stands in the status until it is gone.
            Ok(_) | Err(ProjectionError::Fenced | ProjectionError::Paused { .. }) => {}
            Err(error) => {
                tracing::error!(%error, tenant = %which.tenant, projection = which.projection, "a step failed");
            }
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
            let projections = Arc::clone(&self.projections);
            self.wakers.spawn(async move {
                if let Err(error) = projections.yield_seat(which).await {
                    tracing::error!(%error, %tenant, projection = which.projection, "a seat was not left");
                }
            });
        }
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
        projections.rebuild(which.tenant, which.projection, &|_, _| {}).await?;
    }
    projections.advance(model, which, PAGE).await
}
