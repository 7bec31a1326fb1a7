//! A rule does what is due. The agenda is computed again from the current state; what the rule does goes through the
//! same decisions as anybody's command, and where these refuse, the refusal is recorded instead.

use chrono::{DateTime, TimeDelta, Utc};
use uuid::Uuid;

use super::new_event::NewEvent;
use super::{guard, transition};
use crate::automation::{Deadline, Due, MAX_DEPTH, Rules, agenda};
use crate::customer::command::{Act, Transition};
use crate::customer::event::{
    AutomationRan, AutomationSkipped, CustomerEvent, DetailsChanged, FirstContactMissed, NextContactSet,
    Occasion, OwnerChanged, ProcessStarted, ReclaimSkipped, Recorded, Reminded, SubStatusSet, TaskCancelled,
    TaskCreated,
};
use crate::customer::state::Customer;
use crate::pipeline::automation::{Action, ActionKind, NotificationChannel};
use crate::pool::Pool;
use crate::pool::rules::RECLAIM;
use crate::refusal::{Code, Refusal, Violation};
use crate::{Context, Label, Owner, Personal, Pipeline};

fn not_due(at: Option<DateTime<Utc>>) -> Violation {
    let violation = Violation::new(
        Code::NotDue,
        "rule",
        Label::new("该规则没有到期的动作。", "This rule has no action due."),
        Label::new("无需执行。", "No action is needed."),
    );
    match at {
        Some(at) => violation.with_instant("due_at", at),
        None => violation,
    }
}

pub(super) fn decide(
    customer: &Customer,
    command: &Act,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    Refusal::require_all([guard::supervises(context, "")])?;
    let rules = |key: &str| {
        let (pipeline, versions) = (context.pipeline(key)?, context.versions(key));
        Some(Rules { pipeline, versions, team: context.team, at: context.now })
    };
    let due = agenda(customer, rules);
    let named = due.iter().find(|one| one.rule == command.rule && one.cause == command.cause);
    let Some(deadline) = named.filter(|one| one.due_at <= context.now) else {
        let at = due.iter().find(|one| one.rule == command.rule).map(|one| one.due_at);
        return Refusal::require_all([vec![not_due(at)]]).map(|()| Vec::new());
    };
    let pipeline = guard::known_pipeline(context, &deadline.journey)?;
    let act = Acting { deadline, pipeline, context };
    let chain = customer.automation.chain(deadline.cause);
    if chain.contains(&deadline.rule) {
        return Ok(vec![act.skipped(vec!["automation-loop".to_owned()])]);
    }
    if chain.len() >= MAX_DEPTH {
        return Ok(vec![act.skipped(vec!["automation-depth".to_owned()])]);
    }
    match act.carry_out(customer) {
        Ok(events) => Ok(act.recorded(chain, events)),
        Err(refusal) => {
            let mut reasons: Vec<String> =
                refusal.violations.iter().map(|unmet| unmet.code.to_string()).collect();
            reasons.dedup();
            Ok(vec![act.skipped(reasons)])
        }
    }
}

/// A rule about to act.
struct Acting<'a> {
    deadline: &'a Deadline<'a>,
    pipeline: &'a Pipeline,
    context: &'a Context<'a>,
}

impl Acting<'_> {
    fn at_deadline(&self, event: CustomerEvent) -> NewEvent {
        NewEvent { event, effective_at: self.deadline.due_at }
    }

    fn recorded(&self, chain: &[String], events: Vec<NewEvent>) -> Vec<NewEvent> {
        if let Due::Overtaken(..) = self.deadline.due {
            return events;
        }
        let Deadline { rule, journey, cause, due_at, .. } = self.deadline;
        let ran = self.at_deadline(CustomerEvent::AutomationRan(AutomationRan {
            rule: rule.clone(),
            journey: journey.clone(),
            pipeline_version: self.pipeline.version,
            cause: *cause,
            due_at: *due_at,
            chain: chain.to_vec(),
        }));
        std::iter::once(ran).chain(events).collect()
    }

    fn skipped(&self, reasons: Vec<String>) -> NewEvent {
        let Deadline { rule, journey, cause, due_at, .. } = self.deadline;
        self.at_deadline(CustomerEvent::AutomationSkipped(AutomationSkipped {
            rule: rule.clone(),
            journey: journey.clone(),
            pipeline_version: self.pipeline.version,
            cause: *cause,
            due_at: *due_at,
            reasons,
        }))
    }

    fn carry_out(&self, customer: &Customer) -> Result<Vec<NewEvent>, Refusal> {
        match &self.deadline.due {
            Due::Automation(automation, stage) => self.actions(customer, &automation.actions, stage),
            Due::Reclaim(pool, clock) => Ok(vec![self.to_pool(customer, pool, &clock.name)]),
            Due::Warning(clock, before) => Ok(vec![self.warning(&clock.name, *before)]),
            Due::Overtaken(pool, clock, missed) => {
                let event = CustomerEvent::ReclaimSkipped(ReclaimSkipped {
                    rule: format!("{RECLAIM}{}", clock.id),
                    pool: pool.key.clone(),
                    deadline: *missed,
                    because: self.deadline.cause,
                });
                Ok(vec![self.at_deadline(event)])
            }
            Due::FirstContact(pool, first) => Ok(self.first_contact_missed(customer, pool, *first)),
            Due::Visit(visits) => {
                let text = Label::new("约定的联系时间到了。", "A contact that was agreed is due.");
                let channels = match visits.channels.as_slice() {
                    [] => &NotificationChannel::ALL,
                    some => some,
                };
                Ok(vec![self.at_deadline(self.reminder(&text, "rep", channels))])
            }
            Due::CancelTask(task, why) => {
                let event = TaskCancelled { task: *task, reason: (*why).to_owned() };
                Ok(vec![NewEvent {
                    event: CustomerEvent::TaskCancelled(event),
                    effective_at: self.context.now,
                }])
            }
        }
    }

    /// What an automation does, each action on what the one before has left.
    fn actions(
        &self,
        customer: &Customer,
        actions: &[Action],
        stage: &str,
    ) -> Result<Vec<NewEvent>, Refusal> {
        let mut state = customer.clone();
        let mut done = Vec::new();
        for action in actions {
            let new = self.action(&state, action, stage)?;
            for event in &new {
                state.evolve(&Recorded {
                    position: u64::MAX,
                    id: Uuid::max(),
                    effective_at: event.effective_at,
                    recorded_at: self.context.now,
                    actor: self.context.actor.name.clone(),
                    origin: Some("rule".to_owned()),
                    event: event.event.clone(),
                });
            }
            done.extend(new);
        }
        Ok(done)
    }

    fn action(&self, state: &Customer, action: &Action, stage: &str) -> Result<Vec<NewEvent>, Refusal> {
        let event = match &action.kind {
            ActionKind::CreateTask { task, role, due_seconds } => {
                self.task(task, &action.text, role, *due_seconds, stage, None)
            }
            ActionKind::Remind { role, channels } => self.reminder(&action.text, role, channels),
            ActionKind::Move { to, sub_status, reason } => {
                return self.moved(state, action, to, sub_status.as_ref(), reason.as_ref());
            }
            ActionKind::SetSubStatus { sub_status } => self.sub_status(state, sub_status)?,
            ActionKind::MoveToPool { pool } => {
                let pool = self.pool(state, pool)?;
                if state.owner == Owner::Pool(pool.key.clone()) {
                    return Ok(Vec::new());
                }
                return Ok(vec![self.to_pool(state, pool, &action.text)]);
            }
            ActionKind::SetTag { tag, present } => return Ok(self.tagged(state, tag, *present)),
            ActionKind::SetNextContact { seconds } => CustomerEvent::NextContactSet(NextContactSet {
                at: self.later(*seconds),
                text: action.text.clone(),
            }),
            ActionKind::StartProcess { process, role } => {
                let started = CustomerEvent::ProcessStarted(ProcessStarted {
                    process: process.clone(),
                    text: action.text.clone(),
                    role: role.clone(),
                    rule: self.deadline.rule.clone(),
                    cause: self.deadline.cause,
                });
                let task = self.task(process, &action.text, role, None, stage, Some(process));
                return Ok(vec![self.at_deadline(started), self.at_deadline(task)]);
            }
        };
        Ok(vec![self.at_deadline(event)])
    }

    fn later(&self, seconds: u64) -> DateTime<Utc> {
        let wait = i64::try_from(seconds).ok().and_then(TimeDelta::try_seconds).unwrap_or_default();
        self.deadline.due_at.checked_add_signed(wait).unwrap_or(self.deadline.due_at)
    }

    fn task(
        &self,
        name: &str,
        title: &Label,
        role: &str,
        due_seconds: Option<u64>,
        stage: &str,
        process: Option<&String>,
    ) -> CustomerEvent {
        CustomerEvent::TaskCreated(TaskCreated {
            task: name.to_owned(),
            title: title.clone(),
            role: role.to_owned(),
            due_at: self.later(due_seconds.unwrap_or(0)),
            rule: self.deadline.rule.clone(),
            cause: self.deadline.cause,
            journey: self.deadline.journey.clone(),
            stage: stage.to_owned(),
            process: process.cloned(),
        })
    }

    fn reminder(&self, text: &Label, role: &str, channels: &[NotificationChannel]) -> CustomerEvent {
        let channels =
            if channels.is_empty() { vec![NotificationChannel::Workbench] } else { channels.to_vec() };
        CustomerEvent::Reminded(Reminded {
            text: text.clone(),
            role: role.to_owned(),
            channels,
            rule: self.deadline.rule.clone(),
            cause: self.deadline.cause,
        })
    }

    /// The move as anybody would command it: with the action's words as the note, and with what the stage itself says
    /// comes next.
    fn moved(
        &self,
        state: &Customer,
        action: &Action,
        to: &str,
        sub_status: Option<&String>,
        reason: Option<&String>,
    ) -> Result<Vec<NewEvent>, Refusal> {
        let stage = self.pipeline.stage(to);
        let next = stage.and_then(|stage| stage.next_action.as_ref()).map(|next| next.what.zh.clone());
        let command = Transition {
            to: to.to_owned(),
            pipeline: Some(self.deadline.journey.clone()),
            sub_status: sub_status.cloned(),
            reason: reason.cloned(),
            note: Some(action.text.zh.clone()),
            next_step: next,
            ..Transition::default()
        };
        let context = Context { effective_at: Some(self.deadline.due_at), ..*self.context };
        let mut events = transition::decide(state, &command, &context)?;
        for new in &mut events {
            if let CustomerEvent::Moved(moved) = &mut new.event {
                moved.text = Some(action.text.clone());
            }
        }
        Ok(events)
    }

    fn sub_status(&self, state: &Customer, sub_status: &str) -> Result<CustomerEvent, Refusal> {
        let journey = &self.deadline.journey;
        let stage = state.journeys.current(journey).and_then(|stay| self.pipeline.stage(&stay.stage));
        Refusal::require_all([
            guard::known_sub_status(stage, Some(sub_status)),
            guard::sub_status_without_evidence(stage, Some(sub_status), self.context),
        ])?;
        Ok(CustomerEvent::SubStatusSet(SubStatusSet {
            journey: journey.clone(),
            pipeline_version: self.pipeline.version,
            stage: stage.map(|stage| stage.id.clone()).unwrap_or_default(),
            sub_status: sub_status.to_owned(),
            from: state.journeys.current(journey).and_then(|stay| stay.sub_status.clone()),
            ..SubStatusSet::default()
        }))
    }

    fn pool(&self, state: &Customer, key: &str) -> Result<&Pool, Refusal> {
        Refusal::require_all([guard::known_pool(self.context, state.primary(), key, "pool")])?;
        let unknown = || {
            Refusal::from_code(
                Code::UnknownPool,
                "pool",
                Label::new("没有这个公海。", "The pool does not exist."),
                Label::new("请使用已有公海的标识。", "Use the key of an existing pool."),
            )
        };
        self.context.pool(&self.deadline.journey, key).ok_or_else(unknown)
    }

    fn to_pool(&self, state: &Customer, pool: &Pool, why: &Label) -> NewEvent {
        self.at_deadline(CustomerEvent::OwnerChanged(OwnerChanged {
            from: state.owner.clone(),
            to: Owner::Pool(pool.key.clone()),
            reason: Personal::Clear(why.zh.clone()),
            occasion: Some(Occasion::Auto),
            grace_until: None,
            text: Some(why.clone()),
        }))
    }

    fn tagged(&self, state: &Customer, tag: &str, present: bool) -> Vec<NewEvent> {
        let mut tags = state.tags.clone();
        if tags.iter().any(|known| known == tag) == present {
            return Vec::new();
        }
        tags.retain(|known| known != tag);
        tags.extend(present.then(|| tag.to_owned()));
        let event =
            CustomerEvent::DetailsChanged(DetailsChanged { tags: Some(tags), ..DetailsChanged::default() });
        // All tags are replaced by what they are now, so that this cannot hold before they were.
        let due_at = self.deadline.due_at;
        let effective_at = state.valid_times.latest().map_or(due_at, |latest| due_at.max(latest));
        vec![NewEvent { event, effective_at }]
    }

    fn warning(&self, clock: &Label, before_seconds: u64) -> NewEvent {
        let hours = before_seconds / 3_600;
        let text = Label::new(
            format!("{}：{hours}小时后将归入公海。", clock.zh),
            format!("{}: returns to the pool in {hours} hours.", clock.en),
        );
        self.at_deadline(self.reminder(&text, "rep", &[]))
    }

    fn first_contact_missed(
        &self,
        customer: &Customer,
        pool: &Pool,
        first: crate::pool::rules::FirstContact,
    ) -> Vec<NewEvent> {
        let Some(claim) = &customer.automation.taken_over else { return Vec::new() };
        let within = i64::try_from(first.within_seconds).ok().and_then(TimeDelta::try_seconds);
        let until = within.and_then(|within| claim.at.checked_add_signed(within));
        let said_in_time =
            customer.automation.contacts.iter().find(|one| {
                one.effective_at > claim.at && until.is_some_and(|until| one.effective_at <= until)
            });
        let missed = CustomerEvent::FirstContactMissed(FirstContactMissed {
            rep: claim.rep.clone(),
            pool: pool.key.clone(),
            claimed_at: claim.at,
            recorded_late: said_in_time.map(|one| one.event),
        });
        let text = Label::new(
            "未按时首次联系客户。",
            "The customer was not contacted in time after the rep got it.",
        );
        let told = ["rep", "supervisor"].map(|role| self.at_deadline(self.reminder(&text, role, &[])));
        std::iter::once(self.at_deadline(missed)).chain(told).collect()
    }
}
