//! A rep changes what is known of a customer; its stage and owner stay as they are.

use super::new_event::NewEvent;
use super::{guard, profile, put_off, register};
use crate::customer::command::ChangeDetails;
use crate::customer::event::{CLEARABLE, CustomerEvent, DetailsChanged};
use crate::customer::state::Customer;
use crate::field;
use crate::people::Disclosure;
use crate::refusal::{Code, Refusal, Violation, require};
use crate::{Context, Label, Personal};

/// What can be taken away that is not of the profile.
const OF_ITSELF: &[&str] = &["name", "source", "channel", "tier", "amount"];

fn changes_something(command: &ChangeDetails) -> Vec<Violation> {
    require(*command != ChangeDetails::default(), || {
        Violation::new(
            Code::NothingToChange,
            "",
            Label::new("没有要修改的内容。", "There is nothing to change."),
            Label::new("请至少填写一个字段。", "Enter at least one field."),
        )
    })
}

/// Contacts are replaced as a whole, so a caller who reads them masked would remove what it cannot see.
fn reads_what_it_replaces(
    customer: &Customer,
    command: &ChangeDetails,
    context: &Context<'_>,
) -> Vec<Violation> {
    let masked = Disclosure::to(context.actor, &customer.owner) == Disclosure::Masked && !context.import;
    let replaced = [
        ("contacts", !customer.contact_kinds.is_empty() && command.contacts.is_some()),
        ("channel_ids", customer.has_channel_ids && command.profile.channel_ids.is_some()),
    ];
    let replaced = replaced.into_iter().filter(|(_, replaced)| masked && *replaced);
    replaced.map(|(field, _)| claim_required(field)).collect()
}

fn claim_required(field: &str) -> Violation {
    Violation::new(
        Code::ClaimRequired,
        field,
        Label::new(
            "公海客户的联系方式在领取前不能修改。",
            "Contact details of a customer in a pool cannot be changed before the customer is claimed.",
        ),
        Label::new("请先领取该客户，再修改。", "Claim the customer first, then make the change."),
    )
}

/// What is taken away is among what can be, and is not set by the same command.
fn takes_away_what_it_may(command: &ChangeDetails) -> Vec<Violation> {
    let each = command.clear.iter().enumerate().flat_map(|(n, name)| {
        let field = format!("clear[{n}]");
        let known = require(CLEARABLE.contains(&name.as_str()), || not_clearable(&field));
        let unset = require(!is_set(command, name), || set_and_cleared(&field));
        [known, unset].concat()
    });
    [each.collect(), guard::at_most("clear", command.clear.len(), CLEARABLE.len())].concat()
}

fn is_set(command: &ChangeDetails, name: &str) -> bool {
    match name {
        "name" => command.name.is_some(),
        "source" => command.source.is_some(),
        "channel" => command.channel.is_some(),
        "tier" => command.tier.is_some(),
        "amount" => command.amount.is_some(),
        other => profile::is_set(&command.profile, other),
    }
}

fn not_clearable(field: &str) -> Violation {
    Violation::new(
        Code::InvalidValue,
        field,
        Label::new("该项不能清除。", "This item cannot be cleared."),
        Label::new(
            format!("可清除：{}。", CLEARABLE.join("、")),
            format!("Items that can be cleared: {}.", CLEARABLE.join(", ")),
        ),
    )
}

fn set_and_cleared(field: &str) -> Violation {
    Violation::new(
        Code::InvalidValue,
        field,
        Label::new("同一项不能既设置又清除。", "The same item cannot be set and cleared at the same time."),
        Label::new("请只保留其一。", "Keep only one of the two."),
    )
}

/// What is wrong with what is said of a customer, by a change of its details or by a move.
pub(super) fn well_formed(
    customer: &Customer,
    command: &ChangeDetails,
    context: &Context<'_>,
) -> Vec<Violation> {
    [
        reads_what_it_replaces(customer, command, context),
        guard::optional_line("name", command.name.as_deref(), guard::MAX_NAME_CHARS),
        guard::optional_line("source", command.source.as_deref(), guard::MAX_NAME_CHARS),
        guard::optional_line("channel", command.channel.as_deref(), guard::MAX_NAME_CHARS),
        guard::contacts(command.contacts.as_deref().unwrap_or_default()),
        guard::tags(command.tags.as_deref().unwrap_or_default()),
        guard::optional_line("tier", command.tier.as_deref(), guard::MAX_NAME_CHARS),
        guard::money("amount", command.amount.as_ref(), context),
        guard::fields(command.fields.as_ref(), context),
        profile::well_formed(&command.profile, context),
    ]
    .concat()
}

/// The event of details that are said with a move, if any are: custom fields are set beside the former ones.
pub(super) fn beside_a_move(mut details: ChangeDetails, context: &Context<'_>) -> Option<CustomerEvent> {
    details.fields = details.fields.filter(|fields| !fields.is_empty());
    let says_something = details != ChangeDetails::default();
    says_something.then(|| {
        let changed = changed(details, context);
        CustomerEvent::DetailsChanged(DetailsChanged { adds_fields: changed.fields.is_some(), ..changed })
    })
}

fn changed(command: ChangeDetails, context: &Context<'_>) -> DetailsChanged {
    let (of_itself, of_profile) =
        command.clear.into_iter().partition(|name| OF_ITSELF.contains(&name.as_str()));
    let field_names = command.fields.as_ref().map(field::named);
    DetailsChanged {
        name: command.name.map(Personal::from),
        source: command.source,
        channel: command.channel,
        contacts: command.contacts.map(|all| all.into_iter().map(register::contact).collect()),
        tags: command.tags.map(register::distinct),
        tier: command.tier,
        amount: command.amount,
        fields: command.fields.map(|fields| Personal::from(field::normalised(context.fields, fields))),
        profile: profile::event(command.profile, of_profile),
        field_names,
        adds_fields: false,
        cleared: of_itself,
    }
}

pub(super) fn decide(
    customer: &Customer,
    command: &ChangeDetails,
    context: &Context<'_>,
) -> Result<Vec<NewEvent>, Refusal> {
    Refusal::require_all([
        guard::may_work(customer, context),
        guard::effective(customer, context),
        changes_something(command),
        well_formed(customer, command, context),
        put_off::permitted(customer, &command.profile, context),
        put_off::corrects_a_day(customer, command, context),
        takes_away_what_it_may(command),
    ])?;
    let corrected_at = put_off::corrected_at(customer, &command.profile);
    let event = CustomerEvent::DetailsChanged(changed(command.clone(), context));
    let effective_at = corrected_at.unwrap_or_else(|| guard::changed_at(customer, context));
    Ok(vec![NewEvent { event, effective_at }])
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::customer::command::{NewContact, NewProfile};
    use crate::customer::decide::spec::*;
    use crate::customer::event::{Claimed, ContactKind};
    use crate::field::{Field, FieldType};

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
    fn contacts_that_are_masked_for_somebody_are_not_replaced_by_them() {
        let reach = |contacts: usize, ids: usize| {
            let contact = NewContact { kind: ContactKind::Wechat, value: "li-wx".to_owned() };
            let profile = NewProfile {
                channel_ids: Some(vec![("mini".to_owned(), "open-1".to_owned()); ids]),
                ..NewProfile::default()
            };
            ChangeDetails { contacts: Some(vec![contact; contacts]), profile, ..ChangeDetails::default() }
        };
        let known = given([in_the_pool()]).by(wang()).when(reach(1, 1)).event().event;
        let emptied = given([in_the_pool()]).by(wang()).when(reach(0, 0)).event().event;
        let claimed = || {
            let (rep, pool) = ("li".to_owned(), "customer_pool".to_owned());
            CustomerEvent::Claimed(Claimed { rep, pool, quota_date: "2024-10-14".parse().unwrap() })
        };
        let both = [Code::ClaimRequired, Code::ClaimRequired];
        for command in [reach(0, 0), reach(2, 1)] {
            given([in_the_pool(), known.clone()]).when(command.clone()).refuses(both);
            given([in_the_pool(), known.clone(), claimed()]).when(command.clone()).event();
            given([in_the_pool(), known.clone()]).by(wang()).when(command.clone()).event();
            given([in_the_pool()]).when(command.clone()).event();
            given([in_the_pool(), known.clone(), emptied.clone()]).when(command).event();
        }
        let tier = ChangeDetails { tier: Some("A".into()), ..ChangeDetails::default() };
        given([in_the_pool(), known]).when(tier).event();
    }

    #[test]
    fn whatever_can_be_taken_away_is_unknown_afterwards() {
        let full = registered_in_full();
        for name in CLEARABLE.iter() {
            let clear = ChangeDetails { clear: vec![(*name).to_owned()], ..ChangeDetails::default() };
            let story = given([full.clone()]).by(wang());
            assert!(story.customer.as_ref().unwrap().knows(name), "{name}");
            let cleared = story.when(clear).event().event;
            let after = given([full.clone(), cleared]).customer.unwrap();
            assert!(!after.knows(name), "{name} is still known");
        }
    }

    #[test]
    fn what_is_set_is_not_taken_away_by_the_same_command() {
        let tier = Some("A".to_owned());
        let both = ChangeDetails { tier, clear: vec!["tier".to_owned()], ..ChangeDetails::default() };
        given([registered_by_li()]).when(both).refuses([Code::InvalidValue]);
    }

    #[test]
    fn tags_can_be_taken_away() {
        let command = ChangeDetails { tags: Some(Vec::new()), ..ChangeDetails::default() };
        given([registered_by_li()]).when(command).event();
    }

    #[test]
    fn declared_fields_are_checked_and_others_refused_by_name() {
        let name = Label::new("采购量", "Volume");
        let volume = Field { key: "volume".to_owned(), name, kind: FieldType::Integer };
        let set = |fields: [(&str, serde_json::Value); 1]| {
            let fields = fields.map(|(key, value)| (key.to_owned(), value)).into();
            let command = ChangeDetails { fields: Some(fields), ..ChangeDetails::default() };
            given([registered_by_li()]).with_field(volume.clone()).when(command)
        };
        set([("volume", 12.into())]).event();
        set([("volume", "12".into())]).refuses([Code::InvalidValue]);
        let refusal = set([("colour", "red".into())]).refuses([Code::UnknownField]);
        assert_eq!(refusal.extra["declared"], serde_json::json!(["volume"]));
    }

    #[test]
    fn fields_are_bounded_and_clean() {
        let fields = [("hobby".to_owned(), "a\u{7}".into()), ("story".to_owned(), "x".repeat(8_001).into())];
        let command = ChangeDetails { fields: Some(fields.into()), ..ChangeDetails::default() };
        given([registered_by_li()]).when(command).refuses([Code::ControlCharacter, Code::TextTooLong]);
    }
}
