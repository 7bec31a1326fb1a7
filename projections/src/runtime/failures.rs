//! Read models that do not go on, or do not answer, as operators hear of them: once, with a count, and as metrics.

use std::collections::{HashMap, HashSet};

use parking_lot::{Mutex, MutexGuard};

use crate::error::ProjectionError;
use crate::storage::checkpoint::ProjectionId;

/// What keeps read models from going on, and which of them answer nothing.
#[derive(Debug, Default)]
pub(crate) struct Failures(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failing: HashMap<ProjectionId, Failure>,
    /// Without rows in service that tell what is in the log.
    unserved: HashMap<&'static str, HashSet<ProjectionId>>,
}

#[derive(Debug)]
struct Failure {
    what: String,
    times: u64,
}

impl Failures {
    /// A step failed. The first failure of a kind is logged, the others are counted.
    pub(crate) fn failed(&self, id: ProjectionId, error: &ProjectionError) {
        let what = error.to_string();
        metrics::counter!("waymark_projection_failures_total", "projection" => id.projection).increment(1);
        let mut state = self.lock();
        if let Some(known) = state.failing.get_mut(&id)
            && known.what == what
        {
            known.times += 1;
            return;
        }
        tracing::error!(error = what, tenant = %id.tenant, projection = id.projection,
            "a read model cannot go on; it is tried again until it can");
        let former = state.failing.insert(id, Failure { what, times: 1 });
        let times = former.map_or(0, |former| former.times);
        if times > 1 {
            tracing::warn!(times, projection = id.projection, "the former failure had occurred repeatedly");
        }
    }

    /// A step succeeded.
    pub(crate) fn recovered(&self, id: ProjectionId) {
        let former = self.lock().failing.remove(&id);
        if let Some(Failure { what, times }) = former {
            tracing::info!(times, error = what, tenant = %id.tenant, projection = id.projection,
                "a read model goes on again");
        }
    }

    /// Why a read model does not go on.
    pub(crate) fn of(&self, id: ProjectionId) -> Option<String> {
        self.lock().failing.get(&id).map(|trouble| trouble.what.clone())
    }

    /// Whether a read model has rows in service that tell what is in the log.
    pub(crate) fn serves(&self, id: ProjectionId, serves: bool) {
        let mut state = self.lock();
        let unserved = state.unserved.entry(id.projection).or_default();
        if serves {
            unserved.remove(&id)
        } else {
            unserved.insert(id)
        };
        metrics::gauge!("waymark_projection_unserved", "projection" => id.projection)
            .set(unserved.len() as f64);
    }

    /// The names of the read models that answer nothing for a tenant that this process folds for.
    pub(crate) fn unserved(&self) -> Vec<&'static str> {
        let state = self.lock();
        let mut names: Vec<&'static str> =
            state.unserved.iter().filter(|(_, id)| !id.is_empty()).map(|(name, _)| *name).collect();
        names.sort_unstable();
        names
    }

    /// Another process folds for this tenant from now on.
    pub(crate) fn forget(&self, id: ProjectionId) {
        self.lock().failing.remove(&id);
        self.serves(id, true);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use waymark_eventstore::TenantId;

    use super::*;

    #[test]
    fn a_failure_is_told_until_the_read_model_goes_on() {
        let failures = Failures::default();
        let id = ProjectionId { tenant: TenantId(Uuid::from_u128(1)), projection: "board" };
        for _ in 0..3 {
            failures.failed(id, &ProjectionError::Database("disk full".to_owned()));
        }
        assert_eq!(failures.of(id).as_deref(), Some("the database failed: disk full"));
        assert_eq!(failures.lock().failing[&id].times, 3);
        failures.recovered(id);
        assert_eq!(failures.of(id), None);
    }

    #[test]
    fn what_serves_nobody_is_named_once_however_many_tenants_it_is() {
        let failures = Failures::default();
        let id = |tenant, projection| ProjectionId { tenant: TenantId(Uuid::from_u128(tenant)), projection };
        for (tenant, name) in [(1, "work"), (2, "board"), (1, "board")] {
            failures.serves(id(tenant, name), false);
        }
        assert_eq!(failures.unserved(), ["board", "work"]);
        failures.serves(id(1, "board"), true);
        assert_eq!(failures.unserved(), ["board", "work"]);
        failures.forget(id(2, "board"));
        assert_eq!(failures.unserved(), ["work"]);
    }
}
