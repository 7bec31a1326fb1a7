//! A deal is put off: its close is expected on a later day than before. How often, by whom and with what reason is the pipeline's.

use chrono::{DateTime, Utc};

use crate::customer::command::{ChangeDetails, NewProfile};
use crate::customer::state::Customer;
use crate::customer::{CloseEntry, ExpectedClose};
use crate::refusal::{Code, Violation, require};
use crate::{Context, Label};

/// What the definition of the customer's primary journey asks of a push. What a file says is not asked. Whether a correction is a
/// push is seen from the day before the wrong one.
pub(super) fn permitted(customer: &Customer, said: &NewProfile, context: &Context<'_>) -> Vec<Violation> {
    let held = customer.expected_close.as_ref();
    let before = match said.expected_close_correction {
        true => held.and_then(|held| held.before),
        false => held.map(|held| (held.last(), held.pushes)),
    };
    let Some((on, (before, pushes))) = said.expected_close_on.zip(before) else { return Vec::new() };
    let days = (on - before).num_days();
    let rules = context.pipeline(customer.primary()).and_then(|pipeline| pipeline.expected_close.as_ref());
    let Some(rules) = rules.filter(|_| days > 0 && !context.import) else { return Vec::new() };
    let free = rules.reason_after_days.map(i64::from);
    let reason = require(is_explained(said) || free.is_none_or(|free| days <= free), || unexplained(days));
    let cap = rules.cap(context.actor).filter(|cap| pushes >= *cap);
    [reason, cap.map(|cap| capped(pushes, cap)).into_iter().collect()].concat()
}

fn is_explained(said: &NewProfile) -> bool {
    said.expected_close_reason.as_deref().is_some_and(|reason| !reason.trim().is_empty())
}

/// The instant at which a wrong day was said: what corrects it holds from then on.
pub(super) fn corrected_at(customer: &Customer, said: &NewProfile) -> Option<DateTime<Utc>> {
    let since = customer.valid_times.since("expected_close_on").or_else(|| customer.journeys.began_at());
    since.filter(|_| said.expected_close_correction)
}

/// A correction says another day with a reason, and nothing else; reps correct what they said themselves, and to a later day only
/// soon after they said it: from then on a later day is a push.
pub(super) fn corrects_a_day(
    customer: &Customer,
    command: &ChangeDetails,
    context: &Context<'_>,
) -> Vec<Violation> {
    let said = &command.profile;
    if !said.expected_close_correction {
        return Vec::new();
    }
    let alone = ChangeDetails {
        profile: NewProfile {
            expected_close_on: said.expected_close_on,
            expected_close_reason: said.expected_close_reason.clone(),
            expected_close_correction: true,
            ..NewProfile::default()
        },
        ..ChangeDetails::default()
    };
    let is_alone = *command == alone && context.effective_at.is_none();
    let held = customer.expected_close.as_ref().and_then(ExpectedClose::on);
    let entry = customer.close_entry.as_ref().filter(|_| held.is_some() && !context.actor.supervises());
    let own = entry.is_none_or(|entry| entry.by == context.actor.name);
    let is_later = said.expected_close_on.zip(held).is_some_and(|(on, held)| on > held);
    let too_late = entry.map(CloseEntry::later_until).filter(|until| is_later && own && context.now > *until);
    [
        require(said.expected_close_on.is_some() && held.is_some(), nothing_to_correct),
        require(is_explained(said), unexplained_correction),
        require(is_alone, correction_alone),
        require(own, said_by_another),
        too_late.map(later_too_late).into_iter().collect(),
    ]
    .concat()
}

fn later_too_late(until: DateTime<Utc>) -> Violation {
    Violation::new(
        Code::CorrectionTooLate,
        "expected_close_correction",
        Label::new(
            "填写超过24小时后，不能再更正为更晚的日期。",
            "More than 24 hours after it was entered, a day is no longer corrected to a later one.",
        ),
        Label::new(
            "请去掉 expected_close_correction 按推迟提交，或请主管更正。",
            "Leave out expected_close_correction, which puts the deal off, or ask a supervisor to correct it.",
        ),
    )
    .with_instant("until", until)
}

fn nothing_to_correct() -> Violation {
    Violation::new(
        Code::InvalidValue,
        "expected_close_correction",
        Label::new("没有可更正的预计成交日期。", "There is no expected close to correct."),
        Label::new(
            "请填写 expected_close_on；首次填写时无需此项。",
            "Enter expected_close_on; leave this out where none was entered before.",
        ),
    )
}

fn unexplained_correction() -> Violation {
    Violation::new(
        Code::ReasonRequired,
        "expected_close_reason",
        Label::new("更正预计成交日期须说明原因。", "Correcting the expected close requires a reason."),
        Label::new("请填写 expected_close_reason。", "Enter expected_close_reason."),
    )
}

fn correction_alone() -> Violation {
    Violation::new(
        Code::InvalidValue,
        "expected_close_correction",
        Label::new(
            "更正预计成交日期时不能同时修改其他内容或指定时间。",
            "A correction of the expected close changes nothing else and takes no time.",
        ),
        Label::new("请将其他修改分开提交。", "Send other changes separately."),
    )
}

fn said_by_another() -> Violation {
    Violation::new(
        Code::NotOwnRecord,
        "expected_close_correction",
        Label::new("该日期由他人填写。", "This day was entered by someone else."),
        Label::new("请由填写人或主管更正。", "Ask its author or a supervisor to correct it."),
    )
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

    use chrono::TimeDelta;

    use super::*;
    use crate::actor::Role;
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
    fn a_day_that_was_withdrawn_still_counts_when_another_one_is_said() {
        let mut events = said(&["2026-11-30", "2026-12-15"]);
        let withdrawn =
            ChangeDetails { clear: vec!["expected_close_on".to_owned()], ..ChangeDetails::default() };
        events.push(given(events.clone()).when(withdrawn).event().event);
        let rules = || PushRules { max_pushes: BTreeMap::from([(Role::Rep, 1)]), reason_after_days: Some(7) };
        let later = ruled(events.clone(), rules()).when(close_on("2026-12-31", None));
        let _ = later.refuses([Code::PushLimitReached, Code::ReasonRequired]);
        let _ = ruled(events, rules()).when(close_on("2026-12-15", None)).event();
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

    /// The last day said was wrong; this is right.
    fn in_truth(day: &str) -> ChangeDetails {
        let mut command = close_on(day, Some("mistyped"));
        command.profile.expected_close_correction = true;
        command
    }

    #[test]
    fn a_wrong_day_that_is_corrected_is_no_push_and_holds_from_when_it_was_said() {
        // Said on days 1 and 2 of the story, corrected on day 10.
        let wrong = || said(&["2026-11-30", "2027-11-30"]);
        let corrected = given(wrong()).when(in_truth("2026-11-30")).event();
        assert_eq!(corrected.effective_at, day(2));
        let story = given(wrong().into_iter().chain([corrected.event]));
        let held = story.customer.unwrap().expected_close.unwrap();
        assert_eq!((held.on().unwrap().to_string().as_str(), held.pushes), ("2026-11-30", 0));
        // One that the registration said holds from the registration on.
        let first = given(said(&["2026-12-31"])).when(in_truth("2026-11-30")).event();
        assert_eq!(first.effective_at, day(1));
    }

    #[test]
    fn a_correction_is_judged_as_the_push_that_it_makes() {
        let rules = || PushRules { reason_after_days: None, max_pushes: BTreeMap::from([(Role::Rep, 1)]) };
        let once = || ruled(said(&["2026-11-30", "2027-12-15"]), rules());
        once().when(in_truth("2026-12-15")).event();
        let twice = || ruled(said(&["2026-11-30", "2026-12-15", "2026-12-10"]), rules()).at(day(3));
        twice().when(in_truth("2026-12-31")).refuses([Code::PushLimitReached]);
        twice().when(in_truth("2026-12-15")).event();
    }

    #[test]
    fn a_rep_corrects_to_a_later_day_within_a_day_of_entering_it_and_puts_it_off_from_then_on() {
        let rules = || PushRules { reason_after_days: None, max_pushes: BTreeMap::from([(Role::Rep, 1)]) };
        // The push was recorded on day 2 of the story.
        let pushed = || said(&["2026-11-30", "2026-12-15"]);
        let ask = |on, now| ruled(pushed(), rules()).at(now).when(in_truth(on));
        let second = TimeDelta::seconds(1);
        let _ = ask("2026-12-31", day(3) - second).event();
        let _ = ask("2026-12-31", day(3)).event();
        let refusal = ask("2026-12-31", day(3) + second).refuses([Code::CorrectionTooLate]);
        assert_eq!(refusal.violations[0].field, "expected_close_correction");
        assert_eq!(refusal.extra["until"], crate::instant::text(day(3)));
        // As a push it meets the cap. The same day and an earlier one are no way around it.
        let _ = ruled(pushed(), rules()).when(close_on("2026-12-31", None)).refuses([Code::PushLimitReached]);
        let _ = ask("2026-12-15", day(9)).event();
        let _ = ask("2026-12-01", day(9)).event();
        let _ = ruled(pushed(), rules()).by(wang()).when(in_truth("2026-12-31")).event();
    }

    #[test]
    fn no_correction_and_no_day_said_once_more_lets_a_later_day_be_corrected_for_longer() {
        let again = |command: ChangeDetails| {
            let mut events = said(&["2026-11-30"]);
            events.push(given(events.clone()).at(day(2)).when(command).event().event);
            given(events).at(day(2) + TimeDelta::seconds(1)).when(in_truth("2027-01-31"))
        };
        let _ = again(in_truth("2026-12-15")).refuses([Code::CorrectionTooLate]);
        let _ = again(close_on("2026-11-30", None)).refuses([Code::CorrectionTooLate]);
        // Another day that is said may be mistyped as well.
        let _ = again(close_on("2026-12-15", None)).event();
    }

    #[test]
    fn a_correction_says_another_day_and_why_and_nothing_else() {
        let held = || given(said(&["2026-11-30"])).at(day(2));
        let silent = ChangeDetails {
            profile: NewProfile { expected_close_reason: None, ..in_truth("2026-12-31").profile },
            ..ChangeDetails::default()
        };
        held().when(silent).refuses([Code::ReasonRequired]);
        let more = ChangeDetails { tier: Some("A".into()), ..in_truth("2026-12-31") };
        held().when(more).refuses([Code::InvalidValue]);
        held().effective(day(2)).when(in_truth("2026-12-31")).refuses([Code::InvalidValue]);
        given([registered_by_li()]).when(in_truth("2026-12-31")).refuses([Code::InvalidValue]);
        held().by(wang()).when(in_truth("2026-12-31")).event();
    }
}
