//! A rep looks at a customer of a pool: where the pool limits that, a customer counts once on a local date.

use super::new_event::NewEvent;
use crate::customer::event::{CustomerEvent, Viewed};
use crate::customer::state::Customer;
use crate::instant;
use crate::pool::Pool;
use crate::refusal::{Code, Refusal, Violation};
use crate::{Actor, Context, Label, Role};

/// Whether the actor's views count: those of a rep who neither leads nor checks.
pub fn is_counted(actor: &Actor) -> bool {
    actor.rep_id().is_some() && !actor.supervises() && !actor.is(Role::Auditor)
}

/// The pool that the customer is in and its limit, where it has one.
fn limit<'a>(customer: &Customer, context: &Context<'a>) -> Option<(&'a Pool, u32)> {
    let pool = context.pool(customer.primary(), customer.pool()?)?;
    Some((pool, pool.rules.as_ref()?.views_per_day?))
}

pub(super) fn decide(customer: &Customer, context: &Context<'_>) -> Result<Vec<NewEvent>, Refusal> {
    // A customer who was forgotten or merged is not looked at.
    if customer.has_left() {
        return Ok(Vec::new());
    }
    let rep = context.actor.rep_id().filter(|_| is_counted(context.actor));
    let Some((rep, (pool, limit))) = rep.zip(limit(customer, context)) else { return Ok(Vec::new()) };
    let quota_date = pool.quota_date(context.zones, context.now);
    let seen = |(seen_in, date): &(String, _)| *seen_in == pool.key && *date == quota_date;
    if customer.views.get(rep).is_some_and(seen) {
        return Ok(Vec::new());
    }
    Refusal::require_all([within_the_limit(pool, limit, context)])?;
    let event = CustomerEvent::Viewed(Viewed { rep: rep.to_owned(), pool: pool.key.clone(), quota_date });
    Ok(vec![NewEvent { event, effective_at: context.now }])
}

/// Counted on the pool's local date of recording, whatever the rep's own zone is.
fn within_the_limit(pool: &Pool, limit: u32, context: &Context<'_>) -> Vec<Violation> {
    if context.views_today < limit {
        return Vec::new();
    }
    let available_at = instant::text(pool.next_quota_at(context.zones, context.now));
    vec![
        Violation::new(
            Code::ViewQuotaExhausted,
            "",
            Label::new(
                format!("今日已查看公海客户{limit}个，达到上限。"),
                format!("You have used all {limit} views of pool customers for today."),
            ),
            Label::new(
                "请先跟进已查看的客户，或在公海的次日零点后再查看。",
                "Follow up on the customers you have viewed, or view more after the next midnight in the pool's time zone.",
            ),
        )
        .with("limit", limit)
        .with("available_at", available_at),
    ]
}

#[cfg(test)]
mod tests {
    use chrono::{NaiveDate, TimeDelta};
    use uuid::Uuid;

    use super::*;
    use crate::customer::command::Command;
    use crate::customer::decide::spec::*;
    use crate::customer::event::{Erased, MergedInto, StagePolicy};

    /// The pool of the template counts by the calendar of Shanghai, whose day begins at 16:00 UTC.
    fn date(day: u32) -> NaiveDate {
        NaiveDate::from_ymd_opt(2024, 10, day).unwrap()
    }

    fn viewed(rep: &str, quota_date: NaiveDate) -> CustomerEvent {
        CustomerEvent::Viewed(Viewed { rep: rep.into(), pool: "customer_pool".into(), quota_date })
    }

    fn limited(events: impl IntoIterator<Item = CustomerEvent>) -> Spec {
        let mut pipeline = crate::pipeline::templates()[0].install("helloword-13");
        pipeline.pools[0].rules.as_mut().unwrap().views_per_day = Some(3);
        given(events).with_pipeline(pipeline)
    }

    #[test]
    fn a_look_at_a_customer_of_the_pool_counts_once_a_local_day() {
        limited([in_the_pool()]).when(Command::View).then([viewed("li", date(14))]);
        limited([in_the_pool(), viewed("li", date(14))]).after_views(3).when(Command::View).then([]);
        limited([in_the_pool(), viewed("zhao", date(14))]).when(Command::View).then([viewed("li", date(14))]);
        let tick = TimeDelta::microseconds(1);
        let midnight = day(10) + TimeDelta::hours(16);
        let seen = || limited([in_the_pool(), viewed("li", date(14))]);
        seen().at(midnight - tick).when(Command::View).then([]);
        seen().at(midnight).when(Command::View).then([viewed("li", date(15))]);
    }

    #[test]
    fn beyond_the_limit_nobody_looks_until_the_pools_midnight() {
        limited([in_the_pool()]).after_views(2).when(Command::View).then([viewed("li", date(14))]);
        let refusal =
            limited([in_the_pool()]).after_views(3).when(Command::View).refuses([Code::ViewQuotaExhausted]);
        assert_eq!(refusal.available_at(), Some(day(10) + TimeDelta::hours(16)));
        assert_eq!(refusal.extra["limit"], 3);
    }

    #[test]
    fn neither_owned_customers_nor_those_who_lead_or_check_are_counted() {
        limited([registered_by_li()]).after_views(9).when(Command::View).then([]);
        for actor in [
            wang(),
            root(),
            Actor::new("auditor:he", [Role::Auditor]),
            Actor::new("analyst:he", [Role::Analyst]),
            Actor::new("rep:li", [Role::Rep, Role::Supervisor]),
        ] {
            limited([in_the_pool()]).by(actor).after_views(9).when(Command::View).then([]);
        }
    }

    #[test]
    fn a_customer_who_was_forgotten_or_merged_is_not_counted() {
        let erased = CustomerEvent::Erased(Erased { ground: "request".to_owned() });
        let survivor = Uuid::from_u128(7);
        let merged = CustomerEvent::MergedInto(MergedInto { survivor, stage_policy: StagePolicy::Survivor });
        for gone in [erased, merged] {
            limited([in_the_pool(), gone]).after_views(9).when(Command::View).then([]);
        }
    }

    #[test]
    fn a_pool_without_the_limit_keeps_no_account() {
        let mut pipeline = crate::pipeline::templates()[0].install("helloword-13");
        pipeline.pools[0].rules = None;
        given([in_the_pool()]).with_pipeline(pipeline).after_views(9).when(Command::View).then([]);
    }

    #[test]
    fn a_look_changes_nothing_that_anybody_decides_on() {
        let (before, after) = (given([in_the_pool()]), given([in_the_pool(), viewed("li", date(14))]));
        let told = |spec: &Spec| {
            let customer = spec.customer.clone().unwrap();
            (customer.version, customer.owner.clone(), customer.current().cloned())
        };
        assert_eq!(told(&before), told(&after));
    }
}
