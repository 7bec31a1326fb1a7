//! The snapshot that answers the queries of this read model.

use crate::models::snapshot::typed_snapshot;

typed_snapshot! {
    /// Transitions and the figures computed from them, as of one moment.
    DwellSnapshot
}
