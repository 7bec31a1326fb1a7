//! A rep registers a customer: it enters a pipeline, and belongs to somebody from the start.

use std::collections::BTreeSet;

use super::new_event::NewEvent;
use super::proof::{Proof, is_believed, wanted_of_who_tells};
use super::transition::form::unmet_standing;
use super::{document, guard, profile};
use crate::customer::command::{NewContact, Register};
use crate::customer::event::{Contact, CustomerEvent, Evidence, Recorded, Registered};
use crate::customer::state::Customer;
use crate::field;
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Owner, Personal, Pipeline};

fn is_new(state: Option<&Customer>) -> Vec<Violation> {
    require(state.is_none(), || {
        Violation::new(
            Code::CustomerExists,
            "",
            Label::new("该客户已登记。", "The customer is already registered."),
            Label::new("请直接操作该客户。", "Use the existing customer."),
        )
    })
}

/// A rep registers for itself or for a pool; a manager for anybody.
fn may_give_to(owner: &Owner, context: &Context<'_>) -> Vec<Violation> {
    let own = match owner {
        Owner::Rep(rep) => context.actor.rep_id() == Some(rep),
        Owner::Pool(_) => true,
    };
    require(own || context.import || context.actor.supervises(), || Violation {
        field: "owner".to_owned(),
        ..guard::forbidden_role(
            Label::new("销售只能把客户登记给自己。", "Reps can register customers only for themselves."),
            Label::new(
                "请登记给自己或公海，或由主管登记。",
                "Register the customer for yourself or a pool, or ask a supervisor.",
            ),
        )
    })
}

pub(super) fn decide(
    state: Option<&Customer>,
    command: &Register,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    let pipeline = guard::known_pipeline(context, &command.pipeline)?;
    let stage = command.stage.as_deref().unwrap_or(&pipeline.entry_stage);
    let owner = owner(command, pipeline)?;
    let effective_at = context.effective_at();
    let into = (pipeline.stage(stage), command.sub_status.as_deref());
    let is_the_door = stage == pipeline.entry_stage;
    let wanted = wanted_of_who_tells(into, is_the_door, context);
    let proof = Proof::of(None, into, &command.shown.evidence, &command.shown.documents);
    Refusal::require_all([
        is_new(state),
        guard::may_command(context),
        guard::in_window(effective_at, "effective_at", context),
        guard::known_stage(pipeline, stage, "stage"),
        guard::stage_for_entry(pipeline, stage, "stage", context),
        guard::known_sub_status(pipeline.stage(stage), command.sub_status.as_deref()),
        proof.unmet(wanted.into_iter(), context),
        may_give_to(&owner, context),
        description_violations(command, context),
        unknown_of_a_newcomer(command, pipeline, context),
    ])?;
    let evidence = proof.evidence;
    let documents = command.shown.documents.iter().cloned().map(document::added);
    let event = registration(command, pipeline, owner, evidence, context);
    let events = std::iter::once(event).chain(documents);
    Ok(events.map(|event| NewEvent { event, effective_at }).collect())
}

/// What the stage asks to be known of the customer, where a journey does not begin at the pipeline's door, and the registration
/// does not say, unless the registration is believed.
fn unknown_of_a_newcomer(command: &Register, pipeline: &Pipeline, context: &Context<'_>) -> Vec<Violation> {
    let further_on = command.stage.as_deref().filter(|stage| *stage != pipeline.entry_stage);
    let Some(stage) = further_on.filter(|_| !is_believed(context)).and_then(|stage| pipeline.stage(stage))
    else {
        return Vec::new();
    };
    let owner = Owner::Pool(String::new());
    let newcomer = Customer::fold(&[Recorded {
        position: 1,
        id: command.customer,
        effective_at: context.now,
        recorded_at: context.now,
        actor: context.actor.name.clone(),
        origin: None,
        event: registration(command, pipeline, owner, Vec::new(), context),
    }]);
    newcomer
        .map_or_else(Vec::new, |newcomer| unmet_standing(&newcomer, pipeline, None, stage, &BTreeSet::new()))
}

/// The registration as an event.
fn registration(
    command: &Register,
    pipeline: &Pipeline,
    owner: Owner,
    evidence: Vec<Evidence>,
    context: &Context<'_>,
) -> CustomerEvent {
    let command = command.clone();
    let field_names = command.fields.as_ref().map(field::named).unwrap_or_default();
    CustomerEvent::Registered(Registered {
        customer: command.customer,
        pipeline: pipeline.key.clone(),
        pipeline_version: pipeline.version,
        stage: command.stage.unwrap_or_else(|| pipeline.entry_stage.clone()),
        sub_status: command.sub_status,
        name: command.name.map(Personal::from),
        external_id: command.external_id,
        source: command.source,
        channel: command.channel,
        contacts: command.contacts.into_iter().map(contact).collect(),
        tags: distinct(command.tags),
        tier: command.tier,
        amount: command.amount,
        fields: command.fields.map(|fields| Personal::from(field::normalised(context.fields, fields))),
        owner,
        note: command.note.map(Personal::from),
        profile: profile::event(command.profile, Vec::new()),
        field_names,
        evidence,
    })
}

/// What is wrong with what a registration says of the customer, whichever stage it begins in. A file is checked by it cell by
/// cell.
#[must_use]
pub fn description_violations(command: &Register, context: &Context<'_>) -> Vec<Violation> {
    let owner = command.owner.as_ref();
    [
        owner.map_or_else(Vec::new, |owner| guard::known_owner(context, &command.pipeline, owner, "owner")),
        guard::optional_line("name", command.name.as_deref(), guard::MAX_NAME_CHARS),
        guard::optional_line("external_id", command.external_id.as_deref(), guard::MAX_ID_CHARS),
        guard::optional_line("source", command.source.as_deref(), guard::MAX_NAME_CHARS),
        guard::optional_line("channel", command.channel.as_deref(), guard::MAX_NAME_CHARS),
        guard::contacts(&command.contacts),
        guard::tags(&command.tags),
        guard::optional_line("tier", command.tier.as_deref(), guard::MAX_NAME_CHARS),
        guard::money("amount", command.amount.as_ref(), context),
        guard::fields(command.fields.as_ref(), context),
        guard::optional_text("note", command.note.as_deref()),
        profile::well_formed(&command.profile, context),
    ]
    .concat()
}

fn owner(command: &Register, pipeline: &Pipeline) -> Result<Owner, Refusal> {
    let default = || pipeline.default_pool().map(|pool| Owner::Pool(pool.key.clone()));
    command.owner.clone().or_else(default).ok_or_else(|| {
        let message = Label::new(
            "该销售流程没有默认公海，请指定归属。",
            "The pipeline has no default pool; an owner is required.",
        );
        let how_to_fix = Label::new("请填写归属人。", "Enter an owner.");
        Refusal::from_code(Code::MissingField, "owner", message, how_to_fix)
    })
}

/// Each tag once, in the order given.
pub(super) fn distinct(mut tags: Vec<String>) -> Vec<String> {
    let mut seen = BTreeSet::new();
    tags.retain(|tag| seen.insert(tag.clone()));
    tags
}

pub(super) fn contact(contact: NewContact) -> Contact {
    Contact { kind: contact.kind, value: Personal::Clear(contact.value) }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use super::*;
    use crate::customer::decide::spec::*;
    use crate::customer::event::{ContactKind, Money};

    fn new() -> Register {
        Register { customer: customer_id(), pipeline: "helloword-13".to_owned(), ..Register::default() }
    }

    #[test]
    fn a_customer_without_an_owner_begins_in_the_default_pool_and_the_entry_stage() {
        given([]).when(new()).then([in_the_pool()]);
    }

    #[test]
    fn a_rep_registers_for_itself_but_not_for_another() {
        given([]).when(Register { owner: Some(Owner::Rep("li".into())), ..new() }).then([registered_by_li()]);
        let for_zhao = Register { owner: Some(Owner::Rep("zhao".into())), ..new() };
        given([]).when(for_zhao.clone()).refuses([Code::ForbiddenRole]);
        given([]).by(wang()).when(for_zhao).event();
    }

    #[test]
    fn a_tag_counts_once_and_an_empty_field_is_none() {
        let tags = ["VIP", "return", "VIP"].map(str::to_owned).to_vec();
        let fields = [("size".to_owned(), serde_json::Value::Null)].into();
        let event = given([]).when(Register { tags, fields: Some(fields), ..new() }).event();
        let CustomerEvent::Registered(registered) = event.event else { panic!("{event:?}") };
        assert_eq!(registered.tags, ["VIP", "return"]);
        assert_eq!(registered.fields, Some(Personal::from(BTreeMap::new())));
    }

    #[test]
    fn analysts_and_auditors_register_nobody() {
        use crate::{Actor, Role};
        given([]).by(Actor::new("analyst:qian", [Role::Analyst])).when(new()).refuses([Code::ForbiddenRole]);
        given([]).by(Actor::new("auditor:sun", [Role::Auditor])).when(new()).refuses([Code::ForbiddenRole]);
    }

    #[test]
    fn a_rep_does_not_register_past_the_rules_of_transition() {
        let won = Register { stage: Some("won".into()), ..new() };
        given([]).when(won.clone()).refuses([Code::StageNotForEntry, Code::EvidenceRequired]);
        given([]).by(wang()).when(won).event();
        given([]).when(Register { stage: Some("contacted".into()), ..new() }).event();
    }

    #[test]
    fn everything_wrong_is_said_at_once() {
        let contact = |kind, value: &str| NewContact { kind, value: value.to_owned() };
        let wrong = Register {
            stage: Some("nirvana".into()),
            name: Some(" ".into()),
            source: Some("x".repeat(201)),
            tags: vec!["a\u{0}b".into()],
            amount: Some(Money { amount: (-1).into(), currency: "rmb".into() }),
            contacts: vec![contact(ContactKind::Phone, "abc"), contact(ContactKind::Email, "nobody")],
            owner: Some(Owner::Pool("nowhere".into())),
            ..new()
        };
        given([]).when(wrong).refuses([
            Code::UnknownStage,
            Code::UnknownPool,
            Code::EmptyText,
            Code::TextTooLong,
            Code::InvalidContact,
            Code::InvalidContact,
            Code::ControlCharacter,
            Code::InvalidMoney,
            Code::InvalidMoney,
        ]);
    }

    #[test]
    fn nobody_is_registered_twice_or_in_a_pipeline_that_does_not_exist() {
        given([in_the_pool()]).when(new()).refuses([Code::CustomerExists]);
        given([]).when(Register { pipeline: "none".into(), ..new() }).refuses([Code::UnknownPipeline]);
    }
}
