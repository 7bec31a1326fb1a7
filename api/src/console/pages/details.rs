//! What is known of a customer, to be changed: only what somebody changed is sent.

use maud::{Markup, html};
use serde_json::{Map, Value, json};

use super::super::form::{Fields, ONCE, VERSION};
use super::super::i18n::Locale;
use super::record::{PageData, Refused};
use super::text;
use crate::domain::ProfileField;

/// Under which names what stood in the form comes back.
const WAS: &str = "was.";
/// Texts that are emptied by name, beside those of the profile that reports look at.
const TEXTS: [(&str, &str, &str); 4] = [
    ("name", "名称", "Name"),
    ("tier", "等级", "Tier"),
    ("source", "来源", "Source"),
    ("channel", "渠道", "Channel"),
];
/// Contacts by kind.
pub(super) const CONTACTS: [(&str, &str, &str); 3] =
    [("phone", "电话", "Phone"), ("email", "邮箱", "E-mail"), ("wechat", "微信", "WeChat")];

/// All texts of the form.
fn texts() -> impl Iterator<Item = (&'static str, &'static str, &'static str)> {
    let of_profile = ProfileField::ALL.into_iter().filter(|field| field.is_in_reports()).map(|field| {
        let (zh, en) = field.names();
        (field.key(), zh, en)
    });
    TEXTS.into_iter().chain(of_profile)
}

/// The form, filled in with what is known.
pub(super) fn form(locale: Locale, data: &PageData, refused: Option<&Refused>) -> Markup {
    let customer = &data.customer;
    let again = refused.filter(|refused| refused.act == "details");
    let field = |name: &str, caption: &str, kind: &str, known: String| {
        let shown =
            again.and_then(|refused| refused.fields.get(name)).cloned().unwrap_or_else(|| known.clone());
        html! {
            input type="hidden" name={ (WAS) (name) } value=(known);
            label { (caption) input type=(kind) name=(name) value=(shown); }
        }
    };
    let joined = |list: Vec<&str>| list.join(", ");
    let contacts = |kind: &str| {
        let held = customer["contacts"].as_array().into_iter().flatten();
        joined(held.filter(|one| one["kind"] == kind).map(|one| text(&one["value"])).collect())
    };
    let tags = joined(customer["tags"].as_array().into_iter().flatten().filter_map(Value::as_str).collect());
    let currency = customer["amount"]["currency"].as_str().unwrap_or("CNY");
    html! {
        details.act open[again.is_some()] {
            summary { (locale.text("编辑资料", "Edit details")) }
            form.fields method="post" action={ "/console/customers/" (text(&customer["id"])) "/details" } {
                input type="hidden" name=(VERSION) value=(customer["version"]);
                input type="hidden" name=(ONCE) value={ (data.once) ":details" };
                @for (name, zh, en) in texts() {
                    (field(name, locale.text(zh, en), "text", text(&customer[name]).to_owned()))
                }
                (field("amount", locale.text("金额", "Amount"), "text", text(&customer["amount"]["amount"]).to_owned()))
                (field("currency", locale.text("币种", "Currency"), "text", currency.to_owned()))
                @for (kind, zh, en) in CONTACTS { (field(kind, locale.text(zh, en), "text", contacts(kind))) }
                (field("tags", locale.text("标签，用逗号分隔", "Tags, separated by commas"), "text", tags))
                (field("expected_close_on", locale.text("预计成交日期", "Expected close"), "date",
                    text(&customer["expected_close"]["on"]).to_owned()))
                label { (locale.text("改期原因", "Reason for another date"))
                    input name="expected_close_reason" value=(again.and_then(|r| r.fields.get("expected_close_reason")).map_or("", String::as_str)); }
                button { (locale.text("保存", "Save")) }
            }
        }
    }
}

/// The parts of a text, between commas of either language.
pub(super) fn parts(text: &str) -> Vec<&str> {
    text.split([',', '，', '、', ';', '；']).map(str::trim).filter(|part| !part.is_empty()).collect()
}

/// The contacts of a form.
pub(super) fn contacts(fields: &Fields) -> Vec<Value> {
    let of = |kind: &'static str| {
        let values = fields.get(kind).map_or("", String::as_str);
        parts(values).into_iter().map(move |value| json!({"kind": kind, "value": value})).collect::<Vec<_>>()
    };
    CONTACTS.iter().flat_map(|(kind, ..)| of(kind)).collect()
}

/// The body of the command: what is no longer as it stood in the form.
pub(super) fn changed(fields: &Fields) -> Value {
    let now = |name: &str| fields.get(name).map_or("", |value| value.trim());
    let was = |name: &str| fields.get(&format!("{WAS}{name}")).map_or("", |value| value.trim());
    let is_changed = |name: &str| now(name) != was(name);
    let (mut body, mut clear) = (Map::new(), Vec::new());
    for name in texts().map(|(name, ..)| name).chain(["expected_close_on"]) {
        match now(name) {
            _ if !is_changed(name) => {}
            "" => clear.push(name),
            value => drop(body.insert(name.to_owned(), json!(value))),
        }
    }
    if is_changed("amount") || (is_changed("currency") && !now("amount").is_empty()) {
        match now("amount") {
            "" => clear.push("amount"),
            amount => {
                body.insert("amount".to_owned(), json!({"amount": amount, "currency": now("currency")}));
            }
        }
    }
    if CONTACTS.iter().any(|(kind, ..)| is_changed(kind)) {
        body.insert("contacts".to_owned(), Value::from(contacts(fields)));
    }
    if is_changed("tags") {
        body.insert("tags".to_owned(), json!(parts(now("tags"))));
    }
    if !now("expected_close_reason").is_empty() {
        body.insert("expected_close_reason".to_owned(), json!(now("expected_close_reason")));
    }
    if !clear.is_empty() {
        body.insert("clear".to_owned(), json!(clear));
    }
    Value::Object(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_was_changed_is_sent() {
        let fields = [
            ("was.name", "海港"),
            ("name", "海港食品"),
            ("was.tier", "A"),
            ("tier", ""),
            ("was.source", "fair"),
            ("source", "fair"),
            ("was.amount", "1"),
            ("amount", "1"),
            ("was.currency", "CNY"),
            ("currency", "CNY"),
            ("was.phone", "1*"),
            ("phone", "1*"),
            ("was.email", ""),
            ("email", ""),
            ("was.tags", "vip"),
            ("tags", "vip，east"),
        ];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        assert_eq!(changed(&fields), json!({"name": "海港食品", "clear": ["tier"], "tags": ["vip", "east"]}));
    }

    #[test]
    fn contacts_are_sent_together_once_one_of_them_changed() {
        let fields = [("was.phone", "1"), ("phone", "1, 2"), ("was.email", "a@b"), ("email", "a@b")];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
        let expected = json!({"contacts": [
            {"kind": "phone", "value": "1"}, {"kind": "phone", "value": "2"}, {"kind": "email", "value": "a@b"}
        ]});
        assert_eq!(changed(&fields), expected);
    }
}
