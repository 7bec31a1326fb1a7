//! JSON Schemas of the log's events, as readers get them: one for each type and each version that was ever written.
//!
//! What a type's data looks like stands in the files beside this one, by family of types, once for all of its versions: a version
//! only ever added members that may be absent, and says so with `sinceVersion`. Tests hold the files to what the codec reads, to the
//! examples of every version and to the catalogue of events.

#[cfg(test)]
mod tests;

use std::collections::BTreeSet;
use std::sync::LazyLock;

use serde_json::{Map, Value, json};

use crate::catalogue::event_types;
use crate::pipeline::schema;
use crate::profile_field::{ProfileField, SinceVersion};

/// Marks a member that an event has only from a version of its type on.
const SINCE: &str = "sinceVersion";
/// What refers to a shared part.
const SHARED: &str = "#/$defs/";
/// What a definition that is published now must keep to, and one of the log need not: limits have been others, and files bring
/// pipelines along whose stages say less.
const LIMITS: [&str; 7] = ["pattern", "minLength", "maxLength", "minItems", "maxItems", "minimum", "maximum"];
/// What is asked of a stage that somebody defines.
const OF_A_DEFINED_STAGE: [&str; 2] = ["entry_criterion", "next_action"];
/// Before the names of the parts of a pipeline's definition, which has a schema of its own.
const OF_DEFINITION: &str = "definition_";

/// What the schemas are made of.
struct Parts {
    /// What several types share, by name.
    shared: Map<String, Value>,
    /// The data of each type.
    types: Map<String, Value>,
}

/// The schema (draft 2020-12) of the events of a type in a version, as `GET /v1/events` gives them; none where there is no such
/// type or version.
#[must_use]
pub fn event_schema(event_type: &str, version: u32) -> Option<Value> {
    let newest = event_types().find(|known| known.name == event_type)?.version;
    if version == 0 || version > newest {
        return None;
    }
    let data = of_version(parts().types.get(event_type)?, version);
    let mut named = BTreeSet::new();
    gather(&data, version, &mut named);
    let shared: Map<String, Value> = named
        .into_iter()
        .filter_map(|name| Some((name.clone(), of_version(parts().shared.get(&name)?, version))))
        .collect();
    let mut schema = envelope(event_type, version, &data);
    if !shared.is_empty() {
        schema["$defs"] = Value::Object(shared);
    }
    Some(schema)
}

/// The attributes of an entry of the log: CloudEvents 1.0, in JSON.
fn envelope(event_type: &str, version: u32, data: &Value) -> Value {
    let about = data.get("description").cloned().unwrap_or_default();
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "$id": format!("urn:waymark:event:{event_type}:{version}"),
        "title": format!("{event_type} version {version}"),
        "description": about,
        "type": "object",
        "required": [
            "actor", "data", "datacontenttype", "id", "position", "recordedat", "source", "specversion", "subject", "time",
            "type", "typeversion"
        ],
        "properties": {
            "specversion": {"const": "1.0"},
            "id": {"description": "Names the event.", "type": "string", "format": "uuid"},
            "source": {"description": "The tenant.", "type": "string"},
            "type": {"const": event_type},
            "typeversion": {"description": "The version of the type's shape.", "const": version},
            "subject": {"description": "What the event is about, such as customer/<id>.", "type": "string"},
            "time": {"description": "When it happened in the business.", "type": "string", "format": "date-time"},
            "recordedat": {"description": "When the log took it.", "type": "string", "format": "date-time"},
            "position": {"description": "Its place in the tenant's log.", "type": "integer", "minimum": 1},
            "actor": {"description": "Who did it.", "type": "string"},
            "via": {"description": "The credential that acted for the actor.", "type": "string"},
            "origin": {
                "description": "import, rule or agent; absent for a person's command.", "type": "string"
            },
            "endpoint": {
                "description": "From where the command came, sealed under a key of the actor's.", "type": "string"
            },
            "causationid": {
                "description": "The event or command because of which it happened.", "type": "string", "format": "uuid"
            },
            "correlationid": {
                "description": "Ties together what followed from one command.", "type": "string", "format": "uuid"
            },
            "tags": {"description": "What it is found by, separated by spaces.", "type": "string"},
            "datacontenttype": {"const": "application/json"},
            "data": data
        }
    })
}

/// The part as it was in a version: without the members that came later.
fn of_version(part: &Value, version: u32) -> Value {
    let is_later = |part: &Value| {
        part.get(SINCE).and_then(Value::as_u64).is_some_and(|since| since > u64::from(version))
    };
    match part {
        Value::Object(members) => {
            let kept = members.iter().filter(|(name, part)| *name != SINCE && !is_later(part));
            Value::Object(kept.map(|(name, part)| (name.clone(), of_version(part, version))).collect())
        }
        Value::Array(items) => items.iter().map(|item| of_version(item, version)).collect(),
        plain => plain.clone(),
    }
}

/// The names of the shared parts that a part refers to, directly or by way of others.
fn gather(part: &Value, version: u32, named: &mut BTreeSet<String>) {
    match part {
        Value::Object(members) => {
            let name = members.get("$ref").and_then(Value::as_str).and_then(|name| name.strip_prefix(SHARED));
            if let Some(name) = name
                && named.insert(name.to_owned())
                && let Some(shared) = parts().shared.get(name)
            {
                gather(&of_version(shared, version), version, named);
            }
            members.values().for_each(|part| gather(part, version, named));
        }
        Value::Array(items) => items.iter().for_each(|item| gather(item, version, named)),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

fn parts() -> &'static Parts {
    static PARTS: LazyLock<Parts> = LazyLock::new(|| {
        let mut shared = read(include_str!("shared.json"));
        shared.extend(definition());
        let families =
            [include_str!("customer.json"), include_str!("pipeline.json"), include_str!("company.json")];
        let mut types = families.into_iter().flat_map(read).collect();
        add_profile_fields(&mut types);
        Parts { shared, types }
    });
    &PARTS
}

/// The texts of a profile, where an event has one.
fn add_profile_fields(types: &mut Map<String, Value>) {
    let since = |field: ProfileField, of: fn(SinceVersion) -> u32| field.since().map(of);
    for field in ProfileField::ALL {
        for (event_type, profile, since) in [
            ("customer.registered", "/properties/profile", since(field, |since| since.registered)),
            ("customer.details_changed", "/properties/profile", since(field, |since| since.details_changed)),
            ("customer.absorbed", "/properties/details/properties/profile", None),
        ] {
            let mut text = json!({"type": "string"});
            if let Some(since) = since {
                text[SINCE] = since.into();
            }
            let members = types.get_mut(event_type).and_then(|data| data.pointer_mut(profile));
            if let Some(members) = members {
                members["properties"][field.key()] = text;
            }
        }
    }
}

#[expect(clippy::expect_used, reason = "the files are part of the program, and tests read them")]
fn read(file: &str) -> Map<String, Value> {
    serde_json::from_str(file).expect("a file of schemas is JSON")
}

/// The schema of a pipeline's definition as a shared part, and its own parts under names that stand beside the others. In the log
/// a definition always says which it is.
fn definition() -> Map<String, Value> {
    let mut whole = renamed(schema());
    let parts = whole["$defs"].take();
    let mut named: Map<String, Value> = parts
        .as_object()
        .into_iter()
        .flatten()
        .map(|(name, part)| (format!("{OF_DEFINITION}{name}"), part.clone()))
        .collect();
    if let Some(members) = whole.as_object_mut() {
        members.retain(|name, _| !["$defs", "$schema", "$id", "title"].contains(&name.as_str()));
    }
    if let Some(required) = whole["required"].as_array_mut() {
        required.extend(["key", "version"].map(Value::from));
    }
    named.insert("definition".to_owned(), whole);
    let stage = named.get_mut("definition_stage").and_then(|stage| stage["required"].as_array_mut());
    if let Some(required) = stage {
        required.retain(|field| !OF_A_DEFINED_STAGE.iter().any(|defined| field == defined));
    }
    named
}

/// The same, referring to its parts by their names here.
fn renamed(part: &Value) -> Value {
    match part {
        Value::Object(members) => {
            let kept = members.iter().filter(|(name, _)| !LIMITS.contains(&name.as_str()));
            let each = kept.map(|(name, part)| match (name.as_str(), part.as_str()) {
                ("$ref", Some(to)) => {
                    let own = to.strip_prefix(SHARED).unwrap_or(to);
                    (name.clone(), Value::from(format!("{SHARED}{OF_DEFINITION}{own}")))
                }
                _ => (name.clone(), renamed(part)),
            });
            Value::Object(each.collect())
        }
        Value::Array(items) => items.iter().map(renamed).collect(),
        plain => plain.clone(),
    }
}
