//! What this process knows of one read model of one tenant while it keeps it up to date.

use waymark_eventstore::Position;

use super::projector::Worker;

/// The place of the one worker that this process has for a read model of a tenant.
#[derive(Default)]
pub(crate) struct Slot {
    pub(crate) worker: Option<Worker>,
    /// Where another process stood when it had taken the lease.
    pub(crate) yielded_at: Option<Position>,
    /// Whether nothing in service tells what is in the log, as far as this process has seen.
    pub(crate) is_unserved: bool,
}
