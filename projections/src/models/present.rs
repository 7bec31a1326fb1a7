//! Brings what is kept of the present to where a question is.
//!
//! Rows tell the present alone, so that what is kept of them is never taken back: a question takes hold of it first and opens its
//! snapshot then, which is therefore at the same position or a later one. Of that the entries in between are followed.

use std::collections::BTreeSet;
use std::future::Future;

use parking_lot::Mutex;
use uuid::Uuid;
use waymark_domain::customer::CustomerEvent;
use waymark_eventstore::Position;

use super::kept::{Present, TenantCache, Weigh};
use super::snapshot::{Snapshot, Sources};
use crate::error::Result;
use crate::log::absorbers;
use crate::log::changed::{self, is_worth_following};
use crate::log::decoded::DecodedEvent;

/// Rows of the present in memory, in the order in which questions look for them.
pub(crate) trait PresentIndex: Default + Weigh + Send {
    /// Where it is kept.
    fn kept(sources: &Sources) -> &TenantCache<Present<Self>>;

    /// All rows of a name.
    fn read(snapshot: &mut Snapshot, name: &str) -> impl Future<Output = Result<Self>> + Send;

    /// Reads the rows of some customers again.
    fn read_again(
        &mut self,
        snapshot: &mut Snapshot,
        name: &str,
        customers: &BTreeSet<Uuid>,
    ) -> impl Future<Output = Result<()>> + Send;

    /// Whether what came between two positions bears on no rows but those of the customers that it is about.
    fn is_of_customers_alone(
        _: &Snapshot,
        _: (Position, Position),
    ) -> impl Future<Output = Result<bool>> + Send {
        std::future::ready(Ok(true))
    }

    /// How many rows there are.
    fn len(&self) -> usize;

    /// Whether so much was put and removed that reading all rows afresh is better.
    fn is_worn(&self) -> bool;
}

impl<T: PresentIndex> Present<T> {
    /// Brings it to where a snapshot is.
    pub(super) async fn follow(&mut self, snapshot: &mut Snapshot, name: &str) -> Result<()> {
        let (rows, position) = (snapshot.rows(), snapshot.position);
        let held = self.state.filter(|(of, at)| *of == rows && *at <= position).map(|(_, at)| at);
        let has_followed = match held {
            Some(held) if held == position => return Ok(()),
            Some(held) => self.follow_entries(snapshot, name, held).await?,
            None => false,
        };
        if !has_followed {
            self.index = T::read(snapshot, name).await?;
        }
        self.state = Some((rows, position));
        T::kept(&snapshot.sources).weigh(snapshot.tenant, name, self);
        Ok(())
    }

    /// Reads those again whose customers had entries since. False where reading all of them is better.
    async fn follow_entries(&mut self, snapshot: &mut Snapshot, name: &str, after: Position) -> Result<bool> {
        let until = snapshot.position;
        if self.index.is_worn() || !is_worth_following(self.index.len() as u64, until - after) {
            return Ok(false);
        }
        if !T::is_of_customers_alone(snapshot, (after, until)).await? {
            return Ok(false);
        }
        let Some(customers) = changed(snapshot, (after, until)).await? else { return Ok(false) };
        self.index.read_again(snapshot, name, &customers).await?;
        Ok(true)
    }
}

/// Whose rows may be others for what came between two positions; none where an entry cannot be told by this program.
pub(super) async fn changed(
    snapshot: &Snapshot,
    (after, until): (Position, Position),
) -> Result<Option<BTreeSet<Uuid>>> {
    let (store, vault) = snapshot.sources.log();
    let erased = Mutex::new(Vec::new());
    let note = |fact: &DecodedEvent| {
        if matches!(fact.event.event, CustomerEvent::Erased(_)) {
            erased.lock().push(fact.customer);
        }
        true
    };
    let changed = changed::customers((store, vault), snapshot.tenant, (after, until), note).await?;
    let Some(mut customers) = changed else { return Ok(None) };
    // An erasure empties rows of those, too, that had ever taken the person in.
    let erased = erased.into_inner();
    customers.extend(absorbers(store, snapshot.tenant, &erased, until).await?);
    Ok(Some(customers))
}
