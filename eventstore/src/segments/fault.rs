//! Why entries cannot be read from their segment.

use crate::{Position, TenantId};

/// A segment that is not there, or is not what it was written as.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("segment file {file}: {what}")]
pub struct SegmentFault {
    /// Whose log.
    pub tenant: TenantId,
    /// The first entry that cannot be read.
    pub position: Position,
    /// The file.
    pub file: String,
    /// What is wrong with it.
    pub what: String,
}
