//! The order in which customers go back to their pools, as it is kept beside what lists look for.

use std::collections::{BTreeSet, HashMap};

use uuid::Uuid;
use waymark_eventstore::Position;

use crate::models::kept::RowsId;
use crate::stats::Micros;

/// When customers go back to their pools; nobody whom no rule takes away.
pub(super) type Reclaims = HashMap<Uuid, Micros>;

/// Where those stand whom no rule takes away: last.
pub(super) const NEVER: Micros = Micros::MAX;

/// About how many bytes a customer takes in the order, and who goes back one takes besides.
const PLACE_BYTES: usize = 24;
const RECLAIM_BYTES: usize = 40;

/// Everybody in the order in which they go back, with where that was read.
#[derive(Debug)]
pub(super) struct ReclaimOrder {
    /// From which rows, and up to which position.
    pub(super) state: (RowsId, Position),
    reclaims: Reclaims,
    /// Places of customers. Of those who go back at the same time the one comes first that was registered first.
    order: BTreeSet<(Micros, u32)>,
}

impl ReclaimOrder {
    /// Of the customers that have places.
    pub(super) fn of(state: (RowsId, Position), reclaims: Reclaims, places: &HashMap<Uuid, u32>) -> Self {
        let mut made = Self { state, reclaims, order: BTreeSet::new() };
        made.order = places.iter().map(|(customer, place)| (made.at(*customer), *place)).collect();
        made
    }

    /// The same of customers that have other places now.
    pub(super) fn moved_to(self, places: &HashMap<Uuid, u32>) -> Self {
        Self::of(self.state, self.reclaims, places)
    }

    /// When a customer goes back, or [`NEVER`].
    pub(super) fn at(&self, customer: Uuid) -> Micros {
        self.reclaims.get(&customer).copied().unwrap_or(NEVER)
    }

    /// Notes when a customer goes back, whether it has a place or not.
    pub(super) fn put(&mut self, customer: Uuid, at: Option<Micros>, place: Option<u32>) {
        if let Some(place) = place {
            self.take_out(customer, place);
        }
        match at {
            Some(at) => drop(self.reclaims.insert(customer, at)),
            None => drop(self.reclaims.remove(&customer)),
        }
        if let Some(place) = place {
            self.put_in(customer, place);
        }
    }

    /// A customer has a place from now on.
    pub(super) fn put_in(&mut self, customer: Uuid, place: u32) {
        let at = self.at(customer);
        self.order.insert((at, place));
    }

    /// A customer has no place any more.
    pub(super) fn take_out(&mut self, customer: Uuid, place: u32) {
        let at = self.at(customer);
        self.order.remove(&(at, place));
    }

    /// The places from one on.
    pub(super) fn places_from(&self, from: (Micros, u32)) -> impl Iterator<Item = u32> {
        self.order.range(from..).map(|(_, place)| *place)
    }

    /// About how many bytes it takes.
    pub(super) fn bytes(&self) -> usize {
        self.order.len() * PLACE_BYTES + self.reclaims.len() * RECLAIM_BYTES
    }
}
