//! Read models that do not go on, or do not answer, as operators hear of them: once, with a count, and as metrics.

use std::collections::{HashMap, HashSet};
use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::checkpoint::Which;
use crate::error::ProjectionError;

/// What keeps read models from going on, and which of them answer nothing.
#[derive(Debug, Default)]
pub(crate) struct Troubles(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    failing: HashMap<Which, Trouble>,
    /// Without rows in service that tell what is in the log.
    unserved: HashMap<&'static str, HashSet<Which>>,
}

#[derive(Debug)]
struct Trouble {
    what: String,
    times: u64,
}

impl Troubles {
    /// A step failed. The first failure of a kind is logged, the others are counted.
    pub(crate) fn failed(&self, which: Which, error: &ProjectionError) {
        let what = error.to_string();
        metrics::counter!("waymark_projection_failures_total", "projection" => which.projection).increment(1);
        let mut state = self.lock();
        if let Some(known) = state.failing.get_mut(&which)
            && known.what == what
        {
            known.times += 1;
            return;
        }
        tracing::error!(error = what, tenant = %which.tenant, projection = which.projection,
            "a read model cannot go on; it is tried again until it can");
        let former = state.failing.insert(which, Trouble { what, times: 1 });
        let times = former.map_or(0, |former| former.times);
        if times > 1 {
            tracing::warn!(times, projection = which.projection, "the former failure had come so many times");
        }
    }

    /// A step succeeded.
    pub(crate) fn went_on(&self, which: Which) {
        let former = self.lock().failing.remove(&which);
        if let Some(Trouble { what, times }) = former {
            tracing::info!(times, error = what, tenant = %which.tenant, projection = which.projection,
                "a read model goes on again");
        }
    }

    /// Why a read model does not go on.
    pub(crate) fn of(&self, which: Which) -> Option<String> {
        self.lock().failing.get(&which).map(|trouble| trouble.what.clone())
    }

    /// Whether a read model has rows in service that tell what is in the log.
    pub(crate) fn serves(&self, which: Which, serves: bool) {
        let mut state = self.lock();
        let unserved = state.unserved.entry(which.projection).or_default();
        if serves {
            unserved.remove(&which)
        } else {
            unserved.insert(which)
        };
        metrics::gauge!("waymark_projection_unserved", "projection" => which.projection)
            .set(unserved.len() as f64);
    }

    /// The names of the read models that answer nothing for a tenant that this process folds for.
    pub(crate) fn unserved(&self) -> Vec<&'static str> {
        let state = self.lock();
        let mut names: Vec<&'static str> =
            state.unserved.iter().filter(|(_, which)| !which.is_empty()).map(|(name, _)| *name).collect();
        names.sort_unstable();
        names
    }

    /// Another process folds for this tenant from now on.
    pub(crate) fn forget(&self, which: Which) {
        self.lock().failing.remove(&which);
        self.serves(which, true);
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;
    use waymark_eventstore::TenantId;

    use super::*;

    #[test]
    fn a_failure_is_told_until_the_read_model_goes_on() {
        let troubles = Troubles::default();
        let which = Which { tenant: TenantId(Uuid::from_u128(1)), projection: "board" };
        for _ in 0..3 {
            troubles.failed(which, &ProjectionError::Database("disk full".to_owned()));
        }
        assert_eq!(troubles.of(which).as_deref(), Some("the database failed: disk full"));
        assert_eq!(troubles.lock().failing[&which].times, 3);
        troubles.went_on(which);
        assert_eq!(troubles.of(which), None);
    }

    #[test]
    fn what_serves_nobody_is_named_once_however_many_tenants_it_is() {
        let troubles = Troubles::default();
        let which = |tenant, projection| Which { tenant: TenantId(Uuid::from_u128(tenant)), projection };
        for (tenant, name) in [(1, "work"), (2, "board"), (1, "board")] {
            troubles.serves(which(tenant, name), false);
        }
        assert_eq!(troubles.unserved(), ["board", "work"]);
        troubles.serves(which(1, "board"), true);
        assert_eq!(troubles.unserved(), ["board", "work"]);
        troubles.forget(which(2, "board"));
        assert_eq!(troubles.unserved(), ["work"]);
    }
}
