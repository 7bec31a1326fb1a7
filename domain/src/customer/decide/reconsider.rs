//! A recorded move is judged again: by another definition, or from another place than where it was made.

use std::collections::BTreeMap;

use serde_json::json;

use super::new_event::NewEvent;
use super::proof::{Proof, wanted_of_who_tells};
use super::transition::unapproved;
use super::{decide, guard};
use crate::customer::command::{
    AddDocument, Command, NewContact, Override, Reactivate, SuppliedEvidence, Transition,
};
use crate::customer::contact::{Contact, ContactKind};
use crate::customer::event::{CustomerEvent, Moved, Recorded, Registered, TransitionRequested};
use crate::customer::state::Customer;
use crate::refusal::{Code, Violation};
use crate::{Context, Personal};

/// What stands in for a personal text: whether there was one is what conditions look at.
const SOME_TEXT: &str = "…";
/// What stands in for a credit code: one of the right form.
const SOME_CREDIT_CODE: &str = "91330100799655058B";

/// What a move said that does not stand in its own event.
#[derive(Debug, Clone, Copy, Default)]
pub struct MoveContext<'a> {
    /// The request that it carried out, where it was approved.
    pub asked: Option<&'a TransitionRequested>,
    /// What it brought along for the customer's record: the changed details and the documents that were recorded with it.
    pub brought: &'a [Recorded<CustomerEvent>],
}

/// Decides a recorded registration, move or reactivation again, to a stage that may have another id now. What comes of it are
/// the events of that decision; an event that is none of these is nothing to be decided, and nothing comes of it.
///
/// # Errors
/// Every condition that is not met, among them an approval that nobody gave.
pub fn reconsider(
    customer: Option<&Customer>,
    recorded: &Recorded<CustomerEvent>,
    said: MoveContext<'_>,
    to: &str,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Vec<Violation>> {
    let command = match &recorded.event {
        CustomerEvent::Registered(event) => return registration(event, said, to, context),
        CustomerEvent::Moved(event) if event.overrides.is_empty() => {
            Command::Transition(transition(event, said, to))
        }
        CustomerEvent::Moved(event) => Command::Override(Override {
            to: to.to_owned(),
            pipeline: Some(event.journey.clone()),
            sub_status: event.sub_status.clone(),
            reason: SOME_TEXT.to_owned(),
        }),
        CustomerEvent::Reactivated(event) if customer.is_none_or(|one| one.primary() == event.journey) => {
            let shown = SuppliedEvidence { evidence: event.evidence.clone(), documents: documents(said) };
            Command::Reactivate(Reactivate { to: to.to_owned(), reason: SOME_TEXT.to_owned(), shown })
        }
        _ => return Ok(Vec::new()),
    };
    let events = match decide(customer, &command, context) {
        Ok(events) => events,
        // What needed an override and needs none now is permitted.
        Err(refusal) if refusal.code == Code::NothingToOverride.as_str() => return Ok(Vec::new()),
        Err(refusal) => return Err(refusal.violations),
    };
    let waits = events.iter().any(|new| matches!(new.event, CustomerEvent::TransitionRequested(_)));
    if waits && said.asked.is_none() {
        return Err(vec![unapproved()]);
    }
    Ok(events)
}

/// What a registration asks of the definition alone.
fn registration(
    event: &Registered,
    said: MoveContext<'_>,
    to: &str,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Vec<Violation>> {
    let pipeline = guard::known_pipeline(context, &event.pipeline).map_err(|refusal| refusal.violations)?;
    let (stage, finer) = (pipeline.stage(to), event.sub_status.as_deref());
    let unmet = [
        guard::known_stage(pipeline, to, "stage"),
        guard::known_sub_status(stage, finer),
        Proof::of(None, (stage, finer), &event.evidence, &documents(said)).unmet(
            wanted_of_who_tells((stage, finer), to == pipeline.entry_stage, context).into_iter(),
            context,
        ),
    ]
    .concat();
    if unmet.is_empty() { Ok(Vec::new()) } else { Err(unmet) }
}

/// The documents that a command brought along.
fn documents(said: MoveContext<'_>) -> Vec<AddDocument> {
    let brought = said.brought.iter().filter_map(|brought| match &brought.event {
        CustomerEvent::DocumentAdded(document) => Some(AddDocument {
            id: document.document,
            kind: document.kind.clone(),
            name: None,
            reference: SOME_TEXT.to_owned(),
            sha256: document.sha256.clone(),
        }),
        _ => None,
    });
    brought.collect()
}

fn transition(event: &Moved, said: MoveContext<'_>, to: &str) -> Transition {
    let told = |own: &Option<Personal<String>>, asked: Option<&Option<Personal<String>>>| {
        let given = own.is_some() || asked.is_some_and(Option::is_some);
        given.then(|| SOME_TEXT.to_owned())
    };
    let asked = said.asked;
    let words = told(&event.reason_text, asked.map(|asked| &asked.reason_text));
    let mut command = Transition {
        to: to.to_owned(),
        pipeline: Some(event.journey.clone()),
        sub_status: event.sub_status.clone(),
        reason: event.reason.clone().or(words),
        note: told(&event.note, asked.map(|asked| &asked.note)),
        next_step: told(&event.next_step, asked.map(|asked| &asked.next_step)),
        evidence: event.evidence.clone(),
        documents: documents(said),
        ..Transition::default()
    };
    said.brought.iter().for_each(|brought| bring(&mut command, &brought.event));
    command
}

/// Adds the details that a move brought along to its command.
fn bring(command: &mut Transition, brought: &CustomerEvent) {
    let CustomerEvent::DetailsChanged(details) = brought else { return };
    let contact = |contact: &Contact| NewContact { kind: contact.kind, value: some_contact(contact.kind) };
    let names = details.field_names.iter().flatten();
    let fields: BTreeMap<_, _> = names.map(|name| (name.clone(), json!(SOME_TEXT))).collect();
    let said = &mut command.details;
    said.name = details.name.as_ref().map(|_| SOME_TEXT.to_owned());
    said.source.clone_from(&details.source);
    said.channel.clone_from(&details.channel);
    said.contacts = details.contacts.as_ref().map(|all| all.iter().map(contact).collect());
    said.tags.clone_from(&details.tags);
    said.tier.clone_from(&details.tier);
    said.amount.clone_from(&details.amount);
    said.fields = (!fields.is_empty()).then_some(fields);
    let Some(profile) = &details.profile else { return };
    said.profile.credit_code = profile.credit_code.as_ref().map(|_| SOME_CREDIT_CODE.to_owned());
    said.profile.texts = profile.texts.clone();
    said.profile.contract = profile.contract;
    said.profile.delivered_on = profile.delivered_on;
    said.profile.postponed_until = profile.postponed_until;
    said.profile.won_amount.clone_from(&profile.won_amount);
    said.profile.satisfaction = profile.satisfaction;
}

fn some_contact(kind: ContactKind) -> String {
    let some = match kind {
        ContactKind::Phone => "+8613800138000",
        ContactKind::Email => "somebody@example.com",
        ContactKind::Wechat => SOME_TEXT,
    };
    some.to_owned()
}
