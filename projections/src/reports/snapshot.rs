//! The snapshot that answers reports.

use crate::models::snapshot::typed_snapshot;

typed_snapshot! {
    /// The reports, each of several read models as of one moment.
    ReportSnapshot
}
