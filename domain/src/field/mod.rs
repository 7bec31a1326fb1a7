//! Custom fields, declared by the tenant: each has a type, and values are checked against it.
//!
//! A tenant that has declared none keeps what it is sent, as it stands. From the first declaration on, only
//! declared fields are taken, by their types.

use std::collections::{BTreeMap, BTreeSet};

use chrono::{Datelike, NaiveDate};
use serde::{Deserialize, Serialize};
use serde_json::Value;

use crate::Label;
use crate::instant::{self, InvalidInstant};
use crate::money;
use crate::refusal::{Code, Violation, require};

/// The longest text of a field, in characters.
const MAX_TEXT_CHARS: usize = 2_000;
const MAX_OPTIONS: usize = 200;

/// The names of the fields that have a value.
pub(crate) fn named(fields: &BTreeMap<String, Value>) -> Vec<String> {
    fields.iter().filter(|(_, value)| !value.is_null()).map(|(name, _)| name.clone()).collect()
}

/// One of the options of a choice.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Choice {
    /// Stable: what a value says.
    pub id: String,
    /// What it is called.
    pub name: Label,
}

/// What values a field takes.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum FieldType {
    /// A text.
    Text,
    /// A number, as a number or a decimal text.
    Number,
    /// A whole number.
    Integer,
    /// `{"amount": "12.30", "currency": "CNY"}`.
    Money,
    /// A day: `2026-01-31`.
    Date,
    /// An instant: RFC 3339.
    Instant,
    /// True or false.
    Boolean,
    /// One of the options, by its id; of a field of many, a list of ids.
    Choice {
        /// The options.
        options: Vec<Choice>,
        /// Whether several may be chosen.
        #[serde(default)]
        many: bool,
    },
}

impl FieldType {
    /// The word under which it stands in answers.
    pub fn as_str(&self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Number => "number",
            Self::Integer => "integer",
            Self::Money => "money",
            Self::Date => "date",
            Self::Instant => "instant",
            Self::Boolean => "boolean",
            Self::Choice { .. } => "choice",
        }
    }
}

/// A declared field.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Field {
    /// The name in `fields` of a customer.
    pub key: String,
    /// What it is called.
    pub name: Label,
    /// What values it takes.
    #[serde(rename = "type")]
    pub kind: FieldType,
}

/// The declared fields of a tenant, by key.
pub type Fields = BTreeMap<String, Field>;

/// What is wrong with a declaration.
pub(crate) fn declaration(known: &Fields, field: &Field) -> Vec<Violation> {
    let same = known.get(&field.key).is_none_or(|before| before.kind.as_str() == field.kind.as_str());
    let kept = require(same, || {
        Violation::new(
            Code::FieldTypeFixed,
            "type",
            Label::new("字段类型不能更改。", "The type of a field cannot be changed."),
            Label::new("请声明一个新字段。", "Declare a new field."),
        )
    });
    [
        crate::validate::key("key", &field.key),
        crate::validate::label("name", &field.name),
        options(field),
        kept,
    ]
    .concat()
}

fn options(field: &Field) -> Vec<Violation> {
    let FieldType::Choice { options, .. } = &field.kind else { return Vec::new() };
    let mut unmet = require((1..=MAX_OPTIONS).contains(&options.len()), || {
        Violation::new(
            Code::TooManyItems,
            "type.options",
            Label::new(
                format!("选项应为1至{MAX_OPTIONS}个。"),
                format!("1 to {MAX_OPTIONS} options are required."),
            ),
            Label::new("请检查选项。", "Check the options."),
        )
    });
    let mut ids = BTreeSet::new();
    for (n, option) in options.iter().enumerate() {
        unmet.extend(crate::validate::line(&format!("type.options[{n}].id"), &option.id));
        unmet.extend(crate::validate::label(&format!("type.options[{n}].name"), &option.name));
        unmet.extend(require(ids.insert(&option.id), || {
            Violation::new(
                Code::DuplicateId,
                format!("type.options[{n}].id"),
                Label::new("选项标识重复。", "The option ID is duplicated."),
                Label::new("请使用不同的标识。", "Use a different ID for each option."),
            )
        }));
    }
    unmet
}

/// What is wrong with the values of a customer's fields. With nothing declared, nothing is.
pub(crate) fn values<'a>(
    declared: &Fields,
    values: impl IntoIterator<Item = (&'a String, &'a Value)>,
) -> Vec<Violation> {
    if declared.is_empty() {
        return Vec::new();
    }
    let judged = |(key, value): (&String, &Value)| match declared.get(key) {
        None => Some(undeclared(declared, key)),
        // Null is no value, and empties the field.
        Some(field) => (!value.is_null() && !fits(&field.kind, value)).then(|| misfit(field, value)),
    };
    values.into_iter().filter_map(judged).collect()
}

/// The values as they are kept: what has several spellings in the one that answers have, and nothing of what is empty.
pub(crate) fn normalised(declared: &Fields, mut values: BTreeMap<String, Value>) -> BTreeMap<String, Value> {
    values.retain(|_, value| !value.is_null());
    for (key, value) in &mut values {
        if declared.get(key).is_some_and(|field| field.kind == FieldType::Instant)
            && let Some(Ok(at)) = value.as_str().map(instant::parse)
        {
            *value = Value::String(instant::text(at));
        }
    }
    values
}

/// What filters and groups call a value: of a list each of its members, of a number its shortest form, of an amount
/// `12.30 CNY`. Nothing of what is empty.
pub fn words(kind: Option<&FieldType>, value: &Value) -> Vec<String> {
    match value {
        Value::Null => Vec::new(),
        Value::Bool(held) => vec![held.to_string()],
        Value::Number(number) => vec![word(kind, &number.to_string())],
        Value::String(text) => vec![word(kind, text)],
        Value::Array(members) => members.iter().flat_map(|member| words(kind, member)).collect(),
        Value::Object(members) => {
            let text = |name: &str| members.get(name).and_then(Value::as_str);
            let money = text("amount").zip(text("currency"));
            money.map(|(amount, currency)| format!("{amount} {currency}")).into_iter().collect()
        }
    }
}

/// The one form of a text: a number has the same however it was written.
pub fn word(kind: Option<&FieldType>, text: &str) -> String {
    let number = if kind == Some(&FieldType::Number) { money::decimal(text) } else { None };
    number.map_or_else(|| text.to_owned(), |number| number.normalize().to_string())
}

fn undeclared(declared: &Fields, key: &str) -> Violation {
    let known: Vec<&str> = declared.keys().map(String::as_str).collect();
    let listed = known.join(", ");
    Violation::new(
        Code::UnknownField,
        format!("fields.{key}"),
        Label::new(format!("没有声明字段“{key}”。"), format!("The field {key:?} is not declared.")),
        Label::new(
            format!("已声明的字段：{listed}。请使用其中之一，或先声明该字段。"),
            format!("Declared fields: {listed}. Use one of them, or declare the field first."),
        ),
    )
    .with("declared", known)
}

fn misfit(field: &Field, value: &Value) -> Violation {
    let (zh, en) = match &field.kind {
        FieldType::Text => {
            ("不超过2000个字符的文字".to_owned(), "a text of up to 2000 characters".to_owned())
        }
        FieldType::Number => ("数字，例如 12.5".to_owned(), "a number, such as 12.5".to_owned()),
        FieldType::Integer => ("整数，例如 12".to_owned(), "a whole number, such as 12".to_owned()),
        FieldType::Money => {
            let example = r#"{"amount":"12.30","currency":"CNY"}"#;
            (format!("金额，例如 {example}"), format!("an amount of money, such as {example}"))
        }
        FieldType::Date => ("日期，例如 2026-01-31".to_owned(), "a day, such as 2026-01-31".to_owned()),
        FieldType::Instant => (
            "时间，例如 2026-01-31T08:00:00Z".to_owned(),
            "an instant, such as 2026-01-31T08:00:00Z".to_owned(),
        ),
        FieldType::Boolean => ("true 或 false".to_owned(), "true or false".to_owned()),
        FieldType::Choice { options, many } => {
            let ids = options.iter().map(|option| option.id.as_str()).collect::<Vec<_>>().join(", ");
            if *many {
                (
                    format!("由以下选项组成、不重复的列表：{ids}"),
                    format!("a list of distinct options among: {ids}"),
                )
            } else {
                (format!("以下选项之一：{ids}"), format!("one of: {ids}"))
            }
        }
    };
    let leap_second = field.kind == FieldType::Instant
        && value.as_str().is_some_and(|text| instant::parse(text) == Err(InvalidInstant::LeapSecond));
    let wrong = if leap_second {
        InvalidInstant::LeapSecond.label()
    } else {
        Label::new(
            format!("“{}”的值不符合类型。", field.name.zh),
            format!("The value of {:?} does not match its type.", field.name.en),
        )
    };
    Violation::new(
        Code::InvalidValue,
        format!("fields.{}", field.key),
        wrong,
        Label::new(format!("应为{zh}。"), format!("Expected {en}.")),
    )
    .with("type", field.kind.as_str())
}

fn fits(kind: &FieldType, value: &Value) -> bool {
    match kind {
        FieldType::Text => value.as_str().is_some_and(|text| text.chars().count() <= MAX_TEXT_CHARS),
        FieldType::Number => {
            value.is_number() || value.as_str().is_some_and(|text| money::decimal(text).is_some())
        }
        FieldType::Integer => value.is_i64() || value.is_u64(),
        FieldType::Money => is_money(value),
        FieldType::Date => value.as_str().is_some_and(is_day),
        FieldType::Instant => value.as_str().is_some_and(|text| instant::parse(text).is_ok()),
        FieldType::Boolean => value.is_boolean(),
        FieldType::Choice { options, many: false } => value.as_str().is_some_and(|id| is_option(options, id)),
        FieldType::Choice { options, many: true } => value.as_array().is_some_and(|ids| {
            let mut seen = BTreeSet::new();
            ids.iter().all(|id| id.as_str().is_some_and(|id| is_option(options, id) && seen.insert(id)))
        }),
    }
}

fn is_option(options: &[Choice], id: &str) -> bool {
    options.iter().any(|option| option.id == id)
}

fn is_day(text: &str) -> bool {
    text.len() == 10 && text.parse::<NaiveDate>().is_ok_and(|day| (1900..=9999).contains(&day.year()))
}

fn is_money(value: &Value) -> bool {
    let Some(members) = value.as_object().filter(|members| members.len() == 2) else { return false };
    let text = |name: &str| members.get(name).and_then(Value::as_str);
    let (Some(amount), Some(currency)) = (text("amount"), text("currency")) else { return false };
    let decimals = money::decimals(currency);
    let amount = money::decimal(amount);
    amount.zip(decimals).is_some_and(|(amount, decimals)| amount.normalize().scale() <= decimals)
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn field(key: &str, kind: FieldType) -> Field {
        Field { key: key.to_owned(), name: Label::same(key), kind }
    }

    fn choice(many: bool) -> FieldType {
        let options = ["a", "b"].map(|id| Choice { id: id.to_owned(), name: Label::same(id) });
        FieldType::Choice { options: options.into(), many }
    }

    fn declared() -> Fields {
        [
            field("text", FieldType::Text),
            field("number", FieldType::Number),
            field("integer", FieldType::Integer),
            field("money", FieldType::Money),
            field("date", FieldType::Date),
            field("instant", FieldType::Instant),
            field("boolean", FieldType::Boolean),
            field("one", choice(false)),
            field("many", choice(true)),
        ]
        .map(|field| (field.key.clone(), field))
        .into()
    }

    fn codes(key: &str, value: &Value) -> Vec<String> {
        let violations = values(&declared(), [(&key.to_owned(), value)]);
        violations.iter().map(|violation| violation.code.to_string()).collect()
    }

    #[test]
    fn values_fit_their_types() {
        for (key, value) in [
            ("text", json!("x")),
            ("number", json!(12.5)),
            ("number", json!("12.50")),
            ("integer", json!(-3)),
            ("money", json!({"amount": "12.30", "currency": "CNY"})),
            ("money", json!({"amount": "1200", "currency": "JPY"})),
            ("date", json!("2026-02-28")),
            ("instant", json!("2026-02-28T08:00:00+08:00")),
            ("boolean", json!(false)),
            ("one", json!("a")),
            ("many", json!([])),
            ("many", json!(["b", "a"])),
        ] {
            assert_eq!(codes(key, &value), [""; 0], "{key} {value}");
        }
    }

    #[test]
    fn a_value_has_one_word_however_it_is_written_and_a_list_one_for_each_member() {
        for (kind, value, expected) in [
            (Some(FieldType::Number), json!(12.5), vec!["12.5"]),
            (Some(FieldType::Number), json!("12.50"), vec!["12.5"]),
            (Some(FieldType::Text), json!("12.50"), vec!["12.50"]),
            (Some(FieldType::Integer), json!(-3), vec!["-3"]),
            (Some(FieldType::Boolean), json!(false), vec!["false"]),
            (Some(FieldType::Money), json!({"amount": "12.30", "currency": "CNY"}), vec!["12.30 CNY"]),
            (Some(choice(true)), json!(["b", "a"]), vec!["b", "a"]),
            (None, json!({"deep": 1}), vec![]),
            (None, Value::Null, vec![]),
        ] {
            assert_eq!(words(kind.as_ref(), &value), expected, "{value}");
        }
    }

    #[test]
    fn what_does_not_fit_is_refused_by_name() {
        for (key, value) in [
            ("text", json!(1)),
            ("text", json!("x".repeat(2_001))),
            ("number", json!("1e3")),
            ("integer", json!(1.5)),
            ("integer", json!("1")),
            ("money", json!({"amount": "12.301", "currency": "CNY"})),
            ("money", json!({"amount": "12.5", "currency": "JPY"})),
            ("money", json!({"amount": 12, "currency": "CNY"})),
            ("money", json!({"amount": "12", "currency": "DEM"})),
            ("money", json!({"amount": "12", "currency": "CNY", "note": 1})),
            ("date", json!("2026-02-30")),
            ("date", json!("2026-2-3")),
            ("instant", json!("2026-02-28")),
            ("instant", json!("2016-12-31T23:59:60Z")),
            ("boolean", json!("true")),
            ("one", json!("c")),
            ("one", json!(["a"])),
            ("many", json!(["a", "a"])),
            ("many", json!("a")),
        ] {
            assert_eq!(codes(key, &value), ["invalid-value"], "{key} {value}");
        }
    }

    #[test]
    fn an_instant_is_kept_in_one_spelling_and_nothing_else_is_touched() {
        let kept = |key: &str, value: &Value| {
            normalised(&declared(), [(key.to_owned(), value.clone())].into()).remove(key)
        };
        for (sent, expected) in [
            ("2026-02-28T08:00:00+08:00", "2026-02-28T00:00:00Z"),
            ("2026-02-28t08:00:00.5z", "2026-02-28T08:00:00.500Z"),
            ("2026-02-28T08:00:00.123456789Z", "2026-02-28T08:00:00.123456Z"),
        ] {
            assert_eq!(kept("instant", &json!(sent)), Some(json!(expected)));
            assert_eq!(kept("text", &json!(sent)), Some(json!(sent)));
            assert_eq!(kept("undeclared", &json!(sent)), Some(json!(sent)));
        }
    }

    #[test]
    fn null_empties_a_field_of_any_type() {
        for field in declared().keys() {
            assert_eq!(codes(field, &Value::Null), Vec::<String>::new(), "{field}");
            let kept = normalised(&declared(), [(field.clone(), Value::Null)].into());
            assert!(kept.is_empty(), "{field}");
        }
    }

    #[test]
    fn an_undeclared_field_is_refused_with_the_declared_ones_named() {
        let violation = values(&declared(), [(&"colour".to_owned(), &json!("red"))]).remove(0);
        assert_eq!((violation.code.as_ref(), violation.field.as_str()), ("unknown-field", "fields.colour"));
        assert_eq!(violation.data["declared"][0], "boolean");
        assert!(violation.how_to_fix.en.contains("boolean, date"));
    }

    #[test]
    fn with_nothing_declared_everything_is_taken_as_before() {
        assert_eq!(values(&Fields::new(), [(&"colour".to_owned(), &json!({"any": [1, 2.5]}))]), []);
    }

    #[test]
    fn a_declared_field_keeps_its_type_and_may_get_more_options() {
        let other = declaration(&declared(), &field("text", FieldType::Integer));
        assert_eq!(other[0].code, "field-type-fixed");
        let FieldType::Choice { mut options, many } = choice(true) else { panic!() };
        options.push(Choice { id: "c".to_owned(), name: Label::same("c") });
        assert_eq!(
            declaration(&declared(), &field("many", FieldType::Choice { options: options.clone(), many })),
            []
        );
        options.push(options[0].clone());
        let twice = declaration(&declared(), &field("many", FieldType::Choice { options, many }));
        assert_eq!(twice[0].code, "duplicate-id");
    }
}
