//! What the form of a move holds for each part of a customer that a stage may ask for.

use serde_json::{Value, json};

use super::contact::ContactKind;
use super::decide::guard::{MAX_NAME_CHARS, MAX_TAG_CHARS};
use super::event::HIGHEST_SATISFACTION;
use crate::{CustomerField, Label};

/// The member of the form that brings a part of the customer along, and its schema. An id in another system has none: it is
/// given when the customer is registered.
pub(super) fn member(field: CustomerField) -> Option<(&'static str, Value)> {
    let mut schema = match field {
        CustomerField::ExternalId => return None,
        CustomerField::Name
        | CustomerField::Source
        | CustomerField::Channel
        | CustomerField::Tier
        | CustomerField::CreditCode
        | CustomerField::Text(_) => line(MAX_NAME_CHARS),
        CustomerField::Contacts => contacts(),
        CustomerField::Tags => {
            json!({ "type": "array", "minItems": 1, "uniqueItems": true, "items": line(MAX_TAG_CHARS) })
        }
        CustomerField::Amount | CustomerField::WonAmount => money(),
        CustomerField::Contract => contract(),
        CustomerField::ContractEnd => {
            let (name, mut contract) = member(CustomerField::Contract)?;
            contract["required"] = json!(["ends_on"]);
            return Some((name, contract));
        }
        CustomerField::DeliveredOn | CustomerField::PostponedUntil => day(),
        CustomerField::Satisfaction => {
            json!({ "type": "integer", "minimum": 0, "maximum": HIGHEST_SATISFACTION })
        }
    };
    let (zh, en) = field.names();
    (schema["title"], schema["title_zh"]) = (json!(en), json!(zh));
    Some((field.key(), schema))
}

/// An amount of money.
pub(super) fn money() -> Value {
    let text = json!({ "type": "string" });
    json!({
        "type": "object", "additionalProperties": false, "required": ["amount", "currency"],
        "properties": { "amount": text, "currency": text }
    })
}

/// A day.
pub(super) fn day() -> Value {
    json!({ "type": "string", "format": "date" })
}

/// One of several, with what it is called.
pub(super) fn choice(id: &str, name: &Label) -> Value {
    json!({ "const": id, "title": name.en, "title_zh": name.zh })
}

fn line(most_chars: usize) -> Value {
    json!({ "type": "string", "minLength": 1, "maxLength": most_chars })
}

fn contacts() -> Value {
    let kinds = ContactKind::ALL.map(|kind| choice(kind.as_str(), &name_of(kind)));
    json!({
        "type": "array",
        "minItems": 1,
        "items": {
            "type": "object",
            "additionalProperties": false,
            "properties": { "kind": { "oneOf": kinds }, "value": line(MAX_NAME_CHARS) },
            "required": ["kind", "value"],
        },
    })
}

/// The days of a contract, of which one at least is said.
fn contract() -> Value {
    json!({
        "type": "object",
        "additionalProperties": false,
        "minProperties": 1,
        "properties": { "starts_on": day(), "ends_on": day() },
        "required": [],
    })
}

fn name_of(kind: ContactKind) -> Label {
    match kind {
        ContactKind::Phone => Label::new("电话", "Telephone"),
        ContactKind::Email => Label::new("邮箱", "E-mail"),
        ContactKind::Wechat => Label::new("微信", "WeChat"),
    }
}
