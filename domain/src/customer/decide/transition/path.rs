//! Whether a move may lead from where the customer stands to where it is to go, at that instant.

use chrono::{DateTime, Utc};
use serde_json::{Value, json};

use crate::customer::state::Customer;
use crate::customer::timeline::{Move, Stay};
use crate::refusal::{Code, Violation, require};
use crate::{Context, Label, Pipeline};

pub(in crate::customer::decide) fn elsewhere(
    from: Option<&Stay>,
    to: &str,
    context: &Context<'_>,
) -> Vec<Violation> {
    require(context.import || from.is_none_or(|stay| stay.stage != to), || already_in_stage("to"))
}

pub(in crate::customer::decide) fn already_in_stage(field: &str) -> Violation {
    Violation::new(
        Code::AlreadyInStage,
        field,
        Label::new("客户已在该状态。", "The customer is already in this stage."),
        Label::new("如只需补充说明，请写备注。", "To add information only, write a note."),
    )
}

/// The pipeline permits the move from where the customer stands.
pub(in crate::customer::decide) fn allowed(
    pipeline: &Pipeline,
    from: Option<&Stay>,
    to: &str,
) -> Vec<Violation> {
    let Some(from) = from.filter(|from| from.stage != to) else { return Vec::new() };
    require(pipeline.stage(to).is_none() || pipeline.allows(&from.stage, to), || {
        not_allowed(pipeline, &from.stage, to, "to")
    })
}

pub(in crate::customer::decide) fn not_allowed(
    pipeline: &Pipeline,
    from: &str,
    to: &str,
    field: &str,
) -> Violation {
    let allowed = pipeline.allowed_from(from);
    let zh = names(pipeline, &allowed, |name| &name.zh).join("、");
    let en = names(pipeline, &allowed, |name| &name.en).join(", ");
    let reactivatable = pipeline.stage(from).is_some_and(|stage| stage.kind.is_reactivatable());
    let how_to_fix = if reactivatable {
        Label::new("请使用“重新激活”开始新一轮。", "Use reactivation to start the next cycle.")
    } else {
        Label::new(format!("可变更为：{zh}。"), format!("Allowed next stages: {en}."))
    };
    let of = |id: &str| pipeline.stage(id).map_or_else(|| Label::same(id), |stage| stage.name.clone());
    let (left, entered) = (of(from), of(to));
    let message = Label::new(
        format!("不允许从“{}”变更为“{}”。", left.zh, entered.zh),
        format!("The transition from {:?} to {:?} is not allowed.", left.en, entered.en),
    );
    Violation::new(Code::TransitionNotAllowed, field, message, how_to_fix)
        .with("from", from)
        .with("to", to)
        .with("allowed", allowed)
}

fn names<'a>(
    pipeline: &'a Pipeline,
    stages: &[&str],
    language: impl Fn(&'a Label) -> &'a str,
) -> Vec<&'a str> {
    let named = stages.iter().filter_map(|id| pipeline.stage(id));
    named.map(|stage| language(&stage.name)).collect()
}

/// Nothing is recorded behind the back of a later move: that would be a correction.
pub(in crate::customer::decide) fn not_before_a_later_move(
    customer: &Customer,
    journey: &str,
    effective_at: DateTime<Utc>,
    context: &Context<'_>,
) -> Vec<Violation> {
    let before_creation = customer.journeys.began_at().is_some_and(|began_at| effective_at < began_at);
    let judged_elsewhere = context.import || (before_creation && !context.allow_before_creation);
    let last = customer.journeys.last_moved_at(journey);
    require(judged_elsewhere || last.is_none_or(|last| last <= effective_at), || {
        let moves = customer.journeys.moves(journey);
        let later = moves.iter().filter(|made| made.effective_at > effective_at);
        Violation::new(
            Code::TimelineConflict,
            "effective_at",
            Label::new("该时间之后已有状态变更。", "The customer's stage was changed after that time."),
            Label::new(
                "遗漏的步骤请用更正（kind=insert）补录。",
                "Enter a missed step as a correction (kind=insert).",
            ),
        )
        .with("conflicts", later.map(later_move).collect::<Vec<_>>())
    })
}

fn later_move(made: &Move) -> Value {
    json!({
        "event": made.event,
        "position": made.position,
        "effective_at": made.effective_at,
        "to": made.stage,
    })
}
