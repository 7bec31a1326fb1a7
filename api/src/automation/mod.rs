//! The ticker: carries out what rules are due to do, tenant by tenant, by ordinary commands.
//!
//! The read model says what may be due; the decision asks again, on the customer's own history and under the condition
//! of it. So the ticker may stop and begin again anywhere, any number of them may run, and whatever one of them has
//! done the others find done.

pub mod clock;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, HashMap, HashSet};
use std::sync::Arc;

use chrono::{DateTime, TimeDelta, Utc};
use tokio::task::JoinSet;
use tokio_util::sync::CancellationToken;
use uuid::Uuid;
use waymark_domain::Actor;
use waymark_domain::automation::pool_of;
use waymark_domain::customer::Command;
use waymark_domain::customer::command::Act;
use waymark_eventstore::{StoreError, TenantId};
use waymark_projections::runtime::Duty;
use waymark_projections::work::{self, DueRule};

use crate::app::{App, AppError, Caller, CommandMeta, CustomerCommand};
use crate::rounds::{Rounds, SOON, known_head};
use clock::ClockWatch;

/// How many due rules are read at a time.
const BATCH: u32 = 500;
/// How many customers are under way at once: their appends are committed together.
const AT_ONCE: usize = 16;
/// After how long a rule that was refused or done is looked at again, if the read model still has it due: it may have
/// been due under another version of the pipeline.
const AGAIN_AFTER: TimeDelta = TimeDelta::minutes(1);
/// How long a run of reclaims is: the pool's `reclaims_per_run` limits how many customers go back in it.
const RUN: TimeDelta = TimeDelta::minutes(10);

/// How often the calendar is looked at, where there is news time and again.
const CALENDAR_EVERY: TimeDelta = TimeDelta::seconds(20);

/// How often shares are looked at, where a rule waits for their alerts.
const SHARES_EVERY: TimeDelta = TimeDelta::minutes(15);

/// How many customers went back to a pool in a run.
#[derive(Debug, Clone, Copy)]
struct ReclaimRun {
    began_at: DateTime<Utc>,
    count: u32,
}

/// Carries out what is due.
pub struct Ticker {
    app: App,
    /// What was looked at, and until when it is left alone.
    settled: HashMap<TenantId, HashMap<DueRule, DateTime<Utc>>>,
    taken: HashMap<(TenantId, String), ReclaimRun>,
    /// When the calendar was looked at last.
    calendar: HashMap<TenantId, DateTime<Utc>>,
    /// When shares were looked at last.
    shares: HashMap<TenantId, DateTime<Utc>>,
    /// Where something is due that had to let others go first.
    left: HashSet<TenantId>,
}

/// What came of a rule.
enum Ended {
    Acted,
    /// It was not due after all, or somebody else did it.
    Settled,
}

impl Ticker {
    /// A ticker that has looked at nothing yet.
    #[must_use]
    pub fn new(app: App) -> Self {
        let (calendar, shares) = (HashMap::new(), HashMap::new());
        Self { app, settled: HashMap::new(), taken: HashMap::new(), calendar, shares, left: HashSet::new() }
    }

    /// Carries out what is due in a tenant, in the order in which it is due. Returns how many rules acted.
    ///
    /// # Errors
    /// When the log or the read model fails.
    pub async fn look(&mut self, tenant: TenantId) -> Result<usize, AppError> {
        let now = (self.app.clock)();
        if self.calendar.get(&tenant).is_none_or(|at| now < *at || now - *at >= CALENDAR_EVERY) {
            self.app.record_scheduled_triggers(tenant).await?;
            self.calendar.insert(tenant, now);
        }
        if self.shares.get(&tenant).is_none_or(|at| now < *at || now - *at >= SHARES_EVERY) {
            self.app.record_share_alerts(tenant).await?;
            self.shares.insert(tenant, now);
        }
        let settled = self.settled.remove(&tenant).unwrap_or_default();
        let (mut kept, mut acted, mut after) = (HashMap::new(), 0, None::<DueRule>);
        self.left.remove(&tenant);
        loop {
            let page = self.app.projections.work(tenant).await?.due(now, after.as_ref(), BATCH).await?;
            let mut by_customer: BTreeMap<Uuid, Vec<DueRule>> = BTreeMap::new();
            for due in &page {
                match settled.get(due) {
                    Some(until) if now < *until => drop(kept.insert(due.clone(), *until)),
                    _ => match self.waits(tenant, due, now).await? {
                        Some(until) => drop(kept.insert(due.clone(), until)),
                        None => by_customer.entry(due.customer).or_default().push(due.clone()),
                    },
                }
            }
            let done = self.carry_out(tenant, by_customer).await?;
            acted += done.iter().filter(|(_, ended)| matches!(ended, Ended::Acted)).count();
            kept.extend(done.into_iter().map(|(due, _)| (due, now + AGAIN_AFTER)));
            if page.iter().any(|due| !kept.contains_key(due)) {
                self.left.insert(tenant);
            }
            match page.last() {
                Some(last) if page.len() == BATCH as usize => after = Some(last.clone()),
                _ => break,
            }
        }
        self.settled.insert(tenant, kept);
        Ok(acted)
    }

    /// Until when a customer has to wait that would go back to its pool, where as many as may have gone in this run,
    /// lest a restart empty a team's hands.
    async fn waits(
        &mut self,
        tenant: TenantId,
        due: &DueRule,
        now: DateTime<Utc>,
    ) -> Result<Option<DateTime<Utc>>, AppError> {
        if !due.rule.starts_with("reclaim:") {
            return Ok(None);
        }
        let customer = self.app.customer_state(&caller(tenant, due), due.customer).await?;
        let in_force = self.app.pipelines.latest(tenant).await?;
        let pool = in_force.get(customer.primary()).and_then(|pipeline| pool_of(&customer, pipeline));
        let limit = pool.and_then(|pool| pool.rules.as_ref()?.reclaims_per_run);
        let Some((pool, limit)) = pool.zip(limit) else { return Ok(None) };
        let fresh = ReclaimRun { began_at: now, count: 0 };
        let taken = self.taken.entry((tenant, pool.key.clone())).or_insert(fresh);
        if now - taken.began_at >= RUN {
            *taken = fresh;
        }
        taken.count = taken.count.saturating_add(1);
        if taken.count == limit.saturating_add(1) {
            tracing::warn!(%tenant, pool = %pool.key, limit, "more customers are due back than one run takes");
        }
        Ok((taken.count > limit).then_some(taken.began_at + RUN))
    }

    /// Carries out rules, those of one customer in order.
    async fn carry_out(
        &self,
        tenant: TenantId,
        by_customer: BTreeMap<Uuid, Vec<DueRule>>,
    ) -> Result<Vec<(DueRule, Ended)>, AppError> {
        let mut all = Vec::new();
        let mut waiting = by_customer.into_values();
        loop {
            let mut tasks = JoinSet::new();
            for rules in waiting.by_ref().take(AT_ONCE) {
                let app = self.app.clone();
                tasks.spawn(async move { of_one_customer(&app, tenant, rules).await });
            }
            if tasks.is_empty() {
                return Ok(all);
            }
            while let Some(ended) = tasks.join_next().await {
                all.extend(ended.map_err(|error| AppError::Unreadable(error.to_string()))?);
            }
        }
    }

    /// Carries out what is due, whenever it is and while the clock can be believed, until the token is cancelled.
    pub async fn run(mut self, clock: Arc<ClockWatch>, stop: CancellationToken) {
        let rounds = Rounds::new(&self.app, Duty::Automations, "what is due could not be carried out");
        let mut rounds = rounds.and_when_folded(work::NAME).kept_as("automations");
        while let Some(tenants) = rounds.next_if_believed(&clock, &stop).await {
            for tenant in tenants {
                if stop.is_cancelled() {
                    return;
                }
                let looked = self.look_and_say_when(tenant).await;
                rounds.looked(tenant, &looked);
            }
        }
    }

    /// Carries out what is due in a tenant, and says when to look at it again if nothing happens before.
    async fn look_and_say_when(&mut self, tenant: TenantId) -> Result<Option<DateTime<Utc>>, AppError> {
        let (head, before) = (known_head(&self.app, tenant), self.calendar.get(&tenant).copied());
        // What another process has just published is known as well.
        self.app.refresh_definitions_to(tenant, head).await?;
        self.look(tenant).await?;
        let now = (self.app.clock)();
        let mut next = Vec::new();
        let mut work = self.app.projections.work(tenant).await?;
        // What was not folded yet, and what had to let others go first.
        if work.position() < head || self.left.contains(&tenant) {
            next.push(now + SOON);
        }
        next.extend(work.next_due(now).await?);
        drop(work);
        let settled = self.settled.get(&tenant).into_iter().flat_map(HashMap::values);
        next.extend(settled.copied().filter(|until| *until > now));
        // Looked at now, it tells when the next period begins; looked at a while ago, it does not know what came after.
        match before {
            Some(at) if self.calendar.get(&tenant) == Some(&at) => next.push(at + CALENDAR_EVERY),
            _ => next.extend(self.app.next_scheduled_trigger(tenant, now).await?),
        }
        if self.app.waits_for_share_alerts(tenant).await? {
            next.extend(self.shares.get(&tenant).map(|at| *at + SHARES_EVERY));
        }
        Ok(next.into_iter().min())
    }
}

fn caller(tenant: TenantId, due: &DueRule) -> Caller {
    let actor = Actor::new(format!("system:{}", due.rule), []);
    Caller { tenant, actor, via: None, origin: Some("rule"), endpoint: None }
}

/// What one customer's rules do, one after the other. What fails is left for the next look.
async fn of_one_customer(app: &App, tenant: TenantId, rules: Vec<DueRule>) -> Vec<(DueRule, Ended)> {
    let mut ended = Vec::with_capacity(rules.len());
    for due in rules {
        let command = Command::Act(Act { rule: due.rule.clone(), cause: due.cause });
        let command = CustomerCommand::on(due.customer, command, None);
        let meta = CommandMeta {
            causation_id: Some(due.cause),
            correlation_id: Some(due.cause),
            ..CommandMeta::default()
        };
        match app.execute(&caller(tenant, &due), &meta, &command).await {
            Ok(_) => ended.push((due, Ended::Acted)),
            Err(AppError::Refused(_) | AppError::NotFound { .. }) => ended.push((due, Ended::Settled)),
            // Others keep changing the customer, or the queue is full: the next look finds what is left.
            Err(error @ (AppError::Contention | AppError::Store(StoreError::Overloaded { .. }))) => {
                metrics::counter!("waymark_rules_contended_total").increment(1);
                tracing::debug!(%error, %tenant, customer = %due.customer, rule = %due.rule, "a rule waits its turn");
            }
            Err(error) => {
                tracing::error!(%error, %tenant, customer = %due.customer, rule = %due.rule, "a rule could not act");
            }
        }
    }
    ended
}
