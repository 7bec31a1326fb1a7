//! The snapshot that answers the queries of this read model.

use crate::models::snapshot::typed_snapshot;

typed_snapshot! {
    /// Customers, and the stage each of them is in, as of one moment.
    BoardSnapshot
}
