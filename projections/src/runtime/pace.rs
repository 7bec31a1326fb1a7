//! How much a step takes, and when another one follows at once.

use crate::projections::Projections;
use crate::storage::checkpoint::ProjectionId;

/// Entries a step takes when it keeps up; bounded, so that no tenant makes the others wait for long.
pub(crate) const ENTRIES_PER_STEP: u32 = 6_000;

/// Whether so much is left after a step that it is worth another one at once. A little joins what comes until the next look.
pub(crate) fn is_behind(projections: &Projections, id: ProjectionId, taken: usize) -> bool {
    taken == ENTRIES_PER_STEP as usize && projections.engine().lag(id) >= u64::from(ENTRIES_PER_STEP / 2)
}
