//! The snapshot that answers the queries of this read model.

use crate::models::snapshot::typed_snapshot;

typed_snapshot! {
    /// What happened to customers, as of one moment.
    TimelineSnapshot
}
