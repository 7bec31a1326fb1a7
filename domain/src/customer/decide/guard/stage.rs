//! Pipelines, stages and sub-statuses, and what entering them asks for.

use crate::pipeline::{EvidenceKind, Pipeline, Stage};
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label};

/// The definition in force of a pipeline.
pub(in crate::customer::decide) fn known_pipeline<'a>(
    context: &Context<'a>,
    key: &str,
) -> Result<&'a Pipeline, Refusal> {
    context.pipeline(key).ok_or_else(|| {
        let message =
            Label::new(format!("没有销售流程“{key}”。"), format!("The pipeline {key:?} does not exist."));
        let how_to_fix = Label::new("请使用已有销售流程的标识。", "Use the key of an existing pipeline.");
        Refusal::from_code(Code::UnknownPipeline, "pipeline", message, how_to_fix)
    })
}

pub(in crate::customer::decide) fn known_stage(
    pipeline: &Pipeline,
    stage: &str,
    field: &str,
) -> Vec<Violation> {
    require(pipeline.stage(stage).is_some(), || {
        let stages: Vec<&str> = pipeline.stages.iter().map(|stage| stage.id.as_str()).collect();
        Violation::new(
            Code::UnknownStage,
            field,
            Label::new("销售流程中没有这个状态。", "The pipeline has no such stage."),
            Label::new("请从状态列表中选择。", "Choose one of the pipeline's stages."),
        )
        .with("stages", stages)
    })
}

pub(in crate::customer::decide) fn known_sub_status(
    stage: Option<&Stage>,
    sub_status: Option<&str>,
) -> Vec<Violation> {
    let (Some(stage), Some(sub_status)) = (stage, sub_status) else { return Vec::new() };
    require(stage.sub_statuses.iter().any(|known| known.id == sub_status), || {
        let known: Vec<&str> = stage.sub_statuses.iter().map(|known| known.id.as_str()).collect();
        Violation::new(
            Code::UnknownSubStatus,
            "sub_status",
            Label::new("该状态没有这个子状态。", "The stage has no such sub-status."),
            Label::new("请从子状态列表中选择。", "Choose one of the stage's sub-statuses."),
        )
        .with("sub_statuses", known)
    })
}

/// A document that a stage or sub-status asks for and nobody has shown.
pub(in crate::customer::decide) fn without_evidence(kind: &EvidenceKind, field: &str) -> Violation {
    Violation::new(
        Code::EvidenceRequired,
        field,
        Label::new(
            format!("进入该状态需要凭证：{}。", kind.name.zh),
            format!("This stage requires evidence: {}.", kind.name.en),
        ),
        Label::new("请附上凭证的编号或地址。", "Attach the document's ID or address."),
    )
    .with("kind", kind.kind.clone())
}

/// A rule has no documents to show, and sets no sub-status that asks for some.
pub(in crate::customer::decide) fn sub_status_without_evidence(
    stage: Option<&Stage>,
    sub_status: Option<&str>,
    context: &Context<'_>,
) -> Vec<Violation> {
    let finer = stage.into_iter().flat_map(|stage| stage.finer_evidence(sub_status));
    let asked = finer.filter(|kind| kind.required);
    asked.filter(|_| !context.import).map(|kind| without_evidence(kind, "sub_status")).collect()
}

/// Journeys begin in the entry stage or another open one; only who supervises may begin one further on, lest
/// registering become a way around the transition rules.
pub(in crate::customer::decide) fn stage_for_entry(
    pipeline: &Pipeline,
    stage: &str,
    field: &str,
    context: &Context<'_>,
) -> Vec<Violation> {
    let open = pipeline.stage(stage).is_none_or(|stage| stage.kind.is_open());
    require(open || stage == pipeline.entry_stage || context.import || context.actor.supervises(), || {
        Violation::new(
            Code::StageNotForEntry,
            field,
            Label::new("销售只能从进行中的状态开始。", "A rep can start a customer only in an open stage."),
            Label::new(
                "请选择进行中的状态，或由主管登记。",
                "Choose an open stage, or ask a supervisor to register the customer.",
            ),
        )
    })
}
