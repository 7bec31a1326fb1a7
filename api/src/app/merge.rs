//! Merging two customers, telling them apart, and undoing either: events in both streams, in one append.

use std::sync::Arc;

use serde_json::{Map, Value};
use uuid::Uuid;
use waymark_domain::customer::command::{Distinguish, Erase, Merge, Reconsider, Unmerge};
use waymark_domain::customer::event::Erased;
use waymark_domain::customer::{
    Customer, CustomerEvent, NewEvent, PairEvents, distinguish, merge, reconsider, tags, unmerge,
};
use waymark_eventstore::{Append, Condition, Outcome, Query, StoreError};

use super::boundary::Boundary;
use super::pending::{Accepted, Pending};
use super::remember::{Remembered, replay, store_error};
use super::{App, AppError, Caller, CommandAnswer, CommandMeta};

/// How often it is decided again because others changed one of the two.
const ATTEMPTS: u32 = 64;

/// What is to become of two customers.
#[derive(Debug, Clone, PartialEq)]
pub enum Joining {
    /// They become one.
    Merge(Merge),
    /// They become two again.
    Unmerge(Unmerge),
    /// They look alike, and are two.
    Distinguish(Distinguish),
    /// They may be one after all.
    Reconsider(Reconsider),
}

impl Joining {
    pub(super) fn other(&self) -> Uuid {
        match self {
            Self::Merge(merge) => merge.absorbed,
            Self::Unmerge(unmerge) => unmerge.absorbed,
            Self::Distinguish(distinguish) => distinguish.other,
            Self::Reconsider(reconsider) => reconsider.other,
        }
    }
}

impl App {
    /// Merges another customer into one, tells the two apart, or undoes either: both streams tell it, or neither.
    ///
    /// # Errors
    /// When it is refused (nothing is changed then), or the log cannot take it.
    pub async fn join(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        survivor: Uuid,
        joining: &Joining,
    ) -> Result<CommandAnswer, AppError> {
        if let Some(answer) = self.remembered(caller, meta).await? {
            return Ok(answer);
        }
        for _ in 0..ATTEMPTS {
            let ours = self.load_seen(caller, survivor).await?;
            let theirs = self.load_seen(caller, joining.other()).await?;
            let current = ours.customer.version;
            if meta.if_match.is_some_and(|wanted| wanted != current) {
                return Err(AppError::VersionMismatch { current });
            }
            let grounds = Some(self.grounds(caller.tenant).await?);
            let events = match self.joined(caller, &ours.customer, &theirs.customer, joining).await {
                Err(AppError::Refused(refusal)) => return self.refuse(caller, meta, *refusal).await,
                events => events?,
            };
            let pending = self.pending_of_both(caller, meta, &ours, &theirs, events).await?;
            match self.store.append(Append { grounds, ..pending.append }).await.map_err(store_error) {
                Ok(Outcome::Repeated(receipt)) => return replay(&receipt),
                Ok(Outcome::Appended(appended)) => {
                    return pending.remembered.answer(appended.first_position, false);
                }
                Err(AppError::Store(StoreError::Conflict { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Err(AppError::Contention)
    }

    /// What joining two customers would record.
    ///
    /// # Errors
    /// The refusal that it would get.
    pub async fn rehearse_joining(
        &self,
        caller: &Caller,
        survivor: Uuid,
        joining: &Joining,
    ) -> Result<Vec<NewEvent>, AppError> {
        let ours = self.load_seen(caller, survivor).await?.customer;
        let theirs = self.load_seen(caller, joining.other()).await?.customer;
        let events = self.joined(caller, &ours, &theirs, joining).await?;
        Ok([events.one, events.other].concat())
    }

    pub(super) async fn joined(
        &self,
        caller: &Caller,
        ours: &Arc<Customer>,
        theirs: &Arc<Customer>,
        joining: &Joining,
    ) -> Result<PairEvents, AppError> {
        let situation = self.bare_situation(caller, Some(&ours.owner)).await?;
        let context = situation.context(caller, None);
        Ok(match joining {
            Joining::Merge(command) => merge(ours, theirs, command, &context)?,
            Joining::Unmerge(command) => unmerge(ours, theirs, command, &context)?,
            Joining::Distinguish(command) => distinguish(ours, theirs, command, &context)?,
            Joining::Reconsider(command) => reconsider(ours, theirs, command, &context)?,
        })
    }

    async fn pending_of_both(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        ours: &Boundary,
        theirs: &Boundary,
        events: PairEvents,
    ) -> Result<Pending, AppError> {
        let unremembered = CommandMeta { idempotency_key: None, ..meta.clone() };
        let mut both = self.pending_on(caller, &unremembered, ours, &events.one).await?;
        let other = self.pending_on(caller, &unremembered, theirs, &events.other).await?;
        both.add(other);
        let (ours_id, theirs_id) = (ours.customer.id, theirs.customer.id);
        let query = Query::tag(tags::customer(ours_id)).or(Query::tag(tags::customer(theirs_id)));
        both.append.condition = Some(Condition { query, after: ours.position.min(theirs.position) });
        both.append.receipt = both.remembered.receipt(caller, meta)?;
        Ok(both)
    }

    pub(super) async fn pending_on(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        boundary: &Boundary,
        events: &[NewEvent],
    ) -> Result<Pending, AppError> {
        let customer = boundary.customer.id;
        let key = boundary.key.as_ref().ok_or_else(|| {
            AppError::Unreadable(format!("customer {customer} was not erased, yet its data key is gone"))
        })?;
        let mut resource = Map::new();
        resource.insert("id".to_owned(), Value::String(customer.to_string()));
        let accepted = Accepted { status: 200, version_before: boundary.customer.version, resource };
        self.pending(caller, meta, customer, events, key, accepted).await
    }

    /// The customers that were merged into one, and into those, and so on: the same person's records.
    pub(super) async fn absorbed_by(
        &self,
        caller: &Caller,
        customer: &Customer,
    ) -> Result<Vec<Boundary>, AppError> {
        let mut found = Vec::new();
        let mut open = customer.absorbed.clone();
        while let Some(next) = open.pop() {
            let boundary = self.load(caller, next).await?;
            open.extend(&boundary.customer.absorbed);
            found.push(boundary);
        }
        Ok(found)
    }

    /// Adds to a person's erasure that of all records which turned out to be the same person's.
    pub(super) async fn erase_absorbed(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        customer: &Customer,
        erase: &Erase,
        pending: &mut Pending,
    ) -> Result<Vec<Uuid>, AppError> {
        let unremembered = CommandMeta { idempotency_key: None, ..meta.clone() };
        let mut erased = Vec::new();
        for boundary in self.absorbed_by(caller, customer).await? {
            if boundary.customer.erased {
                continue;
            }
            let event = CustomerEvent::Erased(Erased { ground: erase.ground.clone() });
            let effective_at = (self.clock)();
            let events = [NewEvent { event, effective_at }];
            pending.add(self.pending_on(caller, &unremembered, &boundary, &events).await?);
            erased.push(boundary.customer.id);
        }
        pending.append.receipt = pending.remembered.receipt(caller, meta)?;
        Ok(erased)
    }
}

impl Pending {
    /// Adds another customer's events to the same append. The answer's version stays the first customer's.
    pub(super) fn add(&mut self, other: Self) {
        let Append { events, .. } = other.append;
        self.append.events.extend(events);
        if let (Remembered::Done { events: ours, .. }, Remembered::Done { events: theirs, .. }) =
            (&mut self.remembered, other.remembered)
        {
            ours.extend(theirs);
        }
    }
}
