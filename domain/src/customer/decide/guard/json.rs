//! Custom fields and particulars in JSON.

use std::collections::BTreeMap;

use serde_json::Value;

use super::text::{MAX_ID_CHARS, line, without_controls};
use crate::refusal::{Code, Violation, require};
use crate::{Context, Label, field};

const MAX_FIELDS_BYTES: usize = 8_000;

/// Custom fields: bounded, with named keys and without control characters.
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
        unmet.extend(json_without_controls(&field, value));
    }
    unmet.extend(at_most_bytes("fields", bytes, MAX_FIELDS_BYTES));
    unmet
}

/// Particulars in JSON: bounded, and without control characters.
pub(in crate::customer::decide) fn json(field: &str, value: &Value) -> Vec<Violation> {
    let bounded = at_most_bytes(field, value.to_string().len(), 2 * MAX_FIELDS_BYTES);
    [bounded, json_without_controls(field, value)].concat()
}

fn json_without_controls(field: &str, value: &Value) -> Vec<Violation> {
    let breaks = |c: char| matches!(c, '\n' | '\r' | '\t');
    match value {
        Value::String(text) => without_controls(field, text, breaks),
        Value::Array(items) => items.iter().flat_map(|item| json_without_controls(field, item)).collect(),
        Value::Object(map) => map
            .iter()
            .flat_map(|(key, item)| {
                [without_controls(field, key, |_| false), json_without_controls(field, item)].concat()
            })
            .collect(),
        Value::Null | Value::Bool(_) | Value::Number(_) => Vec::new(),
    }
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
