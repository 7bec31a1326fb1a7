//! Custom fields and particulars in JSON.

use std::collections::BTreeMap;

use serde_json::{Number, Value};

use super::text::{MAX_ID_CHARS, line, without_controls};
use crate::refusal::{Code, Violation, require};
use crate::{Context, Label, field};

const MAX_FIELDS_BYTES: usize = 8_000;

/// Custom fields: bounded, with named keys, without control characters and numbers that cannot be kept.
pub(in crate::customer::decide) fn fields(
    fields: Option<&BTreeMap<String, Value>>,
    context: &Context<'_>,
) -> Vec<Violation> {
    let Some(fields) = fields else { return Vec::new() };
    let mut unmet = field::values(context.fields, fields);
    let mut bytes = 0;
    for (key, value) in fields {
        bytes += key.len() + value.to_string().len();
        let field = format!("fields.{key}");
        unmet.extend(line("fields", key, MAX_ID_CHARS));
        unmet.extend(without_oddities(&field, value));
    }
    unmet.extend(at_most_bytes("fields", bytes, MAX_FIELDS_BYTES));
    unmet
}

/// Particulars in JSON: bounded, without control characters and numbers that cannot be kept.
pub(in crate::customer::decide) fn json(field: &str, value: &Value) -> Vec<Violation> {
    let bounded = at_most_bytes(field, value.to_string().len(), 2 * MAX_FIELDS_BYTES);
    [bounded, without_oddities(field, value)].concat()
}

fn without_oddities(field: &str, value: &Value) -> Vec<Violation> {
    let breaks = |c: char| matches!(c, '\n' | '\r' | '\t');
    match value {
        Value::String(text) => without_controls(field, text, breaks),
        Value::Array(items) => items.iter().flat_map(|item| without_oddities(field, item)).collect(),
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, item)| {
                [without_controls(field, key, |_| false), without_oddities(field, item)].concat()
            })
            .collect(),
        Value::Number(number) => exact(field, number),
        Value::Null | Value::Bool(_) => Vec::new(),
    }
}

/// The largest integer up to which every integer is a number of JSON as programs read it (RFC 8259, section 6): 2^53.
const MOST_EXACT: u64 = 1 << 53;

/// A number that is kept to the last digit: beyond, one program's number is another's neighbour.
fn exact(field: &str, number: &Number) -> Vec<Violation> {
    let within = match (number.as_u64(), number.as_i64(), number.as_f64()) {
        (Some(value), _, _) => value <= MOST_EXACT,
        (_, Some(value), _) => value.unsigned_abs() <= MOST_EXACT,
        // A number of that size has no digits behind the point left, so that it was an integer of too many digits.
        (_, _, value) => value.is_some_and(|value| value.abs() < MOST_EXACT as f64),
    };
    require(within, || {
        Violation::new(
            Code::InvalidValue,
            field,
            Label::new("数字超过2的53次方，不能精确保存。", "A number above 2^53 cannot be kept exactly."),
            Label::new("请以文本形式填写。", "Send it as text."),
        )
    })
}

fn at_most_bytes(field: &str, bytes: usize, max_bytes: usize) -> Vec<Violation> {
    require(bytes <= max_bytes, || {
        Violation::new(
            Code::TextTooLong,
            field,
            Label::new(
                format!("内容最多{max_bytes}字节。"),
                format!("The content exceeds {max_bytes} bytes."),
            ),
            Label::new("请减少内容。", "Shorten the content."),
        )
        .with("max_bytes", max_bytes)
    })
}
