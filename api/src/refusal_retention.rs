//! Forgets refusals when the time for which they are remembered is over.
//!
//! The receipt of a command that was carried out is as old as the log and never forgotten: sent again, it must not be carried
//! out twice. A refusal left everything as it was, and nothing but its age bounds how many there are. A refused command that comes again
//! after that time is decided again.

use std::sync::Arc;
use std::time::Duration;

use chrono::TimeDelta;
use tokio_util::sync::CancellationToken;

use crate::eventstore::{Clock, Receipt, StoreError, TenantId, Transferable};
use crate::repeated::Repeated;

/// How often what is too old is looked for.
const EVERY: Duration = Duration::from_secs(3_600);
/// Receipts read at a time, and refusals forgotten in one transaction at most.
const PAGE: u32 = 500;

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
    pub(crate) async fn sweep(&self, tenant: TenantId) -> Result<u64, StoreError> {
        let before = (self.clock)() - self.keep;
        let is_old = |receipt: &Receipt| receipt.count == 0 && receipt.recorded_at < before;
        let (mut after, mut forgotten) = (String::new(), 0);
        loop {
            let page = self.store.receipts(tenant, &after, PAGE).await?;
            let Some((last, _)) = page.last() else { return Ok(forgotten) };
            after.clone_from(last);
            let old = page.into_iter().filter(|(_, receipt)| is_old(receipt)).map(|(command, _)| command);
            let old: Vec<String> = old.collect();
            if !old.is_empty() {
                let gone = self.store.forget_refusals(tenant, old, before).await?;
                metrics::counter!("waymark_refusals_forgotten_total").increment(gone);
                forgotten += gone;
            }
        }
    }

    /// Sweeps every tenant now and then, until the token is cancelled.
    pub(crate) async fn run(self, stop: CancellationToken) {
        let mut failures = Repeated::new("refusals that are too old could not be forgotten");
        while stop.run_until_cancelled(tokio::time::sleep(EVERY)).await.is_some() {
            let tenants = self.store.tenants().await.unwrap_or_else(|error| {
                tracing::warn!(%error, "the tenants cannot be listed");
                Vec::new()
            });
            for tenant in tenants {
                let swept = self.sweep(tenant).await;
                failures.note(tenant, &swept);
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
