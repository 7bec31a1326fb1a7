//! Whether what a stage and a transition ask for is there: with the move, or known of the customer.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::customer::command::Transition;
use crate::customer::decide::proof::without_evidence;
use crate::customer::event::{Evidence, TransitionRequested};
use crate::customer::state::Customer;
use crate::customer::timeline::Stay;
use crate::pipeline::{EntryForm, Stage};
use crate::refusal::{Code, Violation, require};
use crate::{Context, Label, Pipeline};

/// What was given with a move.
pub(in crate::customer::decide) struct Form<'a> {
    pub(in crate::customer::decide) sub_status: Option<&'a str>,
    pub(in crate::customer::decide) reason: Option<&'a str>,
    pub(in crate::customer::decide) note: bool,
    pub(in crate::customer::decide) next_step: bool,
    pub(in crate::customer::decide) evidence: &'a [Evidence],
    /// What the move itself says of the customer, by the names of fields.
    pub(in crate::customer::decide) facts: BTreeSet<String>,
}

impl<'a> Form<'a> {
    pub(in crate::customer::decide) fn of(command: &'a Transition) -> Self {
        Self {
            sub_status: command.sub_status.as_deref(),
            reason: command.reason.as_deref(),
            note: command.note.is_some(),
            next_step: command.next_step.is_some(),
            evidence: &command.evidence,
            facts: brought(command),
        }
    }

    /// What was given with a request.
    pub(in crate::customer::decide) fn of_request(asked: &'a TransitionRequested) -> Self {
        Self {
            sub_status: asked.sub_status.as_deref(),
            reason: asked.reason.as_deref(),
            note: asked.note.is_some(),
            next_step: asked.next_step.is_some(),
            evidence: &asked.evidence,
            facts: facts([
                ("postponed_until", asked.postponed_until.is_some()),
                ("won_amount", asked.won_amount.is_some()),
            ]),
        }
    }
}

fn brought(command: &Transition) -> BTreeSet<String> {
    let mut all = facts([
        ("postponed_until", command.postponed_until.is_some()),
        ("won_amount", command.won_amount.is_some()),
        ("amount", command.amount.is_some()),
    ]);
    let fields = command.fields.iter().flatten().filter(|(_, value)| !value.is_null());
    all.extend(fields.map(|(name, _)| name.clone()));
    all
}

fn facts<const N: usize>(said: [(&str, bool); N]) -> BTreeSet<String> {
    said.into_iter().filter(|(_, said)| *said).map(|(name, _)| name.to_owned()).collect()
}

/// What stage and transition ask for is there. The past cannot be asked, so an import is not.
pub(in crate::customer::decide) fn unmet_form(
    customer: &Customer,
    pipeline: &Pipeline,
    from: Option<&Stay>,
    to: &str,
    given: &Form<'_>,
    context: &Context<'_>,
) -> Vec<Violation> {
    let Some(stage) = pipeline.stage(to).filter(|_| !context.import) else { return Vec::new() };
    [form_filled(stage, given), unmet_standing(customer, pipeline, from, stage, &given.facts)].concat()
}

/// What must stand of the customer itself, whatever the form would be filled in with, but for the facts that the move
/// brings.
pub(in crate::customer) fn unmet_standing(
    customer: &Customer,
    pipeline: &Pipeline,
    from: Option<&Stay>,
    stage: &Stage,
    brought: &BTreeSet<String>,
) -> Vec<Violation> {
    let rule = from.and_then(|from| pipeline.transition(&from.stage, &stage.id));
    let fields = stage.entry_form.fields.iter().chain(rule.iter().flat_map(|rule| &rule.fields));
    let follow_ups = stage.entry_form.min_follow_ups.max(rule.map_or(0, |rule| rule.min_follow_ups));
    let fields = fields.filter(|field| !brought.contains(*field));
    [fields_known(customer, fields), followed_up(customer, from, follow_ups)].concat()
}

/// What the stage asks to be known of the customer is known.
fn fields_known<'a>(customer: &Customer, fields: impl Iterator<Item = &'a String>) -> Vec<Violation> {
    let missing: BTreeSet<&str> = fields.map(String::as_str).filter(|field| !customer.knows(field)).collect();
    let unmet = |field: &str| {
        Violation::new(
            Code::FieldRequired,
            field,
            Label::new(
                format!("需要先填写客户资料“{field}”。"),
                format!("The customer's {field:?} must be filled in first."),
            ),
            Label::new("请在客户资料中补充。", "Add it to the customer's details."),
        )
    };
    missing.into_iter().map(unmet).collect()
}

/// There were follow-ups enough since the customer entered the stage that it leaves.
fn followed_up(customer: &Customer, from: Option<&Stay>, wanted: u32) -> Vec<Violation> {
    let since = from.map_or(DateTime::<Utc>::MIN_UTC, |stay| stay.entered_at);
    let recorded = customer.follow_ups_since(since);
    require(recorded >= wanted as usize, || {
        Violation::new(
            Code::FollowUpsRequired,
            "",
            Label::new(
                format!("进入该状态前至少需要{wanted}条跟进记录，现有{recorded}条。"),
                format!(
                    "Entering this stage requires at least {wanted} follow-ups; {recorded} recorded so far."
                ),
            ),
            Label::new("请先记录跟进。", "Record a follow-up first."),
        )
        .with("required", wanted)
        .with("recorded", recorded)
    })
}

pub(in crate::customer::decide) fn form_filled(stage: &Stage, given: &Form<'_>) -> Vec<Violation> {
    let form = &stage.entry_form;
    let missing = |code, field: &str, zh, en| {
        Violation::new(
            code,
            field,
            Label::new(zh, en),
            Label::new("请补充后再提交。", "Complete it and submit again."),
        )
    };
    let mut unmet = Vec::new();
    if form.note && !given.note {
        unmet.push(missing(
            Code::NoteRequired,
            "note",
            "进入该状态需要备注。",
            "This stage requires a note.",
        ));
    }
    if form.next_step && !given.next_step {
        unmet.push(missing(
            Code::NextStepRequired,
            "next_step",
            "进入该状态需要下一步计划。",
            "This stage requires a next step.",
        ));
    }
    unmet.extend(without_evidence(stage.evidence(given.sub_status), given.evidence));
    unmet.extend(reason_of_the_form(form, given.reason));
    unmet
}

fn reason_of_the_form(form: &EntryForm, reason: Option<&str>) -> Vec<Violation> {
    let known = reason.is_some_and(|reason| form.reasons.iter().any(|code| code == reason));
    require(form.reasons.is_empty() || known, || {
        let (code, message) = match reason {
            None => {
                (Code::ReasonRequired, Label::new("进入该状态需要原因。", "This stage requires a reason."))
            }
            Some(_) => {
                (Code::UnknownReason, Label::new("没有这个原因代码。", "The reason code does not exist."))
            }
        };
        let codes = form.reasons.join(", ");
        let fix = Label::new(format!("请选择其一：{codes}。"), format!("Choose one of: {codes}."));
        Violation::new(code, "reason", message, fix).with("reasons", form.reasons.clone())
    })
}
