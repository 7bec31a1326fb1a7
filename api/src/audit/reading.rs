//! What is read in the data of events, whatever their type.

use serde_json::Value;
use serde_json::value::RawValue;

/// The rule that an event names in its data.
pub(super) fn rule_of(data: &RawValue) -> Option<String> {
    #[derive(serde::Deserialize)]
    struct Ruled {
        rule: Option<String>,
    }
    // Most name none, and need not be read for that.
    if !data.get().contains("\"rule\":") {
        return None;
    }
    serde_json::from_str::<Ruled>(data.get()).ok()?.rule
}

/// Puts the values of personal fields in the place of what marks them.
pub(super) fn uncovered(data: &mut Value) {
    match data {
        Value::Object(members) => match members.remove("$personal") {
            Some(value) => *data = value,
            None => members.values_mut().for_each(uncovered),
        },
        Value::Array(values) => values.iter_mut().for_each(uncovered),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
