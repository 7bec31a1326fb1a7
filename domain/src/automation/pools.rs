//! The timers of a pool: when a customer goes back to it, and whether its claimant has made contact.

use chrono::{DateTime, Days, Utc};

use super::activity::{latest, planned_after};
use super::clock::{self, reached};
use super::deadline::{Deadline, Due, Rules};
use super::pauses::Pauses;
use crate::customer::Customer;
use crate::customer::automation_state::{Claim, Conversation, Occurrence, Ownership};
use crate::pipeline::StageType;
use crate::pipeline::automation::{Activity, Boundary};
use crate::pool::rules::{Exempt, FirstContact, OVERTAKEN, PoolRules, RECLAIM, Reclaim, ReclaimUnit};
use crate::pool::{Pool, start_of_day};
use crate::zones::Zones;
use crate::{Label, Owner, Pipeline};

/// The pool that a rep's customer would go back to: the one it was claimed from, else its pipeline's default.
pub fn pool_of<'a>(customer: &Customer, pipeline: &'a Pipeline) -> Option<&'a Pool> {
    let claimed_from = customer.automation.claims.last().and_then(|claim| pipeline.pool(&claim.pool));
    claimed_from.or_else(|| pipeline.default_pool())
}

/// When a customer goes back to its pool unless something happens; none where no clock runs.
pub fn reclaim_at(customer: &Customer, rules: Rules<'_>) -> Option<DateTime<Utc>> {
    let due = deadlines(customer, rules).into_iter();
    due.filter(|deadline| matches!(deadline.due, Due::Reclaim(..))).map(|deadline| deadline.due_at).min()
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
        found.extend(missed(customer, rules, pool, first, claim));
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

/// When a clock strikes, and when its warnings are given: each with how many seconds before.
struct Strike {
    due_at: DateTime<Utc>,
    warnings: Vec<(u64, DateTime<Utc>)>,
}

impl<'a> Running<'a, '_> {
    fn deadlines(&self) -> Vec<Deadline<'a>> {
        let journey = self.customer.primary();
        let after_owning = |at: &Occurrence| at.effective_at > self.owned.by.effective_at;
        let [last, before] = latest(self.customer, journey, &self.clock.reset_by);
        let base = last.filter(after_owning).unwrap_or(self.owned.by);
        let Some(strike) = self.strike(base) else { return Vec::new() };
        let mut found = Vec::new();
        let previous = before.filter(after_owning).unwrap_or(self.owned.by);
        if base.event != self.owned.by.event
            && let Some(missed) = self.strike(previous).map(|strike| strike.due_at)
            && missed <= base.recorded_at
            && !self.spared(missed)
        {
            let due = Due::Overtaken(self.pool, self.clock, missed);
            let rule = format!("{OVERTAKEN}{}", self.clock.id);
            found.push(self.deadline(rule, base, base.recorded_at, due));
        }
        if self.spared(strike.due_at) {
            return found;
        }
        for (before, warn_at) in strike.warnings {
            found.push(self.deadline(self.warning(before), base, warn_at, Due::Warning(self.clock, before)));
        }
        let due = Due::Reclaim(self.pool, self.clock);
        found.push(self.deadline(self.rule(), base, strike.due_at, due));
        found
    }

    fn rule(&self) -> String {
        format!("{RECLAIM}{}", self.clock.id)
    }

    fn warning(&self, before: u64) -> String {
        format!("warn:{}:{before}", self.clock.id)
    }

    /// The strike of the clock that counts from `base`, with the warnings of it. What would be warned of before the clock began,
    /// or before there was such a warning, is left out.
    fn strike(&self, base: Occurrence) -> Option<Strike> {
        let pauses = self.pauses();
        let mut strike = Strike { due_at: self.elapsed(base, &pauses)?, warnings: Vec::new() };
        for before in &self.clock.warn_before_seconds {
            let warn_at = clock::wait(*before).and_then(|lead| pauses.before(strike.due_at, lead));
            let Some(warn_at) = warn_at.and_then(|at| pauses.outside(at)) else { continue };
            let since = self.since(|known| known.warn_before_seconds.contains(before));
            if warn_at > base.effective_at && warn_at >= since {
                strike.warnings.push((*before, warn_at));
            }
        }
        Some(strike)
    }

    /// The time in which the clock stands still: in stages that it spares.
    fn pauses(&self) -> Pauses {
        let spares = |kind: StageType| {
            let exempt = self.pool_rules.exempt.as_ref();
            kind.stops_clock() || exempt.is_some_and(|exempt| exempt.stage_types.contains(&kind))
        };
        let stays = self.customer.journeys.stays(self.customer.primary());
        Pauses::of(stays, |stage| self.rules.kind_of(stage).is_some_and(spares))
    }

    /// When the time is over that counts from `base`.
    fn elapsed(&self, base: Occurrence, pauses: &Pauses) -> Option<DateTime<Utc>> {
        let follow_up = self.clock.reset_by == [Activity::FollowUp];
        let new_owner = self.owned.handed_over && base.event == self.owned.by.event;
        let grace = self.pool_rules.handover_grace_seconds.filter(|_| follow_up && new_owner);
        let wait = clock::wait(self.clock.seconds.checked_add(grace.unwrap_or(0))?)?;
        let due_at = match self.clock.unit {
            ReclaimUnit::Elapsed => {
                let end = pauses.after(base.effective_at, wait)?;
                pauses.outside(reached(end, self.clock.boundary))?
            }
            ReclaimUnit::LocalDay => {
                let end = self.end_of_day(pauses.after(base.effective_at, wait)?)?;
                let left = pauses.outside(end)?;
                let end = if left == end { end } else { self.end_of_day(left)? };
                reached(end, self.clock.boundary)
            }
        };
        pauses.outside(due_at.max(self.since(|_| true)))
    }

    /// The end of the local day of an instant, in the pool's zone.
    fn end_of_day(&self, at: DateTime<Utc>) -> Option<DateTime<Utc>> {
        let next = self.pool.quota_date(&Zones::compiled(), at).checked_add_days(Days::new(1))?;
        Some(start_of_day(self.pool.timezone, next))
    }

    /// Since when the clock has run for the customer just so, spared the same, and been `such` a one.
    fn since(&self, such: impl Fn(&Reclaim) -> bool) -> DateTime<Utc> {
        self.rules.in_force_since(self.customer, |pipeline| {
            let there = pipeline.pool(&self.pool.key).filter(|pool| pool.timezone == self.pool.timezone);
            there.and_then(|pool| pool.rules.as_ref()).is_some_and(|rules| {
                let spares = (&rules.exempt, rules.handover_grace_seconds);
                spares == (&self.pool_rules.exempt, self.pool_rules.handover_grace_seconds)
                    && rules.reclaim.iter().any(|known| known.runs_like(self.clock) && such(known))
            })
        })
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

/// Until when the first contact after a claim has to happen, and until when it has to be recorded. Time in paused stages does not
/// count.
fn first_contact_until(
    first: FirstContact,
    claim: &Claim,
    pauses: &Pauses,
) -> Option<(DateTime<Utc>, DateTime<Utc>)> {
    let until = pauses.after(claim.at, clock::wait(first.within_seconds)?)?;
    Some((until, pauses.after(until, clock::wait(first.grace_seconds)?)?))
}

/// The end of the time that a claimant has for the first contact, unless there was one.
fn missed<'a>(
    customer: &Customer,
    rules: Rules<'a>,
    pool: &'a Pool,
    first: FirstContact,
    claim: &Claim,
) -> Option<Deadline<'a>> {
    let since = rules.in_force_since(customer, |pipeline| {
        let known = pipeline.pool(&pool.key).and_then(|pool| pool.rules.as_ref()?.first_contact);
        known.is_some_and(|known| {
            (known.within_seconds, known.grace_seconds) == (first.within_seconds, first.grace_seconds)
        })
    });
    let stays = customer.journeys.stays(customer.primary());
    let pauses = Pauses::of(stays, |stage| rules.kind_of(stage).is_some_and(StageType::stops_clock));
    let (until, recorded_until) = first_contact_until(first, claim, &pauses)?;
    let (until, recorded_until) = (until.max(since), recorded_until.max(since));
    let counts = |one: &Conversation| {
        one.effective_at > claim.at && one.effective_at <= until && one.recorded_at <= recorded_until
    };
    if customer.automation.contacts.iter().any(counts) {
        return None;
    }
    let due_at = pauses.outside(reached(recorded_until, Boundary::Exceeded))?;
    Some(Deadline {
        rule: "first_contact".to_owned(),
        name: Label::new("领取后首次联系", "First contact after a claim"),
        journey: customer.primary().to_owned(),
        cause: claim.event,
        due_at,
        due: Due::FirstContact(pool, first),
    })
}
