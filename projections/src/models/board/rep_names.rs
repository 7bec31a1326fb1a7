//! Whether a name is anybody's.

use super::snapshot::BoardSnapshot;
use super::statements::{OWNED, OWNED_ONCE};
use crate::db::values;
use crate::error::Result;
use crate::models::timeline::statements::ACTED;
use crate::models::timeline::tables::NAME as TIMELINE;

impl BoardSnapshot {
    /// Whether a rep owns customers.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn owns(&mut self, rep: &str) -> Result<bool> {
        let snapshot = &mut self.0;
        let values = values![snapshot.tenant.0, snapshot.generation, rep];
        Ok(snapshot.transaction.row(OWNED, &values).await?.is_some())
    }
}

impl BoardSnapshot {
    /// Whether a rep owned customers once, or has acted. No index serves this: it is for names that nothing else knows.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn has_ever_acted(&mut self, rep: &str) -> Result<bool> {
        let snapshot = &mut self.0;
        let values = values![snapshot.tenant.0, snapshot.generation, rep];
        if snapshot.transaction.row(OWNED_ONCE, &values).await?.is_some() {
            return Ok(true);
        }
        snapshot.switch_model(TIMELINE).await?;
        let values = values![snapshot.tenant.0, snapshot.generation, rep, format!("rep:{rep}")];
        Ok(snapshot.transaction.row(ACTED, &values).await?.is_some())
    }
}
