//! Commands on customers.

use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;
use waymark_domain::customer::{Command, Customer, CustomerEvent, NewEvent, Recorded, decide};
use waymark_domain::tags;
use waymark_eventstore::{Append, Appended, Condition, Outcome, Query, StoreError};

use super::customer_cache::{LoadedCustomer, evolved};
use super::identity::{self, refuse_matches};
use super::pending::{Accepted, Pending};
use super::receipts::{replay, store_error};
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
        if let Some(answer) = self.stored_answer(caller, meta).await? {
            return Ok(answer);
        }
        // A claim's second boundary is read from the log, so its first must be as fresh.
        let mut seen = match command {
            Command::Claim => None,
            _ => self.customers.cached(caller.tenant, customer),
        };
        for _ in 0..ATTEMPTS {
            let (boundary, fresh) = match seen.take() {
                Some(boundary) => (boundary, false),
                None => (Box::pin(self.load(caller, customer)).await?, true),
            };
            let decided = self.decide(caller, meta, customer, &boundary, command, effective_at).await;
            match decided {
                // What was last seen is enough to accept on, since the condition guards it, but not to refuse on.
                Err(AppError::Refused(_) | AppError::VersionMismatch { .. } | AppError::NotFound { .. })
                    if !fresh =>
                {
                    continue;
                }
                Err(AppError::Refused(refusal)) => {
                    return Box::pin(self.refuse(caller, meta, *refusal)).await;
                }
                Err(error) => return Err(error),
                Ok(pending) => match self.append(caller, customer, boundary, pending).await {
                    Err(AppError::Store(StoreError::Conflict { .. } | StoreError::DeadlinePassed)) => {
                        continue;
                    }
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
    pub async fn dry_run(
        &self,
        caller: &Caller,
        customer: Uuid,
        command: &Command,
        effective_at: Option<DateTime<Utc>>,
    ) -> Result<Vec<NewEvent>, AppError> {
        let boundary = self.load_visible(caller, customer).await?;
        let situation = self.decision_context(caller, &boundary, command).await?;
        Ok(decide(Some(&boundary.customer), command, &situation.context(caller, effective_at))?)
    }

    /// A customer as the log tells it now, if the caller sees it.
    ///
    /// # Errors
    /// [`AppError::NotFound`], or when the log cannot be read.
    pub async fn customer_state(&self, caller: &Caller, customer: Uuid) -> Result<Arc<Customer>, AppError> {
        Ok(self.load_visible(caller, customer).await?.customer)
    }

    /// The boundary as the log tells it now, of a customer that the caller sees.
    pub(super) async fn load_visible(
        &self,
        caller: &Caller,
        customer: Uuid,
    ) -> Result<LoadedCustomer, AppError> {
        let boundary = self.load(caller, customer).await?;
        self.require_visible(caller, &boundary.customer).await?;
        Ok(boundary)
    }

    /// The boundary as the log tells it now, whoever sees the customer.
    pub(super) async fn load(&self, caller: &Caller, customer: Uuid) -> Result<LoadedCustomer, AppError> {
        let boundary = self.customers.load(caller.tenant, customer).await?;
        let missing = || AppError::NotFound { what: "customer", id: customer.to_string() };
        let boundary = boundary.ok_or_else(missing)?;
        // What is decided by what the log tells of the customer is decided by what it tells of the rules, too.
        self.refresh_definitions_to(caller.tenant, boundary.position).await?;
        Ok(boundary)
    }

    /// Decides, and prepares what is to be appended.
    pub(super) async fn decide(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        customer: Uuid,
        boundary: &LoadedCustomer,
        command: &Command,
        effective_at: Option<DateTime<Utc>>,
    ) -> Result<Pending, AppError> {
        let current = boundary.customer.version;
        let grounds = Some(self.grounds(caller.tenant).await?);
        let visible = self.is_visible(caller, &boundary.customer).await?;
        // Whoever brings a lead in need not see the customer that it turns out to be.
        if !visible && !matches!(command, Command::RepeatInquiry(_)) {
            return Err(AppError::NotFound { what: "customer", id: customer.to_string() });
        }
        if meta.if_match.is_some_and(|wanted| wanted != current) {
            return Err(AppError::VersionMismatch { current });
        }
        let situation = self.decision_context(caller, boundary, command).await?;
        let events = decide(Some(&boundary.customer), command, &situation.context(caller, effective_at))?;
        let key = boundary.key.as_ref().ok_or_else(|| {
            AppError::Unreadable(format!("customer {customer} was not erased, yet its data key is gone"))
        })?;
        let mut resource = Map::new();
        if visible && matches!(command, Command::RepeatInquiry(_)) {
            resource.insert("id".to_owned(), Value::String(customer.to_string()));
        }
        if matches!(command, Command::Reactivate(_)) {
            let state = &boundary.customer;
            let previous = state.reason_of_standing(state.primary()).map(str::to_owned);
            resource.insert("previous_reason".to_owned(), previous.into());
        }
        let accepted = Accepted { status: 200, version_before: current, resource };
        let mut pending = self.pending(caller, meta, customer, &events, key, accepted).await?;
        let mut query = Query::tag(tags::customer(customer));
        let keys = self.all_key_tags(caller.tenant, &events).await?;
        if !keys.is_empty() {
            let (known, _) = Box::pin(self.find_matches(caller, &keys, Some(customer))).await?;
            refuse_matches(&known)?;
            query = query.or(identity::query(&keys));
        }
        let mut must_record_before = None;
        if let Some(claims) = situation.claims {
            query = query.or(claims.query);
            must_record_before = Some(claims.ends_at);
        }
        if let Some(views) = situation.views {
            query = query.or(views.query);
            must_record_before = Some(views.ends_at);
        }
        let mut erase_subjects = Vec::new();
        if let Command::Erase(erase) = command {
            let absorbed =
                Box::pin(self.erase_absorbed(caller, meta, &boundary.customer, erase, &mut pending)).await?;
            query = absorbed.iter().fold(query, |query, id| query.or(Query::tag(tags::customer(*id))));
            erase_subjects = [vec![customer], absorbed].concat();
        }
        let condition = Some(Condition { query, after: boundary.position });
        Ok(Pending {
            append: Append { condition, grounds, must_record_before, erase_subjects, ..pending.append },
            ..pending
        })
    }

    pub(super) async fn append(
        &self,
        caller: &Caller,
        customer: Uuid,
        boundary: LoadedCustomer,
        pending: Pending,
    ) -> Result<CommandAnswer, AppError> {
        let Pending { append, outcome, recorded } = pending;
        let erased = append.erase_subjects.clone();
        match self.store.append(append).await.map_err(store_error)? {
            Outcome::Repeated(receipt) => replay(&receipt),
            Outcome::Appended(appended) => {
                self.confirm(caller.tenant, appended.last_position()).await;
                match erased.is_empty() {
                    true => self.follow(caller, customer, boundary, recorded, &appended)?,
                    false => erased.into_iter().for_each(|one| self.forget(caller, one)),
                }
                outcome.answer(appended.first_position, false)
            }
        }
    }

    /// Folds what was just appended, so that the next command need not read it.
    fn follow(
        &self,
        caller: &Caller,
        customer: Uuid,
        boundary: LoadedCustomer,
        recorded: Vec<Recorded<CustomerEvent>>,
        appended: &Appended,
    ) -> Result<(), AppError> {
        self.customers.release(caller.tenant, customer, boundary.position);
        let mut folded = boundary.customer;
        for (mut recorded, position) in recorded.into_iter().zip(appended.first_position..) {
            recorded.position = position;
            recorded.recorded_at = appended.recorded_at;
            folded = evolved(Some(folded), &recorded)?;
        }
        let followed =
            LoadedCustomer { customer: folded, position: appended.last_position(), key: boundary.key };
        self.customers.keep(caller.tenant, customer, followed);
        Ok(())
    }

    /// The clear texts of an erased customer must not outlive its key.
    fn forget(&self, caller: &Caller, customer: Uuid) {
        self.customers.forget(caller.tenant, customer);
        self.vault.forget(caller.tenant, customer);
    }
}
