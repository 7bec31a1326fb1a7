//! A rep claims a customer from the pool.

use super::{NewEvent, guard};
use crate::customer::event::{Claimed, CustomerEvent};
use crate::customer::state::Customer;
use crate::pool::Pool;
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label};

fn by_a_rep(context: &Context<'_>) -> Vec<Violation> {
    require(context.actor.rep_id().is_some(), || {
        guard::forbidden_role(
            Label::new("只有销售可以领取客户。", "Only a rep claims customers."),
            Label::new("主管请使用变更归属。", "A manager changes the owner instead."),
        )
    })
}

fn still_in_a_pool(customer: &Customer) -> Vec<Violation> {
    require(customer.pool().is_some(), || {
        Violation::new(
            Code::AlreadyClaimed,
            "",
            Label::new("客户已有负责人。", "The customer has an owner already."),
            Label::new("请领取公海中的其他客户。", "Claim another customer from the pool."),
        )
    })
}

/// Counted on the pool's local date of recording, whatever the rep's own zone is.
fn within_the_quota(pool: Option<&Pool>, context: &Context<'_>) -> Vec<Violation> {
    let Some(pool) = pool.filter(|pool| context.claims_today >= pool.claims_per_day) else {
        return Vec::new();
    };
    let (limit, available_at) = (pool.claims_per_day, pool.next_quota_at(context.now));
    vec![
        Violation::new(
            Code::ClaimQuotaExhausted,
            "",
            Label::new(
                format!("今日已领取{limit}个，达到上限。"),
                format!("All {limit} claims of today are used."),
            ),
            Label::new("请在公海的次日零点后再领取。", "Claim again after the pool's next midnight."),
        )
        .with("limit", limit)
        .with("available_at", available_at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)),
    ]
}

fn pool_defined(customer: &Customer, context: &Context<'_>) -> Vec<Violation> {
    let Some(key) = customer.pool() else { return Vec::new() };
    guard::known_pool(context, customer.primary(), key, "")
}

pub(super) fn decide(customer: &Customer, context: &Context<'_>) -> Result<Vec<NewEvent>, Refusal> {
    let pool = customer.pool().and_then(|key| context.pool(customer.primary(), key));
    Refusal::unless_met([
        by_a_rep(context),
        still_in_a_pool(customer),
        pool_defined(customer, context),
        within_the_quota(pool, context),
    ])?;
    let claimed = context.actor.rep_id().zip(pool).map(|(rep, pool)| Claimed {
        rep: rep.to_owned(),
        pool: pool.key.clone(),
        quota_date: pool.quota_date(context.now),
    });
    let event =
        claimed.map(|event| NewEvent { event: CustomerEvent::Claimed(event), effective_at: context.now });
    Ok(event.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use chrono::{DateTime, Utc};
    use chrono_tz::Tz;

    use super::*;
    use crate::customer::command::Command;
    use crate::customer::decide::spec::*;

    fn claimed() -> CustomerEvent {
        let quota_date = day(10).with_timezone(&chrono_tz::Asia::Shanghai).date_naive();
        CustomerEvent::Claimed(Claimed { rep: "li".into(), pool: "customer_pool".into(), quota_date })
    }

    #[test]
    fn a_rep_takes_a_customer_from_the_pool() {
        given([in_the_pool()]).when(Command::Claim).then([claimed()]);
    }

    #[test]
    fn a_claimed_customer_is_claimed_by_nobody_else_nor_again() {
        given([in_the_pool(), claimed()]).by(zhao()).when(Command::Claim).refuses([Code::AlreadyClaimed]);
        given([in_the_pool(), claimed()]).when(Command::Claim).refuses([Code::AlreadyClaimed]);
    }

    #[test]
    fn the_third_claim_of_a_day_is_the_last() {
        given([in_the_pool()]).after_claims(2).when(Command::Claim).then([claimed()]);
        let refusal =
            given([in_the_pool()]).after_claims(3).when(Command::Claim).refuses([Code::ClaimQuotaExhausted]);
        // Midnight in Shanghai is 16:00 UTC.
        assert_eq!(refusal.available_at(), Some(day(10) + chrono::TimeDelta::hours(16)));
    }

    #[test]
    fn a_claim_cannot_be_backdated_into_yesterdays_quota() {
        let event = given([in_the_pool()]).effective(day(5)).when(Command::Claim).event();
        assert_eq!((event.effective_at, event.event), (day(10), claimed()));
    }

    #[test]
    fn managers_do_not_claim() {
        given([in_the_pool()]).by(wang()).when(Command::Claim).refuses([Code::ForbiddenRole]);
    }

    #[test]
    fn the_quota_day_of_a_pool_has_23_or_25_hours_where_clocks_change() {
        let pool =
            |timezone: Tz| Pool { timezone, ..crate::pipeline::templates()[0].pipeline.pools[0].clone() };
        let at = |text: &str| text.parse::<DateTime<Utc>>().unwrap();
        let berlin = pool(chrono_tz::Europe::Berlin);
        for (instant, date, next) in [
            // A day of 23 hours: 2026-03-28T23:00Z to 2026-03-29T22:00Z.
            ("2026-03-28T22:59:59Z", "2026-03-28", "2026-03-28T23:00:00Z"),
            ("2026-03-28T23:00:00Z", "2026-03-29", "2026-03-29T22:00:00Z"),
            ("2026-03-29T21:59:59Z", "2026-03-29", "2026-03-29T22:00:00Z"),
            ("2026-03-29T22:00:00Z", "2026-03-30", "2026-03-30T22:00:00Z"),
            // A day of 25 hours: 2026-10-24T22:00Z to 2026-10-25T23:00Z.
            ("2026-10-24T22:00:00Z", "2026-10-25", "2026-10-25T23:00:00Z"),
            ("2026-10-25T22:59:59Z", "2026-10-25", "2026-10-25T23:00:00Z"),
        ] {
            assert_eq!(berlin.quota_date(at(instant)).to_string(), date, "{instant}");
            assert_eq!(berlin.next_quota_at(at(instant)), at(next), "{instant}");
        }
        // Samoa left out the 30th of December 2011 altogether.
        let apia = pool(chrono_tz::Pacific::Apia);
        assert_eq!(apia.next_quota_at(at("2011-12-30T09:00:00Z")), at("2011-12-30T10:00:00Z"));
        // Beirut's clocks jump from midnight to one: the day begins with the jump.
        let beirut = pool(chrono_tz::Asia::Beirut);
        assert_eq!(beirut.next_quota_at(at("2024-03-30T12:00:00Z")), at("2024-03-30T22:00:00Z"));
    }
}
