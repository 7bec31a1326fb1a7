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
    let Some(pool) = pool.filter(|pool| context.claims_today >= pool.claims_per_day) else { return Vec::new() };
    let (limit, available_at) = (pool.claims_per_day, pool.next_quota_at(context.now));
    vec![
        Violation::new(
            Code::ClaimQuotaExhausted,
            "",
            Label::new(format!("今日已领取{limit}个，达到上限。"), format!("All {limit} claims of today are used.")),
            Label::new("请在公海的次日零点后再领取。", "Claim again after the pool's next midnight."),
        )
        .with("limit", limit)
        .with("available_at", available_at.to_rfc3339_opts(chrono::SecondsFormat::AutoSi, true)),
    ]
}

pub(super) fn decide(customer: &Customer, context: &Context<'_>) -> Result<Vec<NewEvent>, Refusal> {
    Refusal::unless_met([by_a_rep(context), still_in_a_pool(customer)])?;
    let (rep, key) = (context.actor.rep_id().unwrap_or_default(), customer.pool().unwrap_or_default());
    let pool = context.pool(customer.primary(), key);
    Refusal::unless_met([
        guard::known_pool(context, customer.primary(), key, ""),
        within_the_quota(pool, context),
    ])?;
    let claimed = pool.map(|pool| Claimed {
        rep: rep.to_owned(),
        pool: pool.key.clone(),
        quota_date: pool.quota_date(context.now),
    });
    let event = claimed.map(|event| NewEvent { event: CustomerEvent::Claimed(event), effective_at: context.now });
    Ok(event.into_iter().collect())
}
