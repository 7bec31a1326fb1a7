//! The fold: each customer that a page touches is written as it stands then, its deadlines again.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;
use lru::LruCache;
use uuid::Uuid;
use waymark_domain::automation::{Deadline, agenda, next_contact};
use waymark_domain::customer::Customer;
use waymark_domain::customer::automation_state::{Task, TaskState};
use waymark_domain::customer::event::CustomerEvent;
use waymark_domain::customer::timeline::MoveKind;
use waymark_domain::pipeline::automation::{Activity, NotificationChannel};
use waymark_domain::pipeline::event::Message;
use waymark_domain::{Label, Owner};
use waymark_eventstore::Position;

use super::definitions::{Definitions, EventAt, WholeReminders};
use super::message_id::NEWS;
use super::news::{NewsItem, news};
use super::statements::{DROP_DEADLINES, DROP_STANDINGS, IN_JOURNEY};
use super::tables::{
    CUSTOMERS, DEADLINES, DeadlineRow, MESSAGES, MessageRow, REMINDERS, RUN, ReminderRow, RunRow, STANDINGS,
    StandingRow, TASKS, TaskRow, WorkCustomerRow,
};
use crate::db::{Value, values};
use crate::error::Result;
use crate::fairness::give_way;
use crate::log::decoded::DecodedEvent;
use crate::log::history::{self, JourneyChange};
use crate::models::read_model::{Fold, Scope, Writes};
use crate::storage::columns::TableRow as _;
use crate::storage::table::Removal;

/// How many customers of a pipeline are read at a time when another version was published.
const BATCH: u32 = 500;
/// What stands as the rule where no rule but a lead reminds.
const LEAD_TOUCHED: &str = "lead_touched";

/// How many folded customers are kept: some kilobytes each.
const CUSTOMERS_KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1_999);

/// The fold of what must be done, with the customers that it met last and the published definitions.
pub(super) struct WorkFold {
    customers: LruCache<Uuid, Customer>,
    definitions: Definitions,
}

impl Default for WorkFold {
    fn default() -> Self {
        Self { customers: LruCache::new(CUSTOMERS_KEPT), definitions: Definitions::default() }
    }
}

#[async_trait]
impl Fold for WorkFold {
    async fn fold(&mut self, scope: &Scope<'_>, events: &[Arc<DecodedEvent>]) -> Result<Writes> {
        let cache = self;
        let news = cache.definitions.read_on(scope).await?;
        let mut page = Page { scope, rows: Rows::default(), touched: BTreeMap::new() };
        for (number, fact) in events.iter().enumerate() {
            give_way(number).await;
            page.take(cache, fact).await?;
        }
        for (said, told) in &news.reminders {
            page.rows.of_the_whole(*said, told);
        }
        for key in &news.published {
            page.touch_all_in(cache, key).await?;
        }
        let Page { rows, touched, .. } = page;
        let mut writes = Writes::default();
        let mut rows = rows;
        let head = || values![scope.tenant.0, scope.generation];
        let all = touched.keys().copied().map(Value::from).collect();
        let gone = touched.iter().filter(|(_, touched)| touched.left_a_journey());
        let gone = gone.map(|(id, _)| Value::from(*id)).collect();
        writes.removals.push(Removal { sql: DROP_DEADLINES, head: head(), keys: all });
        writes.removals.push(Removal { sql: DROP_STANDINGS, head: head(), keys: gone });
        for (id, Touched { customer, .. }) in touched {
            rows.customer(&customer, &cache.definitions);
            cache.customers.put(id, customer);
        }
        rows.write(&mut writes);
        Ok(writes)
    }
}

struct Page<'a> {
    scope: &'a Scope<'a>,
    rows: Rows,
    touched: BTreeMap<Uuid, Touched>,
}

/// A customer that a page touches.
struct Touched {
    customer: Customer,
    /// The journeys that it was in before.
    stood: Vec<String>,
}

impl Touched {
    fn known(customer: Customer) -> Self {
        let journeys = &customer.journeys;
        let stood = journeys.keys().filter(|journey| journeys.current(journey).is_some());
        Self { stood: stood.map(str::to_owned).collect(), customer }
    }

    fn left_a_journey(&self) -> bool {
        self.stood.iter().any(|journey| self.customer.journeys.current(journey).is_none())
    }
}

impl Page<'_> {
    async fn take(&mut self, cache: &mut WorkFold, fact: &DecodedEvent) -> Result<()> {
        let before = fact.event.position.saturating_sub(1);
        let known = match self.touched.remove(&fact.customer) {
            Some(touched) => Some(touched),
            None => {
                let known = self.load(cache, fact.customer, before, &fact.event.event).await?;
                known.map(Touched::known)
            }
        };
        let touched = match known {
            Some(mut touched) => {
                touched.customer.evolve(&fact.event);
                Some(touched)
            }
            None => Customer::fold([&fact.event]).map(|customer| Touched { customer, stood: Vec::new() }),
        };
        let Some(touched) = touched else { return Ok(()) };
        self.rows.happened(&touched.customer, fact);
        self.rows.told(&touched.customer, fact, &cache.definitions);
        self.touched.insert(fact.customer, touched);
        Ok(())
    }

    /// The customer as it was up to a position.
    async fn load(
        &self,
        cache: &mut WorkFold,
        id: Uuid,
        until: Position,
        next: &CustomerEvent,
    ) -> Result<Option<Customer>> {
        if let Some(customer) = cache.customers.pop(&id) {
            return Ok(Some(customer));
        }
        if matches!(next, CustomerEvent::Registered(_)) {
            return Ok(None);
        }
        let events = history::events(self.scope.store, self.scope.tenant, id, until).await?;
        Ok(Customer::fold(&events))
    }

    /// Another version of a pipeline was published: everybody in it has another agenda.
    async fn touch_all_in(&mut self, cache: &mut WorkFold, journey: &str) -> Result<()> {
        let (tenant, generation) = (self.scope.tenant.0, self.scope.generation);
        let mut transaction = self.scope.db.read(self.scope.tenant).await?;
        let mut after = Uuid::nil();
        loop {
            let values = values![tenant, generation, journey, after, BATCH];
            let rows = transaction.rows(IN_JOURNEY, &values).await?;
            let ids = rows.iter().map(|row| row.uuid("customer")).collect::<Result<Vec<_>>>()?;
            for id in &ids {
                if self.touched.contains_key(id) {
                    continue;
                }
                let known = match cache.customers.pop(id) {
                    Some(customer) => Some(customer),
                    None => {
                        let events =
                            history::events(self.scope.store, self.scope.tenant, *id, self.scope.reached)
                                .await?;
                        Customer::fold(&events)
                    }
                };
                self.touched.extend(known.map(|customer| (*id, Touched::known(customer))));
            }
            match ids.last() {
                Some(last) if ids.len() == BATCH as usize => after = *last,
                _ => return Ok(()),
            }
        }
    }
}

/// The rows that a page writes, by table.
#[derive(Default)]
struct Rows {
    customers: Vec<Value>,
    standings: Vec<Value>,
    deadlines: Vec<Value>,
    runs: Vec<Value>,
    tasks: Vec<Value>,
    reminders: Vec<Value>,
    messages: Vec<Value>,
}

impl Rows {
    fn write(self, writes: &mut Writes) {
        writes.rows = vec![
            (&CUSTOMERS, self.customers),
            (&STANDINGS, self.standings),
            (&DEADLINES, self.deadlines),
            (&RUN, self.runs),
            (&TASKS, self.tasks),
            (&REMINDERS, self.reminders),
            (&MESSAGES, self.messages),
        ];
    }

    /// What an event adds for good.
    fn happened(&mut self, customer: &Customer, fact: &DecodedEvent) {
        let position = fact.event.position;
        let run = match &fact.event.event {
            CustomerEvent::AutomationRan(e) => Some((&e.rule, e.cause, &e.journey, e.due_at, None)),
            CustomerEvent::AutomationSkipped(e) => {
                Some((&e.rule, e.cause, &e.journey, e.due_at, Some(e.reasons.join(" "))))
            }
            _ => None,
        };
        if let Some((rule, cause, journey, due_at, skipped)) = run {
            let run = RunRow {
                journey: journey.clone(),
                rule: rule.clone(),
                position,
                customer: Some(fact.customer),
                cause,
                due_at: due_at.timestamp_micros(),
                skipped,
            };
            run.push(&mut self.runs);
        }
        if let CustomerEvent::Reminded(e) = &fact.event.event {
            let message = (&e.text, e.role.as_str(), e.channels.as_slice());
            let about = (Some(customer), customer.primary());
            self.reminder(EventAt::of(fact), about, (&e.rule, e.cause, 0), message);
        }
        self.came_again(customer, fact);
        for (n, told) in (NEWS..).zip(news(customer, fact)) {
            self.message(EventAt::of(fact), (Some(customer), "rep", fact.event.actor.as_str(), n), told);
        }
    }

    fn message(
        &mut self,
        said: EventAt,
        (customer, role, actor, n): (Option<&Customer>, &str, &str, u32),
        told: NewsItem,
    ) {
        let owner = customer.map(|customer| parts(&customer.owner));
        let (kind, id) = match told.owner {
            Some(former) => (Some("rep".to_owned()), Some(former)),
            None => (owner.map(|(kind, _)| kind.to_owned()), owner.map(|(_, id)| id.to_owned())),
        };
        let (text_zh, text_en) = told.text.map(|text| (text.zh, text.en)).unzip();
        let row = MessageRow {
            position: said.position,
            n,
            message: said.id,
            kind: told.kind.to_owned(),
            customer: customer.map(|customer| customer.id),
            journey: told.journey,
            actor: actor.to_owned(),
            owner_kind: kind,
            owner_id: id,
            role: role.to_owned(),
            stage_from: told.from,
            stage_to: told.to,
            sub_status: told.sub_status,
            reason: told.reason,
            text_zh,
            text_en,
            at: said.at.timestamp_micros(),
        };
        row.push(&mut self.messages);
    }

    /// The owner is reminded that another lead of a known customer arrived; of a customer in a pool, anyone who leads. Histories that are read
    /// in tell nobody.
    fn came_again(&mut self, customer: &Customer, fact: &DecodedEvent) {
        let CustomerEvent::LeadTouched(event) = &fact.event.event else { return };
        if fact.event.origin.as_deref() == Some("import") {
            return;
        }
        let role = if customer.pool().is_some() { "supervisor" } else { "rep" };
        let about = (Some(customer), customer.primary());
        let why = (LEAD_TOUCHED, fact.event.id, 0);
        self.reminder(EventAt::of(fact), about, why, (&event.told(), role, &NotificationChannel::ALL));
    }

    /// What the calendar and alerts of shares remind of.
    fn of_the_whole(&mut self, said: EventAt, event: &WholeReminders) {
        for (n, message) in (0..).zip(&event.reminders) {
            let Message { text, role, channels } = message;
            self.reminder(
                said,
                (None, event.pipeline.as_str()),
                (&event.rule, said.id, n),
                (text, role, channels),
            );
        }
        let run = RunRow {
            journey: event.pipeline.clone(),
            rule: event.rule.clone(),
            position: said.position,
            customer: None,
            cause: said.id,
            due_at: said.at.timestamp_micros(),
            skipped: None,
        };
        run.push(&mut self.runs);
    }

    /// What rules that only tell say of an entry. Histories that are read in tell nobody.
    fn told(&mut self, customer: &Customer, fact: &DecodedEvent, definitions: &Definitions) {
        let JourneyChange::Move { journey, kind, pipeline_version, stage, .. } =
            JourneyChange::of(&fact.event.event)
        else {
            return;
        };
        if kind == MoveKind::Inserted || fact.event.origin.as_deref() == Some("import") {
            return;
        }
        let before = fact.event.position;
        let Some(pipeline) = definitions.version(journey, pipeline_version, before) else { return };
        let mut n = 0;
        for automation in &pipeline.automations {
            let before = n;
            for (text, role, channels) in automation.reminders_of(stage) {
                let channels = if channels.is_empty() { &[NotificationChannel::Workbench] } else { channels };
                let why = (automation.id.as_str(), fact.event.id, n);
                self.reminder(EventAt::of(fact), (Some(customer), journey), why, (text, role, channels));
                n += 1;
            }
            if n > before {
                let run = RunRow {
                    journey: journey.to_owned(),
                    rule: automation.id.clone(),
                    position: fact.event.position,
                    customer: Some(fact.customer),
                    cause: fact.event.id,
                    due_at: fact.event.effective_at.timestamp_micros(),
                    skipped: None,
                };
                run.push(&mut self.runs);
            }
        }
    }

    fn reminder(
        &mut self,
        said: EventAt,
        (customer, journey): (Option<&Customer>, &str),
        (rule, cause, n): (&str, Uuid, u32),
        (text, role, channels): (&Label, &str, &[NotificationChannel]),
    ) {
        let told = NewsItem { text: Some(text.clone()), ..NewsItem::about("reminder", customer, journey) };
        self.message(said, (customer, role, rule, n), told);
        let owner = customer.map(|customer| parts(&customer.owner));
        let channels = channels.iter().map(|channel| channel.as_str()).collect::<Vec<_>>().join(" ");
        let reminder = ReminderRow {
            position: said.position,
            n,
            reminder: said.id,
            customer: customer.map(|customer| customer.id),
            journey: journey.to_owned(),
            owner_kind: owner.map(|(kind, _)| kind.to_owned()),
            owner_id: owner.map(|(_, id)| id.to_owned()),
            role: role.to_owned(),
            text_zh: text.zh.clone(),
            text_en: text.en.clone(),
            channels,
            rule: rule.to_owned(),
            cause,
            at: said.at.timestamp_micros(),
        };
        reminder.push(&mut self.reminders);
    }

    /// The customer as it stands at the end of the page.
    fn customer(&mut self, customer: &Customer, definitions: &Definitions) {
        let (kind, owner) = parts(&customer.owner);
        let last = customer.automation.last(&Activity::Update).next();
        let journey = customer.primary();
        let pipeline = definitions.rules(journey).first().map(|rules| rules.pipeline);
        let plan = || customer.next_plan.as_ref().map(|plan| plan.at);
        let next = pipeline.map_or_else(plan, |pipeline| next_contact(customer, pipeline));
        let row = WorkCustomerRow {
            customer: customer.id,
            owner_kind: kind.to_owned(),
            owner_id: owner.to_owned(),
            tier: customer.tier.clone(),
            region: customer.region.clone(),
            next_at: next.map(|at| at.timestamp_micros()),
            touched_at: customer.touched_at.map(|at| at.timestamp_micros()),
            last_activity_at: last.map(|at| at.effective_at.timestamp_micros()),
            created_at: customer.journeys.began_at().unwrap_or_default().timestamp_micros(),
            closed: customer.has_left(),
            journey: journey.to_owned(),
            stage: customer.current().map(|stay| stay.stage.clone()),
            entered_at: customer.current().map(|stay| stay.entered_at.timestamp_micros()),
            went_back: went_back(customer, journey),
        };
        row.push(&mut self.customers);
        for journey in customer.journeys.keys() {
            self.standing(customer, journey);
        }
        for (id, task) in &customer.automation.tasks {
            self.task(customer.id, *id, task);
        }
        for ((rule, cause), (journey, due_at)) in deadlines(customer, definitions) {
            DeadlineRow { customer: customer.id, rule, cause, journey, due_at }.push(&mut self.deadlines);
        }
    }

    fn standing(&mut self, customer: &Customer, journey: &str) {
        let Some(current) = customer.journeys.current(journey) else { return };
        let standing = StandingRow {
            customer: customer.id,
            journey: journey.to_owned(),
            stage: current.stage.clone(),
            entered_at: current.entered_at.timestamp_micros(),
            went_back: went_back(customer, journey),
        };
        standing.push(&mut self.standings);
    }

    fn task(&mut self, customer: Uuid, id: Uuid, task: &Task) {
        let created = &task.created;
        let row = TaskRow {
            task: id,
            customer,
            name: created.task.clone(),
            title_zh: created.title.zh.clone(),
            title_en: created.title.en.clone(),
            role: created.role.clone(),
            due_at: task.due_at.timestamp_micros(),
            rule: created.rule.clone(),
            cause: created.cause,
            journey: created.journey.clone(),
            stage: created.stage.clone(),
            process: created.process.clone(),
            state: word(task.state).to_owned(),
        };
        row.push(&mut self.tasks);
    }
}

/// The word of a task's outcome.
pub(super) fn word(state: TaskState) -> &'static str {
    match state {
        TaskState::Open => "open",
        TaskState::Done => "done",
        TaskState::Cancelled => "cancelled",
    }
}

/// Whether the customer went back to an earlier stage in the present cycle.
pub(super) fn went_back(customer: &Customer, journey: &str) -> bool {
    let stays = customer.journeys.stays(journey);
    let cycle = stays.last().map(|current| current.cycle);
    stays.iter().any(|stay| Some(stay.cycle) == cycle && stay.visit > 1)
}

/// The earliest deadline of each rule and cause, under whichever version it is.
fn deadlines(customer: &Customer, definitions: &Definitions) -> BTreeMap<(String, Uuid), (String, i64)> {
    let most = customer.journeys.keys().map(|key| definitions.rules(key).len()).max().unwrap_or(0);
    let mut found: BTreeMap<(String, Uuid), (String, i64)> = BTreeMap::new();
    for place in 0..most.max(1) {
        let rules = |key: &str| {
            let all = definitions.rules(key);
            all.get(place).or(all.last()).copied()
        };
        for Deadline { rule, cause, journey, due_at, .. } in agenda(customer, rules) {
            let due_at = due_at.timestamp_micros();
            let known = found.entry((rule, cause)).or_insert((journey, due_at));
            known.1 = known.1.min(due_at);
        }
    }
    found
}

fn parts(owner: &Owner) -> (&'static str, &str) {
    match owner {
        Owner::Rep(rep) => ("rep", rep),
        Owner::Pool(pool) => ("pool", pool),
    }
}

impl EventAt {
    fn of(fact: &DecodedEvent) -> Self {
        Self { position: fact.event.position, id: fact.event.id, at: fact.event.effective_at }
    }
}
