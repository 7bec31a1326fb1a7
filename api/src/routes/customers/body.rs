//! Parts of request bodies that describe customers.

use std::borrow::Cow;
use std::collections::BTreeMap;

use chrono::NaiveDate;
use rust_decimal::Decimal;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::{ObjectBuilder, OneOfBuilder, Schema, Type};
use utoipa::{PartialSchema, ToSchema};

use crate::domain::customer::command::NewContact;
use crate::domain::customer::event::{ContactKind, Contract, Money};
use crate::domain::{Owner, money};
use crate::http::RepName;
use crate::http::strict::fault::NOT_DECIMAL;

/// A contact detail.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct Contact {
    /// The kind of contact.
    kind: Kind,
    /// The number, address or account.
    #[schema(example = "+8613800138000")]
    value: String,
}

/// The kinds of contact.
#[derive(Debug, Clone, Copy, Deserialize, Serialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = ContactKind)]
enum Kind {
    /// A telephone number.
    Phone,
    /// An e-mail address.
    Email,
    /// A WeChat account.
    Wechat,
}

impl From<Contact> for NewContact {
    fn from(contact: Contact) -> Self {
        let kind = match contact.kind {
            Kind::Phone => ContactKind::Phone,
            Kind::Email => ContactKind::Email,
            Kind::Wechat => ContactKind::Wechat,
        };
        Self { kind, value: contact.value }
    }
}

/// An amount of money.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub struct Amount {
    /// The amount: a decimal as text, never a float.
    #[serde(deserialize_with = "decimal")]
    #[schema(value_type = String, example = "128000.00")]
    amount: Decimal,
    /// The ISO 4217 code.
    #[schema(example = "CNY")]
    currency: String,
}

impl From<Amount> for Money {
    fn from(amount: Amount) -> Self {
        Self { amount: amount.amount, currency: amount.currency }
    }
}

pub(super) fn decimal<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    let text = String::deserialize(deserializer)?;
    money::decimal(&text).ok_or_else(|| de::Error::custom(NOT_DECIMAL))
}

/// The person's id in a channel.
#[derive(Debug, Clone, Deserialize, ToSchema)]
pub(crate) struct ChannelId {
    /// The channel's name.
    #[schema(example = "mini_program")]
    channel: String,
    /// The id within the channel. Personal data: unreadable once the customer is erased.
    #[schema(example = "o6_bmjrPTlm6")]
    id: String,
}

/// The contract period: either day, or both.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
pub struct ContractDays {
    /// The first day.
    #[schema(example = "2026-01-01")]
    starts_on: Option<NaiveDate>,
    /// The last day.
    #[schema(example = "2026-12-31")]
    ends_on: Option<NaiveDate>,
}

impl From<ContractDays> for Contract {
    fn from(days: ContractDays) -> Self {
        Self { starts_on: days.starts_on, ends_on: days.ends_on }
    }
}

/// The ids of channels as a command has them.
pub(super) fn channel_ids(ids: Option<Vec<ChannelId>>) -> Option<Vec<(String, String)>> {
    ids.map(|ids| ids.into_iter().map(|held| (held.channel, held.id)).collect())
}

/// Custom fields, by name.
pub(crate) type Fields = BTreeMap<String, Value>;

/// The owner of a customer: `{"kind":"rep","id":"li"}`, or in short `rep:li`, `li` or `pool:customer_pool`.
#[derive(Debug, Clone)]
pub(crate) struct OwnerName(pub Owner);

impl PartialSchema for OwnerName {
    /// Either form.
    fn schema() -> RefOr<Schema> {
        let kind = ObjectBuilder::new().schema_type(Type::String).enum_values(Some(["rep", "pool"]));
        let id = ObjectBuilder::new().schema_type(Type::String);
        let long = ObjectBuilder::new().property("kind", kind).property("id", id);
        let long = long.required("kind").required("id");
        let short = ObjectBuilder::new().schema_type(Type::String);
        let description = "The owner of a customer: `{\"kind\":\"rep\",\"id\":\"li\"}`, or in short `rep:li`, `li` or `pool:customer_pool`.";
        OneOfBuilder::new()
            .item(long)
            .item(short)
            .description(Some(description))
            .examples([serde_json::json!({"kind": "rep", "id": "li"}), serde_json::json!("rep:li")])
            .into()
    }
}

impl ToSchema for OwnerName {
    fn name() -> Cow<'static, str> {
        "OwnerName".into()
    }
}

impl OwnerName {
    /// The owner that a text names: a rep in either form, or a pool.
    fn named(text: &str) -> Option<Self> {
        match text.split_once(':') {
            Some(("pool", key)) if !key.is_empty() => Some(Self(Owner::Pool(key.to_owned()))),
            _ => RepName::parse(text).map(|rep| Self(Owner::Rep(rep.into_id()))),
        }
    }
}

impl<'de> Deserialize<'de> for OwnerName {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(EitherForm)
    }
}

struct EitherForm;

/// The long form.
#[derive(Deserialize)]
struct Named {
    kind: OwnerKind,
    id: String,
}

#[derive(Deserialize)]
#[serde(rename_all = "snake_case")]
enum OwnerKind {
    Rep,
    Pool,
}

impl<'de> Visitor<'de> for EitherForm {
    type Value = OwnerName;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an owner such as {\"kind\":\"rep\",\"id\":\"li\"}, \"rep:li\" or \"pool:customer_pool\"")
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<OwnerName, E> {
        OwnerName::named(text).ok_or_else(|| E::invalid_value(de::Unexpected::Str(text), &self))
    }

    fn visit_map<A: MapAccess<'de>>(self, members: A) -> Result<OwnerName, A::Error> {
        let Named { kind, id } = Named::deserialize(de::value::MapAccessDeserializer::new(members))?;
        let rep = |id: &str| RepName::parse(id).map(RepName::into_id);
        Ok(OwnerName(match kind {
            OwnerKind::Rep => {
                Owner::Rep(rep(&id).ok_or_else(|| de::Error::invalid_value(de::Unexpected::Str(&id), &self))?)
            }
            OwnerKind::Pool => Owner::Pool(id.strip_prefix("pool:").unwrap_or(&id).to_owned()),
        }))
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::{Amount, OwnerName};
    use crate::domain::Owner;
    use crate::http::strict::{Faults, Source, read};

    fn owner(value: &Value) -> Result<Owner, Faults> {
        read::<OwnerName>(value, Source::Body).map(|name| name.0)
    }

    #[test]
    fn an_owner_has_a_long_form_and_short_ones() {
        let li = Owner::Rep("li".to_owned());
        for form in [
            json!({"kind": "rep", "id": "li"}),
            json!({"kind": "rep", "id": "rep:li"}),
            json!("rep:li"),
            json!("li"),
        ] {
            assert_eq!(owner(&form).unwrap(), li, "{form}");
        }
        let pool = Owner::Pool("customer_pool".to_owned());
        for form in [json!({"kind": "pool", "id": "customer_pool"}), json!("pool:customer_pool")] {
            assert_eq!(owner(&form).unwrap(), pool, "{form}");
        }
    }

    #[test]
    fn a_fault_within_an_owner_is_named() {
        assert_eq!(owner(&json!({"kind": "team", "id": "x"})).unwrap_err()[0].field, "kind");
        assert_eq!(owner(&json!({"kind": "rep", "id": "x", "nmae": 1})).unwrap_err()[0].field, "nmae");
        assert_eq!(owner(&json!({"kind": "rep"})).unwrap_err()[0].field, "id");
        for value in [json!(5), json!(""), json!("king:li"), json!("pool:"), json!([]), json!(null)] {
            assert_eq!(owner(&value).unwrap_err()[0].field, "$", "{value}");
        }
    }

    #[test]
    fn an_amount_is_a_decimal_as_text() {
        let amount =
            |value: Value| read::<Amount>(&json!({"amount": value, "currency": "CNY"}), Source::Body);
        assert_eq!(amount(json!("12.30")).unwrap().amount.to_string(), "12.30");
        for value in [
            json!(12.3),
            json!(12),
            json!("12,30"),
            json!("1e3"),
            json!("+5"),
            json!("5."),
            json!(".5"),
            json!("NaN"),
            json!(""),
            json!(null),
        ] {
            assert_eq!(amount(value.clone()).unwrap_err()[0].field, "amount", "{value}");
        }
    }
}
