//! Keeps when customers go back to their pools beside the customers of a tenant, for lists in that order.
//!
//! Another read model knows of that. It is read once a list is asked for in that order, and followed from then on.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::kept_work::{all_instants, changed_since};
use super::list_index::ListIndex;
use super::tables::NAME;
use crate::error::Result;
use crate::models::snapshot::Snapshot;
use crate::models::work::reclaim::reclaims_at;
use crate::models::work::statements::RECLAIMS_ALL;
use crate::models::work::tables::NAME as WORK;

impl ListIndex {
    /// Brings the order in which customers go back to where a view of the board is, which is at its read model again
    /// afterwards.
    pub(super) async fn follow_reclaims(&mut self, snapshot: &mut Snapshot) -> Result<()> {
        snapshot.switch_model(WORK).await?;
        let state = (snapshot.rows(), snapshot.position);
        match changed_since(snapshot, self.reclaims_read(), self.len()).await? {
            Some(customers) => {
                self.read_reclaims(snapshot, &customers).await?;
                self.note_reclaims_read(state);
            }
            None => {
                let all = all_instants(snapshot, RECLAIMS_ALL, "due_at").await?;
                self.put_reclaims(state, all);
            }
        }
        snapshot.switch_model(NAME).await
    }

    async fn read_reclaims(&mut self, snapshot: &mut Snapshot, customers: &BTreeSet<Uuid>) -> Result<()> {
        let customers: Vec<Uuid> = customers.iter().copied().collect();
        let reclaims = reclaims_at(snapshot, &customers).await?;
        for customer in customers {
            let at = reclaims.get(&customer).copied();
            self.put_reclaim(customer, at.map(|at| at.timestamp_micros()));
        }
        Ok(())
    }
}
