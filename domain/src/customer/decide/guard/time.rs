//! When a command happened, and whether it may have happened then.

use chrono::{DateTime, Datelike, Utc};

use crate::context::CLOCK_SKEW;
use crate::customer::state::Customer;
use crate::customer::timeline::Stay;
use crate::refusal::{Code, Violation, require};
use crate::{Context, Label};

/// When a command happened: now, unless it says otherwise. Servers' clocks differ a little, so now is never
/// before the stay that another server has just recorded.
pub(in crate::customer::decide) fn instant(context: &Context<'_>, current: Option<&Stay>) -> DateTime<Utc> {
    context.effective_at.unwrap_or_else(|| {
        let entered = current.map(|stay| stay.entered_at).filter(|at| *at <= context.now + CLOCK_SKEW);
        entered.map_or(context.now, |at| at.max(context.now))
    })
}

/// When a change of attributes happened: now, unless it says otherwise. Servers' clocks differ a little, so now is never before
/// a change that another server has just recorded, which would supersede it.
pub(in crate::customer::decide) fn changed_at(customer: &Customer, context: &Context<'_>) -> DateTime<Utc> {
    context.effective_at.unwrap_or_else(|| {
        let latest = customer.valid_times.latest().filter(|at| *at <= context.now + CLOCK_SKEW);
        latest.map_or(context.now, |at| at.max(context.now))
    })
}

/// The instant lies neither in the future, nor before the customer's first event, nor out of the actor's window.
pub(in crate::customer::decide) fn effective(customer: &Customer, context: &Context<'_>) -> Vec<Violation> {
    effective_in(customer, "effective_at", context)
}

/// The same, where the command says its instant in another field.
pub(in crate::customer::decide) fn effective_in(
    customer: &Customer,
    field: &str,
    context: &Context<'_>,
) -> Vec<Violation> {
    let Some(at) = context.effective_at else { return Vec::new() };
    [in_window(at, field, context), after_creation(customer, at, field, context)].concat()
}

/// The instant lies neither in the future nor out of the actor's window for recording the past.
pub(in crate::customer::decide) fn in_window(
    at: DateTime<Utc>,
    field: &str,
    context: &Context<'_>,
) -> Vec<Violation> {
    let out_of_range = in_range(at, field);
    if !out_of_range.is_empty() {
        return out_of_range;
    }
    if at > context.now + CLOCK_SKEW {
        let latest = context.now + CLOCK_SKEW;
        return vec![
            Violation::new(
                Code::EffectiveInFuture,
                field,
                Label::new("生效时间不能在未来。", "The effective time must not be in the future."),
                Label::new("请填写实际发生的时间。", "Enter the time at which it actually happened."),
            )
            .with_instant("latest", latest),
        ];
    }
    let Some(window) = context.actor.backdate_window().filter(|_| !context.import) else { return Vec::new() };
    require(context.now - at <= window, || {
        let days = window.num_days();
        Violation::new(
            Code::BackdateWindowExceeded,
            field,
            Label::new(
                format!("该角色最多可补录{days}天内的变更。"),
                format!("This role may backdate changes by at most {days} days."),
            ),
            Label::new("请由权限更高的人补录。", "Ask someone whose role allows earlier dates."),
        )
        .with_instant("earliest", context.now - window)
    })
}

fn after_creation(
    customer: &Customer,
    at: DateTime<Utc>,
    field: &str,
    context: &Context<'_>,
) -> Vec<Violation> {
    let Some(began_at) = customer.journeys.began_at() else { return Vec::new() };
    require(at >= began_at || context.allow_before_creation || context.import, || {
        before_creation(field, began_at)
    })
}

pub(in crate::customer::decide) fn before_creation(field: &str, began_at: DateTime<Utc>) -> Violation {
    Violation::new(
        Code::EffectiveBeforeCreation,
        field,
        Label::new(
            "生效时间早于该客户的第一条记录。",
            "The effective time is before the customer's first record.",
        ),
        Label::new("请先更正登记的时间。", "Correct the time of the registration first."),
    )
    .with_instant("earliest", began_at)
}

/// The instant can be written as RFC 3339 and lies in the era of computers.
pub(in crate::customer::decide) fn in_range(at: DateTime<Utc>, field: &str) -> Vec<Violation> {
    require((1970..=9999).contains(&at.year()), || {
        Violation::new(
            Code::EffectiveOutOfRange,
            field,
            Label::new("时间须在1970年至9999年之间。", "The time must be between the years 1970 and 9999."),
            Label::new("请检查年份。", "Check the year."),
        )
    })
}
