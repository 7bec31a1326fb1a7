//! A rep claims a customer from the pool.

use chrono::{DateTime, TimeDelta, Utc};

use super::guard;
use super::new_event::NewEvent;
use crate::customer::event::{Claimed, CustomerEvent};
use crate::customer::state::Customer;
use crate::instant;
use crate::pool::Pool;
use crate::pool::rules::{FirstContact, PoolRules};
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Role};

fn by_a_rep(context: &Context<'_>) -> Vec<Violation> {
    require(context.actor.rep_id().is_some(), || {
        guard::forbidden_role(
            Label::new("只有销售可以领取客户。", "Only reps can claim customers."),
            Label::new("主管请使用变更归属。", "Supervisors should change the owner instead."),
        )
    })
}

fn still_in_a_pool(customer: &Customer) -> Vec<Violation> {
    require(customer.pool().is_some(), || {
        Violation::new(
            Code::AlreadyClaimed,
            "",
            Label::new("客户已有负责人。", "The customer already has an owner."),
            Label::new("请领取公海中的其他客户。", "Claim another customer from the pool."),
        )
    })
}

/// The pool names the roles that claim, or none.
fn eligible(rules: Option<&PoolRules>, context: &Context<'_>) -> Vec<Violation> {
    let named = rules.filter(|rules| !rules.claimant_roles.is_empty() && context.actor.rep_id().is_some());
    let Some(rules) = named else { return Vec::new() };
    let named = |role: &Role| rules.claimant_roles.iter().any(|name| name == role.as_str());
    require(context.actor.roles.iter().any(named), || {
        guard::forbidden_role(
            Label::new("该角色不能从这个公海领取。", "This role cannot claim from this pool."),
            Label::new("请由有领取资格的销售领取。", "Ask a rep who is eligible to claim it."),
        )
        .with("roles", rules.claimant_roles.clone())
    })
}

/// Something that is over at an instant.
fn not_before(
    code: Code,
    available_at: DateTime<Utc>,
    message: Label,
    how_to_fix: Label,
    context: &Context<'_>,
) -> Vec<Violation> {
    require(context.now >= available_at, || {
        let available_at = instant::text(available_at);
        Violation::new(code, "", message, how_to_fix).with("available_at", available_at)
    })
}

/// The rep who lost or released the customer cannot claim it for a time, so that it does not go back and forth.
fn not_its_former_owner(
    customer: &Customer,
    rep: &str,
    rules: &PoolRules,
    context: &Context<'_>,
) -> Vec<Violation> {
    let losses = customer.automation.claim_history().losses;
    let lost = losses.iter().rev().find(|loss| loss.rep == rep);
    let Some((loss, seconds)) = lost.zip(rules.previous_owner_blocked_seconds) else { return Vec::new() };
    let Some(free_at) = later(loss.at, seconds) else { return Vec::new() };
    not_before(
        Code::ClaimBlocked,
        free_at,
        Label::new(
            "原负责人在保护期内不能领回。",
            "The former owner cannot claim the customer back during the protection period.",
        ),
        Label::new(
            "请等保护期结束，或由主管分配。",
            "Wait until the protection period ends, or ask a supervisor to assign the customer.",
        ),
        context,
    )
}

fn not_new(customer: &Customer, rules: &PoolRules, context: &Context<'_>) -> Vec<Violation> {
    let began_at = customer.journeys.began_at();
    let Some((began_at, seconds)) = began_at.zip(rules.new_protected_seconds) else { return Vec::new() };
    let Some(free_at) = later(began_at, seconds) else { return Vec::new() };
    not_before(
        Code::ClaimProtected,
        free_at,
        Label::new(
            "新客户在保护期内不能领取。",
            "A new customer cannot be claimed during the protection period.",
        ),
        Label::new("请等保护期结束。", "Wait until the protection period ends."),
        context,
    )
}

/// The same customer is not claimed over and over by the same rep. The place is free again when the earliest of the
/// claims that count is so long ago.
fn not_again_and_again(
    customer: &Customer,
    rep: &str,
    rules: &PoolRules,
    context: &Context<'_>,
) -> Vec<Violation> {
    let Some(limit) = rules.repeated_claims else { return Vec::new() };
    let claims = customer.automation.claim_history().claims;
    let mine: Vec<_> = claims.iter().filter(|claim| claim.rep == rep).collect();
    let place = mine.len().checked_sub(limit.max as usize).and_then(|first| mine.get(first));
    let Some(free_at) = place.and_then(|claim| later(claim.at, limit.within_seconds)) else {
        return Vec::new();
    };
    not_before(
        Code::ClaimRepeated,
        free_at,
        Label::new(
            format!("同一客户最多领取{}次。", limit.max),
            format!("The same customer can be claimed at most {} times.", limit.max),
        ),
        Label::new("请领取其他客户，或等待。", "Claim another customer, or wait."),
        context,
    )
}

/// Each time the rep has missed this many first contacts, claiming is suspended for a time.
fn not_banned(rules: &PoolRules, context: &Context<'_>) -> Vec<Violation> {
    let Some(FirstContact { strikes: Some(strikes), ban_seconds: Some(seconds), .. }) = rules.first_contact
    else {
        return Vec::new();
    };
    let full =
        context.strikes.len().checked_rem(strikes as usize).map_or(0, |rest| context.strikes.len() - rest);
    let last = full.checked_sub(1).and_then(|place| context.strikes.get(place));
    let Some(free_at) = last.and_then(|at| later(*at, seconds)) else { return Vec::new() };
    not_before(
        Code::ClaimBanned,
        free_at,
        Label::new(
            format!("首次联系超时满{strikes}次，暂停领取。"),
            format!("{strikes} first contacts were missed; claiming is suspended."),
        ),
        Label::new("请先跟进已领取的客户。", "Follow up on the customers you have claimed."),
        context,
    )
}

fn later(at: DateTime<Utc>, seconds: u64) -> Option<DateTime<Utc>> {
    at.checked_add_signed(TimeDelta::try_seconds(i64::try_from(seconds).ok()?)?)
}

/// What the pool's rules say of this rep and this customer.
fn pool_rule_violations(customer: &Customer, pool: Option<&Pool>, context: &Context<'_>) -> Vec<Violation> {
    let Some((rules, rep)) = pool.and_then(|pool| pool.rules.as_ref()).zip(context.actor.rep_id()) else {
        return Vec::new();
    };
    [
        not_its_former_owner(customer, rep, rules, context),
        not_new(customer, rules, context),
        not_again_and_again(customer, rep, rules, context),
        not_banned(rules, context),
    ]
    .concat()
}

/// Counted on the pool's local date of recording, whatever the rep's own zone is.
fn within_the_quota(pool: Option<&Pool>, context: &Context<'_>) -> Vec<Violation> {
    let Some(pool) = pool.filter(|pool| context.claims_today >= pool.claims_per_day) else {
        return Vec::new();
    };
    let (limit, available_at) = (pool.claims_per_day, pool.next_quota_at(context.zones, context.now));
    vec![
        Violation::new(
            Code::ClaimQuotaExhausted,
            "",
            Label::new(
                format!("今日已领取{limit}个，达到上限。"),
                format!("You have used all {limit} claims for today."),
            ),
            Label::new(
                "请在公海的次日零点后再领取。",
                "Claim again after the next midnight in the pool's time zone.",
            ),
        )
        .with("limit", limit)
        .with("available_at", instant::text(available_at)),
    ]
}

/// The holding limit: a rep with this many active customers claims no more.
fn within_the_cap(pool: Option<&Pool>, context: &Context<'_>) -> Vec<Violation> {
    let cap = pool.and_then(|pool| pool.rules.as_ref()?.holding_cap);
    let Some(cap) = cap.filter(|cap| context.holds >= *cap) else { return Vec::new() };
    let held = context.holds;
    vec![
        Violation::new(
            Code::HoldingCapReached,
            "",
            Label::new(
                format!("已持有{held}个进行中的客户，上限为{cap}个。"),
                format!("You hold {held} active customers; the limit is {cap}."),
            ),
            Label::new("请先成交、标记流失或释放一些客户。", "Win, lose or release some customers first."),
        )
        .with("limit", cap)
        .with("held", held),
    ]
}

fn pool_defined(customer: &Customer, context: &Context<'_>) -> Vec<Violation> {
    let Some(key) = customer.pool() else { return Vec::new() };
    guard::known_pool(context, customer.primary(), key, "")
}

pub(super) fn decide(customer: &Customer, context: &Context<'_>) -> Result<Vec<NewEvent>, Refusal> {
    let pool = customer.pool().and_then(|key| context.pool(customer.primary(), key));
    Refusal::require_all([
        by_a_rep(context),
        still_in_a_pool(customer),
        pool_defined(customer, context),
        within_the_quota(pool, context),
        within_the_cap(pool, context),
        eligible(pool.and_then(|pool| pool.rules.as_ref()), context),
        pool_rule_violations(customer, pool, context),
    ])?;
    let claimed = context.actor.rep_id().zip(pool).map(|(rep, pool)| Claimed {
        rep: rep.to_owned(),
        pool: pool.key.clone(),
        quota_date: pool.quota_date(context.zones, context.now),
    });
    let event =
        claimed.map(|event| NewEvent { event: CustomerEvent::Claimed(event), effective_at: context.now });
    Ok(event.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use chrono_tz::Tz;

    use super::*;
    use crate::Personal;
    use crate::customer::command::Command;
    use crate::customer::decide::spec::*;
    use crate::customer::event::Released;
    use crate::zones::Zones;

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
        assert_eq!(refusal.available_at(), Some(day(10) + TimeDelta::hours(16)));
    }

    #[test]
    fn a_claim_cannot_be_backdated_into_yesterdays_quota() {
        let event = given([in_the_pool()]).effective(day(5)).when(Command::Claim).event();
        assert_eq!((event.effective_at, event.event), (day(10), claimed()));
    }

    /// In the pool, after li had it and lost it on day 2.
    fn lost_by_li() -> [CustomerEvent; 3] {
        let released = CustomerEvent::Released(Released {
            rep: "li".into(),
            pool: "customer_pool".into(),
            reason: Personal::Sealed,
        });
        [in_the_pool(), claimed(), released]
    }

    #[test]
    fn the_rep_who_lost_a_customer_may_claim_it_again_after_seven_days_and_others_at_once() {
        let free_at = day(2 + 7);
        let tick = TimeDelta::microseconds(1);
        let refusal =
            given(lost_by_li()).at(free_at - tick).when(Command::Claim).refuses([Code::ClaimBlocked]);
        assert_eq!(refusal.available_at(), Some(free_at));
        given(lost_by_li()).at(free_at).when(Command::Claim).event();
        given(lost_by_li()).at(day(3)).by(zhao()).when(Command::Claim).event();
    }

    #[test]
    fn the_same_customer_is_claimed_twice_in_ninety_days() {
        let [first, claim, release] = lost_by_li();
        let twice = [first, claim.clone(), release.clone(), claim, release];
        // The first claim was on day 1; the block of the last release ends on day 11.
        let tick = TimeDelta::microseconds(1);
        let free_at = day(1 + 90);
        let refusal =
            given(twice.clone()).at(free_at - tick).when(Command::Claim).refuses([Code::ClaimRepeated]);
        assert_eq!(refusal.available_at(), Some(free_at));
        given(twice).at(free_at).when(Command::Claim).event();
    }

    #[test]
    fn three_missed_first_contacts_ban_for_seven_days_and_a_fourth_does_not_ban_again() {
        let tick = TimeDelta::microseconds(1);
        let strikes = vec![day(1), day(2), day(5)];
        let banned = |strikes: Vec<DateTime<Utc>>, now| given([in_the_pool()]).after_strikes(strikes).at(now);
        banned(strikes[..2].to_vec(), day(6)).when(Command::Claim).event();
        let refusal =
            banned(strikes.clone(), day(12) - tick).when(Command::Claim).refuses([Code::ClaimBanned]);
        assert_eq!(refusal.available_at(), Some(day(12)));
        banned(strikes.clone(), day(12)).when(Command::Claim).event();
        banned([strikes, vec![day(13)]].concat(), day(13)).when(Command::Claim).event();
    }

    #[test]
    fn new_customers_are_protected_and_roles_are_named_by_the_pool() {
        let ruled = |change: fn(&mut PoolRules)| {
            let mut pipeline = crate::pipeline::templates()[0].install("helloword-13");
            change(pipeline.pools[0].rules.as_mut().unwrap());
            given([in_the_pool()]).with_pipeline(pipeline)
        };
        let protected = |now| ruled(|rules| rules.new_protected_seconds = Some(86_400)).at(now);
        let tick = TimeDelta::microseconds(1);
        let refusal = protected(day(1) - tick).when(Command::Claim).refuses([Code::ClaimProtected]);
        assert_eq!(refusal.available_at(), Some(day(1)));
        protected(day(1)).when(Command::Claim).event();
        ruled(|rules| rules.claimant_roles = vec!["supervisor".into()])
            .when(Command::Claim)
            .refuses([Code::ForbiddenRole]);
    }

    #[test]
    fn the_last_free_place_is_taken_and_no_more() {
        let capped = |held: u32| {
            let mut pipeline = crate::pipeline::templates()[0].install("helloword-13");
            pipeline.pools[0].rules.as_mut().unwrap().holding_cap = Some(5);
            given([in_the_pool()]).with_pipeline(pipeline).holding(held)
        };
        capped(4).when(Command::Claim).then([claimed()]);
        let refusal = capped(5).when(Command::Claim).refuses([Code::HoldingCapReached]);
        assert_eq!((&refusal.extra["limit"], &refusal.extra["held"]), (&5.into(), &5.into()));
        given([in_the_pool()]).holding(1_000).when(Command::Claim).then([claimed()]);
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
            assert_eq!(berlin.quota_date(&Zones::compiled(), at(instant)).to_string(), date, "{instant}");
            assert_eq!(berlin.next_quota_at(&Zones::compiled(), at(instant)), at(next), "{instant}");
        }
        // Samoa left out the 30th of December 2011 altogether.
        let apia = pool(chrono_tz::Pacific::Apia);
        assert_eq!(
            apia.next_quota_at(&Zones::compiled(), at("2011-12-30T09:00:00Z")),
            at("2011-12-30T10:00:00Z")
        );
        // Beirut's clocks jump from midnight to one: the day begins with the jump.
        let beirut = pool(chrono_tz::Asia::Beirut);
        assert_eq!(
            beirut.next_quota_at(&Zones::compiled(), at("2024-03-30T12:00:00Z")),
            at("2024-03-30T22:00:00Z")
        );
    }
}
