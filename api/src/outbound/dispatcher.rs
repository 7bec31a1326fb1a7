//! Looks after the messages of every tenant while the service runs.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;
use std::time::Duration;

use chrono::{DateTime, TimeDelta, Utc};
use parking_lot::{Mutex, MutexGuard};
use tokio::sync::{Notify, watch};
use tokio::task::{JoinError, JoinSet};
use tokio_util::sync::CancellationToken;
use uuid::Uuid;

use super::endpoint::{Endpoint, State};
use super::{Outbound, OutboundError};
use crate::eventstore::{Position, TenantId};
use crate::repeated::Repeated;

/// How often every tenant is looked at when nothing wakes us.
const EVERY: Duration = Duration::from_secs(1);
/// How long what comes in is left to gather: one look takes it all.
const GATHER: Duration = Duration::from_millis(50);
/// To how many receivers messages are delivered at once, and how many of one tenant: one that does not answer takes its time, and
/// holds up nobody else.
const AT_ONCE: usize = 64;
const OF_ONE_TENANT: usize = 8;
/// How often outcomes of messages are deleted.
const FORGET_EVERY: TimeDelta = TimeDelta::hours(1);
/// How long a tenant without receivers is left alone.
const QUIET_FOR: TimeDelta = TimeDelta::seconds(1);

/// Looks after messages.
pub struct Dispatcher {
    outbound: Arc<Outbound>,
    wakers: JoinSet<()>,
    awake: Arc<Awake>,
    known: HashSet<TenantId>,
    /// Until when a tenant without receivers is left alone.
    quiet: HashMap<TenantId, DateTime<Utc>>,
    /// When what was delivered was last forgotten.
    forgotten: HashMap<TenantId, DateTime<Utc>>,
    /// The deliveries in flight.
    deliveries: JoinSet<DeliveryRun>,
    in_flight: HashSet<(TenantId, Uuid)>,
    failures: Repeated,
}

/// A talk that is over.
struct DeliveryRun {
    place: (TenantId, Uuid),
    /// Whether anything was sent: then more may be due.
    progressed: bool,
}

/// Whose log grew, and that one did.
#[derive(Default)]
struct Awake {
    tenants: Mutex<HashSet<TenantId>>,
    notify: Notify,
}

impl Awake {
    fn wake(&self, tenant: TenantId) {
        self.tenants().insert(tenant);
        self.notify.notify_one();
    }

    fn tenants(&self) -> MutexGuard<'_, HashSet<TenantId>> {
        self.tenants.lock()
    }
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
        Self {
            outbound,
            wakers: JoinSet::new(),
            awake: Arc::default(),
            known: HashSet::new(),
            quiet: HashMap::new(),
            forgotten: HashMap::new(),
            deliveries: JoinSet::new(),
            in_flight: HashSet::new(),
            failures: Repeated::new("messages could not be looked after"),
        }
    }

    /// Carries messages until the token is cancelled; the attempts under way are finished then.
    pub async fn run(mut self, stop: CancellationToken) {
        while !stop.is_cancelled() {
            for tenant in self.tenants().await {
                let looked = self.look(tenant, &stop).await;
                self.failures.note(tenant, &looked);
            }
            let rest = self.until_next().await;
            let all = tokio::time::sleep(rest);
            tokio::pin!(all);
            loop {
                tokio::select! {
                    () = &mut all => break,
                    () = stop.cancelled() => break,
                    Some(ended) = self.deliveries.join_next() => self.ended(ended),
                    () = self.awake.notify.notified() => {
                        tokio::time::sleep(GATHER).await;
                        let grown: Vec<TenantId> = self.awake.tenants().drain().collect();
                        for tenant in grown {
                            let looked = self.look(tenant, &stop).await;
                            self.failures.note(tenant, &looked);
                        }
                    }
                }
            }
        }
        while self.deliveries.join_next().await.is_some() {}
    }

    async fn tenants(&mut self) -> Vec<TenantId> {
        let tenants = self.outbound.app.store.tenants().await.unwrap_or_else(|error| {
            tracing::error!(%error, "the tenants cannot be listed");
            Vec::new()
        });
        for tenant in &tenants {
            if self.known.insert(*tenant) {
                let app = &self.outbound.app;
                for grown in [app.store.watch(*tenant), app.projections.work_progress(*tenant)] {
                    self.wakers.spawn(wake(grown, *tenant, Arc::clone(&self.awake)));
                }
            }
        }
        tenants
    }

    /// Queues what there is for a tenant's receivers, and starts delivering to those for whom something is due.
    async fn look(&mut self, tenant: TenantId, stop: &CancellationToken) -> Result<(), OutboundError> {
        let now = (self.outbound.app.clock)();
        if self.quiet.get(&tenant).is_some_and(|until| now < *until) {
            return Ok(());
        }
        let endpoints = self.outbound.endpoints(tenant).await?;
        if endpoints.is_empty() {
            self.quiet.insert(tenant, now + QUIET_FOR);
            return Ok(());
        }
        self.quiet.remove(&tenant);
        self.outbound.queue(tenant, &endpoints).await?;
        if self.forgotten.get(&tenant).is_none_or(|at| now - *at >= FORGET_EVERY) {
            self.outbound.forget(tenant, &endpoints).await?;
            self.forgotten.insert(tenant, now);
        }
        for endpoint in self.outbound.due(tenant, endpoints).await? {
            self.start_delivery(tenant, endpoint, stop);
        }
        Ok(())
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

    /// A delivery is over: where something was sent, more may be due there, or wait for its turn.
    fn ended(&mut self, ended: Result<DeliveryRun, JoinError>) {
        match ended {
            Ok(DeliveryRun { place, progressed }) => {
                self.in_flight.remove(&place);
                if progressed {
                    self.awake.wake(place.0);
                }
            }
            Err(error) => {
                tracing::error!(%error, "a delivery to a receiver panicked");
                // Which one it was is unknown: each may be started again, and its lease keeps others away.
                self.in_flight.clear();
            }
        }
    }

    /// How long nothing will be due, as far as is known.
    async fn until_next(&self) -> Duration {
        let now = (self.outbound.app.clock)();
        let mut rest = EVERY;
        for tenant in self.known.iter().filter(|tenant| !self.quiet.contains_key(tenant)) {
            let next = self.outbound.store.next(*tenant, now).await.ok().flatten();
            let until = next.and_then(|next| (next - now).to_std().ok());
            rest = rest.min(until.unwrap_or(EVERY));
        }
        rest.max(GATHER)
    }
}

/// Tells whenever a tenant's log grew, or its reminders were folded on.
async fn wake(mut grown: watch::Receiver<Position>, tenant: TenantId, awake: Arc<Awake>) {
    while grown.changed().await.is_ok() {
        awake.wake(tenant);
    }
}
