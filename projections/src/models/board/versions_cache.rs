//! What customers were like, kept in memory.

use std::sync::Arc;

use waymark_eventstore::Position;

use super::versions::{CustomerVersion, CustomerVersions};
use crate::models::kept::{RowsId, TenantCache, Weigh};

/// What the customers of tenants were like.
pub(crate) type VersionsCache = TenantCache<KeptVersions>;

/// How many bytes are kept of that in memory at most.
pub(crate) const BYTES_KEPT: usize = 512 << 20;

/// About how many bytes a version takes besides its own, for its texts.
const TEXTS: usize = 160;

/// What the customers of a tenant were like.
#[derive(Default)]
pub(crate) struct KeptVersions {
    /// From which rows, and up to which position.
    pub(super) state: Option<(RowsId, Position)>,
    pub(super) pasts: Arc<CustomerVersions>,
    pub(super) count: usize,
}

impl Weigh for KeptVersions {
    fn bytes(&self) -> usize {
        self.count * (size_of::<CustomerVersion>() + TEXTS)
    }
}

impl KeptVersions {
    /// Of what was read afresh.
    pub(super) fn of(pasts: CustomerVersions) -> Self {
        Self { state: None, count: pasts.values().map(Vec::len).sum(), pasts: Arc::new(pasts) }
    }
}
