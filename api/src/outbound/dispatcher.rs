//! Looks after the messages of every tenant while the service runs.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::endpoint::{Endpoint, State};
use super::{Outbound, OutboundError};
use crate::eventstore::TenantId;
use crate::projections::runtime::Duty;
use crate::projections::work;
use crate::rounds::{Rounds, SOON, known_head};

/// To how many receivers messages are delivered at once, and how many of one tenant: one that does not answer takes its time, and
/// holds up nobody else.
const AT_ONCE: usize = 64;
const OF_ONE_TENANT: usize = 8;
/// How often outcomes of messages are deleted, at most.
const FORGET_EVERY: TimeDelta = TimeDelta::hours(1);

/// Looks after messages.
pub struct Dispatcher {
    outbound: Arc<Outbound>,
    /// When what was delivered was last forgotten.
    forgotten: HashMap<TenantId, DateTime<Utc>>,
    /// The deliveries in flight.
    deliveries: JoinSet<DeliveryRun>,
    in_flight: HashSet<(TenantId, Uuid)>,
}

/// What a look at a tenant found.
#[derive(Debug, Clone, Copy)]
enum LookOutcome {
    NoReceivers,
    /// With when there is more to do, if nothing happens before.
    Receivers(Option<DateTime<Utc>>),
}

impl LookOutcome {
    fn until(self) -> Option<DateTime<Utc>> {
        match self {
            Self::NoReceivers => None,
            Self::Receivers(until) => until,
        }
    }
}

/// A talk that is over.
struct DeliveryRun {
    place: (TenantId, Uuid),
    /// Whether anything was sent: then more may be due.
    progressed: bool,
}

impl Outbound {
    /// Queues what there is for a tenant's receivers and sends what is due, one receiver after the other. Returns how many
    /// attempts were made.
    ///
    /// # Errors
    /// When the log, the read models or the tables fail.
    pub async fn look(&self, tenant: TenantId, stop: &CancellationToken) -> Result<usize, OutboundError> {
        let endpoints = self.endpoints(tenant).await?;
        self.queue(tenant, &endpoints).await?;
        let mut made = 0;
        for endpoint in self.due(tenant, endpoints).await? {
            made += self.deliver(tenant, &endpoint, stop).await?;
        }
        Ok(made)
    }

    /// Deletes a tenant's outcomes of messages once they were kept long enough. Returns how many.
    ///
    /// # Errors
    /// When the log or the tables fail.
    pub async fn forget(&self, tenant: TenantId, endpoints: &[Endpoint]) -> Result<u64, OutboundError> {
        let now = (self.app.clock)();
        let kept = [
            (State::Delivered, self.settings.keep_delivered_days),
            (State::Dead, self.settings.keep_dead_letters_days),
        ];
        let mut forgotten = 0;
        for (state, days) in kept {
            let before = now - TimeDelta::days(days.into());
            let until = self.app.store.position_at(tenant, before).await?;
            for endpoint in endpoints {
                forgotten += self.store.forget(tenant, endpoint.id, state, until, before).await?;
            }
        }
        Ok(forgotten)
    }

    /// The receivers for which something is due.
    async fn due(&self, tenant: TenantId, endpoints: Vec<Endpoint>) -> Result<Vec<Endpoint>, OutboundError> {
        let waiting = self.store.waiting(tenant, (self.app.clock)()).await?;
        let live = |endpoint: &Endpoint| endpoint.disabled.is_none() && waiting.contains(&endpoint.id);
        Ok(endpoints.into_iter().filter(live).collect())
    }
}

impl Dispatcher {
    /// One that has looked at nothing yet.
    #[must_use]
    pub fn new(outbound: Arc<Outbound>) -> Self {
        Self { outbound, forgotten: HashMap::new(), deliveries: JoinSet::new(), in_flight: HashSet::new() }
    }

    /// Carries messages until the token is cancelled; the attempts under way are finished then.
    pub async fn run(mut self, stop: CancellationToken) {
        let rounds = Rounds::new(&self.outbound.app, Duty::Messages, "messages could not be looked after");
        let mut rounds = rounds.and_when_folded(work::NAME).kept_as("messages");
        loop {
            tokio::select! {
                Some(ended) = self.deliveries.join_next() => {
                    // Where something was sent, more may be due, or wait for its turn.
                    self.ended(ended).into_iter().for_each(|tenant| rounds.again(tenant));
                }
                tenants = rounds.next(&stop) => {
                    let Some(tenants) = tenants else { break };
                    for tenant in tenants {
                        let looked = self.look(tenant, &stop).await;
                        let has_receivers = !matches!(looked, Ok(LookOutcome::NoReceivers));
                        rounds.looked(tenant, &looked.map(LookOutcome::until));
                        // What is queued for them is told by tables of their own.
                        if has_receivers {
                            rounds.must_be_looked_at_again(tenant);
                        }
                    }
                }
            }
        }
        while self.deliveries.join_next().await.is_some() {}
    }

    /// Queues what there is for a tenant's receivers, and starts delivering to those for whom something is due. Returns when there
    /// is more to do, if nothing happens before.
    async fn look(
        &mut self,
        tenant: TenantId,
        stop: &CancellationToken,
    ) -> Result<LookOutcome, OutboundError> {
        let head = known_head(&self.outbound.app, tenant);
        let endpoints = self.outbound.endpoints(tenant).await?;
        if endpoints.is_empty() {
            return Ok(LookOutcome::NoReceivers);
        }
        let has_robots = endpoints.iter().any(|endpoint| endpoint.kind.is_robot());
        self.outbound.queue(tenant, &endpoints).await?;
        let mut next = vec![self.forget(tenant, &endpoints).await?];
        let due = self.outbound.due(tenant, endpoints).await?;
        let now = (self.outbound.app.clock)();
        // What is due may be on its way, or wait for another process or for a robot's turn.
        next.push((!due.is_empty()).then_some(now + SOON));
        for endpoint in due {
            self.start_delivery(tenant, endpoint, stop);
        }
        next.push(self.outbound.store.next(tenant, now).await?);
        // Robots tell of reminders, which are not folded yet.
        if has_robots && self.outbound.app.projections.work(tenant).await?.position() < head {
            next.push(Some(now + SOON));
        }
        Ok(LookOutcome::Receivers(next.into_iter().flatten().min()))
    }

    /// Forgets what was kept long enough, and says when there is more of it.
    async fn forget(
        &mut self,
        tenant: TenantId,
        endpoints: &[Endpoint],
    ) -> Result<Option<DateTime<Utc>>, OutboundError> {
        let now = (self.outbound.app.clock)();
        if let Some(at) = self.forgotten.get(&tenant).filter(|at| now - **at < FORGET_EVERY) {
            return Ok(Some(*at + FORGET_EVERY));
        }
        self.outbound.forget(tenant, endpoints).await?;
        self.forgotten.insert(tenant, now);
        let settings = &self.outbound.settings;
        let first = self.outbound.store.ended_first(tenant).await?.into_iter().map(|(state, at)| {
            let days = match state {
                State::Dead => settings.keep_dead_letters_days,
                _ => settings.keep_delivered_days,
            };
            at + TimeDelta::days(days.into())
        });
        Ok(first.min().map(|at| at.max(now + FORGET_EVERY)))
    }

    fn start_delivery(&mut self, tenant: TenantId, endpoint: Endpoint, stop: &CancellationToken) {
        let of_tenant = self.in_flight.iter().filter(|(whose, _)| *whose == tenant).count();
        let place = (tenant, endpoint.id);
        if self.in_flight.len() >= AT_ONCE || of_tenant >= OF_ONE_TENANT || !self.in_flight.insert(place) {
            return;
        }
        let (outbound, stop) = (Arc::clone(&self.outbound), stop.clone());
        self.deliveries.spawn(async move {
            let made = outbound.deliver(tenant, &endpoint, &stop).await;
            let progressed = made.as_ref().is_ok_and(|made| *made > 0);
            if let Err(error) = made {
                tracing::error!(%error, %tenant, endpoint = %endpoint.id, "messages could not be delivered");
            }
            DeliveryRun { place, progressed }
        });
    }

    /// A delivery is over. Returns whose it was, where something was sent.
    fn ended(&mut self, ended: Result<DeliveryRun, JoinError>) -> Option<TenantId> {
        match ended {
            Ok(DeliveryRun { place, progressed }) => {
                self.in_flight.remove(&place);
                progressed.then_some(place.0)
            }
            Err(error) => {
                tracing::error!(%error, "a delivery to a receiver panicked");
                // Which one it was is unknown: each may be started again, and its lease keeps others away.
                self.in_flight.clear();
                None
            }
        }
    }
}
