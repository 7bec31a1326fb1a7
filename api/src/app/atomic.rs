//! Several commands, all of them carried out or none: one append under one condition.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;
use waymark_domain::customer::{Command, Customer, NewEvent, decide, tags};
use waymark_eventstore::vault::DataKey;
use waymark_eventstore::{Append, Condition, Outcome, Position, Query, Receipt, StoreError};

use super::boundary::{Boundary, evolved};
use super::identity::{self, KeyTag, refuse_known};
use super::pending::Accepted;
use super::register::external_id;
use super::remember::{Remembered, receipt, store_error};
use super::{App, AppError, Caller, CommandAnswer, CommandMeta};

/// How often the steps are decided again because others changed their boundary.
const ATTEMPTS: u32 = 64;

/// One of the commands.
#[derive(Debug, Clone)]
pub struct Step {
    /// On which customer; a registration gives it a new id.
    pub customer: Uuid,
    /// What is asked for.
    pub command: Command,
    /// When it happened; now when absent.
    pub effective_at: Option<DateTime<Utc>>,
}

/// The step that stopped them all, and why.
#[derive(Debug, Clone)]
pub struct Stopped {
    /// Which, from 0.
    pub step: usize,
    /// Why.
    pub error: AppError,
}

/// What the steps so far come to.
struct Staged {
    append: Append,
    /// The events of each step.
    decided: Vec<Vec<NewEvent>>,
    answers: Vec<Remembered>,
    query: Query,
    customers: HashMap<Uuid, (Arc<Customer>, DataKey)>,
    external_ids: HashSet<String>,
    keys: HashMap<String, Uuid>,
    head: Position,
}

impl Staged {
    /// Takes keys for a customer, unless a step before this one took them for another.
    fn take_keys(&mut self, customer: Uuid, keys: Vec<KeyTag>) -> Result<(), AppError> {
        self.query.items.extend(identity::query(&keys).items);
        for key in keys {
            let holder = *self.keys.entry(key.tag.clone()).or_insert(customer);
            if holder != customer {
                refuse_known(&[key.of(holder, true)])?;
            }
        }
        Ok(())
    }
}

impl App {
    /// Carries out every step, each on what the ones before it leave behind, or none.
    ///
    /// # Errors
    /// The first step that is refused, or the log's own trouble (told of the first step).
    pub async fn all_or_none(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        steps: &[Step],
    ) -> Result<Vec<CommandAnswer>, Stopped> {
        let at_once = |error| Stopped { step: 0, error };
        if let Some(first) = self.first_receipt(caller, meta).await.map_err(at_once)? {
            return replay_all(&first).map_err(at_once);
        }
        for _ in 0..ATTEMPTS {
            let staged = self.stage(caller, meta, steps).await?;
            let condition = Some(Condition { query: staged.query, after: staged.head });
            let receipt = receipt(&staged.answers, caller, meta).map_err(at_once)?;
            match self.store.append(Append { condition, receipt, ..staged.append }).await {
                Ok(Outcome::Appended(appended)) => {
                    return answers(staged.answers, appended.first_position, false).map_err(at_once);
                }
                Ok(Outcome::Repeated(first)) => return replay_all(&first).map_err(at_once),
                Err(StoreError::Conflict { .. } | StoreError::TooLate) => {}
                Err(error) => return Err(at_once(store_error(error))),
            }
        }
        Err(at_once(AppError::Contention))
    }

    /// What every step would record, without recording it.
    ///
    /// # Errors
    /// As [`Self::all_or_none`].
    pub async fn rehearse_all(&self, caller: &Caller, steps: &[Step]) -> Result<Vec<Vec<NewEvent>>, Stopped> {
        Ok(self.stage(caller, &CommandMeta::default(), steps).await?.decided)
    }

    async fn stage(&self, caller: &Caller, meta: &CommandMeta, steps: &[Step]) -> Result<Staged, Stopped> {
        let head =
            self.store.head(caller.tenant).await.map_err(|error| Stopped { step: 0, error: error.into() })?;
        let mut staged = Staged {
            append: Append::new(caller.tenant, Vec::new()),
            decided: Vec::new(),
            answers: Vec::new(),
            query: Query::default(),
            customers: HashMap::new(),
            external_ids: HashSet::new(),
            keys: HashMap::new(),
            head: head.position,
        };
        for (step, order) in steps.iter().enumerate() {
            let added = match &order.command {
                Command::Register(_) => self.stage_registration(caller, meta, order, &mut staged).await,
                _ => self.stage_order(caller, meta, order, &mut staged).await,
            };
            added.map_err(|error| Stopped { step, error })?;
        }
        Ok(staged)
    }

    async fn stage_registration(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        order: &Step,
        staged: &mut Staged,
    ) -> Result<(), AppError> {
        let owner = match &order.command {
            Command::Register(register) => register.owner.as_ref(),
            _ => None,
        };
        let situation = self.bare_situation(caller, owner).await?;
        let events = decide(None, &order.command, &situation.context(caller, order.effective_at))?;
        let keys = self.all_key_tags(caller.tenant, &events).await?;
        let (known, _) = self.known_already(caller, &events, &keys).await?;
        super::register::refuse_registration(&known)?;
        if let Some(external_id) = events.iter().find_map(external_id) {
            if !staged.external_ids.insert(external_id.to_owned()) {
                return Err(super::register::external_id_refusal(None).into());
            }
            staged.query.items.extend(Query::tag(tags::external(external_id)).items);
        }
        staged.take_keys(order.customer, keys)?;
        let random = crate::secrets::random_bytes();
        let (key, wrapped) =
            self.vault.data_key_for_new(caller.tenant, order.customer, random, self.new_id()).await?;
        staged.append.new_keys.push(wrapped);
        let mut resource = Map::new();
        resource.insert("id".to_owned(), Value::String(order.customer.to_string()));
        let accepted = Accepted { status: 201, version_before: 0, resource };
        self.add(caller, meta, order.customer, None, events, key, accepted, staged).await
    }

    async fn stage_order(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        order: &Step,
        staged: &mut Staged,
    ) -> Result<(), AppError> {
        let (customer, key) = match staged.customers.get(&order.customer) {
            Some((customer, key)) => (customer.clone(), Some(key.clone())),
            None => {
                let boundary = self.load(caller, order.customer).await?;
                staged.query.items.extend(Query::tag(tags::customer(order.customer)).items);
                (boundary.customer, boundary.key)
            }
        };
        let boundary = Boundary { customer, position: staged.head, key: key.clone() };
        self.seen(caller, &boundary.customer).await?;
        let mut situation = self.situation(caller, &boundary, &order.command).await?;
        if let Some(claims) = &mut situation.claims {
            claims.count_staged(&staged.append.events);
            let others = staged.customers.iter().map(|(id, (customer, _))| (id, customer));
            claims.hold_staged(&situation.versions, others);
            staged.query.items.extend(claims.query.items.iter().cloned());
            let earliest = staged.append.recorded_before.map_or(claims.ends_at, |at| at.min(claims.ends_at));
            staged.append.recorded_before = Some(earliest);
        }
        let context = situation.context(caller, order.effective_at);
        let events = decide(Some(&boundary.customer), &order.command, &context)?;
        let keys = self.all_key_tags(caller.tenant, &events).await?;
        let (known, _) = self.known_by(caller, &keys, Some(order.customer)).await?;
        refuse_known(&known)?;
        staged.take_keys(order.customer, keys)?;
        let key = key.ok_or_else(|| {
            AppError::Unreadable(format!("customer {} has no data key, yet was not erased", order.customer))
        })?;
        let version_before = boundary.customer.version;
        let accepted = Accepted { status: 200, version_before, resource: Map::new() };
        self.add(caller, meta, order.customer, Some(boundary.customer), events, key, accepted, staged).await
    }

    /// Adds a step's events to the append, and folds them for the steps that follow.
    #[expect(clippy::too_many_arguments, reason = "what a step comes to, once, at its end")]
    async fn add(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        customer: Uuid,
        mut folded: Option<Arc<Customer>>,
        events: Vec<NewEvent>,
        key: DataKey,
        accepted: Accepted,
        staged: &mut Staged,
    ) -> Result<(), AppError> {
        let unremembered = CommandMeta { idempotency_key: None, ..meta.clone() };
        let pending = self.pending(caller, &unremembered, customer, &events, &key, accepted).await?;
        let first = staged.head + staged.append.events.len() as u64 + 1;
        for (mut recorded, position) in pending.recorded.into_iter().zip(first..) {
            recorded.position = position;
            folded = Some(evolved(folded, &recorded)?);
        }
        if let Some(folded) = folded {
            staged.customers.insert(customer, (folded, key));
        }
        staged.append.events.extend(pending.append.events);
        staged.answers.push(pending.remembered);
        staged.decided.push(events);
        Ok(())
    }
}

/// The answers that the same steps had the first time.
fn replay_all(first: &Receipt) -> Result<Vec<CommandAnswer>, AppError> {
    let remembered =
        serde_json::from_slice(&first.outcome).map_err(|error| AppError::Unreadable(error.to_string()))?;
    answers(remembered, first.first_position, true)
}

/// Every step's answer, with the positions that the log gave.
fn answers(
    remembered: Vec<Remembered>,
    first: Position,
    repeated: bool,
) -> Result<Vec<CommandAnswer>, AppError> {
    let mut next = first;
    let mut answered = Vec::with_capacity(remembered.len());
    for one in remembered {
        let answer = one.answer(next, repeated)?;
        next += answer.events.len() as u64;
        answered.push(answer);
    }
    Ok(answered)
}
