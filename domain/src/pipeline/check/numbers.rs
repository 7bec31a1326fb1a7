//! The numbers of rules and next actions, held against those of the pool that takes customers back.

use super::{Code, Label, Pipeline, Stage, Violation};
use crate::pipeline::automation::{ActionKind, Activity, Automation, DelayClock, Trigger};
use crate::pool::rules::{PoolRules, Reclaim};

/// What is due, or told, when the pool has the customer already, and warnings that never come.
pub(super) fn too_late(pipeline: &Pipeline) -> Vec<Violation> {
    let pools =
        pipeline.pools.iter().enumerate().filter_map(|(n, pool)| Some((n, pool, pool.rules.as_ref()?)));
    let mut found = Vec::new();
    for (n, pool, rules) in pools {
        for (m, clock) in rules.reclaim.iter().enumerate() {
            let never =
                clock.warn_before_seconds.iter().enumerate().filter(|(_, warns)| **warns >= clock.seconds);
            let path = |k| format!("pools[{n}].rules.reclaim[{m}].warn_before_seconds[{k}]");
            found.extend(never.map(|(k, _)| of(path(k), clock)));
        }
        if pool.default {
            found.extend(next_actions(pipeline, rules));
            found.extend(reminders(pipeline, rules));
        }
    }
    found
}

/// Next actions that may be done later than the first update is missed.
fn next_actions(pipeline: &Pipeline, rules: &PoolRules) -> Vec<Violation> {
    let updates = |clock: &&Reclaim| clock.reset_by.contains(&Activity::Update);
    let Some(clock) = rules.reclaim.iter().filter(updates).min_by_key(|clock| clock.seconds) else {
        return Vec::new();
    };
    let open = |stage: &&Stage| stage.kind.is_open() && !is_exempt(stage, rules);
    let late = pipeline.stages.iter().enumerate().filter(|(_, stage)| open(stage)).filter(|(_, stage)| {
        stage.next_action.as_ref().is_some_and(|next| next.deadline_seconds > clock.seconds)
    });
    late.map(|(n, _)| of(format!("stages[{n}].next_action.deadline_seconds"), clock)).collect()
}

/// Rules that only tell somebody, after a silence that the pool waits for no longer than they do.
fn reminders(pipeline: &Pipeline, rules: &PoolRules) -> Vec<Violation> {
    let each = pipeline.automations.iter().enumerate().filter_map(|(n, automation)| {
        let Trigger::StageIdle { stages, reset_by } = &automation.trigger else { return None };
        let delay = automation.delay.as_ref().filter(|delay| delay.clock == DelayClock::Calendar)?;
        let spared = |id: &String| {
            let stage = pipeline.stage(id);
            stage.is_none_or(|stage| stage.kind.stops_clock() || is_exempt(stage, rules))
        };
        if !tells_only(automation) || stages.iter().any(spared) {
            return None;
        }
        // Whatever restarts the pool's clock restarts the rule's.
        let covers = |reset: &Activity| reset_by.contains(reset) || reset_by.contains(&Activity::Update);
        let sooner = |clock: &&Reclaim| clock.seconds <= delay.seconds && clock.reset_by.iter().all(covers);
        let clock = rules.reclaim.iter().filter(sooner).min_by_key(|clock| clock.seconds)?;
        Some(of(format!("automations[{n}].delay.seconds"), clock))
    });
    each.collect()
}

/// Whether a rule is about the owner's work alone: who has no owner is nobody's to call.
fn tells_only(automation: &Automation) -> bool {
    let tells = |kind: &ActionKind| match kind {
        ActionKind::Remind { role, .. } | ActionKind::CreateTask { role, .. } => {
            matches!(role.as_str(), "rep" | "supervisor" | "team")
        }
        _ => false,
    };
    automation.actions.iter().all(|action| tells(&action.kind))
}

fn is_exempt(stage: &Stage, rules: &PoolRules) -> bool {
    rules.exempt.as_ref().is_some_and(|exempt| exempt.stage_types.contains(&stage.kind))
}

fn of(path: String, clock: &Reclaim) -> Violation {
    let (days, hours) = (clock.seconds / 86_400, clock.seconds % 86_400 / 3_600);
    Violation::new(
        Code::LaterThanReclaim,
        path,
        Label::new(
            format!("此前公海已按“{}”（{days}天{hours}小时）收回客户。", clock.name.zh),
            format!(
                "By then the pool has taken the customer back by {:?} ({days} days and {hours} hours).",
                clock.name.en
            ),
        ),
        Label::new("请缩短该时限，或延长公海的时限。", "Make it shorter, or the pool's time longer."),
    )
}
