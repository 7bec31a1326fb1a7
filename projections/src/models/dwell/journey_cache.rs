//! The journeys of pipelines as they were last asked for, in memory.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use waymark_eventstore::{Position, TenantId};

use crate::stats::JourneySet;

/// How many records are kept in memory at most, of all pipelines together: 40 bytes each.
const RECORDS_KEPT: usize = 1_000_000;

/// The rows that cached journeys were read from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct CachedState {
    /// Which file the rows are in, counted from the first that was opened.
    pub(crate) file: u64,
    pub(crate) generation: u32,
    /// The last position that counted.
    pub(crate) known: Position,
}

/// The journeys of pipelines as they were last asked for: a dashboard asks for dwell, flows and paths of the same
/// state of knowledge one after the other.
#[derive(Default)]
pub(crate) struct JourneyCache(Mutex<JourneySets>);

/// By tenant and pipeline: the journeys, and the state that they were read in.
type JourneySets = HashMap<(TenantId, String), (CachedState, Arc<JourneySet>)>;

impl JourneyCache {
    /// The journeys of a pipeline, if they are of this state.
    pub(crate) fn get(
        &self,
        tenant: TenantId,
        pipeline: &str,
        state: CachedState,
    ) -> Option<Arc<JourneySet>> {
        let cached = self.lock();
        let (of, journeys) = cached.get(&(tenant, pipeline.to_owned()))?;
        (*of == state).then(|| Arc::clone(journeys))
    }

    /// Keeps the journeys of a pipeline in place of those before.
    pub(crate) fn put(
        &self,
        tenant: TenantId,
        pipeline: &str,
        state: CachedState,
        journeys: &Arc<JourneySet>,
    ) {
        let mut cached = self.lock();
        cached.remove(&(tenant, pipeline.to_owned()));
        let records: usize = cached.values().map(|(_, journeys)| journeys.records()).sum();
        if records + journeys.records() > RECORDS_KEPT {
            cached.clear();
        }
        cached.insert((tenant, pipeline.to_owned()), (state, Arc::clone(journeys)));
    }

    fn lock(&self) -> MutexGuard<'_, JourneySets> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
