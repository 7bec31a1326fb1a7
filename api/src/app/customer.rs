//! Commands on customers.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::Map;
use uuid::Uuid;
use waymark_domain::customer::{Command, Customer, CustomerEvent, NewEvent, Recorded, decide, tags};
use waymark_eventstore::{Append, Appended, Condition, Outcome, Query, StoreError};

use super::boundary::{Boundary, evolved};
use super::pending::{Accepted, Pending};
use super::remember::{replay, store_error};
use super::{App, AppError, Caller, CommandAnswer, CommandMeta};

/// How often a command is decided again because others changed its boundary.
const ATTEMPTS: u32 = 64;

impl App {
    /// Carries out a command on a customer.
    ///
    /// # Errors
    /// When it is refused (nothing is changed then), or the log cannot take it.
    pub async fn customer(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        customer: Uuid,
        command: &Command,
        effective_at: Option<DateTime<Utc>>,
    ) -> Result<CommandAnswer, AppError> {
        if let Some(answer) = self.remembered(caller, meta).await? {
            return Ok(answer);
        }
        // A claim's second boundary is read from the log, so its first must be as fresh.
        let mut seen = match command {
            Command::Claim => None,
            _ => self.boundaries.last_seen(caller.tenant, customer),
        };
        for _ in 0..ATTEMPTS {
            let (boundary, fresh) = match seen.take() {
                Some(boundary) => (boundary, false),
                None => (self.load(caller, customer).await?, true),
            };
            let decided = self.decide(caller, meta, customer, &boundary, command, effective_at).await;
            match decided {
                // What was last seen is enough to accept on, since the condition guards it, but not to refuse on.
                Err(AppError::Refused(_) | AppError::VersionMismatch { .. }) if !fresh => continue,
                Err(AppError::Refused(refusal)) => return self.refuse(caller, meta, *refusal).await,
                Err(error) => return Err(error),
                Ok(pending) => match self.append(caller, customer, boundary, pending).await {
                    Err(AppError::Store(StoreError::Conflict { .. } | StoreError::TooLate)) => continue,
                    done => return done,
                },
            }
        }
        Err(AppError::Contention)
    }

    /// What a command would do: the events that it would append, without appending them.
    ///
    /// # Errors
    /// The refusal that the command would get.
    pub async fn rehearse(
        &self,
        caller: &Caller,
        customer: Uuid,
        command: &Command,
        effective_at: Option<DateTime<Utc>>,
    ) -> Result<Vec<NewEvent>, AppError> {
        let boundary = self.load(caller, customer).await?;
        let situation = self.situation(caller, &boundary, command).await?;
        Ok(decide(Some(&boundary.customer), command, &situation.context(caller, effective_at))?)
    }

    /// A customer as the log tells it now.
    ///
    /// # Errors
    /// [`AppError::NotFound`], or when the log cannot be read.
    pub async fn customer_state(&self, caller: &Caller, customer: Uuid) -> Result<Arc<Customer>, AppError> {
        Ok(self.load(caller, customer).await?.customer)
    }

    /// The boundary as the log tells it now.
    pub(super) async fn load(&self, caller: &Caller, customer: Uuid) -> Result<Boundary, AppError> {
        let boundary = self.boundaries.load(caller.tenant, customer).await?;
        boundary.ok_or_else(|| AppError::NotFound { what: "customer", id: customer.to_string() })
    }

    /// Decides, and prepares what is to be appended.
    async fn decide(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        customer: Uuid,
        boundary: &Boundary,
        command: &Command,
        effective_at: Option<DateTime<Utc>>,
    ) -> Result<Pending, AppError> {
        let current = boundary.customer.version;
        if meta.if_match.is_some_and(|wanted| wanted != current) {
            return Err(AppError::VersionMismatch { current });
        }
        let situation = self.situation(caller, boundary, command).await?;
        let events = decide(Some(&boundary.customer), command, &situation.context(caller, effective_at))?;
        let key = boundary.key.as_ref().ok_or_else(|| {
            AppError::Unreadable(format!("customer {customer} was not erased, yet its data key is gone"))
        })?;
        let accepted = Accepted { status: 200, version_before: current, resource: Map::new() };
        let pending = self.pending(caller, meta, customer, &events, key, accepted)?;
        let mut query = Query::tag(tags::customer(customer));
        let mut recorded_before = None;
        if let Some(claims) = situation.claims {
            query = query.or(claims.query);
            recorded_before = Some(claims.ends_at);
        }
        let erase_subjects = if matches!(command, Command::Erase(_)) { vec![customer] } else { Vec::new() };
        let condition = Some(Condition { query, after: boundary.position });
        Ok(Pending {
            append: Append { condition, recorded_before, erase_subjects, ..pending.append },
            ..pending
        })
    }

    async fn append(
        &self,
        caller: &Caller,
        customer: Uuid,
        boundary: Boundary,
        pending: Pending,
    ) -> Result<CommandAnswer, AppError> {
        let Pending { append, remembered, recorded } = pending;
        let erases = !append.erase_subjects.is_empty();
        match self.store.append(append).await.map_err(store_error)? {
            Outcome::Repeated(receipt) => replay(&receipt),
            Outcome::Appended(appended) => {
                match erases {
                    true => self.forget(caller, customer),
                    false => self.follow(caller, customer, boundary, recorded, &appended)?,
                }
                remembered.answer(appended.first_position, false)
            }
        }
    }

    /// Folds what was just appended, so that the next command need not read it.
    fn follow(
        &self,
        caller: &Caller,
        customer: Uuid,
        boundary: Boundary,
        recorded: Vec<Recorded<CustomerEvent>>,
        appended: &Appended,
    ) -> Result<(), AppError> {
        self.boundaries.release(caller.tenant, customer, boundary.position);
        let mut folded = boundary.customer;
        for (mut recorded, position) in recorded.into_iter().zip(appended.first_position..) {
            recorded.position = position;
            recorded.recorded_at = appended.recorded_at;
            folded = evolved(Some(folded), &recorded)?;
        }
        let followed = Boundary { customer: folded, position: appended.last_position(), key: boundary.key };
        self.boundaries.keep(caller.tenant, customer, followed);
        Ok(())
    }

    /// The clear texts of an erased customer must not outlive its key.
    fn forget(&self, caller: &Caller, customer: Uuid) {
        self.boundaries.forget(caller.tenant, customer);
        self.vault.forget(caller.tenant, customer);
    }
}
