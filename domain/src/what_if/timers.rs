//! What would have become due while a customer stood as it did: the agenda of rules and pools, without anybody acting on it but
//! the pools, which take customers back.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{DateTime, Utc};
use uuid::Uuid;

use super::hypothesis::Span;
use super::limits::{Deadline, DeadlineKind, Deadlines};
use crate::automation::{self, Due, Rules, agenda};
use crate::customer::Customer;
use crate::customer::event::{CustomerEvent, Occasion, OwnerChanged, Recorded};
use crate::pipeline::automation::{Automation, Trigger};
use crate::{Owner, Personal};

/// A customer that goes back to a pool.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PoolReturn {
    /// Which of the pool's rules: the id of a clock, or `first_contact`.
    pub rule: String,
    /// The pool.
    pub pool: String,
    /// The rep who had it.
    pub rep: String,
    /// When: at the beginning of the span where it was due before.
    pub at: DateTime<Utc>,
}

/// What became due for one customer under one set of rules.
#[derive(Debug, Clone, Default)]
pub(super) struct Timers {
    pub(super) deadlines: Deadlines,
    /// By the event that gave the rep the customer.
    pub(super) returns: BTreeMap<Uuid, PoolReturn>,
    seen: BTreeSet<(Uuid, String)>,
}

impl Timers {
    /// Lets everything become due that is before an instant, on a customer that stands like this. Where a pool takes it back, it
    /// belongs to the pool from then on.
    pub(super) fn run(
        &mut self,
        customer: &mut Customer,
        rules: Rules<'_>,
        span: Span,
        until: DateTime<Utc>,
    ) {
        let key = rules.pipeline.key.clone();
        while self.next(customer, &key, rules, span, until) {}
    }

    /// Whether the customer is another one now, so that it has to be asked again what is due.
    fn next(
        &mut self,
        customer: &mut Customer,
        key: &str,
        rules: Rules<'_>,
        span: Span,
        until: DateTime<Utc>,
    ) -> bool {
        let due = agenda(customer, |journey| (journey == key).then_some(rules));
        for deadline in due.into_iter().filter(|deadline| deadline.due_at < until) {
            if !self.seen.insert((deadline.cause, deadline.rule.clone())) {
                continue;
            }
            match &deadline.due {
                Due::Automation(automation, stage) if waits(automation) && span.holds(deadline.due_at) => {
                    let kind = DeadlineKind::Rule(deadline.rule.clone());
                    let limit = Deadline { stage: stage.clone(), due_at: deadline.due_at, met: false };
                    self.deadlines.insert((kind, deadline.cause), limit);
                }
                Due::Reclaim(pool, clock) => {
                    let rule = clock.id.clone();
                    return self.take_back(customer, rule, &pool.key, &deadline, span);
                }
                Due::FirstContact(pool, _) => {
                    let rule = deadline.rule.clone();
                    return self.take_back(customer, rule, &pool.key, &deadline, span);
                }
                _ => {}
            }
        }
        false
    }

    fn take_back(
        &mut self,
        customer: &mut Customer,
        rule: String,
        pool: &str,
        deadline: &automation::Deadline<'_>,
        span: Span,
    ) -> bool {
        let (Owner::Rep(rep), Some(owned)) = (customer.owner.clone(), customer.automation.owned) else {
            return false;
        };
        let at = deadline.due_at.max(span.from);
        let returned = PoolReturn { rule, pool: pool.to_owned(), rep, at };
        self.returns.insert(owned.by.event, returned);
        customer.evolve(&Recorded {
            position: u64::MAX,
            id: deadline.cause,
            effective_at: at,
            recorded_at: at,
            actor: "system:what-if".to_owned(),
            origin: Some("rule".to_owned()),
            event: CustomerEvent::OwnerChanged(OwnerChanged {
                from: customer.owner.clone(),
                to: Owner::Pool(pool.to_owned()),
                reason: Personal::Sealed,
                occasion: Some(Occasion::Auto),
                grace_until: None,
                text: None,
            }),
        });
        true
    }
}

/// Whether a rule acts after a time or on a date, and not at once.
fn waits(automation: &Automation) -> bool {
    automation.delay.is_some() || matches!(automation.trigger, Trigger::FieldDate { .. })
}
