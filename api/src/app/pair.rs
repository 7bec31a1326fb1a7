//! Merging two customers, telling them apart, and undoing either: events in both streams, in one append.

use std::sync::Arc;

use serde_json::{Map, Value};
use uuid::Uuid;
use waymark_domain::customer::command::{DismissDuplicate, Erase, Merge, ReopenDuplicate, Unmerge};
use waymark_domain::customer::event::Erased;
use waymark_domain::customer::{
    Customer, CustomerEvent, NewEvent, PairEvents, dismiss_duplicate, merge, reopen_duplicate, unmerge,
};
use waymark_domain::tags;
use waymark_eventstore::{Append, Condition, Outcome, Query, StoreError};

use super::customer_cache::LoadedCustomer;
use super::pending::{Accepted, Pending};
use super::receipts::{StoredOutcome, replay, store_error};
use super::{App, AppError, Caller, CommandAnswer, CommandMeta};

/// How often it is decided again because others changed one of the two.
const ATTEMPTS: u32 = 64;

/// What is to become of two customers.
#[derive(Debug, Clone, PartialEq)]
pub enum PairCommand {
    /// They become one.
    Merge(Merge),
    /// They become two again.
    Unmerge(Unmerge),
    /// They look alike, and are two.
    DismissDuplicate(DismissDuplicate),
    /// They may be one after all.
    ReopenDuplicate(ReopenDuplicate),
}

impl PairCommand {
    pub(super) fn other(&self) -> Uuid {
        match self {
            Self::Merge(merge) => merge.absorbed,
            Self::Unmerge(unmerge) => unmerge.absorbed,
            Self::DismissDuplicate(command) => command.other,
            Self::ReopenDuplicate(command) => command.other,
        }
    }
}

impl App {
    /// Merges another customer into one, tells the two apart, or undoes either: both streams tell it, or neither.
    ///
    /// # Errors
    /// When it is refused (nothing is changed then), or the log cannot take it.
    pub async fn execute_pair(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        survivor: Uuid,
        command: &PairCommand,
    ) -> Result<CommandAnswer, AppError> {
        if let Some(answer) = self.stored_answer(caller, meta).await? {
            return Ok(answer);
        }
        for _ in 0..ATTEMPTS {
            let ours = self.load_visible(caller, survivor).await?;
            let theirs = self.load_visible(caller, command.other()).await?;
            let current = ours.customer.version;
            if meta.if_match.is_some_and(|wanted| wanted != current) {
                return Err(AppError::VersionMismatch { current });
            }
            let grounds = Some(self.grounds(caller.tenant).await?);
            let events = match self.joined(caller, &ours.customer, &theirs.customer, command).await {
                Err(AppError::Refused(refusal)) => return self.refuse(caller, meta, *refusal).await,
                events => events?,
            };
            let pending = self.pending_of_both(caller, meta, &ours, &theirs, events).await?;
            match self.store.append(Append { grounds, ..pending.append }).await.map_err(store_error) {
                Ok(Outcome::Repeated(receipt)) => return replay(&receipt),
                Ok(Outcome::Appended(appended)) => {
                    return pending.outcome.answer(appended.first_position, false);
                }
                Err(AppError::Store(StoreError::Conflict { .. })) => {}
                Err(error) => return Err(error),
            }
        }
        Err(AppError::Contention)
    }

    /// What a command on two customers would record.
    ///
    /// # Errors
    /// The refusal that it would get.
    pub async fn dry_run_pair(
        &self,
        caller: &Caller,
        survivor: Uuid,
        command: &PairCommand,
    ) -> Result<Vec<NewEvent>, AppError> {
        let ours = self.load_visible(caller, survivor).await?.customer;
        let theirs = self.load_visible(caller, command.other()).await?.customer;
        let events = self.joined(caller, &ours, &theirs, command).await?;
        Ok([events.one, events.other].concat())
    }

    pub(super) async fn joined(
        &self,
        caller: &Caller,
        ours: &Arc<Customer>,
        theirs: &Arc<Customer>,
        command: &PairCommand,
    ) -> Result<PairEvents, AppError> {
        let situation = self.base_context(caller, Some(&ours.owner)).await?;
        let context = situation.context(caller, None);
        Ok(match command {
            PairCommand::Merge(asked) => merge(ours, theirs, asked, &context)?,
            PairCommand::Unmerge(asked) => unmerge(ours, theirs, asked, &context)?,
            PairCommand::DismissDuplicate(asked) => dismiss_duplicate(ours, theirs, asked, &context)?,
            PairCommand::ReopenDuplicate(asked) => reopen_duplicate(ours, theirs, asked, &context)?,
        })
    }

    async fn pending_of_both(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        ours: &LoadedCustomer,
        theirs: &LoadedCustomer,
        events: PairEvents,
    ) -> Result<Pending, AppError> {
        let without_receipt = CommandMeta { idempotency_key: None, ..meta.clone() };
        let mut both = self.pending_on(caller, &without_receipt, ours, &events.one).await?;
        let other = self.pending_on(caller, &without_receipt, theirs, &events.other).await?;
        both.add(other);
        let (ours_id, theirs_id) = (ours.customer.id, theirs.customer.id);
        let query = Query::tag(tags::customer(ours_id)).or(Query::tag(tags::customer(theirs_id)));
        both.append.condition = Some(Condition { query, after: ours.position.min(theirs.position) });
        both.append.receipt = both.outcome.receipt(caller, meta)?;
        Ok(both)
    }

    pub(super) async fn pending_on(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        boundary: &LoadedCustomer,
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
    ) -> Result<Vec<LoadedCustomer>, AppError> {
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
        let without_receipt = CommandMeta { idempotency_key: None, ..meta.clone() };
        let mut erased = Vec::new();
        for boundary in self.absorbed_by(caller, customer).await? {
            if boundary.customer.erased {
                continue;
            }
            let event = CustomerEvent::Erased(Erased { ground: erase.ground.clone() });
            let effective_at = (self.clock)();
            let events = [NewEvent { event, effective_at }];
            pending.add(self.pending_on(caller, &without_receipt, &boundary, &events).await?);
            erased.push(boundary.customer.id);
        }
        pending.append.receipt = pending.outcome.receipt(caller, meta)?;
        Ok(erased)
    }
}

impl Pending {
    /// Adds another customer's events to the same append. The answer's version stays the first customer's.
    pub(super) fn add(&mut self, other: Self) {
        let Append { events, .. } = other.append;
        self.append.events.extend(events);
        if let (StoredOutcome::Done { events: ours, .. }, StoredOutcome::Done { events: theirs, .. }) =
            (&mut self.outcome, other.outcome)
        {
            ours.extend(theirs);
        }
    }
}
