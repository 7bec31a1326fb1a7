//! What is due about one customer, and when.

use chrono::{DateTime, Utc};
use chrono_tz::Tz;

use super::activity::{latest, planned_after};
use super::deadline::{Deadline, Due, Rules};
use super::{clock, pools, visits};
use crate::calendar::Calendar;
use crate::customer::Customer;
use crate::customer::automation_state::{Occurrence, TaskState};
use crate::customer::timeline::{MoveKind, Stay};
use crate::pipeline::automation::{Activity, Automation, DelayClock, Facts, Trigger};
use crate::{Owner, Pipeline};

/// Every deadline of a customer as it stands now, in the order in which they are due. Those in the past are included:
/// what is due and was not done.
pub fn agenda<'a>(customer: &Customer, rules: impl Fn(&str) -> Option<Rules<'a>>) -> Vec<Deadline<'a>> {
    if customer.has_left() {
        return Vec::new();
    }
    let mut found = void_tasks(customer);
    for journey in customer.journeys.keys() {
        let Some(rules) = rules(journey) else { continue };
        for automation in rules.pipeline.automations.iter().filter(|one| !one.only_tells()) {
            let one = OfOne { customer, journey, rules, automation };
            found.extend(one.deadlines());
        }
    }
    if let Some(rules) = rules(customer.primary()) {
        found.extend(pools::deadlines(customer, rules));
        found.extend(visits::deadline(customer, rules));
    }
    found.retain(|deadline| !customer.automation.has_acted(&deadline.rule, deadline.cause));
    found.sort_by(|a, b| (a.due_at, &a.rule, a.cause).cmp(&(b.due_at, &b.rule, b.cause)));
    found
}

/// Open tasks whose cause never happened, or led elsewhere.
fn void_tasks(customer: &Customer) -> Vec<Deadline<'static>> {
    let open = customer.automation.tasks.iter().filter(|(_, task)| task.state == TaskState::Open);
    let void = open.filter_map(|(id, task)| {
        let created = &task.created;
        let why = if let Some(by) = customer.journeys.voided_by(created.cause) {
            (by, "voided")
        } else {
            let stays = customer.journeys.stays(&created.journey);
            let stay = stays.iter().find(|stay| stay.entered_event == created.cause)?;
            let by = customer.journeys.superseded_by(created.cause)?;
            if stay.stage == created.stage {
                return None;
            }
            (by, "corrected")
        };
        Some(Deadline {
            rule: format!("cancel:{id}"),
            name: created.title.clone(),
            journey: created.journey.clone(),
            cause: why.0,
            due_at: customer.journeys.began_at()?,
            due: Due::CancelTask(*id, why.1),
        })
    });
    void.collect()
}

/// One automation and one journey of a customer.
struct OfOne<'a, 'c> {
    customer: &'c Customer,
    journey: &'c str,
    rules: Rules<'a>,
    automation: &'a Automation,
}

impl<'a> OfOne<'a, '_> {
    fn deadlines(&self) -> Vec<Deadline<'a>> {
        match &self.automation.trigger {
            Trigger::StageEntered { stages, also_in } => self.entered(stages, also_in).into_iter().collect(),
            Trigger::StageIdle { stages, reset_by } => self.idle(stages, reset_by).into_iter().collect(),
            Trigger::FieldDate { field, offset_seconds, stages, also_in } => {
                let stay = self.moved_on_from(stages, also_in);
                stay.and_then(|stay| self.dated(field, *offset_seconds, stay)).into_iter().collect()
            }
            Trigger::Signal { signal, data, stages } => self.signalled(signal, !data.is_empty(), stages),
            // The calendar and the shares are the pipeline's, not the customer's.
            Trigger::Schedule { .. } | Trigger::ShareAlert { .. } => Vec::new(),
        }
    }

    fn stays(&self) -> &[Stay] {
        self.customer.journeys.stays(self.journey)
    }

    fn since(&self) -> DateTime<Utc> {
        self.rules.since(|pipeline| pipeline.automations.iter().any(|known| known.id == self.automation.id))
    }

    /// When the rule's wait is over that counts from an instant.
    fn waited(&self, base: DateTime<Utc>) -> Option<DateTime<Utc>> {
        clock::due(base, self.automation.delay.as_ref(), self.stays(), self.rules.pipeline)
    }

    /// Since when the rule has been in force for the customer as it is, with the same working hours.
    fn in_force_since(&self) -> DateTime<Utc> {
        let own = self.hours(self.rules.pipeline);
        self.rules.in_force_since(self.customer, |pipeline| {
            let known = pipeline.automations.iter().any(|known| known.acts_like(self.automation));
            known && self.hours(pipeline) == own
        })
    }

    /// The working hours that the rule waits by.
    fn hours<'p>(&self, pipeline: &'p Pipeline) -> Option<&'p Calendar> {
        let delay = self.automation.delay.as_ref().filter(|delay| delay.clock == DelayClock::Business)?;
        pipeline.calendar(delay.calendar.as_deref())
    }

    /// The stay that the customer is in, if it is in one of these stages.
    fn standing(&self, stages: &[String]) -> Option<&Stay> {
        self.stays().last().filter(|stay| in_one_of(&stay.stage, stages))
    }

    /// When the sub-status was last set without a move, where the rule asks for one.
    fn sub_status_set(&self) -> Option<Occurrence> {
        let asks =
            self.automation.condition.as_ref().is_some_and(|condition| !condition.sub_statuses.is_empty());
        self.customer.automation.sub_status_set(self.journey).filter(|_| asks)
    }

    /// That instant, where it lies after what a wait would count from: a rule about a sub-status waits from when the
    /// customer came to stand in it.
    fn sub_status_set_since(&self, base: Occurrence) -> Option<Occurrence> {
        let later = |set: &Occurrence| (set.effective_at, set.position) > (base.effective_at, base.position);
        self.sub_status_set().filter(later)
    }

    /// The stay in one of these stages that the customer is in, or from which it has moved on to none but `also_in`.
    fn moved_on_from(&self, stages: &[String], also_in: &[String]) -> Option<&Stay> {
        let moved_on = |stay: &&Stay| also_in.contains(&stay.stage) && !stages.contains(&stay.stage);
        let stay = self.stays().iter().rev().find(|stay| !moved_on(stay))?;
        in_one_of(&stay.stage, stages).then_some(stay)
    }

    fn entered(&self, stages: &[String], also_in: &[String]) -> Option<Deadline<'a>> {
        self.entry(self.moved_on_from(stages, also_in)?)
    }

    fn entry(&self, stay: &Stay) -> Option<Deadline<'a>> {
        let record = self.customer.automation.provenance(stay.entered_event)?;
        let inserted = || {
            let moves = self.customer.journeys.moves(self.journey);
            moves.iter().any(|made| made.event == stay.entered_event && made.kind == MoveKind::Inserted)
        };
        let entered = Occurrence {
            effective_at: stay.entered_at,
            recorded_at: record.recorded_at,
            event: stay.entered_event,
            position: stay.entered_position,
        };
        let waits = self.automation.delay.is_some();
        let cause = self.sub_status_set_since(entered).filter(|_| waits).unwrap_or(entered);
        if record.imported || self.customer.automation.has_acted(&self.automation.id, cause.event) {
            return None;
        }
        let due_at = self.waited(cause.effective_at)?;
        let since = self.since();
        if (cause.recorded_at < since && due_at < since) || inserted() {
            return None;
        }
        self.unless_called_off(cause, due_at, stay)
    }

    fn idle(&self, stages: &[String], reset_by: &[Activity]) -> Option<Deadline<'a>> {
        let stay = self.standing(stages)?;
        let record = self.customer.automation.provenance(stay.entered_event)?;
        let entered = Occurrence {
            effective_at: if record.imported {
                stay.entered_at.max(record.recorded_at)
            } else {
                stay.entered_at
            },
            recorded_at: record.recorded_at,
            event: stay.entered_event,
            position: stay.entered_position,
        };
        let [latest, _] = latest(self.customer, self.journey, reset_by);
        let base = latest.filter(|reset| reset.effective_at > entered.effective_at).unwrap_or(entered);
        let base = self.sub_status_set_since(base).unwrap_or(base);
        let due_at = self.waited(base.effective_at)?;
        self.unless_called_off(base, due_at, stay)
    }

    fn dated(&self, field: &str, offset_seconds: i64, stay: &Stay) -> Option<Deadline<'a>> {
        let (date, told) = self.customer.automation.date(field)?;
        let zone = self.rules.pipeline.default_pool().map_or(Tz::UTC, |pool| pool.timezone);
        let base = clock::on_day(date, zone, offset_seconds)?;
        let due_at = self.waited(base)?;
        if told.recorded_at < self.since() && due_at < self.since() {
            return None;
        }
        let due_at = due_at.max(stay.entered_at);
        self.unless_called_off(told, due_at, stay)
    }

    fn signalled(&self, kind: &str, particular: bool, stages: &[String]) -> Vec<Deadline<'a>> {
        let Some(stay) = self.standing(stages) else { return Vec::new() };
        let since = self.since();
        let after_entry = |at: DateTime<Utc>, position: u64| {
            stages.is_empty() || (stay.entered_at, stay.entered_position) < (at, position)
        };
        // What a sub-status is asked for answers to it: signals from before it was set are not about it.
        let set = self.sub_status_set();
        let after_set = |at: Occurrence| {
            set.is_none_or(|set| (set.effective_at, set.position) < (at.effective_at, at.position))
        };
        let seen = self.customer.automation.signals.iter().filter(|seen| {
            seen.kind == kind
                && after_set(seen.at)
                && (!particular || seen.meets.contains(&self.automation.id))
                && after_entry(seen.at.effective_at, seen.at.position)
        });
        let due = seen.filter_map(|seen| {
            let due_at = self.waited(seen.at.effective_at)?;
            if seen.at.recorded_at < since && due_at < since {
                return None;
            }
            self.unless_called_off(seen.at, due_at, stay)
        });
        due.collect()
    }

    /// The deadline, not before the rule is in force, unless something happened since its cause that calls it off, or its
    /// condition does not hold.
    fn unless_called_off(
        &self,
        cause: Occurrence,
        due_at: DateTime<Utc>,
        stay: &Stay,
    ) -> Option<Deadline<'a>> {
        let due_at = due_at.max(self.in_force_since());
        let [latest, _] = latest(self.customer, self.journey, &self.automation.cancelled_by);
        if latest.is_some_and(|at| at.effective_at >= cause.effective_at && at.event != cause.event) {
            return None;
        }
        let mut acts_at = due_at;
        if let Some(condition) = &self.automation.condition {
            // A condition that came to hold later is acted on from then on.
            acts_at =
                self.customer.automation.facts_changed_at().map_or(due_at, |changed| due_at.max(changed));
            let facts = Facts {
                sub_status: stay.sub_status.as_deref(),
                tier: self.customer.tier.as_deref(),
                tags: &self.customer.tags,
                source: self.customer.source.as_deref(),
                channel: self.customer.channel.as_deref(),
                reason: self.customer.reasons.get(&stay.entered_event).map(String::as_str),
                documents: Some(&self.customer.documents),
                transactions: self.customer.purchases.transactions(),
                satisfaction: self.customer.satisfaction,
                at: acts_at,
                owned: matches!(self.customer.owner, Owner::Rep(_)),
                next_contact_planned: planned_after(self.customer, due_at),
            };
            if !condition.holds(&facts) {
                return None;
            }
        }
        Some(Deadline {
            rule: self.automation.id.clone(),
            name: self.automation.name.clone(),
            journey: self.journey.to_owned(),
            cause: cause.event,
            due_at: acts_at,
            due: Due::Automation(self.automation, stay.stage.clone()),
        })
    }
}

fn in_one_of(stage: &str, stages: &[String]) -> bool {
    stages.is_empty() || stages.iter().any(|named| named == stage)
}
