//! Keeps when customers are due to be contacted next beside the cards of a pipeline, for boards in that order.
//!
//! Another read model knows of that. What is kept of it is followed like the cards, and read once a board is asked for in that order.

use std::collections::BTreeSet;

use uuid::Uuid;
use waymark_eventstore::Position;

use super::card_index::CardIndex;
use super::next_contacts::{KeptContacts, NextContacts};
use super::tables::NAME;
use crate::db::{Value, values};
use crate::error::Result;
use crate::log::changed::is_worth_following;
use crate::models::kept::RowsId;
use crate::models::present;
use crate::models::snapshot::Snapshot;
use crate::models::work::definitions::has_published;
use crate::models::work::statements::{NEXT_CONTACTS, NEXT_CONTACTS_ALL};
use crate::models::work::tables::NAME as WORK;
use crate::storage::table::fetch_by_keys;

/// Rows read at a time.
const ROWS: u32 = 5_000;
impl CardIndex {
    /// Brings what is kept of contacts to where a view of the board is, which is at its read model again afterwards.
    pub(super) async fn follow_contacts(&mut self, snapshot: &mut Snapshot) -> Result<()> {
        snapshot.switch_model(WORK).await?;
        let (rows, position) = (snapshot.rows(), snapshot.position);
        match self.contacts_since(snapshot, (rows, position)).await? {
            Some(customers) => self.read_contacts(snapshot, &customers).await?,
            None => self.put_contacts(KeptContacts { state: None, due: all(snapshot).await? }),
        }
        self.contacts.state = Some((rows, position));
        snapshot.switch_model(NAME).await
    }

    /// Whose contacts may have changed since they were read; none where reading all of them is better.
    async fn contacts_since(
        &self,
        snapshot: &Snapshot,
        (rows, until): (RowsId, Position),
    ) -> Result<Option<BTreeSet<Uuid>>> {
        let held = self.contacts.state.filter(|(of, at)| *of == rows && *at <= until);
        let Some((_, after)) = held else { return Ok(None) };
        if after == until {
            return Ok(Some(BTreeSet::new()));
        }
        // Another version of a pipeline may give everybody in it another next contact.
        let is_followed = is_worth_following(self.len() as u64, until - after)
            && !has_published(&*snapshot.sources.store, snapshot.tenant, (after, until)).await?;
        if is_followed { present::changed(snapshot, (after, until)).await } else { Ok(None) }
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

async fn all(snapshot: &mut Snapshot) -> Result<NextContacts> {
    let (mut contacts, mut after) = (NextContacts::new(), Uuid::nil());
    loop {
        let values: [Value; 4] = values![snapshot.tenant.0, snapshot.generation, after, ROWS];
        let rows = snapshot.transaction.rows(NEXT_CONTACTS_ALL, &values).await?;
        for row in &rows {
            after = row.uuid("customer")?;
            contacts.insert(after, row.int("next_at")?);
        }
        if rows.len() < ROWS as usize {
            return Ok(contacts);
        }
    }
}
