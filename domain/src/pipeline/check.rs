//! Judges a whole definition: what makes it unusable, and what is merely unwise.

pub(super) mod automations;
mod names;
mod numbers;
pub(super) mod publication;
mod reference;
mod roles;

use std::collections::BTreeSet;

use super::{Pipeline, Stage, TransitionRule, Transitions};
use crate::Label;
use crate::refusal::{Code, Violation, require};
use reference::dangling_reference;

/// What makes the definition unusable.
pub(super) fn errors(pipeline: &Pipeline) -> Vec<Violation> {
    [
        duplicates(pipeline),
        dangling(pipeline),
        ends(pipeline),
        unreachable(pipeline),
        dead_ends(pipeline),
        incomplete(pipeline),
        default_pool(pipeline),
        automations::automations(pipeline),
        roles::unknown(pipeline),
    ]
    .concat()
}

/// What is permitted but unwise.
pub(super) fn warnings(pipeline: &Pipeline) -> Vec<Violation> {
    [
        core_stages(pipeline),
        names::similar_names(pipeline),
        way_back(pipeline),
        loss_reasons(pipeline),
        numbers::too_late(pipeline),
    ]
    .concat()
}

fn duplicates(pipeline: &Pipeline) -> Vec<Violation> {
    let repeated = |list: &str, field: &str, ids: Vec<&str>| {
        let mut seen = BTreeSet::new();
        let twice = ids.iter().enumerate().filter(|(_, id)| !seen.insert(**id));
        let path = |n: usize| format!("{list}[{n}].{field}");
        twice.map(|(n, id)| (path(n), (*id).to_owned())).collect::<Vec<_>>()
    };
    let mut found = repeated("phases", "id", pipeline.phases.iter().map(|phase| phase.id.as_str()).collect());
    found.extend(repeated("stages", "id", pipeline.stages.iter().map(|stage| stage.id.as_str()).collect()));
    found.extend(repeated(
        "reasons",
        "code",
        pipeline.reasons.iter().map(|reason| reason.code.as_str()).collect(),
    ));
    found.extend(repeated("pools", "key", pipeline.pools.iter().map(|pool| pool.key.as_str()).collect()));
    found.extend(repeated(
        "automations",
        "id",
        pipeline.automations.iter().map(|automation| automation.id.as_str()).collect(),
    ));
    found.extend(repeated_transitions(pipeline));
    for (n, stage) in pipeline.stages.iter().enumerate() {
        let subs = stage.sub_statuses.iter().map(|sub| sub.id.as_str()).collect();
        found.extend(repeated(&format!("stages[{n}].sub_statuses"), "id", subs));
        let kinds = stage.entry_form.evidence.iter().map(|kind| kind.kind.as_str()).collect();
        found.extend(repeated(&format!("stages[{n}].entry_form.evidence"), "kind", kinds));
        for (m, finer) in stage.sub_statuses.iter().enumerate() {
            let own = stage.entry_form.evidence.len();
            let kinds = stage.evidence(Some(&finer.id)).map(|kind| kind.kind.as_str()).collect();
            let path = format!("stages[{n}].sub_statuses[{m}].evidence");
            found.extend(repeated(&path, "kind", kinds).into_iter().filter_map(|(at, kind)| {
                // Counted from the sub-status's own; the stage's are reported above.
                let place = at.strip_prefix(&format!("{path}["))?.split(']').next()?.parse::<usize>().ok()?;
                Some((format!("{path}[{}].kind", place.checked_sub(own)?), kind))
            }));
        }
    }
    let violation = |(path, id): (String, String)| {
        Violation::new(
            Code::DuplicateId,
            path,
            Label::new(format!("标识“{id}”重复。"), format!("The ID {id:?} is duplicated.")),
            Label::new("每个标识只能使用一次。", "Each ID may be used only once."),
        )
    };
    found.into_iter().map(violation).collect()
}

/// Moves that are listed twice with different settings.
fn repeated_transitions(pipeline: &Pipeline) -> Vec<(String, String)> {
    let Transitions::Listed(rules) = &pipeline.transitions else { return Vec::new() };
    let twice = rules.windows(2).filter(|pair| pair[0].from == pair[1].from && pair[0].to == pair[1].to);
    twice.map(|pair| (transition_path(&pair[1]), format!("{} → {}", pair[1].from, pair[1].to))).collect()
}

fn transition_path(rule: &TransitionRule) -> String {
    format!("transitions[{} → {}]", rule.from, rule.to)
}

fn dangling(pipeline: &Pipeline) -> Vec<Violation> {
    let mut found = Vec::new();
    let mut refer = |known: bool, path: String, id: &str| {
        if !known {
            found.push(dangling_reference(path, id));
        }
    };
    refer(pipeline.stage(&pipeline.entry_stage).is_some(), "entry_stage".to_owned(), &pipeline.entry_stage);
    for (n, stage) in pipeline.stages.iter().enumerate() {
        if let Some(phase) = &stage.phase {
            refer(
                pipeline.phases.iter().any(|known| known.id == *phase),
                format!("stages[{n}].phase"),
                phase,
            );
        }
        for (m, code) in stage.entry_form.reasons.iter().enumerate() {
            let known = pipeline.reasons.iter().any(|reason| reason.code == *code);
            refer(known, format!("stages[{n}].entry_form.reasons[{m}]"), code);
        }
    }
    if let Transitions::Listed(rules) = &pipeline.transitions {
        for rule in rules {
            let path = |end: &str| format!("{}.{end}", transition_path(rule));
            refer(pipeline.stage(&rule.from).is_some(), path("from"), &rule.from);
            refer(pipeline.stage(&rule.to).is_some(), path("to"), &rule.to);
        }
    }
    found
}

fn ends(pipeline: &Pipeline) -> Vec<Violation> {
    require(pipeline.stages.iter().any(|stage| stage.kind.is_final()), || {
        Violation::new(
            Code::NoTerminalStage,
            "stages",
            Label::new(
                "没有成交、流失或已结束类型的状态。",
                "There is no stage of type won, lost or closed.",
            ),
            Label::new("请至少设置一个结束状态。", "Define at least one final stage."),
        )
    })
}

/// The stages that no path of permitted moves leads to from the entry stage.
fn unreachable(pipeline: &Pipeline) -> Vec<Violation> {
    let mut reached = BTreeSet::from([pipeline.entry_stage.as_str()]);
    let mut waiting = vec![pipeline.entry_stage.as_str()];
    while let Some(from) = waiting.pop() {
        let next =
            pipeline.allowed_from(from).into_iter().filter(|to| reached.insert(to)).collect::<Vec<_>>();
        waiting.extend(next);
    }
    let lonely = pipeline.stages.iter().enumerate().filter(|(_, stage)| !reached.contains(stage.id.as_str()));
    let violation = |(n, stage): (usize, &Stage)| {
        Violation::new(
            Code::UnreachableStage,
            format!("stages[{n}]"),
            Label::new(
                format!("无法到达“{}”。", stage.name.zh),
                format!("The stage {:?} cannot be reached.", stage.name.en),
            ),
            Label::new("请添加通往该状态的转换。", "Add a transition to this stage."),
        )
    };
    lonely.map(violation).collect()
}

/// Stages without a way out, other than those that end a cycle or that a customer is reactivated from.
fn dead_ends(pipeline: &Pipeline) -> Vec<Violation> {
    let stuck = |stage: &Stage| {
        !stage.kind.is_final()
            && !stage.kind.is_reactivatable()
            && pipeline.allowed_from(&stage.id).is_empty()
    };
    let stages = pipeline.stages.iter().enumerate().filter(|(_, stage)| stuck(stage));
    let violation = |(n, stage): (usize, &Stage)| {
        Violation::new(
            Code::DeadEnd,
            format!("stages[{n}]"),
            Label::new(
                format!("“{}”没有出口。", stage.name.zh),
                format!("The stage {:?} has no way out.", stage.name.en),
            ),
            Label::new("请添加离开该状态的转换。", "Add a transition out of this stage."),
        )
    };
    stages.map(violation).collect()
}

/// Every stage says when a customer is in it, and what must be done there, by whom, until when.
fn incomplete(pipeline: &Pipeline) -> Vec<Violation> {
    let mut found = Vec::new();
    for (n, stage) in pipeline.stages.iter().enumerate() {
        if stage.entry_criterion.is_none() {
            found.push(Violation::new(
                Code::CriterionMissing,
                format!("stages[{n}].entry_criterion"),
                Label::new(
                    "缺少进入标准（动作与结果）。",
                    "The entry criterion (action and result) is missing.",
                ),
                Label::new("请填写客观的动作与结果。", "Enter an objective action and its result."),
            ));
        }
        if stage.next_action.is_none() {
            found.push(Violation::new(
                Code::ActionMissing,
                format!("stages[{n}].next_action"),
                Label::new(
                    "缺少下一步动作、责任人和期限。",
                    "The next action with its owner and deadline is missing.",
                ),
                Label::new(
                    "请填写做什么、由谁做、何时完成。",
                    "Enter what must be done, by whom and by when.",
                ),
            ));
        }
    }
    found
}

fn default_pool(pipeline: &Pipeline) -> Vec<Violation> {
    require(pipeline.pools.iter().filter(|pool| pool.default).count() == 1, || {
        Violation::new(
            Code::NoDefaultPool,
            "pools",
            Label::new("须有且只有一个默认公海。", "There must be exactly one default pool."),
            Label::new("请只将一个公海的default设为true。", "Set default to true for exactly one pool."),
        )
    })
}

fn core_stages(pipeline: &Pipeline) -> Vec<Violation> {
    let core = pipeline.stages.iter().filter(|stage| stage.core).count();
    require((5..=8).contains(&core), || {
        Violation::new(
            Code::CoreStageCount,
            "stages",
            Label::new(format!("核心状态有{core}个。"), format!("There are {core} core stages.")),
            Label::new(
                "五至八个核心状态可覆盖九成情况，其余用子状态或标签。",
                "Five to eight core stages cover 90% of cases; use sub-statuses or tags for the rest.",
            ),
        )
    })
}

fn way_back(pipeline: &Pipeline) -> Vec<Violation> {
    let back = |rule: &TransitionRule| pipeline.order(&rule.from) > pipeline.order(&rule.to);
    let exists = match &pipeline.transitions {
        Transitions::Any => true,
        Transitions::Listed(rules) => rules.iter().any(back),
    };
    require(exists, || {
        Violation::new(
            Code::NoWayBack,
            "transitions",
            Label::new("没有回退的转换。", "There is no transition back to an earlier stage."),
            Label::new("客户也会反复，请允许回退。", "Customers change their minds; allow going back."),
        )
    })
}

fn loss_reasons(pipeline: &Pipeline) -> Vec<Violation> {
    let silent = |stage: &&Stage| stage.kind.is_lost() && stage.entry_form.reasons.is_empty();
    require(!pipeline.stages.iter().any(|stage| silent(&stage)), || {
        Violation::new(
            Code::NoLossReasons,
            "stages",
            Label::new("流失状态没有原因代码。", "The lost stage has no reason codes."),
            Label::new(
                "请设置流失原因，便于日后激活和统计。",
                "Define loss reasons; they help reactivation and statistics.",
            ),
        )
    })
}
