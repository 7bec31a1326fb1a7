//! When customers go back to their pools.

use std::collections::HashMap;

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::snapshot::WorkSnapshot;
use super::statements::RECLAIMS_AMONG;
use crate::db::{Value, values};
use crate::error::Result;
use crate::log::history::instant;
use crate::models::snapshot::Snapshot;
use crate::storage::table::fetch_by_keys;

impl WorkSnapshot {
    /// How many seconds these customers stay with their owners unless something is done; nothing of those whom no rule takes
    /// away.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn remaining_ownership(
        &mut self,
        customers: &[Uuid],
        now: DateTime<Utc>,
    ) -> Result<HashMap<Uuid, f64>> {
        let all = reclaims_at(&mut self.0, customers).await?;
        Ok(all.into_iter().map(|(customer, at)| (customer, remaining_seconds(at, now))).collect())
    }
}

/// When these customers go back to their pools unless something is done; nobody whom no rule takes away. The snapshot is of
/// this read model.
pub(crate) async fn reclaims_at(
    snapshot: &mut Snapshot,
    customers: &[Uuid],
) -> Result<HashMap<Uuid, DateTime<Utc>>> {
    let keys: Vec<Value> = customers.iter().map(|customer| (*customer).into()).collect();
    let head = values![snapshot.tenant.0, snapshot.generation];
    let mut found: HashMap<Uuid, DateTime<Utc>> = HashMap::new();
    for row in fetch_by_keys(&mut snapshot.transaction, RECLAIMS_AMONG, &head, &keys).await? {
        // Of several rules the one counts that is due first.
        let due_at = instant(row.int("due_at")?);
        let first = found.entry(row.uuid("customer")?).or_insert(due_at);
        *first = due_at.min(*first);
    }
    Ok(found)
}

/// How many seconds a customer that goes back to its pool at an instant still stays with its owner; 0 from then on.
#[must_use]
pub fn remaining_seconds(reclaim_at: DateTime<Utc>, now: DateTime<Utc>) -> f64 {
    (reclaim_at - now).max(TimeDelta::zero()).num_milliseconds() as f64 / 1_000.0
}
