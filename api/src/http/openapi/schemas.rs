//! Schemas as programs that are strict about them want them: what requests send is closed, since unknown fields are
//! refused by name, and what a list holds has a name of its own.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

/// Where components are referred to.
const PREFIX: &str = "#/components/schemas/";

/// Completes the schemas of a document.
pub(super) fn complete(document: &mut Value) {
    write_numbers_out(document);
    describe_streams(document);
    let parameters = operations_mut(document).filter_map(|operation| operation["parameters"].as_array_mut());
    parameters.flatten().for_each(|parameter| leave_null_out(&mut parameter["schema"]));
    refer_to_parts(document);
    name_items(document);
    let sent = sent_schemas(document);
    for name in &sent {
        if let Some(schema) = document.pointer_mut(&format!("/components/schemas/{name}")) {
            close(schema);
        }
    }
    leave_bodies_out(document);
}

/// Refers to a component where it is written out as a part of another.
fn refer_to_parts(document: &mut Value) {
    let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) else {
        return;
    };
    let whole = schemas.clone();
    let parts = schemas.values_mut().filter_map(|schema| schema.get_mut("allOf")?.as_array_mut()).flatten();
    for part in parts.filter(|part| part.get("$ref").is_none()) {
        if let Some((name, _)) = whole.iter().find(|(_, schema)| *schema == part) {
            *part = json!({ "$ref": format!("{PREFIX}{name}") });
        }
    }
}

/// Puts the schemas of plain numbers where they are referred to: they have no name of their own.
fn write_numbers_out(document: &mut Value) {
    let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) else {
        return;
    };
    let is_number = |schema: &Value| schema["type"] == "integer" || schema["type"] == "number";
    let names: Vec<String> =
        schemas.iter().filter(|(_, schema)| is_number(schema)).map(|(name, _)| name.clone()).collect();
    let numbers: Map<String, Value> = names
        .into_iter()
        .filter_map(|name| Some((format!("{PREFIX}{name}"), schemas.remove(&name)?)))
        .collect();
    write_out(document, &numbers);
}

fn write_out(part: &mut Value, numbers: &Map<String, Value>) {
    match part {
        Value::Object(members) => {
            let number = members.get("$ref").and_then(Value::as_str).and_then(|at| numbers.get(at));
            if let Some(Value::Object(number)) = number {
                members.remove("$ref");
                for (keyword, said) in number {
                    members.entry(keyword).or_insert_with(|| said.clone());
                }
            }
            members.values_mut().for_each(|member| write_out(member, numbers));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| write_out(item, numbers)),
        _ => {}
    }
}

/// A parameter that may be left out is not null when it is given.
fn leave_null_out(schema: &mut Value) {
    for keyword in ["type", "oneOf"] {
        let Some(choices) = schema.get_mut(keyword).and_then(Value::as_array_mut) else { continue };
        choices.retain(|choice| choice != "null" && choice["type"] != "null");
        if let [only] = choices.as_mut_slice() {
            let only = only.take();
            if keyword == "type" {
                schema["type"] = only;
            } else {
                *schema = only;
            }
        }
    }
}

/// A body that is no JSON document is bytes to programs; where it is made of lines, their schema is that of the content.
fn describe_streams(document: &mut Value) {
    for operation in operations_mut(document) {
        let body = operation.pointer_mut("/requestBody/content");
        describe_lines(body);
        let responses = operation.get_mut("responses").and_then(Value::as_object_mut);
        for response in responses.into_iter().flat_map(Map::values_mut) {
            describe_lines(response.get_mut("content"));
        }
    }
}

fn describe_lines(contents: Option<&mut Value>) {
    for (media_type, content) in contents.and_then(Value::as_object_mut).into_iter().flatten() {
        let line = content["schema"].take();
        content["schema"] = match media_type.as_str() {
            "text/csv" => json!({"type": "string", "format": "binary", "contentMediaType": media_type}),
            "application/x-ndjson" => json!({
                "type": "string", "format": "binary", "contentMediaType": media_type, "contentSchema": line,
            }),
            _ => line,
        };
    }
}

/// Gives the items of lists a name where the lists hold them in full: `List_KeyReply` has items of `KeyReply`.
fn name_items(document: &mut Value) {
    let Some(schemas) = document.pointer_mut("/components/schemas").and_then(Value::as_object_mut) else {
        return;
    };
    let mut named = Map::new();
    for (list, schema) in schemas.iter_mut() {
        let Some((_, name)) = list.split_once('_') else { continue };
        let Some(items) = schema.pointer_mut("/properties/items/items") else { continue };
        if items.get("$ref").is_none() {
            named.insert(name.to_owned(), items.take());
            *items = json!({"$ref": format!("{PREFIX}{name}")});
        }
    }
    schemas.extend(named);
}

/// The names of all schemas that are sent in requests.
fn sent_schemas(document: &Value) -> BTreeSet<String> {
    let mut waiting: Vec<String> = Vec::new();
    for operation in operations(document) {
        refer(&operation["requestBody"], &mut waiting);
    }
    let mut sent = BTreeSet::new();
    while let Some(name) = waiting.pop() {
        refer(&document["components"]["schemas"][&name], &mut waiting);
        if !sent.insert(name) {
            waiting.retain(|name| !sent.contains(name));
        }
    }
    sent
}

/// The operations of a document, to be changed.
fn operations_mut(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
    paths.filter_map(Value::as_object_mut).flat_map(Map::values_mut)
}

/// The operations of a document.
fn operations(document: &Value) -> impl Iterator<Item = &Value> {
    let paths = document["paths"].as_object().into_iter().flat_map(Map::values);
    paths.filter_map(Value::as_object).flat_map(Map::values)
}

/// Adds the names of the schemas that a part of the document refers to.
fn refer(part: &Value, names: &mut Vec<String>) {
    match part {
        Value::Object(members) => {
            let name = members.get("$ref").and_then(Value::as_str).and_then(|at| at.strip_prefix(PREFIX));
            names.extend(name.map(str::to_owned));
            members.values().for_each(|member| refer(member, names));
        }
        Value::Array(items) => items.iter().for_each(|item| refer(item, names)),
        _ => {}
    }
}

/// Refuses unknown fields of an object and of the objects in it. One without any declared field is of free content
/// where it is a part of another, and an empty object where it is a schema of its own.
fn close(schema: &mut Value) {
    if schema["type"] == "object" && schema.get("additionalProperties").is_none() {
        schema["additionalProperties"] = json!(false);
    }
    close_parts(schema);
}

fn close_parts(schema: &mut Value) {
    let Some(members) = schema.as_object_mut() else { return };
    for (keyword, part) in members.iter_mut() {
        let parts: Vec<&mut Value> = match (keyword.as_str(), part) {
            ("properties", Value::Object(properties)) => properties.values_mut().collect(),
            ("oneOf" | "anyOf", Value::Array(choices)) => choices.iter_mut().collect(),
            ("items" | "additionalProperties", part @ Value::Object(_)) => vec![part],
            _ => continue,
        };
        for part in parts {
            if part.get("properties").is_some() {
                close(part);
            } else {
                close_parts(part);
            }
        }
    }
}

/// A body may be left out where an empty object would do.
fn leave_bodies_out(document: &mut Value) {
    let schemas = document["components"]["schemas"].clone();
    for operation in operations_mut(document) {
        let body = operation.pointer("/requestBody/content/application~1json/schema/$ref");
        let name = body.and_then(Value::as_str).and_then(|at| at.strip_prefix(PREFIX));
        let Some(schema) = name.map(|name| &schemas[name]) else { continue };
        if schema["type"] == "object" && schema.get("required").is_none() {
            operation["requestBody"]["required"] = json!(false);
        }
    }
}
