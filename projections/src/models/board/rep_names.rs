//! Whether a name is anybody's.

use super::{OWNED, OWNED_ONCE};
use crate::db::values;
use crate::error::Result;
use crate::models::timeline;
use crate::query::Snapshot;

/// Whether a rep owns customers.
pub(crate) async fn owns(snapshot: &mut Snapshot, rep: &str) -> Result<bool> {
    let values = values![snapshot.tenant.0, snapshot.generation, rep];
    Ok(snapshot.transaction.row(OWNED, &values).await?.is_some())
}

/// Whether a rep owned customers once, or has acted. Afterwards the view is at another read model.
pub(crate) async fn has_ever_acted(snapshot: &mut Snapshot, rep: &str) -> Result<bool> {
    let values = values![snapshot.tenant.0, snapshot.generation, rep];
    if snapshot.transaction.row(OWNED_ONCE, &values).await?.is_some() {
        return Ok(true);
    }
    snapshot.switch_model(timeline::NAME).await?;
    let values = values![snapshot.tenant.0, snapshot.generation, rep, format!("rep:{rep}")];
    Ok(snapshot.transaction.row(timeline::ACTED, &values).await?.is_some())
}
