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

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::decide::spec::*;

    #[test]
    fn what_is_given_is_set_and_the_rest_stays() {
        let event = DetailsChanged { tier: Some("A".into()), ..DetailsChanged::default() };
        let command = ChangeDetails { tier: Some("A".into()), ..ChangeDetails::default() };
        given([registered_by_li()]).when(command).then([CustomerEvent::DetailsChanged(event)]);
    }

    #[test]
    fn a_change_of_nothing_is_refused() {
        given([registered_by_li()]).when(ChangeDetails::default()).refuses([Code::NothingToChange]);
    }

    #[test]
    fn tags_can_be_taken_away() {
        let command = ChangeDetails { tags: Some(Vec::new()), ..ChangeDetails::default() };
        given([registered_by_li()]).when(command).event();
    }

    #[test]
    fn fields_are_bounded_and_clean() {
        let fields = [("hobby".to_owned(), "a\u{7}".into()), ("story".to_owned(), "x".repeat(8_001).into())];
        let command = ChangeDetails { fields: Some(fields.into()), ..ChangeDetails::default() };
        given([registered_by_li()]).when(command).refuses([Code::ControlCharacter, Code::TextTooLong]);
    }
}
