//! How far consumers are behind, and the measurement of it while the service runs.
//!
//! Of a tenant it is known whether it has consumers from the first look on, and that changes only where its log grows, which its
//! watch tells without a statement. So a quiet tenant costs nothing where it has no consumers or they have acknowledged all, however
//! many such tenants there are.

use std::collections::HashMap;
use std::time::Duration;

use tokio_util::sync::CancellationToken;

use super::OutboundError;
use super::consumers::{ConsumerState, Consumers};
use crate::eventstore::{Position, Repeated, TenantId};
use crate::kept_looks::KeptLooks;
use crate::projections::runtime::Duty;

/// How often it is measured how far consumers are behind.
const MEASURE_EVERY: Duration = Duration::from_secs(15);

/// How far a consumer is behind.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Lag {
    /// How many events were recorded after its position, of whatever type.
    pub events: u64,
    /// How long ago the first of them was recorded that is of one of its types; 0 where there is none.
    pub seconds: u64,
}

impl Lag {
    /// The further of two, in events and in seconds.
    fn or_further(self, other: Self) -> Self {
        Self { events: self.events.max(other.events), seconds: self.seconds.max(other.seconds) }
    }
}

impl Consumers {
    /// How far consumers of a tenant are behind, in their order: the log's end is asked for once.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub async fn lags(
        &self,
        tenant: TenantId,
        consumers: &[ConsumerState],
    ) -> Result<Vec<Lag>, OutboundError> {
        if consumers.is_empty() {
            return Ok(Vec::new());
        }
        let head = self.app.store.head(tenant).await?.position;
        let mut lags = Vec::with_capacity(consumers.len());
        for consumer in consumers {
            lags.push(self.lag(tenant, consumer, head).await?);
        }
        Ok(lags)
    }

    async fn lag(
        &self,
        tenant: TenantId,
        consumer: &ConsumerState,
        head: Position,
    ) -> Result<Lag, OutboundError> {
        let events = head.saturating_sub(consumer.position);
        if events == 0 {
            return Ok(Lag::default());
        }
        let query = consumer.query();
        let first = self.app.store.read_matching(tenant, &query, consumer.position, head, 1).await?;
        let now = (self.app.clock)();
        let age = first.first().map(|entry| (now - entry.recorded_at).num_seconds());
        Ok(Lag { events, seconds: age.and_then(|age| u64::try_from(age).ok()).unwrap_or(0) })
    }

    /// How far the consumer is behind that is furthest behind, of how many; none where a tenant has none.
    ///
    /// # Errors
    /// When the log or the table cannot be read.
    pub async fn furthest_behind(&self, tenant: TenantId) -> Result<Option<(usize, Lag)>, OutboundError> {
        if self.app.rights.now(tenant).await?.consumers.is_empty() {
            return Ok(None);
        }
        let all = self.all(tenant).await?;
        let furthest = self.lags(tenant, &all).await?.into_iter().reduce(Lag::or_further);
        Ok(furthest.map(|furthest| (all.len(), furthest)))
    }

    /// Measures how far consumers are behind, until the token is cancelled.
    pub(crate) async fn measure(self, stop: CancellationToken) {
        let mut meter = Meter::new(self);
        while !stop.is_cancelled() {
            let Look { furthest, .. } = meter.look().await;
            #[expect(clippy::cast_precision_loss, reason = "a measurement")]
            let set = |name, value: u64| metrics::gauge!(name).set(value as f64);
            set("waymark_consumer_lag_events", furthest.events);
            set("waymark_consumer_lag_seconds", furthest.seconds);
            tokio::select! {
                () = stop.cancelled() => {}
                () = tokio::time::sleep(MEASURE_EVERY) => {}
            }
        }
        meter.kept.write_all().await;
    }
}

/// Measures the consumers of the tenants that are this process's.
pub(super) struct Meter {
    consumers: Consumers,
    /// Up to where the log of a tenant had come when it was found to have no consumers, or none that was behind.
    without: HashMap<TenantId, Position>,
    /// Which had no consumers, for the next run of the process; read at the first look.
    kept: KeptLooks,
    has_read: bool,
    failures: Repeated,
}

/// What a look over all tenants found.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Look {
    /// How far the consumer is behind that is furthest behind.
    furthest: Lag,
    /// Of how many tenants the log was asked.
    pub(super) asked: usize,
}

impl Meter {
    pub(super) fn new(consumers: Consumers) -> Self {
        let failures = Repeated::new("it could not be measured how far consumers are behind");
        let kept = KeptLooks::new(&consumers.app, "consumers");
        Self { consumers, without: HashMap::new(), kept, has_read: false, failures }
    }

    /// Looks at every tenant of this process that has consumers, or may have got one.
    pub(super) async fn look(&mut self) -> Look {
        let app = self.consumers.app.clone();
        if !self.has_read {
            self.kept.read().await;
            self.has_read = true;
        }
        let mut look = Look { furthest: Lag::default(), asked: 0 };
        // Known before the log is asked: what comes in between is found by the next look.
        for (tenant, grown_to) in app.store.known_heads() {
            if tenant.is_access_log() || !app.projections.tends(tenant, Duty::Upkeep) {
                continue;
            }
            let is_without = self.without.get(&tenant).is_some_and(|known| *known >= grown_to);
            if is_without || self.kept.of(tenant, grown_to).is_some() {
                continue;
            }
            look.asked += 1;
            // What is remembered of rights may be a second old, and what is found now is remembered for longer.
            let looked = match app.rights.at_least(tenant, grown_to).await {
                Ok(()) => self.consumers.furthest_behind(tenant).await,
                Err(error) => Err(error.into()),
            };
            if let Ok(None) = &looked {
                self.kept.begin(tenant, grown_to);
                self.kept.end(tenant, None);
            }
            match &looked {
                // There is nobody, or all that there was is acknowledged, until there is more.
                Ok(None | Some((_, Lag { events: 0, .. }))) => drop(self.without.insert(tenant, grown_to)),
                Ok(Some((_, lag))) => {
                    self.without.remove(&tenant);
                    look.furthest = look.furthest.or_further(*lag);
                }
                Err(_) => {}
            }
            self.failures.note(tenant, &looked);
        }
        if self.kept.is_due() {
            self.kept.write().await;
        }
        look
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use serde_json::json;

    use super::*;
    use crate::domain::Role;
    use crate::http::testing::Bench;

    /// One tenant with a consumer that has acknowledged nothing, beside many that are quiet and have a key.
    async fn beside(quiet: usize) -> (Bench, String, String, Meter) {
        let (bench, admin) = Bench::with_pipeline().await;
        let mut last = String::new();
        for number in 0..quiet {
            last = bench.key_in(&format!("quiet-{number}"), "admin:root", &[Role::Admin]).await;
        }
        let consumer = json!({"name": "warehouse", "start": {"position": 0}});
        assert_eq!(bench.post(&admin, "/v1/consumers", &consumer).await.status, 201);
        let meter = Meter::new(bench.outbound.consumers());
        (bench, admin, last, meter)
    }

    #[tokio::test]
    async fn however_many_tenants_are_quiet_those_with_consumers_alone_are_asked() {
        for quiet in [10, 100] {
            let (bench, _, _, mut meter) = beside(quiet).await;
            let head = bench.app().store.head(bench.tenant()).await.unwrap().position;
            bench.later_by(40);
            let furthest = Lag { events: head, seconds: 40 };
            assert_eq!(meter.look().await, Look { furthest, asked: quiet + 1 }, "each is looked at once");
            assert_eq!(meter.look().await, Look { furthest, asked: 1 }, "{quiet} quiet tenants");
        }
    }

    #[tokio::test]
    async fn a_tenant_that_gets_a_consumer_is_asked_until_it_has_none_again() {
        let (bench, _, other, mut meter) = beside(2).await;
        assert_eq!(meter.look().await.asked, 3);
        let consumer = json!({"name": "erp", "start": {"position": 0}});
        assert_eq!(bench.post(&other, "/v1/consumers", &consumer).await.status, 201);
        for _ in 0..2 {
            assert_eq!(meter.look().await.asked, 2);
        }
        let gone = bench.call(Method::DELETE, "/v1/consumers/erp").key(&other).send().await;
        assert_eq!(gone.status, 204);
        assert_eq!(meter.look().await.asked, 2);
        assert_eq!(meter.look().await.asked, 1);
    }
}
