//! The description in AsyncAPI 3.0 of everything that carries events: the stream, consumers and webhooks.

use std::sync::LazyLock;

use axum::http::header;
use axum::response::IntoResponse;
use serde_json::{Map, Value, json};

use crate::domain::catalogue::event_types;
use crate::domain::event_schema::event_schema;
use crate::http::Query;
use crate::http::query::Nothing;

/// Where schemas refer to their parts, and where these stand here.
const OWN_PARTS: &str = "#/$defs/";
const PARTS: &str = "#/components/schemas/";

/// Get the AsyncAPI document
///
/// AsyncAPI 3.0: the event stream, consumers and webhooks, with a message for each event type and version.
#[utoipa::path(
    get, path = "/asyncapi.json", tag = "operations", security(()),
    responses((status = 200, description = "The document.", body = Object))
)]
pub(super) async fn read(_: Query<Nothing>) -> impl IntoResponse {
    static DOCUMENT: LazyLock<String> = LazyLock::new(|| document().to_string());
    ([(header::CONTENT_TYPE, "application/json")], DOCUMENT.as_str())
}

/// The whole document.
fn document() -> Value {
    let (mut schemas, mut messages, mut names) = (Map::new(), Map::new(), Vec::new());
    for known in event_types() {
        for version in 1..=known.version {
            let Some(schema) = event_schema(known.name, version) else { continue };
            let name = format!("{}.v{version}", known.name);
            messages.insert(name.clone(), message(&name, &schema));
            schemas.extend(parts_of(schema, &name));
            names.push(name);
        }
    }
    let any_event: Value = names.iter().map(|name| json!({"$ref": format!("{PARTS}{name}")})).collect();
    schemas.insert("event".to_owned(), json!({"description": "Any event.", "oneOf": any_event}));
    schemas.insert("consumer_page".to_owned(), consumer_page());
    schemas.insert("lagged".to_owned(), lagged());
    schemas.insert("delivery".to_owned(), delivery());
    messages
        .insert("consumer_page".to_owned(), message_of("consumer_page", "The next events of a consumer."));
    let end = "The end of a stream that is read more slowly than the log grows.";
    messages.insert("lagged".to_owned(), message_of("lagged", end));
    messages.insert("delivery".to_owned(), webhook_message());
    let streamed = names.iter().map(String::as_str).chain(["lagged"]);
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Waymark events",
            "version": env!("CARGO_PKG_VERSION"),
            "description": "What happened to customers, as it is recorded: streamed, fetched under a name, or sent.",
            "license": {"name": "Apache-2.0"}
        },
        "defaultContentType": "application/json",
        "channels": {
            "stream": {
                "address": "/v1/events",
                "title": "Event stream",
                "description": "Server-sent events (Accept: text/event-stream), from after or Last-Event-ID on: id is the position of \
                                an event, data the event. A comment every 15 seconds keeps the connection open.",
                "messages": messages_of(streamed)
            },
            "consumer": {
                "address": "/v1/consumers/{name}/events",
                "title": "A consumer's events",
                "description": "The events after the consumer's position, fetched by long polling (wait_seconds). They come again until \
                                POST /v1/consumers/{name}/acknowledgements moves the position: at least once.",
                "parameters": {"name": {"description": "The name of the consumer."}},
                "messages": messages_of(["consumer_page"].into_iter())
            },
            "webhook": {
                "address": null,
                "title": "Webhook",
                "description": "POST requests to the URL of a webhook, signed by Standard Webhooks v1: at least once, under the same \
                                webhook-id.",
                "messages": messages_of(["delivery"].into_iter())
            }
        },
        "operations": {
            "stream": operation("stream", "Stream events", true),
            "follow": operation("consumer", "Give a consumer its next events", true),
            "deliver": operation("webhook", "Send an event to a webhook", false)
        },
        "components": {
            "securitySchemes": {
                "key": {"type": "http", "scheme": "bearer", "bearerFormat": "API key or JWT"}
            },
            "messages": messages,
            "schemas": schemas
        }
    })
}

fn operation(channel: &str, summary: &str, is_secured: bool) -> Value {
    let mut operation = json!({
        "action": "send", "channel": {"$ref": format!("#/channels/{channel}")}, "summary": summary
    });
    if is_secured {
        operation["security"] = json!([{"$ref": "#/components/securitySchemes/key"}]);
    }
    operation
}

fn messages_of<'a>(names: impl Iterator<Item = &'a str>) -> Value {
    let each = names.map(|name| (name.to_owned(), json!({"$ref": format!("#/components/messages/{name}")})));
    Value::Object(each.collect())
}

fn message(name: &str, schema: &Value) -> Value {
    json!({
        "name": name, "title": schema["title"], "summary": schema["description"],
        "payload": {"$ref": format!("{PARTS}{name}")}
    })
}

fn message_of(name: &str, summary: &str) -> Value {
    json!({"name": name, "summary": summary, "payload": {"$ref": format!("{PARTS}{name}")}})
}

fn webhook_message() -> Value {
    let mut message = message_of("delivery", "An event, sent to a webhook.");
    message["headers"] = json!({
        "type": "object",
        "required": ["webhook-id", "webhook-timestamp", "webhook-signature"],
        "properties": {
            "webhook-id": {"description": "The id of the event, the same for each attempt.", "type": "string"},
            "webhook-timestamp": {"description": "When this attempt is made, in seconds since 1970.", "type": "string"},
            "webhook-signature": {"description": "Signatures by Standard Webhooks v1.", "type": "string"}
        }
    });
    message
}

fn consumer_page() -> Value {
    let position = |what: &str| json!({"description": what, "type": "integer", "minimum": 0});
    json!({
        "type": "object",
        "required": ["items", "next_position", "position", "head"],
        "properties": {
            "items": {"type": "array", "items": {"$ref": format!("{PARTS}event")}},
            "next_position": position("What to acknowledge once all items are processed."),
            "position": position("What the consumer has acknowledged."),
            "head": position("The last position of the log.")
        }
    })
}

fn lagged() -> Value {
    json!({
        "description": "The event type of it is lagged, and it has no id: connect again with Last-Event-ID.",
        "type": "object",
        "required": ["code", "last_event_id", "missed_up_to", "detail"],
        "properties": {
            "code": {"const": "stream-lagged"},
            "last_event_id": {"type": "integer"},
            "missed_up_to": {"type": "integer"},
            "detail": {"$ref": format!("{PARTS}label")}
        }
    })
}

fn delivery() -> Value {
    json!({
        "type": "object",
        "required": ["type", "timestamp", "data"],
        "properties": {
            "type": {"description": "The type of the event.", "type": "string"},
            "timestamp": {"description": "When it happened.", "type": "string", "format": "date-time"},
            "data": {"$ref": format!("{PARTS}event")}
        }
    })
}

/// A schema by its name, and the parts that it refers to by theirs, as they stand in this document.
fn parts_of(mut schema: Value, name: &str) -> Map<String, Value> {
    let mut parts = Map::new();
    if let Some(schema) = schema.as_object_mut() {
        // What this document is written in says which schemas it has, and where they are.
        schema.retain(|keyword, _| keyword != "$schema" && keyword != "$id");
        if let Some(Value::Object(own)) = schema.remove("$defs") {
            parts.extend(own);
        }
    }
    parts.insert(name.to_owned(), schema);
    parts.values_mut().for_each(refer_here);
    parts
}

fn refer_here(part: &mut Value) {
    match part {
        Value::Object(members) => {
            if let Some(Value::String(to)) = members.get_mut("$ref")
                && let Some(part) = to.strip_prefix(OWN_PARTS)
            {
                *to = format!("{PARTS}{part}");
            }
            members.values_mut().for_each(refer_here);
        }
        Value::Array(items) => items.iter_mut().for_each(refer_here),
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Every place that something in the document refers to.
    fn references<'a>(part: &'a Value, found: &mut Vec<&'a str>) {
        match part {
            Value::Object(members) => {
                found.extend(members.get("$ref").and_then(Value::as_str));
                members.values().for_each(|part| references(part, found));
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }

    #[test]
    fn the_document_has_a_message_for_every_type_and_version_and_everything_that_it_refers_to() {
        let document = document();
        let mut found = Vec::new();
        references(&document, &mut found);
        for place in found {
            let pointer = place.strip_prefix('#').unwrap();
            assert!(document.pointer(pointer).is_some(), "{place} leads nowhere");
        }
        let messages = document["channels"]["stream"]["messages"].as_object().unwrap();
        let versions: u32 = event_types().map(|known| known.version).sum();
        assert_eq!(messages.len(), versions as usize + 1, "and the one that ends a stream");
        assert!(!document.to_string().contains(OWN_PARTS) && !document.to_string().contains("\"$id\""));
    }
}
