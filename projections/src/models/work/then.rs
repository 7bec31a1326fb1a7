//! Lists of work and tasks as they stood at an instant, by what was known of it.
//!
//! The rows of this read model are what must be done now. What had to be done then is folded from the log, customer by customer,
//! and put through the same conditions as the statements of the present.

use std::collections::BTreeMap;
use std::sync::Arc;

use chrono::{DateTime, Utc};
use uuid::Uuid;
use waymark_domain::automation::next_contact;
use waymark_domain::pipeline::automation::Activity;
use waymark_domain::{Owner, Pipeline};
use waymark_eventstore::Position;

use super::fold::{went_back, word};
use super::scope::{StageAgeFilter, WorkCursor, WorkScope};
use super::snapshot::WorkSnapshot;
use super::tasks::{TaskFilter, TaskReport};
use super::waiting::{ContactFilter, WaitingReport, WorkPage};
use crate::error::Result;
use crate::models::board::OwnerReport;
use crate::models::board::as_of::{FormerCustomer, RulesAsOf, everybody, reclaim_then};
use crate::models::board::tables::NAME as BOARD;
use crate::query::AsOf;

/// The version of each pipeline that was in force then, by key.
pub type PipelinesThen = BTreeMap<String, Arc<Pipeline>>;

/// A customer as lists of work looked at it.
struct Waiting<'a> {
    former: &'a FormerCustomer,
    next_at: Option<DateTime<Utc>>,
    last_activity_at: Option<DateTime<Utc>>,
}

impl<'a> Waiting<'a> {
    fn of(former: &'a FormerCustomer, pipelines: &PipelinesThen) -> Self {
        let customer = &former.folded;
        let plan = || customer.next_plan.as_ref().map(|plan| plan.at);
        let pipeline = pipelines.get(customer.primary());
        Self {
            former,
            next_at: pipeline.map_or_else(plan, |pipeline| next_contact(customer, pipeline)),
            last_activity_at: customer
                .automation
                .last(&Activity::Update)
                .next()
                .map(|last| last.effective_at),
        }
    }

    fn is_owned(&self) -> bool {
        matches!(self.former.folded.owner, Owner::Rep(_))
    }

    /// Whether it is one of those that the list is of.
    fn is_in(&self, scope: &WorkScope, journey: &str) -> bool {
        let owner = |wanted: &String| matches!(&self.former.folded.owner, Owner::Rep(rep) if rep == wanted);
        let planned_soon = scope
            .not_between
            .is_some_and(|(from, until)| self.next_at.is_some_and(|next| (from..=until).contains(&next)));
        let held = self.former.sub_statuses.get(journey);
        !self.former.folded.has_left()
            && scope.owner.as_ref().is_none_or(owner)
            && !planned_soon
            && scope.sub_status.as_ref().is_none_or(|wanted| held.is_some_and(|held| wanted.contains(held)))
    }

    /// When it must be contacted, of lists by that: of whom the next contact does not tell, when another lead of it arrived.
    fn due_at(&self, filter: &ContactFilter) -> Option<DateTime<Utc>> {
        let is_in_span =
            |next: &DateTime<Utc>| filter.from.is_none_or(|from| *next >= from) && *next < filter.until;
        let next = self.next_at.filter(|next| self.is_owned() && is_in_span(next));
        let touched = self.former.folded.touched_at.filter(|at| filter.touched && *at < filter.until);
        next.or(touched)
    }

    /// Since when a journey has stood in a stage for as long as a list asks.
    fn standing_since(&self, asked: &StageAgeFilter) -> Option<DateTime<Utc>> {
        let customer = &self.former.folded;
        let current = customer.journeys.current(&asked.journey)?;
        let entered_at = current.entered_at;
        let tier = |tiers: &Vec<String>| {
            !went_back(customer, &asked.journey)
                && customer.tier.as_ref().is_some_and(|tier| tiers.contains(tier))
        };
        let is_overdue =
            asked.overdue_until.is_some_and(|until| self.next_at.is_some_and(|next| next <= until));
        let is_silent = |until: DateTime<Utc>| {
            self.next_at.is_none_or(|next| next < asked.now)
                && entered_at <= until
                && self.last_activity_at.unwrap_or(entered_at) <= until
        };
        let counts = current.stage == asked.stage
            && entered_at <= asked.entered_until
            && (!asked.owned || self.is_owned())
            && asked.tiers.as_ref().is_none_or(tier)
            && asked.silent_until.is_none_or(|until| is_overdue || is_silent(until));
        counts.then_some(entered_at)
    }

    fn report(&self, journey: &str, at: &AsOf, rules: RulesAsOf<'_>) -> WaitingReport {
        let customer = &self.former.folded;
        let current = customer.journeys.current(journey);
        WaitingReport {
            customer_id: customer.id,
            customer_name: self.former.name.clone(),
            owner: OwnerReport::of(&customer.owner),
            tier: customer.tier.clone(),
            next_contact_at: self.next_at,
            agreed: self.former.agreed.clone(),
            reclaim_at: reclaim_then(customer, at.effective_at, rules).filter(|_| !self.former.is_erased),
            last_activity_at: self.last_activity_at,
            created_at: customer.journeys.began_at().unwrap_or_default(),
            touched_again_at: customer.touched_at,
            pipeline: Some(journey.to_owned()),
            stage: current.map(|stay| stay.stage.clone()),
            entered_at: current.map(|stay| stay.entered_at),
            went_back: went_back(customer, journey),
        }
    }
}

impl WorkSnapshot {
    /// Customers to be contacted as of an instant: as [`Self::contacts`]. `rules` says which definition was in force then for
    /// customers of an owner.
    ///
    /// # Errors
    /// When the database or the log fails.
    pub async fn contacts_then(
        &mut self,
        filter: &ContactFilter,
        (pipelines, rules, at): (&PipelinesThen, RulesAsOf<'_>, &AsOf),
        after: Option<&WorkCursor>,
        limit: u32,
    ) -> Result<WorkPage> {
        let mut found = Vec::new();
        let position = self
            .all(&filter.whose, None, at, |former| {
                let waiting = Waiting::of(&former, pipelines);
                let journey = former.folded.primary();
                if let Some(due_at) = waiting.due_at(filter).filter(|_| waiting.is_in(&filter.whose, journey))
                {
                    let customer = former.folded.id;
                    let cursor = WorkCursor { at: due_at, customer, journey: String::new() };
                    found.push((cursor, waiting.report(journey, at, rules)));
                }
            })
            .await?;
        Ok(page(found, after, limit, position))
    }

    /// Customers who had stood in stages for long as of an instant: as [`Self::long_standing`]. `rules` are as in
    /// [`Self::contacts_then`].
    ///
    /// # Errors
    /// When the database or the log fails.
    pub async fn long_standing_then(
        &mut self,
        stages: &[StageAgeFilter],
        (pipelines, rules, at): (&PipelinesThen, RulesAsOf<'_>, &AsOf),
        after: Option<&WorkCursor>,
        limit: u32,
    ) -> Result<WorkPage> {
        let Some(first) = stages.first() else { return Ok(page(Vec::new(), None, limit, self.0.position)) };
        let mut found = Vec::new();
        let position = self
            .all(&first.whose, None, at, |former| {
                let waiting = Waiting::of(&former, pipelines);
                for asked in stages.iter().filter(|asked| waiting.is_in(&asked.whose, &asked.journey)) {
                    if let Some(since) = waiting.standing_since(asked) {
                        let (customer, journey) = (former.folded.id, asked.journey.clone());
                        let cursor = WorkCursor { at: since, customer, journey };
                        found.push((cursor, waiting.report(&asked.journey, at, rules)));
                    }
                }
            })
            .await?;
        Ok(page(found, after, limit, position))
    }

    /// Tasks as of an instant, in the order in which they are due: as [`Self::tasks`].
    ///
    /// # Errors
    /// When the database or the log fails.
    pub async fn tasks_then(
        &mut self,
        filter: &TaskFilter,
        at: &AsOf,
        after: Option<(DateTime<Utc>, Uuid)>,
        limit: u32,
    ) -> Result<(Vec<TaskReport>, Position)> {
        let mut found = Vec::new();
        let whose = WorkScope { visibility: filter.visibility.clone(), ..WorkScope::default() };
        let position = self
            .all(&whose, filter.customer, at, |former| {
                found.extend(tasks_of(&former, filter, at.effective_at));
            })
            .await?;
        found.sort_by_key(|task| (task.due_at, task.id));
        if let Some(after) = after {
            found.retain(|task| (task.due_at, task.id) > after);
        }
        found.truncate(limit as usize);
        Ok((found, position))
    }

    /// Everybody as they stood, one after the other. Returns how far the read models had come.
    async fn all(
        &mut self,
        whose: &WorkScope,
        only: Option<Uuid>,
        at: &AsOf,
        take: impl FnMut(FormerCustomer) + Send,
    ) -> Result<Position> {
        let snapshot = &mut self.0;
        snapshot.switch_model(BOARD).await?;
        everybody(snapshot, &whose.visibility, only, at, take).await?;
        Ok(snapshot.position)
    }
}

/// A page of what was found, and how much was.
fn page(
    mut found: Vec<(WorkCursor, WaitingReport)>,
    after: Option<&WorkCursor>,
    limit: u32,
    position: Position,
) -> WorkPage {
    let total = found.len() as u64;
    found.sort_by(|(one, _), (other, _)| one.cmp(other));
    if let Some(after) = after {
        found.retain(|(cursor, _)| cursor > after);
    }
    let more = found.len() > limit as usize;
    found.truncate(limit as usize);
    let next = found.last().filter(|_| more).map(|(cursor, _)| cursor.clone());
    WorkPage { items: found.into_iter().map(|(_, item)| item).collect(), next, total, position }
}

/// The tasks about a customer that a filter lets through.
fn tasks_of(former: &FormerCustomer, filter: &TaskFilter, at: DateTime<Utc>) -> Vec<TaskReport> {
    let customer = &former.folded;
    let closed = customer.has_left();
    let tasks = customer.automation.tasks.iter().map(|(id, task)| TaskReport {
        id: *id,
        customer_id: customer.id,
        customer_name: former.name.clone(),
        task: task.created.task.clone(),
        title: task.created.title.clone(),
        role: task.created.role.clone(),
        owner: OwnerReport::of(&customer.owner),
        due_at: task.due_at,
        state: word(task.state).to_owned(),
        overdue: word(task.state) == "open" && !closed && task.due_at < at,
        rule: task.created.rule.clone(),
        cause: task.created.cause,
        journey: task.created.journey.clone(),
        stage: task.created.stage.clone(),
        process: task.created.process.clone(),
    });
    let owner = |wanted: &String| matches!(&customer.owner, Owner::Rep(rep) if rep == wanted);
    let stands = |task: &TaskReport| {
        let held = former.sub_statuses.get(&task.journey);
        filter.sub_status.as_ref().is_none_or(|wanted| held.is_some_and(|held| wanted.contains(held)))
    };
    let counts = |task: &TaskReport| {
        filter.owner.as_ref().is_none_or(owner)
            && filter.role.as_ref().is_none_or(|role| *role == task.role)
            && filter.state.as_ref().is_none_or(|state| *state == task.state)
            && filter.due_from.is_none_or(|from| task.due_at >= from)
            && filter.due_until.is_none_or(|until| task.due_at < until)
            && (task.state != "open" || !closed)
            && stands(task)
    };
    tasks.filter(counts).collect()
}
