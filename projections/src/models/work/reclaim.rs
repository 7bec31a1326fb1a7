//! When customers go back to their pool.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::statements::RECLAIM_OF;
use crate::db::values;
use crate::error::Result;
use crate::log::history::instant;
use crate::models::snapshot::Snapshot;

/// When a customer goes back to its pool unless something is done; none where no rule takes it away. The snapshot is of
/// this read model.
pub(crate) async fn reclaim_at(snapshot: &mut Snapshot, customer: Uuid) -> Result<Option<DateTime<Utc>>> {
    let values = values![snapshot.tenant.0, snapshot.generation, customer];
    let row = snapshot.transaction.row(RECLAIM_OF, &values).await?;
    Ok(row.map(|row| row.opt_int("due_at")).transpose()?.flatten().map(instant))
}
