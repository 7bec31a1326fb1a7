//! Whether what a stage and a transition ask for is there: with the move, or known of the customer.

use std::collections::BTreeSet;

use chrono::{DateTime, Utc};

use crate::customer::command::Transition;
use crate::customer::decide::proof::without_evidence;
use crate::customer::event::{Evidence, TransitionRequested};
use crate::customer::state::Customer;
use crate::customer::timeline::Stay;
use crate::pipeline::{EntryForm, Stage, TransitionRule};
use crate::refusal::{Code, Violation, require};
use crate::{Context, CustomerField, Label, Pipeline};

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
            facts: super::brought::facts(command),
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

/// What stage and transition ask to be known of the customer.
pub(in crate::customer) fn asked<'a>(
    pipeline: &'a Pipeline,
    from: Option<&Stay>,
    stage: &'a Stage,
) -> impl Iterator<Item = &'a str> {
    let rule = from.and_then(|from| pipeline.transition(&from.stage, &stage.id));
    stage.entry_form.fields.iter().chain(rule.into_iter().flat_map(|rule| &rule.fields)).map(String::as_str)
}

/// What the form of a move has room for: what is asked for, and what may be said beside.
pub(in crate::customer) fn room<'a>(
    pipeline: &'a Pipeline,
    from: Option<&Stay>,
    stage: Option<&'a Stage>,
) -> BTreeSet<&'a str> {
    let of = |stage: &'a Stage| {
        asked(pipeline, from, stage).chain(stage.entry_form.offers.iter().map(String::as_str))
    };
    stage.into_iter().flat_map(of).collect()
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
    let follow_ups = stage.entry_form.min_follow_ups.max(rule.map_or(0, follow_ups_of));
    let fields = asked(pipeline, from, stage).filter(|field| !brought.contains(*field));
    [fields_known(customer, fields), followed_up(customer, from, follow_ups)].concat()
}

/// How many a transition asks for; its fields are among those [`asked`] for, and its approval is asked for by itself.
fn follow_ups_of(rule: &TransitionRule) -> u32 {
    let TransitionRule { from: _, to: _, approval: _, fields: _, min_follow_ups } = rule;
    *min_follow_ups
}

/// What the stage asks to be known of the customer is known.
fn fields_known<'a>(customer: &Customer, fields: impl Iterator<Item = &'a str>) -> Vec<Violation> {
    let missing: BTreeSet<&str> = fields.filter(|field| !customer.knows(field)).collect();
    let unmet = |field: &str| {
        let part = CustomerField::parse(field);
        let (zh, en) = match part {
            Some(part) => part.names(),
            None => (field, field),
        };
        let how_to_fix = match part {
            Some(CustomerField::ExternalId) => Label::new(
                "外部编号只能在登记客户时填写。",
                "It can be given only when a customer is registered.",
            ),
            _ => Label::new(
                "请随本次变更填写，或先在客户资料中补充。",
                "Enter it with the move, or add it to the customer's details first.",
            ),
        };
        Violation::new(
            Code::FieldRequired,
            field,
            Label::new(
                format!("需要先填写客户资料“{zh}”。"),
                format!("The customer's {en:?} must be filled in first."),
            ),
            how_to_fix,
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
    // Fields and follow-ups stand of the customer; offers demand nothing.
    let form = &stage.entry_form;
    let EntryForm { note, next_step, reasons: _, evidence: _, fields: _, offers: _, min_follow_ups: _ } =
        form;
    let missing = |code, field: &str, zh, en| {
        Violation::new(
            code,
            field,
            Label::new(zh, en),
            Label::new("请补充后再提交。", "Complete it and submit again."),
        )
    };
    let mut unmet = Vec::new();
    if *note && !given.note {
        unmet.push(missing(
            Code::NoteRequired,
            "note",
            "进入该状态需要备注。",
            "This stage requires a note.",
        ));
    }
    if *next_step && !given.next_step {
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
