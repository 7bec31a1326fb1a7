//! Forgets refusals when the time for which they are remembered is over.
//!
//! The receipt of a command that was carried out is as old as the log and never forgotten: sent again, it must not be carried
//! out twice. A refusal left everything as it was, and nothing but its age bounds how many there are. A refused command that comes again
//! after that time is decided again.

use std::collections::HashMap;
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio_util::sync::CancellationToken;

use crate::app::App;
use crate::eventstore::{Clock, Receipt, StoreError, TenantId, Transferable};
use crate::projections::runtime::Duty;
use crate::rounds::{Rounds, SOON};

/// How long after a tenant comes to this process it is looked for the first time.
const AT_FIRST: TimeDelta = TimeDelta::hours(1);
/// Receipts read at a time, and refusals forgotten in one transaction at most.
const RECEIPTS_PER_PAGE: u32 = 500;

/// Forgets refusals that are too old.
pub(crate) struct RefusalRetention {
    store: Arc<dyn Transferable>,
    clock: Clock,
    keep: TimeDelta,
}

impl RefusalRetention {
    /// Of this log, what is older than N days.
    pub(crate) fn new(store: Arc<dyn Transferable>, clock: Clock, days: u16) -> Self {
        Self { store, clock, keep: TimeDelta::days(days.into()) }
    }

    /// Forgets the refusals of a tenant whose time is over, in small batches. Returns how many there were.
    ///
    /// # Errors
    /// When the log cannot be read or written. What was forgotten by then stays so.
    #[cfg(test)]
    pub(crate) async fn sweep(&self, tenant: TenantId) -> Result<u64, StoreError> {
        Ok(self.sweep_all(tenant).await?.0)
    }

    /// Forgets what is too old, and says when the next refusal is: one that comes later is remembered for as long from then on.
    async fn sweep_and_say_when(&self, tenant: TenantId) -> Result<DateTime<Utc>, StoreError> {
        let (began, (_, oldest)) = ((self.clock)(), self.sweep_all(tenant).await?);
        Ok((oldest.unwrap_or(began) + self.keep).max(began) + SOON)
    }

    /// How many went, and when the oldest was recorded that stays.
    async fn sweep_all(&self, tenant: TenantId) -> Result<(u64, Option<DateTime<Utc>>), StoreError> {
        let before = (self.clock)() - self.keep;
        let (mut after, mut forgotten, mut oldest) = (String::new(), 0, None::<DateTime<Utc>>);
        loop {
            let page = self.store.receipts(tenant, &after, RECEIPTS_PER_PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok((forgotten, oldest)) };
            after.clone_from(last);
            let mut old = Vec::new();
            for (command, Receipt { recorded_at, .. }) in page.into_iter().filter(|(_, one)| one.count == 0) {
                if recorded_at < before {
                    old.push(command);
                } else {
                    oldest = Some(oldest.map_or(recorded_at, |known| known.min(recorded_at)));
                }
            }
            if !old.is_empty() {
                let gone = self.store.forget_refusals(tenant, old, before).await?;
                metrics::counter!("waymark_refusals_forgotten_total").increment(gone);
                forgotten += gone;
            }
        }
    }

    /// Sweeps each tenant when the first of its refusals is too old, until the token is cancelled.
    pub(crate) async fn run(self, app: App, stop: CancellationToken) {
        let what = "refusals that are too old could not be forgotten";
        let mut rounds = Rounds::new(&app, Duty::Upkeep, what);
        let mut due: HashMap<TenantId, DateTime<Utc>> = HashMap::new();
        while let Some(tenants) = rounds.next(&stop).await {
            for tenant in tenants {
                if stop.is_cancelled() {
                    return;
                }
                let now = (self.clock)();
                // A process that has just begun has other things to do.
                let at = *due.entry(tenant).or_insert(now + AT_FIRST);
                if now < at {
                    rounds.looked::<StoreError>(tenant, &Ok(Some(at)));
                    continue;
                }
                let swept = self.sweep_and_say_when(tenant).await;
                if let Ok(next) = &swept {
                    due.insert(tenant, *next);
                }
                rounds.looked(tenant, &swept.map(Some));
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use axum::http::Method;
    use serde_json::json;

    use crate::http::testing::Bench;

    #[tokio::test]
    async fn a_refusal_is_remembered_for_its_days_and_decided_again_after_them() {
        let (bench, key) = Bench::with_pipeline().await;
        let (retention, tenant) = (bench.refusal_retention(30), bench.tenant());
        let id = bench.register(&key, &json!({"pipeline": "landian-6"})).await;
        let path = format!("/v1/customers/{id}/transitions");
        let move_to = |stage: &'static str| {
            let call = bench.call(Method::POST, &path).key(&key).header("idempotency-key", "one");
            call.json(&json!({"to": stage})).send()
        };
        let first = move_to("nowhere").await;
        assert!(first.status.is_client_error(), "{}", first.text);
        assert_eq!(move_to("nowhere").await.json()["code"], first.json()["code"]);
        move_to("elsewhere").await.problem(422, "idempotency-key-reused");
        bench.later(30 * 24);
        assert_eq!(retention.sweep(tenant).await.unwrap(), 0, "thirty days are what is promised");
        bench.later(1);
        assert_eq!(retention.sweep(tenant).await.unwrap(), 1);
        let again = move_to("elsewhere").await;
        assert_eq!(
            (again.status, again.json()["code"].clone()),
            (first.status, first.json()["code"].clone())
        );
        assert_eq!(retention.sweep(tenant).await.unwrap(), 0);
    }
}
