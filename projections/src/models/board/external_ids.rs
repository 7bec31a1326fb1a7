//! What customers are called in other systems.

use std::collections::HashMap;

use uuid::Uuid;

use super::snapshot::BoardSnapshot;
use super::statements::EXTERNAL_IDS_AMONG;
use crate::db::{Value, values};
use crate::error::Result;
use crate::storage::table::fetch_by_keys;

impl BoardSnapshot {
    /// The ids in another system of some customers, as far as they have one.
    ///
    /// # Errors
    /// When the database fails.
    pub async fn external_ids(&mut self, customers: &[Uuid]) -> Result<HashMap<Uuid, String>> {
        let snapshot = &mut self.0;
        let head = values![snapshot.tenant.0, snapshot.generation];
        let keys: Vec<Value> = customers.iter().map(|customer| (*customer).into()).collect();
        let mut ids = HashMap::new();
        for row in fetch_by_keys(&mut snapshot.transaction, EXTERNAL_IDS_AMONG, &head, &keys).await? {
            if let Some(id) = row.opt_text("external_id")? {
                ids.insert(row.uuid("customer")?, id);
            }
        }
        Ok(ids)
    }
}
