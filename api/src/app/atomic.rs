//! Several commands, all of them carried out or none: one append under one condition.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use uuid::Uuid;
use waymark_domain::Owner;
use waymark_domain::customer::{Command, Customer, NewEvent, Recorded, decide};
use waymark_domain::tags;
use waymark_eventstore::vault::DataKey;
use waymark_eventstore::{Append, Condition, Outcome, Position, Query, Receipt, StoreError};

use super::customer_cache::{LoadedCustomer, evolved};
use super::identity::{self, KeyMatch, KeyTag, refuse_matches};
use super::pair::PairCommand;
use super::pending::Accepted;
use super::receipts::{StoredOutcome, receipt, store_error};
use super::register::external_id;
use super::{App, AppError, Caller, CommandAnswer, CommandMeta};

/// How often the steps are decided again because others changed their boundary.
const ATTEMPTS: u32 = 64;

/// One of the commands.
#[derive(Debug, Clone)]
pub struct BatchCommand {
    /// On which customer; a registration gives it a new id.
    pub customer: Uuid,
    /// What is asked for.
    pub what: BatchAction,
    /// When it happened; now when absent.
    pub effective_at: Option<DateTime<Utc>>,
}

/// What a step asks for.
#[derive(Debug, Clone)]
pub enum BatchAction {
    /// Something of one customer.
    Command(Box<Command>),
    /// Something of that customer and another.
    Pair(PairCommand),
}

/// The step that stopped them all, and why.
#[derive(Debug, Clone)]
pub struct BatchError {
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
    answers: Vec<StoredOutcome>,
    query: Query,
    customers: HashMap<Uuid, (Arc<Customer>, DataKey)>,
    external_ids: HashSet<String>,
    keys: HashMap<String, Uuid>,
    head: Position,
}

impl Staged {
    /// The customer that goes on in the place of one, as the steps so far leave it.
    fn survivor(&self, customer: Uuid) -> Uuid {
        let mut survivor = customer;
        while let Some(next) = self.customers.get(&survivor).and_then(|(state, _)| state.merged_into) {
            survivor = next;
        }
        survivor
    }

    /// Who is known already, as the steps so far leave it.
    fn known_now(&self, known: Vec<KeyMatch>) -> impl Iterator<Item = KeyMatch> {
        known.into_iter().map(|mut one| {
            one.customer = self.survivor(one.customer);
            one
        })
    }

    /// Takes keys for a customer, unless a step before this one took them for another.
    fn take_keys(&mut self, customer: Uuid, keys: Vec<KeyTag>) -> Result<(), AppError> {
        self.query.items.extend(identity::query(&keys).items);
        for key in keys {
            let holder = *self.keys.entry(key.tag.clone()).or_insert(customer);
            let holder = self.survivor(holder);
            if holder != customer {
                refuse_matches(&[key.of(holder, true)])?;
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
    pub async fn execute_atomically(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        steps: &[BatchCommand],
    ) -> Result<Vec<CommandAnswer>, BatchError> {
        let at_once = |error| BatchError { step: 0, error };
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
                Err(StoreError::Conflict { .. } | StoreError::DeadlinePassed) => {}
                Err(error) => return Err(at_once(store_error(error))),
            }
        }
        Err(at_once(AppError::Contention))
    }

    /// What every step would record, without recording it.
    ///
    /// # Errors
    /// As [`Self::execute_atomically`].
    pub async fn dry_run_all(
        &self,
        caller: &Caller,
        steps: &[BatchCommand],
    ) -> Result<Vec<Vec<NewEvent>>, BatchError> {
        Ok(self.stage(caller, &CommandMeta::default(), steps).await?.decided)
    }

    async fn stage(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        steps: &[BatchCommand],
    ) -> Result<Staged, BatchError> {
        let head = self
            .store
            .head(caller.tenant)
            .await
            .map_err(|error| BatchError { step: 0, error: error.into() })?;
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
        let grounds = self.add_grounds(caller.tenant, &mut staged.query, staged.head).await;
        grounds.map_err(|error| BatchError { step: 0, error })?;
        for (step, order) in steps.iter().enumerate() {
            let added = match &order.what {
                BatchAction::Command(command) => match command.as_ref() {
                    Command::Register(register) => {
                        let owner = register.owner.as_ref();
                        self.stage_registration(caller, meta, order, command, owner, &mut staged).await
                    }
                    _ => self.stage_order(caller, meta, order, command, &mut staged).await,
                },
                BatchAction::Pair(pair) => {
                    self.stage_pair(caller, meta, order.customer, pair, &mut staged).await
                }
            };
            added.map_err(|error| BatchError { step, error })?;
        }
        Ok(staged)
    }

    async fn stage_registration(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        order: &BatchCommand,
        command: &Command,
        owner: Option<&Owner>,
        staged: &mut Staged,
    ) -> Result<(), AppError> {
        let situation = self.base_context(caller, owner).await?;
        let events = decide(None, command, &situation.context(caller, order.effective_at))?;
        let keys = self.all_key_tags(caller.tenant, &events).await?;
        let (known, _) = self.find_duplicates(caller, &events, &keys).await?;
        let known: Vec<KeyMatch> = staged.known_now(known).collect();
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
        order: &BatchCommand,
        command: &Command,
        staged: &mut Staged,
    ) -> Result<(), AppError> {
        let boundary = self.staged_boundary(caller, order.customer, staged).await?;
        let mut situation = self.decision_context(caller, &boundary, command).await?;
        if let Some(claims) = &mut situation.claims {
            claims.count_staged(&staged.append.events);
            let others = staged.customers.iter().map(|(id, (customer, _))| (id, customer));
            claims.hold_staged(&situation.versions, others);
            staged.query.items.extend(claims.query.items.iter().cloned());
            let earliest =
                staged.append.must_record_before.map_or(claims.ends_at, |at| at.min(claims.ends_at));
            staged.append.must_record_before = Some(earliest);
        }
        let context = situation.context(caller, order.effective_at);
        let events = decide(Some(&boundary.customer), command, &context)?;
        let keys = self.all_key_tags(caller.tenant, &events).await?;
        let (known, _) = self.find_matches(caller, &keys, Some(order.customer)).await?;
        let others = staged.known_now(known).filter(|known| known.customer != order.customer);
        refuse_matches(&others.collect::<Vec<_>>())?;
        staged.take_keys(order.customer, keys)?;
        let key = boundary.key.ok_or_else(|| {
            AppError::Unreadable(format!("customer {} has no data key, yet was not erased", order.customer))
        })?;
        let version_before = boundary.customer.version;
        let accepted = Accepted { status: 200, version_before, resource: Map::new() };
        self.add(caller, meta, order.customer, Some(boundary.customer), events, key, accepted, staged).await
    }

    /// A customer that the caller sees, as the steps so far leave it.
    async fn staged_boundary(
        &self,
        caller: &Caller,
        customer: Uuid,
        staged: &mut Staged,
    ) -> Result<LoadedCustomer, AppError> {
        let (state, key) = match staged.customers.get(&customer) {
            Some((state, key)) => (state.clone(), Some(key.clone())),
            None => {
                let boundary = self.load(caller, customer).await?;
                staged.query.items.extend(Query::tag(tags::customer(customer)).items);
                (boundary.customer, boundary.key)
            }
        };
        self.require_visible(caller, &state).await?;
        Ok(LoadedCustomer { customer: state, position: staged.head, key })
    }

    async fn stage_pair(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        customer: Uuid,
        pair: &PairCommand,
        staged: &mut Staged,
    ) -> Result<(), AppError> {
        let ours = self.staged_boundary(caller, customer, staged).await?;
        let theirs = self.staged_boundary(caller, pair.other(), staged).await?;
        let events = self.joined(caller, &ours.customer, &theirs.customer, pair).await?;
        let without_receipt = CommandMeta { idempotency_key: None, ..meta.clone() };
        let mut both = self.pending_on(caller, &without_receipt, &ours, &events.one).await?;
        let other = self.pending_on(caller, &without_receipt, &theirs, &events.other).await?;
        let first = staged.head + staged.append.events.len() as u64 + 1;
        let next = first + events.one.len() as u64;
        for (boundary, recorded, first) in [(ours, &both.recorded, first), (theirs, &other.recorded, next)] {
            let LoadedCustomer { customer: mut state, key, .. } = boundary;
            for (one, position) in recorded.iter().zip(first..) {
                state = evolved(Some(state), &Recorded { position, ..one.clone() })?;
            }
            if let Some(key) = key {
                staged.customers.insert(state.id, (state, key));
            }
        }
        both.add(other);
        staged.append.events.extend(both.append.events);
        staged.answers.push(both.outcome);
        staged.decided.push([events.one, events.other].concat());
        Ok(())
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
        let without_receipt = CommandMeta { idempotency_key: None, ..meta.clone() };
        let pending = self.pending(caller, &without_receipt, customer, &events, &key, accepted).await?;
        let first = staged.head + staged.append.events.len() as u64 + 1;
        for (mut recorded, position) in pending.recorded.into_iter().zip(first..) {
            recorded.position = position;
            folded = Some(evolved(folded, &recorded)?);
        }
        if let Some(folded) = folded {
            staged.customers.insert(customer, (folded, key));
        }
        staged.append.events.extend(pending.append.events);
        staged.answers.push(pending.outcome);
        staged.decided.push(events);
        Ok(())
    }
}

/// The answers that the same steps had the first time.
fn replay_all(first: &Receipt) -> Result<Vec<CommandAnswer>, AppError> {
    let outcomes =
        serde_json::from_slice(&first.outcome).map_err(|error| AppError::Unreadable(error.to_string()))?;
    answers(outcomes, first.first_position, true)
}

/// Every step's answer, with the positions that the log gave.
fn answers(
    outcomes: Vec<StoredOutcome>,
    first: Position,
    repeated: bool,
) -> Result<Vec<CommandAnswer>, AppError> {
    let mut next = first;
    let mut answered = Vec::with_capacity(outcomes.len());
    for one in outcomes {
        let answer = one.answer(next, repeated)?;
        next += answer.events.len() as u64;
        answered.push(answer);
    }
    Ok(answered)
}
