//! What a rep owns.

use uuid::Uuid;

use super::snapshot::BoardSnapshot;
use super::statements::HELD;
use crate::db::{Row, values};
use crate::error::Result;

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

impl BoardSnapshot {
    /// The customers that a rep owns, each with where it stands.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn owned_by(&mut self, rep: &str) -> Result<Vec<OwnedCustomer>> {
        let snapshot = &mut self.0;
        let rows =
            snapshot.transaction.rows(HELD, &values![snapshot.tenant.0, snapshot.generation, rep]).await?;
        let read = |row: &Row| {
            Ok(OwnedCustomer {
                customer: row.uuid("customer")?,
                pipeline: row.text("pipeline")?,
                version: row.number("pipeline_version")?,
                stage: row.text("stage")?,
            })
        };
        let mut held = rows.iter().map(read).collect::<Result<Vec<_>>>()?;
        // Journeys that were last moved by one event are one customer all the same.
        held.dedup_by_key(|one| one.customer);
        Ok(held)
    }
}
