//! Ways to reach a customer.

use super::text::{MAX_NAME_CHARS, at_most, line};
use crate::customer::contact::{ContactKind, NewContact};
use crate::customer::known::MAX_CONTACTS;
use crate::refusal::{Code, Violation, require};
use crate::{Label, identity};

/// Ways to reach a customer.
pub(in crate::customer::decide) fn contacts(contacts: &[NewContact]) -> Vec<Violation> {
    let each = contacts.iter().enumerate().flat_map(|(n, c)| contact(&format!("contacts[{n}].value"), c));
    [at_most("contacts", contacts.len(), MAX_CONTACTS), each.collect()].concat()
}

fn contact(field: &str, contact: &NewContact) -> Vec<Violation> {
    let malformed = line(field, &contact.value, MAX_NAME_CHARS);
    if !malformed.is_empty() {
        return malformed;
    }
    let value = contact.value.as_str();
    let plausible = match contact.kind {
        ContactKind::Phone if identity::phone(value).is_some() => true,
        ContactKind::Email if identity::email(value).is_some() => true,
        ContactKind::Phone => identity::is_telephone(value),
        ContactKind::Email => {
            value.split_once('@').is_some_and(|(name, host)| !name.is_empty() && !host.is_empty())
                && !value.contains(char::is_whitespace)
        }
        ContactKind::Wechat => !value.contains(char::is_whitespace),
    };
    require(plausible, || {
        Violation::new(
            Code::InvalidContact,
            field,
            Label::new("联系方式与其类型不符。", "The value does not match its contact type."),
            Label::new("请检查号码、邮箱或微信号。", "Check the phone number, e-mail address or WeChat ID."),
        )
    })
}
