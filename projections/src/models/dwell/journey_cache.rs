//! The journeys of pipelines, kept in memory from question to question.

use crate::models::kept::{RowsId, TenantCache, Weigh};
use crate::models::states::States;
use crate::stats::JourneyIndex;

/// The journeys of pipelines, by the pipeline's key.
pub(crate) type JourneyCache = TenantCache<States<RowsId, JourneyIndex>>;

/// How many bytes are kept of them in memory at most.
pub(crate) const BYTES_KEPT: usize = 768 << 20;

impl Weigh for JourneyIndex {
    fn bytes(&self) -> usize {
        self.bytes()
    }
}
