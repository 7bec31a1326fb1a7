//! What the commands of a batch come to before they are appended: each is decided on what the ones before it leave behind.

use std::collections::{HashMap, HashSet};
use std::iter::successors;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use serde_json::{Map, Value};
use tokio::sync::OwnedMutexGuard;
use uuid::Uuid;
use waymark_domain::customer::command::Register;
use waymark_domain::customer::{Command, Customer, CustomerEvent, NewEvent, Read, Recorded, decide};
use waymark_domain::tags;
use waymark_eventstore::vault::DataKey;
use waymark_eventstore::{Append, Condition, Position, Query, TenantId};

use super::answer::Request;
use super::command::{Action, CustomerCommand};
use super::context::DecisionContext;
use super::customer_cache::{LoadedCustomer, evolved};
use super::definitions::definitions;
use super::execute::{Freshness, Plan};
use super::identity::{self, KeyMatch, KeyTag, refuse_matches};
use super::intake::IntakePlan;
use super::pair::PairCommand;
use super::receipts::StoredOutcome;
use super::register::{external_id, external_id_refusal, refuse_registration, touch};
use super::sealing::{Accepted, Sealed};
use super::{App, AppError};

/// What the commands so far come to.
pub(super) struct Staged {
    append: Append,
    /// What must not have happened since it was read: the boundary of the decision.
    query: Query,
    /// Up to where all of that was read.
    read_to: Option<Position>,
    /// The last position that was read of anything.
    newest: Position,
    definitions_known_to: Option<Position>,
    outcomes: Vec<StoredOutcome>,
    /// The events of each command.
    decided: Vec<Vec<NewEvent>>,
    customers: HashMap<Uuid, StagedCustomer>,
    /// The customers that the last command changed.
    changed: Vec<Uuid>,
    external_ids: HashSet<String>,
    keys: HashMap<String, Uuid>,
    /// Held until what was decided by it is recorded, or given up.
    turn: Option<OwnedMutexGuard<()>>,
}

/// A customer that commands of the batch are about.
#[derive(Default)]
struct StagedCustomer {
    /// As the log has it; none for one that the batch registers.
    loaded: Option<LoadedCustomer>,
    /// As the commands before the present one leave it, where they changed it.
    state: Option<Arc<Customer>>,
    key: Option<DataKey>,
    /// What is recorded of it, with the place in the append.
    recorded: Vec<(u64, Recorded<CustomerEvent>)>,
    /// How much of that is folded into the state.
    folded: usize,
}

impl StagedCustomer {
    fn state(&self) -> Option<&Arc<Customer>> {
        self.state.as_ref().or(self.loaded.as_ref().map(|loaded| &loaded.customer))
    }

    /// Folds what is recorded of it as if the log had it: after everything that was read.
    fn fold(&mut self, newest: Position) -> Result<(), AppError> {
        let mut state = self.state.take().or(self.loaded.as_ref().map(|loaded| loaded.customer.clone()));
        for (index, recorded) in &self.recorded[self.folded..] {
            let position = newest + index + 1;
            state = Some(evolved(state, &Recorded { position, ..recorded.clone() })?);
        }
        self.folded = self.recorded.len();
        self.state = state;
        Ok(())
    }
}

impl Staged {
    pub(super) fn new(tenant: TenantId) -> Self {
        Self {
            append: Append::new(tenant, Vec::new()),
            query: Query::default(),
            read_to: None,
            newest: 0,
            definitions_known_to: None,
            outcomes: Vec::new(),
            decided: Vec::new(),
            customers: HashMap::new(),
            changed: Vec::new(),
            external_ids: HashSet::new(),
            keys: HashMap::new(),
            turn: None,
        }
    }

    /// The append, under the condition that nothing of what was read has changed.
    pub(super) fn into_plan(mut self) -> Plan<Self> {
        let read_to = self.read_to.unwrap_or_default();
        let query = std::mem::take(&mut self.query);
        let condition = (!query.items.is_empty()).then_some(Condition { query, after: read_to });
        let grounds = self.definitions_known_to.map(|known_to| definitions().none_after(known_to));
        let emptied = Append::new(self.append.tenant, Vec::new());
        let append = std::mem::replace(&mut self.append, emptied);
        let append = Append { condition, grounds, ..append };
        let outcomes = std::mem::take(&mut self.outcomes);
        Plan { append, read_to, outcomes, staged: self }
    }

    /// The events of each command.
    pub(super) fn into_decided(self) -> Vec<Vec<NewEvent>> {
        self.decided
    }

    /// The events of the last command, of which nothing is kept but what the next ones are decided on: what is never appended needs
    /// no text, no key and no condition.
    pub(super) fn take_decided(&mut self) -> Vec<NewEvent> {
        let written = self.append.events.iter_mut().rev().take_while(|draft| !draft.data.is_null());
        written.for_each(|draft| draft.data = Value::Null);
        self.append.new_keys.clear();
        self.query.items.clear();
        self.outcomes.clear();
        std::mem::take(&mut self.decided).concat()
    }

    /// The customers that the log had, as it had them, with what was recorded of them and its places in the append.
    pub(super) fn into_recorded(
        self,
    ) -> impl Iterator<Item = (LoadedCustomer, Vec<(u64, Recorded<CustomerEvent>)>)> {
        self.customers.into_values().filter_map(|customer| Some((customer.loaded?, customer.recorded)))
    }

    /// Something was read up to a position.
    fn read(&mut self, query: Query, position: Position) {
        self.query.items.extend(query.items);
        self.read_to = Some(self.read_to.map_or(position, |earlier| earlier.min(position)));
        self.newest = self.newest.max(position);
    }

    /// The batch must be recorded before an instant.
    fn record_before(&mut self, instant: DateTime<Utc>) {
        let earliest = self.append.must_record_before.map_or(instant, |earlier| earlier.min(instant));
        self.append.must_record_before = Some(earliest);
    }

    /// Counts what the commands so far add to the quotas of a day, and makes them part of the condition.
    fn count_quotas(&mut self, context: &mut DecisionContext) {
        if let Some(claims) = &mut context.claims {
            claims.day.count_staged(&self.append.events);
            let states = self.customers.iter().filter_map(|(id, one)| Some((id, one.state()?)));
            claims.hold_staged(&context.versions, states);
            self.query.items.extend(claims.day.query.items.iter().cloned());
        }
        if let Some(views) = &mut context.views {
            views.count_staged(&self.append.events);
            self.query.items.extend(views.query.items.iter().cloned());
        }
        let days = context.claims.iter().map(|claims| &claims.day).chain(&context.views);
        days.map(|day| day.ends_at).for_each(|ends_at| self.record_before(ends_at));
    }

    /// The customer that goes on in the place of one, as the commands so far leave it.
    fn survivor(&self, customer: Uuid) -> Uuid {
        let next = |one: &Uuid| self.customers.get(one)?.state()?.merged_into;
        // In whatever order the log says that they were merged, each is passed once.
        successors(Some(customer), next).take(self.customers.len() + 1).last().unwrap_or(customer)
    }

    /// Matches as the commands so far leave them.
    fn matches_now(&self, mut matches: Vec<KeyMatch>) -> Vec<KeyMatch> {
        matches.iter_mut().for_each(|one| one.customer = self.survivor(one.customer));
        matches
    }

    /// Adds what intake adds to the events of a lead, under the condition that nobody was assigned since. Returns what the
    /// answer says of it.
    fn take_intake(
        &mut self,
        intake: Option<IntakePlan>,
        events: &mut Vec<NewEvent>,
    ) -> Option<Map<String, Value>> {
        let IntakePlan { events: more, resource, turn } = intake?;
        events.extend(more);
        if let Some((read_to, turn)) = turn {
            self.read(Query::tag(tags::ASSIGNMENTS), read_to);
            self.turn = Some(turn);
        }
        Some(resource)
    }

    /// Takes keys for a customer, unless a command before this one took them for another.
    fn take_keys(&mut self, customer: Uuid, keys: Vec<KeyTag>) -> Result<(), AppError> {
        self.query.items.extend(identity::query(&keys).items);
        for key in &keys {
            let holder = self.keys.get(&key.tag).map_or(customer, |holder| self.survivor(*holder));
            if holder != customer {
                refuse_matches(&[key.clone().of(holder, true)])?;
            }
        }
        self.keys.extend(keys.into_iter().map(|key| (key.tag, customer)));
        Ok(())
    }

    /// Adds sealed events of a customer, and returns the outcome of the command that made them.
    fn add(&mut self, customer: Uuid, sealed: Sealed) -> StoredOutcome {
        let first = self.append.events.len() as u64;
        self.append.events.extend(sealed.drafts);
        self.customers.entry(customer).or_default().recorded.extend((first..).zip(sealed.recorded));
        self.changed.push(customer);
        sealed.outcome
    }

    /// What the commands so far record of a customer.
    fn events_of(&self, customer: Uuid) -> Vec<CustomerEvent> {
        let recorded = self.customers.get(&customer).map_or(&[][..], |one| &one.recorded);
        recorded.iter().map(|(_, recorded)| recorded.event.clone()).collect()
    }

    /// Folds what the last command records. What nothing is decided on any more is never folded here.
    fn fold_changed(&mut self) -> Result<(), AppError> {
        for customer in std::mem::take(&mut self.changed) {
            if let Some(one) = self.customers.get_mut(&customer) {
                one.fold(self.newest)?;
            }
        }
        Ok(())
    }
}

impl App {
    /// Decides a command on what the ones before it leave behind, and adds what it records.
    pub(super) async fn stage(
        &self,
        request: Request<'_>,
        command: &CustomerCommand,
        freshness: Freshness,
        staged: &mut Staged,
    ) -> Result<(), AppError> {
        staged.fold_changed()?;
        let CustomerCommand { customer, action, effective_at } = command;
        let at = *effective_at;
        match action {
            Action::Command(command) => match command.as_ref() {
                Command::Register(register) => {
                    let staging =
                        self.stage_registration(request, command, register, (at, None), freshness, staged);
                    refuse_registration(&staging.await?)
                }
                command => {
                    self.stage_command(request, *customer, command, (at, None), freshness, staged).await
                }
            },
            Action::RegisterOrRecordInquiry(register) => {
                Box::pin(self.stage_lead(request, register, at, freshness, staged)).await
            }
            Action::Pair(command) => Box::pin(self.stage_pair(request, *customer, command, staged)).await,
        }
    }

    /// A lead: somebody new who is scored and perhaps assigned, or somebody known whom it touches.
    async fn stage_lead(
        &self,
        request: Request<'_>,
        register: &Register,
        at: Option<DateTime<Utc>>,
        freshness: Freshness,
        staged: &mut Staged,
    ) -> Result<(), AppError> {
        let mut lead = register.clone();
        let plan = self.intake(request.caller, &mut lead).await?;
        let command = Command::Register(lead.clone());
        let staging = self.stage_registration(request, &command, &lead, (at, Some(plan)), freshness, staged);
        let matches = staging.await?;
        let Some(first) = matches.first() else { return Ok(()) };
        let touch = touch(register, &matches);
        let known = self.staged_customer(request, first.customer, freshness, staged).await?;
        let plan = self.intake_again(request.caller, &known.customer, &touch).await?;
        let touch = Command::RepeatInquiry(touch);
        self.stage_command(request, first.customer, &touch, (at, Some(plan)), freshness, staged).await
    }

    /// A customer as the commands so far leave it.
    pub(super) async fn staged_customer(
        &self,
        request: Request<'_>,
        customer: Uuid,
        freshness: Freshness,
        staged: &mut Staged,
    ) -> Result<LoadedCustomer, AppError> {
        let tenant = request.caller.tenant;
        if let Some(one) = staged.customers.get(&customer)
            && let Some(state) = one.state()
        {
            let (customer, key) = (state.clone(), one.key.clone());
            return Ok(LoadedCustomer { customer, position: staged.newest, key });
        }
        let cached = match freshness {
            Freshness::Cached => self.customers.cached(tenant, customer),
            Freshness::Current => None,
        };
        let loaded = match cached {
            Some(cached) => cached,
            None => Box::pin(self.load(request.caller, customer)).await?,
        };
        staged.read(Query::tag(tags::customer(customer)), loaded.position);
        let one = StagedCustomer { key: loaded.key.clone(), loaded: Some(loaded.clone()), ..<_>::default() };
        staged.customers.insert(customer, one);
        Ok(loaded)
    }

    /// Up to where definitions are known by which the next command is decided: nothing may have been defined since.
    async fn note_definitions(&self, request: Request<'_>, staged: &mut Staged) -> Result<(), AppError> {
        let known_to = self.definitions_known_to(request.caller.tenant).await?;
        let earliest = staged.definitions_known_to.map_or(known_to, |earlier| earlier.min(known_to));
        staged.definitions_known_to = Some(earliest);
        Ok(())
    }

    async fn stage_command(
        &self,
        request: Request<'_>,
        customer: Uuid,
        command: &Command,
        (effective_at, intake): (Option<DateTime<Utc>>, Option<IntakePlan>),
        freshness: Freshness,
        staged: &mut Staged,
    ) -> Result<(), AppError> {
        let Request { caller, .. } = request;
        let loaded = self.staged_customer(request, customer, freshness, staged).await?;
        self.note_definitions(request, staged).await?;
        let before = &loaded.customer;
        let visible = self.is_visible(caller, before).await?;
        if !visible && command.requires_visibility() {
            return Err(AppError::NotFound { what: "customer".into(), id: customer.to_string() });
        }
        request.require_version(before.version)?;
        self.require_named(caller, command).await?;
        let mut context = self.decision_context(caller, &loaded, command).await?;
        staged.count_quotas(&mut context);
        let mut events = decide(Some(before), command, &context.context(caller, effective_at))?;
        let scored = staged.take_intake(intake, &mut events);
        let keys = self.all_key_tags(caller.tenant, &events).await?;
        if !keys.is_empty() {
            let (matches, _) = Box::pin(self.find_matches(caller, &keys, Some(customer))).await?;
            let others = staged.matches_now(matches).into_iter().filter(|one| one.customer != customer);
            refuse_matches(&others.collect::<Vec<_>>())?;
            staged.take_keys(customer, keys)?;
        }
        let mut resource = if visible { command.answer_fields(before) } else { Map::new() };
        resource.extend(scored.filter(|_| visible).unwrap_or_default());
        let accepted = Accepted { status: 200, version_before: before.version, resource };
        let mut outcome = self.seal_staged(request, &loaded, &events, accepted, staged).await?;
        if command.reads().contains(&Read::AbsorbedCustomers) {
            Box::pin(self.stage_absorbed(request, command, before, &mut outcome, staged)).await?;
        }
        if command.changes_key() {
            let random = crate::ambient::random_bytes();
            let changed = self.vault.changed_key(caller.tenant, customer, random).await?;
            let missing = || AppError::Unreadable(format!("the key of customer {customer}"));
            staged.append.changed_keys.push(changed.ok_or_else(missing)?);
        }
        staged.outcomes.push(outcome);
        staged.decided.push(events);
        Ok(())
    }

    /// Adds what the command records of the records that turned out to be the same person's. They are erased with it.
    async fn stage_absorbed(
        &self,
        request: Request<'_>,
        command: &Command,
        customer: &Customer,
        outcome: &mut StoredOutcome,
        staged: &mut Staged,
    ) -> Result<(), AppError> {
        staged.append.erase_subjects.push(customer.id);
        let mut open = customer.absorbed.clone();
        let mut known: HashSet<Uuid> = open.iter().copied().chain([customer.id]).collect();
        while let Some(next) = open.pop() {
            let absorbed = self.staged_customer(request, next, Freshness::Current, staged).await?;
            open.extend(absorbed.customer.absorbed.iter().filter(|one| known.insert(**one)));
            if absorbed.customer.erased {
                continue;
            }
            let event = command.event_of_absorbed(&absorbed.customer, (self.clock)())?;
            let accepted = Accepted::beside(&absorbed.customer);
            let other = self.seal_staged(request, &absorbed, event.as_slice(), accepted, staged).await?;
            outcome.add_events_of(other);
            staged.append.erase_subjects.push(next);
        }
        staged.append.forget_tags =
            Box::pin(self.tags_elsewhere(request.caller.tenant, &staged.append.erase_subjects)).await?;
        Ok(())
    }

    /// Registers a customer. Otherwise returns who has one of its keys already: then nothing was added.
    async fn stage_registration(
        &self,
        request: Request<'_>,
        command: &Command,
        register: &Register,
        (effective_at, intake): (Option<DateTime<Utc>>, Option<IntakePlan>),
        freshness: Freshness,
        staged: &mut Staged,
    ) -> Result<Vec<KeyMatch>, AppError> {
        let Request { caller, .. } = request;
        self.note_definitions(request, staged).await?;
        let context = self.base_context(caller, register.owner.as_ref()).await?;
        let mut events = decide(None, command, &context.context(caller, effective_at))?;
        let keys = self.all_key_tags(caller.tenant, &events).await?;
        let read_to = match freshness {
            // It is believed that nobody has any of the keys; only who meets one of them reads the log.
            Freshness::Cached => 0,
            Freshness::Current => {
                let (matches, head) = Box::pin(self.find_duplicates(caller, &events, &keys)).await?;
                if !matches.is_empty() {
                    return Ok(staged.matches_now(matches));
                }
                head
            }
        };
        let external = events.iter().find_map(external_id);
        if external.is_some_and(|external| staged.external_ids.contains(external)) {
            return Err(external_id_refusal(None).into());
        }
        let query = external.map(|external| Query::tag(tags::external(external)));
        staged.read(query.unwrap_or_default(), read_to);
        staged.take_keys(register.customer, keys)?;
        staged.external_ids.extend(external.map(str::to_owned));
        let (key, wrapped) = self
            .vault
            .data_key_for_new(caller.tenant, register.customer, crate::ambient::random_bytes(), self.new_id())
            .await?;
        staged.append.new_keys.push(wrapped);
        let mut resource = named(register.customer);
        resource.extend(staged.take_intake(intake, &mut events).unwrap_or_default());
        let accepted = Accepted { status: 201, version_before: 0, resource };
        let sealed = self.sealed(request, (register.customer, &key), &events, &[], accepted).await?;
        let outcome = staged.add(register.customer, sealed);
        staged.customers.entry(register.customer).or_default().key = Some(key);
        staged.outcomes.push(outcome);
        staged.decided.push(events);
        Ok(Vec::new())
    }

    async fn stage_pair(
        &self,
        request: Request<'_>,
        customer: Uuid,
        command: &PairCommand,
        staged: &mut Staged,
    ) -> Result<(), AppError> {
        let ours = self.staged_customer(request, customer, Freshness::Current, staged).await?;
        let theirs = self.staged_customer(request, command.other(), Freshness::Current, staged).await?;
        self.note_definitions(request, staged).await?;
        self.require_visible(request.caller, &ours.customer).await?;
        self.require_visible(request.caller, &theirs.customer).await?;
        request.require_version(ours.customer.version)?;
        let before = [staged.events_of(customer), staged.events_of(command.other())];
        let events = self.decide_pair(request.caller, [&ours, &theirs], before, command).await?;
        let version_before = ours.customer.version;
        let accepted = Accepted { status: 200, version_before, resource: named(customer) };
        let mut outcome = self.seal_staged(request, &ours, &events.one, accepted, staged).await?;
        let accepted = Accepted::beside(&theirs.customer);
        let other = self.seal_staged(request, &theirs, &events.other, accepted, staged).await?;
        outcome.add_events_of(other);
        staged.outcomes.push(outcome);
        staged.decided.push([events.one, events.other].concat());
        Ok(())
    }

    /// Seals events of a customer that the log has, and adds them.
    async fn seal_staged(
        &self,
        request: Request<'_>,
        customer: &LoadedCustomer,
        events: &[NewEvent],
        accepted: Accepted,
        staged: &mut Staged,
    ) -> Result<StoredOutcome, AppError> {
        let id = customer.customer.id;
        let key = customer.key.as_ref().ok_or_else(|| {
            AppError::Unreadable(format!("customer {id} was not erased, yet its data key is gone"))
        })?;
        let records = self.records_of_one(request, &customer.customer, events, staged).await?;
        let sealed = self.sealed(request, (id, key), events, &records, accepted).await?;
        Ok(staged.add(id, sealed))
    }
}

/// The field of the answer that names a customer.
fn named(customer: Uuid) -> Map<String, Value> {
    Map::from_iter([("id".to_owned(), Value::String(customer.to_string()))])
}
