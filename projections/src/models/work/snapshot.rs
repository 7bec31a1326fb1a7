//! The snapshot that answers the queries of this read model.

use crate::models::snapshot::typed_snapshot;

typed_snapshot! {
    /// What must be done, as of one moment.
    WorkSnapshot
}
