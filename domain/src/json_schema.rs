//! Whether a value is as a JSON Schema of this crate says: the keywords that these schemas use, and no others.

use chrono::{DateTime, NaiveDate};
use serde_json::Value;
use uuid::Uuid;

/// Whether a value has a shape, which refers to parts of the whole document that it stands in.
pub(crate) fn fits(document: &Value, shape: &Value, value: &Value) -> bool {
    let Some(keywords) = shape.as_object() else { return shape == &Value::Bool(true) };
    keywords.iter().all(|(keyword, said)| match keyword.as_str() {
        "$ref" => {
            let place = said.as_str().unwrap().trim_start_matches('#');
            fits(document, document.pointer(place).unwrap(), value)
        }
        "type" => match said {
            Value::Array(types) => types.iter().any(|kind| is(kind, value)),
            kind => is(kind, value),
        },
        "enum" => said.as_array().unwrap().contains(value),
        "const" => said == value,
        "oneOf" => said.as_array().unwrap().iter().filter(|shape| fits(document, shape, value)).count() == 1,
        "required" => value.as_object().is_none_or(|fields| {
            said.as_array().unwrap().iter().all(|field| fields.contains_key(field.as_str().unwrap()))
        }),
        "properties" => value.as_object().is_none_or(|fields| {
            fields
                .iter()
                .all(|(field, value)| said.get(field).is_none_or(|shape| fits(document, shape, value)))
        }),
        "additionalProperties" => value.as_object().is_none_or(|fields| {
            let named = |field: &String| shape["properties"].get(field).is_some();
            fields.iter().filter(|(field, _)| !named(field)).all(|(_, value)| fits(document, said, value))
        }),
        "items" => value.as_array().is_none_or(|items| items.iter().all(|item| fits(document, said, item))),
        "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= said.as_u64().unwrap()),
        "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= said.as_u64().unwrap()),
        "minLength" => value.as_str().is_none_or(|text| text.len() as u64 >= said.as_u64().unwrap()),
        "maxLength" => {
            value.as_str().is_none_or(|text| text.chars().count() as u64 <= said.as_u64().unwrap())
        }
        "minimum" => value.as_i64().is_none_or(|number| number >= said.as_i64().unwrap()),
        "maximum" => value.as_i64().is_none_or(|number| number <= said.as_i64().unwrap()),
        "format" => value.as_str().is_none_or(|text| match said.as_str().unwrap() {
            "uuid" => Uuid::try_parse(text).is_ok(),
            "date" => text.parse::<NaiveDate>().is_ok(),
            "date-time" => DateTime::parse_from_rfc3339(text).is_ok(),
            other => panic!("{other}"),
        }),
        "minProperties" => {
            value.as_object().is_none_or(|fields| fields.len() as u64 >= said.as_u64().unwrap())
        }
        // Spelling and repeats are the reader's to check: here they only narrow.
        "pattern" | "uniqueItems" | "$schema" | "$id" | "title" | "title_zh" | "description" | "$defs" => {
            true
        }
        other => panic!("a schema uses {other}, which is not known here"),
    })
}

fn is(kind: &Value, value: &Value) -> bool {
    match kind.as_str().unwrap() {
        "object" => value.is_object(),
        "array" => value.is_array(),
        "string" => value.is_string(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "boolean" => value.is_boolean(),
        "null" => value.is_null(),
        other => panic!("{other}"),
    }
}
