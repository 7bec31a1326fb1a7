//! What a rep owns.

use uuid::Uuid;

use super::HELD;
use crate::db::{Row, values};
use crate::error::Result;
use crate::query::Snapshot;

/// A customer that a rep owns, and where it stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnedCustomer {
    /// The customer.
    pub customer: Uuid,
    /// The journey that it is in, by its pipeline's key.
    pub pipeline: String,
    /// The version that its stage is of.
    pub version: u32,
    /// The stage.
    pub stage: String,
}

/// The customers of a rep, erased and merged ones apart.
pub(crate) async fn held(snapshot: &mut Snapshot, rep: &str) -> Result<Vec<OwnedCustomer>> {
    let rows = snapshot.transaction.rows(HELD, &values![snapshot.tenant.0, snapshot.generation, rep]).await?;
    let read = |row: &Row| {
        Ok(OwnedCustomer {
            customer: row.uuid(0)?,
            pipeline: row.text(1)?,
            version: row.number(2)?,
            stage: row.text(3)?,
        })
    };
    let mut held = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
    // Journeys that were last moved by one event are one customer all the same.
    held.dedup_by_key(|one| one.customer);
    Ok(held)
}
