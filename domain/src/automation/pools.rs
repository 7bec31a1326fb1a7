//! The timers of a pool: when a customer goes back to it, and whether its claimant has made contact.

use chrono::{DateTime, Days, TimeDelta, Utc};

use super::activity::{latest, planned_after};
use super::clock::{after, reached};
use super::deadline::{Deadline, Due, Rules};
use crate::customer::Customer;
use crate::customer::automation_state::{Claim, Conversation, Occurrence, Ownership};
use crate::pipeline::StageType;
use crate::pipeline::automation::{Activity, Boundary};
use crate::pool::rules::{Exempt, FirstContact, PoolRules, Reclaim, ReclaimUnit};
use crate::pool::{Pool, start_of_day};
use crate::zones::Zones;
use crate::{Label, Owner, Pipeline};

/// The pool that a rep's customer would go back to: the one it was claimed from, else its pipeline's default.
pub fn pool_of<'a>(customer: &Customer, pipeline: &'a Pipeline) -> Option<&'a Pool> {
    let claimed_from = customer.automation.claims.last().and_then(|claim| pipeline.pool(&claim.pool));
    claimed_from.or_else(|| pipeline.default_pool())
}

/// How long a customer still belongs to its rep unless something happens; none where no clock runs.
pub fn remaining(customer: &Customer, rules: Rules<'_>, now: DateTime<Utc>) -> Option<TimeDelta> {
    let due = deadlines(customer, rules).into_iter();
    let ends =
        due.filter(|deadline| matches!(deadline.due, Due::Reclaim(..))).map(|deadline| deadline.due_at);
    ends.min().map(|end| (end - now).max(TimeDelta::zero()))
}

/// The timers that run for a customer that a rep owns.
pub(super) fn deadlines<'a>(customer: &Customer, rules: Rules<'a>) -> Vec<Deadline<'a>> {
    let Owner::Rep(rep) = &customer.owner else { return Vec::new() };
    let Some((pool, owned)) = pool_of(customer, rules.pipeline).zip(customer.automation.owned) else {
        return Vec::new();
    };
    let Some(pool_rules) = &pool.rules else { return Vec::new() };
    let mut found = Vec::new();
    for clock in &pool_rules.reclaim {
        let running = Running { customer, rules, pool, pool_rules, clock, owned };
        found.extend(running.deadlines());
    }
    let taken_over = customer.automation.taken_over.as_ref();
    let claim = taken_over.filter(|claim| claim.rep == *rep && claim.event == owned.by.event);
    if let Some((first, claim)) = pool_rules.first_contact.zip(claim) {
        found.extend(missed(customer, pool, first, claim));
    }
    found
}

/// A clock that runs for a customer.
struct Running<'a, 'c> {
    customer: &'c Customer,
    rules: Rules<'a>,
    pool: &'a Pool,
    pool_rules: &'a PoolRules,
    clock: &'a Reclaim,
    owned: Ownership,
}

impl<'a> Running<'a, '_> {
    fn deadlines(&self) -> Vec<Deadline<'a>> {
        let journey = self.customer.primary();
        let after_owning = |at: &Occurrence| at.effective_at > self.owned.by.effective_at;
        let [last, before] = latest(self.customer, journey, &self.clock.reset_by);
        let base = last.filter(after_owning).unwrap_or(self.owned.by);
        let Some(due_at) = self.strikes_at(base) else { return Vec::new() };
        let mut found = Vec::new();
        let previous = before.filter(after_owning).unwrap_or(self.owned.by);
        if base.event != self.owned.by.event
            && let Some(missed) = self.strikes_at(previous).filter(|at| *at <= base.recorded_at)
            && !self.spared(missed)
        {
            let due = Due::Overtaken(self.pool, self.clock, missed);
            found.push(self.deadline(format!("reclaim:{}", self.clock.id), base, base.recorded_at, due));
        }
        if self.spared(due_at) {
            return found;
        }
        for before in &self.clock.warn_before_seconds {
            let lead = i64::try_from(*before).ok().and_then(TimeDelta::try_seconds);
            let Some(warn_at) = lead.and_then(|lead| due_at.checked_sub_signed(lead)) else { continue };
            if warn_at > base.effective_at {
                let rule = format!("warn:{}:{before}", self.clock.id);
                found.push(self.deadline(rule, base, warn_at, Due::Warning(self.clock, *before)));
            }
        }
        let due = Due::Reclaim(self.pool, self.clock);
        found.push(self.deadline(format!("reclaim:{}", self.clock.id), base, due_at, due));
        found
    }

    /// When the clock strikes that counts from `base`.
    fn strikes_at(&self, base: Occurrence) -> Option<DateTime<Utc>> {
        let follow_up = self.clock.reset_by == [Activity::FollowUp];
        let new_owner = self.owned.handed_over && base.event == self.owned.by.event;
        let grace = self.pool_rules.handover_grace_seconds.filter(|_| follow_up && new_owner);
        let end = after(base.effective_at, self.clock.seconds.checked_add(grace.unwrap_or(0))?)?;
        let end = match self.clock.unit {
            ReclaimUnit::Elapsed => end,
            ReclaimUnit::LocalDay => start_of_day(
                self.pool.timezone,
                self.pool.quota_date(&Zones::compiled(), end).checked_add_days(Days::new(1))?,
            ),
        };
        let due_at = reached(end, self.clock.boundary);
        let since = self.rules.since(|pipeline| {
            let rules = pipeline.pool(&self.pool.key).and_then(|pool| pool.rules.as_ref());
            rules.is_some_and(|rules| rules.reclaim.iter().any(|known| known.id == self.clock.id))
        });
        Some(if base.recorded_at < since { due_at.max(since) } else { due_at })
    }

    /// Whether the customer is not taken back at an instant: where the cycle is paused, and where the pool says so.
    fn spared(&self, due_at: DateTime<Utc>) -> bool {
        let stage = self.customer.current().and_then(|stay| self.rules.pipeline.stage(&stay.stage));
        let kind = stage.map(|stage| stage.kind);
        if kind.is_some_and(StageType::stops_clock) {
            return true;
        }
        let Some(Exempt { stage_types, tiers, next_contact_planned }) = &self.pool_rules.exempt else {
            return false;
        };
        kind.is_some_and(|kind| stage_types.contains(&kind))
            || self.customer.tier.as_ref().is_some_and(|tier| tiers.contains(tier))
            || (*next_contact_planned && planned_after(self.customer, due_at))
    }

    fn deadline(&self, rule: String, base: Occurrence, due_at: DateTime<Utc>, due: Due<'a>) -> Deadline<'a> {
        Deadline {
            rule,
            name: self.clock.name.clone(),
            journey: self.customer.primary().to_owned(),
            cause: base.event,
            due_at,
            due,
        }
    }
}

/// The follow-up that counts as the first contact after a claim, if there was one.
fn in_time(customer: &Customer, first: FirstContact, claim: &Claim) -> Option<bool> {
    let until = after(claim.at, first.within_seconds)?;
    let recorded_until = after(until, first.grace_seconds)?;
    let counts = |one: &Conversation| {
        one.effective_at > claim.at && one.effective_at <= until && one.recorded_at <= recorded_until
    };
    Some(customer.automation.contacts.iter().any(counts))
}

/// The end of the time that a claimant has for the first contact, unless there was one.
fn missed<'a>(
    customer: &Customer,
    pool: &'a Pool,
    first: FirstContact,
    claim: &Claim,
) -> Option<Deadline<'a>> {
    if in_time(customer, first, claim)? {
        return None;
    }
    let recorded_until = after(after(claim.at, first.within_seconds)?, first.grace_seconds)?;
    Some(Deadline {
        rule: "first_contact".to_owned(),
        name: Label::new("领取后首次联系", "First contact after a claim"),
        journey: customer.primary().to_owned(),
        cause: claim.event,
        due_at: reached(recorded_until, Boundary::Exceeded),
        due: Due::FirstContact(pool, first),
    })
}
