//! Keeps when customers are due to be contacted next beside the cards of a pipeline, for boards in that order.
//!
//! Another read model knows of that. What is kept of it is followed like the cards, and read once a board is asked for in that order.

use std::collections::BTreeSet;

use uuid::Uuid;

use super::card_index::CardIndex;
use super::kept_work::{all_instants, changed_since};
use super::next_contacts::KeptContacts;
use super::tables::NAME;
use crate::db::{Value, values};
use crate::error::Result;
use crate::models::snapshot::Snapshot;
use crate::models::work::statements::{NEXT_CONTACTS, NEXT_CONTACTS_ALL};
use crate::models::work::tables::NAME as WORK;
use crate::storage::table::fetch_by_keys;

impl CardIndex {
    /// Brings what is kept of contacts to where a view of the board is, which is at its read model again afterwards.
    pub(super) async fn follow_contacts(&mut self, snapshot: &mut Snapshot) -> Result<()> {
        snapshot.switch_model(WORK).await?;
        let state = Some((snapshot.rows(), snapshot.position));
        match changed_since(snapshot, self.contacts.state, self.len()).await? {
            Some(customers) => self.read_contacts(snapshot, &customers).await?,
            None => {
                let due = all_instants(snapshot, NEXT_CONTACTS_ALL, "next_at").await?;
                self.put_contacts(KeptContacts { state: None, due });
            }
        }
        self.contacts.state = state;
        snapshot.switch_model(NAME).await
    }

    async fn read_contacts(&mut self, snapshot: &mut Snapshot, customers: &BTreeSet<Uuid>) -> Result<()> {
        if customers.is_empty() {
            return Ok(());
        }
        let keys: Vec<Value> = customers.iter().map(|customer| (*customer).into()).collect();
        let head = values![snapshot.tenant.0, snapshot.generation];
        let rows = fetch_by_keys(&mut snapshot.transaction, NEXT_CONTACTS, &head, &keys).await?;
        customers.iter().for_each(|customer| self.put_contact(*customer, None));
        for row in &rows {
            self.put_contact(row.uuid("customer")?, row.opt_int("next_at")?);
        }
        Ok(())
    }
}
