//! When customers are due to be contacted next, as it is kept beside the cards of a pipeline.

use std::collections::HashMap;

use uuid::Uuid;
use waymark_eventstore::Position;

use crate::models::kept::RowsId;
use crate::stats::Micros;

/// About how many bytes it takes of a customer.
const CONTACT_BYTES: usize = 40;

/// When customers are due to be contacted next; nobody with whom nothing is agreed.
pub(super) type NextContacts = HashMap<Uuid, Micros>;

/// The same, with where it was read.
#[derive(Debug, Default)]
pub(super) struct KeptContacts {
    /// From which rows, and up to which position.
    pub(super) state: Option<(RowsId, Position)>,
    pub(super) due: NextContacts,
}

impl KeptContacts {
    /// About how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        self.due.len() * CONTACT_BYTES
    }

    /// Notes it of a customer.
    pub(super) fn put(&mut self, customer: Uuid, due: Option<Micros>) {
        match due {
            Some(due) => drop(self.due.insert(customer, due)),
            None => drop(self.due.remove(&customer)),
        }
    }
}
