//! A deal is put off: its close is expected on a later day than before. How often, by whom and with what reason is the pipeline's.

use crate::customer::command::NewProfile;
use crate::customer::state::Customer;
use crate::refusal::{Code, Violation, require};
use crate::{Context, Label};

/// What the definition of the customer's primary journey asks of a push. What a file says is not asked.
pub(super) fn permitted(customer: &Customer, said: &NewProfile, context: &Context<'_>) -> Vec<Violation> {
    let days = said.expected_close_on.zip(customer.expected_close_on).map(|(on, before)| on - before);
    let rules = context.pipeline(customer.primary()).and_then(|pipeline| pipeline.expected_close.as_ref());
    let Some((days, rules)) = days.map(|days| days.num_days()).filter(|days| *days > 0).zip(rules) else {
        return Vec::new();
    };
    if context.import {
        return Vec::new();
    }
    let free = rules.reason_after_days.map(i64::from);
    let explained = said.expected_close_reason.as_deref().is_some_and(|reason| !reason.trim().is_empty());
    let reason = require(explained || free.is_none_or(|free| days <= free), || unexplained(days));
    let cap = rules.cap(context.actor).filter(|cap| customer.pushes >= *cap);
    [reason, cap.map(|cap| capped(customer.pushes, cap)).into_iter().collect()].concat()
}

fn unexplained(days: i64) -> Violation {
    Violation::new(
        Code::ReasonRequired,
        "expected_close_reason",
        Label::new(
            format!("预计成交日期推迟{days}天须说明原因。"),
            format!("Putting the expected close off by {days} days requires a reason."),
        ),
        Label::new("请填写 expected_close_reason。", "Enter expected_close_reason."),
    )
}

fn capped(pushes: u32, cap: u32) -> Violation {
    Violation::new(
        Code::PushLimitReached,
        "expected_close_on",
        Label::new(
            format!("预计成交日期已推迟{pushes}次，您最多可推迟到第{cap}次。"),
            format!("The expected close was put off {pushes} times; you may put it off up to {cap} times."),
        ),
        Label::new(
            "请由上限更高的角色推迟，或将客户标记为流失。",
            "Have somebody with a higher limit put it off, or mark the deal as lost.",
        ),
    )
    .with("limit", cap)
    .with("pushes", pushes)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::actor::Role;
    use crate::customer::command::ChangeDetails;
    use crate::customer::decide::spec::*;
    use crate::customer::event::CustomerEvent;
    use crate::pipeline::{PushRules, templates};

    fn close_on(day: &str, reason: Option<&str>) -> ChangeDetails {
        let profile = NewProfile {
            expected_close_on: Some(day.parse().unwrap()),
            expected_close_reason: reason.map(str::to_owned),
            ..NewProfile::default()
        };
        ChangeDetails { profile, ..ChangeDetails::default() }
    }

    /// Said days, the first and each put off to the next, without rules.
    fn said(days: &[&str]) -> Vec<CustomerEvent> {
        days.iter().fold(vec![registered_by_li()], |mut events, day| {
            let event = given(events.clone()).when(close_on(day, None)).event().event;
            events.push(event);
            events
        })
    }

    fn ruled(events: Vec<CustomerEvent>, rules: PushRules) -> Spec {
        let mut pipeline = templates()[0].pipeline.clone();
        pipeline.expected_close = Some(rules);
        given(events).with_pipeline(pipeline)
    }

    #[test]
    fn a_push_by_more_days_than_these_needs_a_reason() {
        let rules = || PushRules { reason_after_days: Some(14), ..PushRules::default() };
        let ask = |day, reason| ruled(said(&["2026-11-30"]), rules()).when(close_on(day, reason));
        let refusal = ask("2026-12-15", None).refuses([Code::ReasonRequired]);
        assert_eq!(refusal.violations[0].field, "expected_close_reason");
        let _ = ask("2026-12-15", Some("budget")).event();
        // Exactly these, an earlier day, and the first one that is said.
        let _ = ask("2026-12-14", None).event();
        let _ = ask("2026-11-01", None).event();
        let _ = ruled(said(&[]), rules()).when(close_on("2030-01-01", None)).event();
    }

    #[test]
    fn a_deal_is_put_off_as_often_as_the_role_may_and_by_others_more_often() {
        let rules = || PushRules { max_pushes: BTreeMap::from([(Role::Rep, 2)]), ..PushRules::default() };
        let once = said(&["2026-11-30", "2026-12-15"]);
        let twice = said(&["2026-11-30", "2026-12-15", "2026-12-31"]);
        let _ = ruled(once, rules()).when(close_on("2026-12-31", None)).event();
        let later = || close_on("2027-01-15", Some("budget"));
        let refusal = ruled(twice.clone(), rules()).when(later()).refuses([Code::PushLimitReached]);
        assert_eq!((&refusal.extra["limit"], &refusal.extra["pushes"]), (&2.into(), &2.into()));
        let _ = ruled(twice.clone(), rules()).when(close_on("2026-12-01", None)).event();
        let _ = ruled(twice.clone(), rules()).by(wang()).when(later()).event();
        let _ = ruled(twice, rules()).on_import().when(later()).event();
    }

    #[test]
    fn of_several_roles_the_one_that_permits_the_most_counts() {
        let rules = PushRules {
            max_pushes: BTreeMap::from([(Role::Rep, 1), (Role::Supervisor, 3)]),
            ..PushRules::default()
        };
        let cap = |roles: &[Role]| rules.cap(&crate::Actor::new("li", roles.iter().copied()));
        assert_eq!(cap(&[Role::Rep]), Some(1));
        assert_eq!(cap(&[Role::Rep, Role::Supervisor]), Some(3));
        assert_eq!(cap(&[Role::Rep, Role::Auditor]), Some(1));
        assert_eq!(cap(&[Role::Rep, Role::Manager]), None);
        assert_eq!(rules.cap(&crate::Actor::new("system:rule", [])), None);
    }
}
