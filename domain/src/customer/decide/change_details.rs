//! A rep changes what is known of a customer; its stage and owner stay as they are.

use super::{NewEvent, guard, register};
use crate::customer::command::ChangeDetails;
use crate::customer::event::{CustomerEvent, DetailsChanged};
use crate::customer::state::Customer;
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Personal};

fn changes_something(command: &ChangeDetails) -> Vec<Violation> {
    require(*command != ChangeDetails::default(), || {
        Violation::new(
            Code::NothingToChange,
            "",
            Label::new("没有要修改的内容。", "The command changes nothing."),
            Label::new("请至少填写一个字段。", "Give at least one field."),
        )
    })
}

pub(super) fn decide(
    customer: &Customer,
    command: &ChangeDetails,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    Refusal::unless_met([
        guard::may_work(customer, context),
        guard::effective(customer, context),
        changes_something(command),
        guard::optional_line("name", command.name.as_deref(), guard::MAX_NAME_CHARS),
        guard::optional_line("source", command.source.as_deref(), guard::MAX_NAME_CHARS),
        guard::optional_line("channel", command.channel.as_deref(), guard::MAX_NAME_CHARS),
        guard::contacts(command.contacts.as_deref().unwrap_or_default()),
        guard::tags(command.tags.as_deref().unwrap_or_default()),
        guard::optional_line("tier", command.tier.as_deref(), guard::MAX_NAME_CHARS),
        guard::money("amount", command.amount.as_ref()),
        guard::fields(command.fields.iter().flatten()),
    ])?;
    let command = command.clone();
    let event = CustomerEvent::DetailsChanged(DetailsChanged {
        name: command.name.map(Personal::from),
        source: command.source,
        channel: command.channel,
        contacts: command.contacts.map(|all| all.into_iter().map(register::contact).collect()),
        tags: command.tags,
        tier: command.tier,
        amount: command.amount,
        fields: command.fields.map(Personal::from),
    });
    Ok(vec![NewEvent { event, effective_at: context.effective_at() }])
}
