//! What automations, pool rules and entry forms refer to.

use std::collections::BTreeSet;

use super::reference::dangling_reference;
use crate::Label;
use crate::customer::purchases::PurchaseCondition;
use crate::pipeline::automation::{ActionKind, Automation, Condition, Delay, DelayClock, Trigger};
use crate::pipeline::{Pipeline, Stage};
use crate::refusal::{Code, Violation, require};

/// The dates that rules can see: those of custom fields are sealed.
const DATES: &[&str] = &["contract_end", "delivered_on", "postponed_until"];

/// Everything in the automations that leads nowhere or can never happen.
pub(super) fn automations(pipeline: &Pipeline) -> Vec<Violation> {
    let calendars = calendars(pipeline);
    let each = pipeline.automations.iter().enumerate();
    let each = each.flat_map(|(n, automation)| of_one(pipeline, automation, &format!("automations[{n}]")));
    calendars.into_iter().chain(each).collect()
}

/// What is wrong with working calendars, each by its place.
fn calendars(pipeline: &Pipeline) -> Vec<Violation> {
    let mut keys = BTreeSet::new();
    let mut found = Vec::new();
    for (n, calendar) in pipeline.calendars.iter().enumerate() {
        let path = format!("calendars[{n}]");
        let unmet = crate::calendar::invalid(calendar).into_iter();
        found.extend(unmet.map(|one| Violation { field: format!("{path}.{}", one.field), ..one }));
        found.extend(require(keys.insert(&calendar.key), || {
            Violation::new(
                Code::DuplicateId,
                format!("{path}.key"),
                Label::new("日历标识重复。", "The calendar's key is duplicated."),
                Label::new("请使用不同的标识。", "Use a different key for each calendar."),
            )
        }));
    }
    found
}

fn of_one(pipeline: &Pipeline, automation: &Automation, path: &str) -> Vec<Violation> {
    let mut found = Vec::new();
    let stages = automation.trigger.stages();
    for (n, stage) in stages.iter().enumerate() {
        if pipeline.stage(stage).is_none() {
            found.push(dangling_reference(format!("{path}.trigger.stages[{n}]"), stage));
        }
    }
    if let Trigger::StageEntered { also_in, .. } | Trigger::FieldDate { also_in, .. } = &automation.trigger {
        let unknown = also_in.iter().enumerate().filter(|(_, stage)| pipeline.stage(stage).is_none());
        found.extend(
            unknown.map(|(n, stage)| dangling_reference(format!("{path}.trigger.also_in[{n}]"), stage)),
        );
    }
    if matches!(automation.trigger, Trigger::StageIdle { .. }) && stages.is_empty() {
        let how_to_fix =
            Label::new("请列出停留计时的状态。", "List the stages in which idle time is measured.");
        found.push(invalid(
            format!("{path}.trigger.stages"),
            "缺少状态。",
            "Stages are missing.",
            how_to_fix,
        ));
    }
    if let Trigger::FieldDate { field, .. } = &automation.trigger
        && !DATES.contains(&field.as_str())
    {
        let how_to_fix = Label::new(
            "请使用 contract_end、delivered_on 或 postponed_until。",
            "Use contract_end, delivered_on or postponed_until.",
        );
        let (zh, en) = ("规则不能使用这个日期。", "Rules cannot use this date.");
        found.push(invalid(format!("{path}.trigger.field"), zh, en, how_to_fix));
    }
    if let Some(delay) = automation.delay.as_ref().filter(|delay| delay.clock == DelayClock::Business)
        && pipeline.calendar(delay.calendar.as_deref()).is_none()
    {
        found.push(no_calendar(pipeline, delay, format!("{path}.delay.calendar")));
    }
    if matches!(automation.trigger, Trigger::ShareAlert { .. }) {
        let others = automation.actions.iter().enumerate();
        let others = others.filter(|(_, action)| !matches!(action.kind, ActionKind::Remind { .. }));
        found.extend(others.map(|(n, _)| {
            let how_to_fix = Label::new("请改用 remind。", "Use remind.");
            let (zh, en) = ("占比告警只能触发提醒。", "An alert of shares only sets off reminders.");
            invalid(format!("{path}.actions[{n}].kind"), zh, en, how_to_fix)
        }));
    }
    if automation.actions.is_empty() {
        let how_to_fix =
            Label::new("请添加动作，或删除该自动化。", "Add an action, or remove this automation.");
        found.push(invalid(format!("{path}.actions"), "没有动作。", "There are no actions.", how_to_fix));
    }
    if let Some(condition) = &automation.condition {
        found.extend(condition_refers(pipeline, condition, stages, &format!("{path}.condition")));
    }
    for (n, action) in automation.actions.iter().enumerate() {
        found.extend(action_refers(pipeline, &action.kind, stages, &format!("{path}.actions[{n}]")));
    }
    found
}

/// Working hours count by a calendar that the definition has.
fn no_calendar(pipeline: &Pipeline, delay: &Delay, path: String) -> Violation {
    if let Some(named) = &delay.calendar {
        return dangling_reference(path, named);
    }
    let how_to_fix = match pipeline.calendars.as_slice() {
        [] => Label::new(
            "请在 calendars 中加入工作日历，例如 GET /v1/calendar-templates 给出的日历。",
            "Add a working calendar to calendars, such as one of GET /v1/calendar-templates.",
        ),
        _ => Label::new("请填写其中一个日历的标识。", "Name one of the definition's calendars."),
    };
    let message = Label::new("按工作时间等待需要指定日历。", "A wait by business hours needs a calendar.");
    Violation::new(Code::DanglingReference, path, message, how_to_fix)
}

fn invalid(path: String, zh: &str, en: &str, how_to_fix: Label) -> Violation {
    Violation::new(Code::InvalidValue, path, Label::new(zh, en), how_to_fix)
}

/// The stages that a trigger is bound to; all of them, where it names none.
fn bound<'a>(pipeline: &'a Pipeline, stages: &[String]) -> Vec<&'a Stage> {
    pipeline.stages.iter().filter(|stage| stages.is_empty() || stages.contains(&stage.id)).collect()
}

pub(in crate::pipeline) fn condition_refers(
    pipeline: &Pipeline,
    condition: &Condition,
    stages: &[String],
    path: &str,
) -> Vec<Violation> {
    let bound = bound(pipeline, stages);
    let mut found = Vec::new();
    let (with, without) = (&condition.sub_statuses, &condition.without_sub_statuses);
    for (list, named) in [("sub_statuses", with), ("without_sub_statuses", without)] {
        for (n, sub_status) in named.iter().enumerate() {
            if !bound.iter().any(|stage| has_sub_status(stage, sub_status)) {
                found.push(dangling_reference(format!("{path}.{list}[{n}]"), sub_status));
            }
        }
    }
    found.extend(condition.purchases.as_ref().and_then(|bought| never_met(bought, path)));
    for (n, reason) in condition.reasons.iter().enumerate() {
        if !pipeline.reasons.iter().any(|known| known.code == *reason) {
            found.push(dangling_reference(format!("{path}.reasons[{n}]"), reason));
        }
    }
    found
}

/// Bounds that exclude each other, and conditions that say nothing.
fn never_met(bought: &PurchaseCondition, path: &str) -> Option<Violation> {
    let (least, most) = (bought.min_count, bought.max_count);
    if least.is_some_and(|least| most.is_some_and(|most| least > most)) {
        return Some(invalid(
            format!("{path}.purchases.max_count"),
            "最多次数小于最少次数，条件永远不成立。",
            "It is less than min_count, so the condition never holds.",
            Label::new("请调整次数。", "Change one of the two."),
        ));
    }
    let says_nothing = least.is_none() && most.is_none() && bought.min_sum.is_none();
    says_nothing.then(|| {
        invalid(
            format!("{path}.purchases"),
            "没有给出次数或金额。",
            "It bounds neither the number nor the sum of purchases.",
            Label::new("请填写 min_count、max_count 或 min_sum。", "Add min_count, max_count or min_sum."),
        )
    })
}

fn has_sub_status(stage: &Stage, sub_status: &str) -> bool {
    stage.sub_statuses.iter().any(|known| known.id == sub_status)
}

fn finer_needs_evidence(stage: &Stage, sub_status: &str) -> bool {
    stage.sub_status(sub_status).is_some_and(|finer| finer.evidence.iter().any(|kind| kind.required))
}

/// A rule has no documents to show, so it would always be refused.
fn needs_evidence(path: String) -> Violation {
    let how_to_fix =
        Label::new("请改用不需要凭证的子状态。", "Choose a sub-status that requires no evidence.");
    invalid(
        path,
        "该子状态需要凭证，规则无法提供。",
        "This sub-status requires evidence, which a rule cannot provide.",
        how_to_fix,
    )
}

fn action_refers(pipeline: &Pipeline, what: &ActionKind, stages: &[String], path: &str) -> Vec<Violation> {
    match what {
        ActionKind::Move { to, sub_status, reason } => {
            moves(pipeline, (to, sub_status.as_deref(), reason.as_deref()), stages, path)
        }
        ActionKind::SetSubStatus { sub_status } => {
            let bound = bound(pipeline, stages);
            let known = bound.iter().any(|stage| has_sub_status(stage, sub_status));
            let open = bound
                .iter()
                .any(|stage| has_sub_status(stage, sub_status) && !finer_needs_evidence(stage, sub_status));
            let path = format!("{path}.sub_status");
            if known && !open {
                return vec![needs_evidence(path)];
            }
            refer(known, path, sub_status)
        }
        ActionKind::MoveToPool { pool } => refer(pipeline.pool(pool).is_some(), format!("{path}.pool"), pool),
        ActionKind::CreateTask { .. }
        | ActionKind::Remind { .. }
        | ActionKind::SetTag { .. }
        | ActionKind::SetNextContact { .. }
        | ActionKind::StartProcess { .. } => Vec::new(),
    }
}

fn refer(known: bool, path: String, id: &str) -> Vec<Violation> {
    if known { Vec::new() } else { vec![dangling_reference(path, id)] }
}

fn moves(
    pipeline: &Pipeline,
    (to, sub_status, reason): (&str, Option<&str>, Option<&str>),
    stages: &[String],
    path: &str,
) -> Vec<Violation> {
    let Some(entered) = pipeline.stage(to) else { return refer(false, format!("{path}.to"), to) };
    let mut found = Vec::new();
    if let Some(sub_status) = sub_status {
        let path = format!("{path}.sub_status");
        match finer_needs_evidence(entered, sub_status) {
            true => found.push(needs_evidence(path)),
            false => found.extend(refer(has_sub_status(entered, sub_status), path, sub_status)),
        }
    }
    if let Some(reason) = reason {
        let known = pipeline.reasons.iter().any(|known| known.code == reason);
        found.extend(refer(known, format!("{path}.reason"), reason));
    }
    if !bound(pipeline, stages).iter().any(|stage| pipeline.allows(&stage.id, to)) {
        let how_to_fix = Label::new(
            "请添加相应的转换，或换一个目标状态。",
            "Add such a transition, or choose another target stage.",
        );
        found.push(invalid(
            format!("{path}.to"),
            "触发状态都不允许变更到该状态。",
            "None of the trigger stages allows a transition to this stage.",
            how_to_fix,
        ));
    }
    found
}
