//! The snapshot that answers reports.

use std::collections::HashMap;

use uuid::Uuid;

use super::names;
use crate::error::Result;
use crate::models::snapshot::typed_snapshot;
use crate::query::AsOf;

typed_snapshot! {
    /// The reports, each of several read models as of one moment.
    ReportSnapshot
}

impl ReportSnapshot {
    /// What customers of a report were called, of those who had a name.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn names(&mut self, ids: &[Uuid], at: &AsOf) -> Result<HashMap<Uuid, String>> {
        names(&mut self.0, ids, at).await
    }
}
