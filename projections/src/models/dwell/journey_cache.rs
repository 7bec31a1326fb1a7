//! The journeys of pipelines, kept in memory from question to question.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Mutex as AsyncMutex;
use waymark_eventstore::{Position, TenantId};

use crate::stats::JourneyIndex;

/// How many bytes are kept in memory at most, of all pipelines together.
const BYTES_KEPT: usize = 768 << 20;

/// How many states of knowledge are kept of a pipeline: the latest, and earlier ones that were asked for.
const STATES_KEPT: usize = 3;

/// The rows that journeys were read from: what they tell about a position never changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct RowsId {
    /// Which file the rows are in, counted from the first that was opened.
    pub(super) file: u64,
    pub(super) generation: u32,
    pub(super) epoch: u64,
}

/// The journeys of one pipeline in a few states of knowledge, the one asked for last in front.
#[derive(Default)]
pub(super) struct States {
    rows: Option<RowsId>,
    states: Vec<(Position, Arc<JourneyIndex>)>,
}

impl States {
    /// The state of a position, if it is kept, or else the one nearest to it.
    pub(super) fn nearest(&self, rows: RowsId, known: Position) -> Option<(Position, Arc<JourneyIndex>)> {
        let states = self.states.iter().filter(|_| self.rows == Some(rows));
        states.min_by_key(|(position, _)| position.abs_diff(known)).cloned()
    }

    /// Keeps a state, beside others of the same rows.
    pub(super) fn keep(&mut self, rows: RowsId, known: Position, index: &Arc<JourneyIndex>) {
        if self.rows != Some(rows) {
            *self = Self { rows: Some(rows), states: Vec::new() };
        }
        let latest = self.states.iter().map(|(position, _)| *position).max();
        // The latest gives way to a later one, earlier ones to those that are asked for.
        self.states
            .retain(|(position, _)| *position != known && (known < *position || latest != Some(*position)));
        self.states.insert(0, (known, Arc::clone(index)));
        if self.states.len() > STATES_KEPT {
            let latest = self.states.iter().map(|(position, _)| *position).max();
            if let Some(oldest) = self.states.iter().rposition(|(position, _)| latest != Some(*position)) {
                self.states.remove(oldest);
            }
        }
    }

    fn bytes(&self) -> usize {
        self.states.iter().map(|(_, index)| index.bytes()).sum()
    }
}

/// One pipeline's journeys. While they are brought up to date others wait, so that it is done once.
pub(super) type Pipeline = Arc<AsyncMutex<States>>;

/// The journeys of pipelines. Where they take too much memory, those of the tenant go whose were asked for least recently.
#[derive(Default)]
pub(crate) struct JourneyCache(Mutex<Kept>);

#[derive(Default)]
struct Kept {
    /// Counts questions.
    now: u64,
    tenants: HashMap<TenantId, Tenant>,
}

#[derive(Default)]
struct Tenant {
    asked: u64,
    /// By its key, each with its bytes.
    pipelines: HashMap<String, (Pipeline, usize)>,
}

impl JourneyCache {
    /// The journeys of a pipeline.
    pub(super) fn of(&self, tenant: TenantId, pipeline: &str) -> Pipeline {
        let mut kept = self.lock();
        kept.now += 1;
        let now = kept.now;
        let tenant = kept.tenants.entry(tenant).or_default();
        tenant.asked = now;
        Arc::clone(&tenant.pipelines.entry(pipeline.to_owned()).or_default().0)
    }

    /// Notes how much a pipeline takes now, and lets go of what is too much.
    pub(super) fn weigh(&self, tenant: TenantId, pipeline: &str, states: &States) {
        self.weigh_within(BYTES_KEPT, tenant, pipeline, states.bytes());
    }

    fn weigh_within(&self, limit: usize, tenant: TenantId, pipeline: &str, bytes: usize) {
        let mut kept = self.lock();
        if let Some((_, weight)) = kept.tenants.get_mut(&tenant).and_then(|it| it.pipelines.get_mut(pipeline))
        {
            *weight = bytes;
        }
        while kept.bytes() > limit {
            let Some(stalest) = kept.tenants.iter().min_by_key(|(_, tenant)| tenant.asked) else { return };
            let stalest = *stalest.0;
            kept.tenants.remove(&stalest);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Kept {
    fn bytes(&self) -> usize {
        self.tenants.values().flat_map(|tenant| tenant.pipelines.values()).map(|(_, bytes)| bytes).sum()
    }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::*;

    #[test]
    fn the_tenant_goes_first_whose_journeys_were_asked_for_least_recently() {
        let cache = JourneyCache::default();
        let tenant = |number| TenantId(Uuid::from_u128(number));
        let kept = |number| cache.lock().tenants.contains_key(&tenant(number));
        for number in [1, 2, 1, 3] {
            cache.of(tenant(number), "sales");
            cache.weigh_within(100, tenant(number), "sales", 40);
        }
        assert_eq!([1, 2, 3].map(kept), [true, false, true]);
        cache.of(tenant(3), "sales");
        cache.weigh_within(100, tenant(3), "sales", 101);
        assert_eq!([1, 3].map(kept), [false, false], "what is more than all that may be kept is not");
    }

    #[test]
    fn a_later_state_takes_the_place_of_the_latest_and_earlier_ones_that_of_each_other() {
        let (mut states, index) = (States::default(), Arc::default());
        let rows = RowsId { file: 0, generation: 1, epoch: 1 };
        let kept = |states: &States| states.states.iter().map(|(position, _)| *position).collect::<Vec<_>>();
        for known in [10, 12, 5, 6, 12, 7, 20] {
            states.keep(rows, known, &index);
        }
        assert_eq!(kept(&states), [20, 7, 6]);
        assert_eq!(states.nearest(rows, 14).map(|(position, _)| position), Some(20));
        assert!(states.nearest(RowsId { epoch: 2, ..rows }, 20).is_none());
        states.keep(RowsId { epoch: 2, ..rows }, 21, &index);
        assert_eq!(kept(&states), [21]);
    }
}
