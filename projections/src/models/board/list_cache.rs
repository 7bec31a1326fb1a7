//! The customers of tenants as lists look for them, kept in memory.

use waymark_eventstore::Position;

use super::list_index::ListIndex;
use crate::models::kept::{Kept, RowsId, Weigh};

/// The customers of tenants.
pub(crate) type ListCache = Kept<KeptList>;

/// How many bytes are kept of them in memory at most.
pub(crate) const BYTES_KEPT: usize = 512 << 20;

/// The customers of a tenant as they are now.
#[derive(Default)]
pub(crate) struct KeptList {
    /// From which rows, and up to which position.
    pub(super) state: Option<(RowsId, Position)>,
    pub(super) index: ListIndex,
}

impl Weigh for KeptList {
    fn bytes(&self) -> usize {
        self.index.bytes()
    }
}
