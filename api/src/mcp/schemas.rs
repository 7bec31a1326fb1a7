//! What a tool takes and gives, read from the served description of its route: there is no second description.

use std::collections::BTreeSet;

use serde_json::{Map, Value, json};

use super::tools::{Tool, ToolKind};
use crate::domain::Language;

/// Where components are referred to in the description of the routes, and within a schema of its own.
const COMPONENTS: &str = "#/components/schemas/";
const DEFINITIONS: &str = "#/$defs/";

/// The argument that makes a proposal safe to repeat: the header of the route.
pub(super) const IDEMPOTENCY_KEY: &str = "idempotency_key";

/// A tool as it is listed.
pub(super) fn described(tool: &Tool, document: &Value, language: Language) -> Value {
    let text = |(zh, en): (&'static str, &'static str)| match language {
        Language::Zh => zh,
        Language::En => en,
    };
    let reads = !matches!(tool.kind, ToolKind::Propose { .. });
    json!({
        "name": tool.name,
        "title": text(tool.title),
        "description": text(tool.description),
        "inputSchema": input(tool, document),
        "outputSchema": output(tool, document),
        "annotations": {
            "title": text(tool.title),
            "readOnlyHint": reads,
            "destructiveHint": false,
            "idempotentHint": reads,
            "openWorldHint": false,
        },
    })
}

/// The description of the tool's route.
fn operation<'a>(tool: &Tool, document: &'a Value) -> &'a Value {
    &document["paths"][tool.path][tool.kind.method()]
}

fn input(tool: &Tool, document: &Value) -> Value {
    let (mut properties, mut required) = (Map::new(), Vec::new());
    let parameters = operation(tool, document)["parameters"].as_array().into_iter().flatten();
    for parameter in parameters.filter(|parameter| parameter["in"] != "header") {
        let Some(name) = parameter["name"].as_str() else { continue };
        let mut schema = parameter["schema"].clone();
        if let (Some(schema), Some(said)) = (schema.as_object_mut(), parameter.get("description")) {
            schema.entry("description").or_insert_with(|| said.clone());
        }
        if parameter["required"] == true {
            required.push(Value::from(name));
        }
        properties.insert(name.to_owned(), schema);
    }
    let body = operation(tool, document).pointer("/requestBody/content/application~1json/schema");
    if let Some(body) = body.map(|schema| resolved(schema, document)) {
        let members = body["properties"].as_object().cloned().unwrap_or_default();
        properties.extend(members);
        required.extend(body["required"].as_array().cloned().unwrap_or_default());
    }
    if let ToolKind::Propose { schema, .. } = tool.kind {
        properties.remove("command");
        required.retain(|name| name != "command");
        properties.insert("body".to_owned(), json!({"$ref": format!("{COMPONENTS}{schema}")}));
        let key = "Makes a repeat safe: the same key with the same arguments makes no second proposal.";
        let key = json!({"type": "string", "minLength": 1, "maxLength": 255, "description": key});
        properties.insert(IDEMPOTENCY_KEY.to_owned(), key);
    }
    let schema = json!({
        "type": "object", "properties": properties, "required": required, "additionalProperties": false,
    });
    with_definitions(schema, document)
}

fn output(tool: &Tool, document: &Value) -> Value {
    let answer = operation(tool, document).pointer("/responses/200/content/application~1json/schema");
    let mut schema = answer.map(|schema| resolved(schema, document)).unwrap_or_default();
    if let Some(members) = schema.as_object_mut() {
        members.insert("type".to_owned(), "object".into());
    }
    let mut schema = with_definitions(schema, document);
    strip(&mut schema);
    schema
}

/// Leaves of the schema of an answer what a program checks the answer by. What each member means is told by its name, and at
/// length by the served description of the routes; in the list of tools, which a model is shown whole, it would be most of it.
fn strip(schema: &mut Value) {
    match schema {
        Value::Object(members) => {
            members.retain(|keyword, value| match keyword.as_str() {
                "description" | "example" | "examples" => false,
                // An integer says as much.
                "format" => !matches!(value.as_str(), Some("int32" | "int64" | "double" | "float")),
                _ => true,
            });
            for (keyword, value) in members {
                match (keyword.as_str(), value) {
                    // Their keys are names, not keywords.
                    ("properties" | "$defs", Value::Object(named)) => named.values_mut().for_each(strip),
                    (_, value) => strip(value),
                }
            }
        }
        Value::Array(items) => items.iter_mut().for_each(strip),
        _ => {}
    }
}

/// The schema, or the component that it refers to.
fn resolved(schema: &Value, document: &Value) -> Value {
    let name = schema["$ref"].as_str().and_then(|at| at.strip_prefix(COMPONENTS));
    name.map_or_else(|| schema.clone(), |name| document["components"]["schemas"][name].clone())
}

/// The schema with every component that it refers to, directly or not, in itself.
fn with_definitions(mut schema: Value, document: &Value) -> Value {
    let (mut definitions, mut wanted) = (Map::new(), BTreeSet::new());
    own(&mut schema, &mut wanted);
    while let Some(name) = wanted.pop_first() {
        if definitions.contains_key(&name) {
            continue;
        }
        let mut definition = document["components"]["schemas"][&name].clone();
        own(&mut definition, &mut wanted);
        definitions.insert(name, definition);
    }
    if !definitions.is_empty() {
        schema["$defs"] = Value::Object(definitions);
    }
    schema
}

/// Makes what a schema refers to its own, and notes it.
fn own(schema: &mut Value, wanted: &mut BTreeSet<String>) {
    match schema {
        Value::Object(members) => {
            if let Some(Value::String(at)) = members.get_mut("$ref")
                && let Some(name) = at.strip_prefix(COMPONENTS).map(str::to_owned)
            {
                *at = format!("{DEFINITIONS}{name}");
                wanted.insert(name);
            }
            members.values_mut().for_each(|member| own(member, wanted));
        }
        Value::Array(items) => items.iter_mut().for_each(|item| own(item, wanted)),
        _ => {}
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn of_an_answer_stay_its_members_and_their_types_whatever_they_are_called() {
        let mut schema = json!({
            "description": "A page.", "type": "object", "required": ["description"],
            "properties": {
                "description": {"type": "string", "description": "What it says.", "example": "x"},
                "format": {"type": "integer", "format": "int64", "minimum": 0},
                "at": {"type": "string", "format": "date-time"},
                "of": {"oneOf": [{"type": "null"}, {"$ref": "#/$defs/example", "description": "Which."}]},
            },
            "$defs": {"example": {"type": "string", "enum": ["description"], "description": "One."}},
        });
        strip(&mut schema);
        let left = json!({
            "type": "object", "required": ["description"],
            "properties": {
                "description": {"type": "string"},
                "format": {"type": "integer", "minimum": 0},
                "at": {"type": "string", "format": "date-time"},
                "of": {"oneOf": [{"type": "null"}, {"$ref": "#/$defs/example"}]},
            },
            "$defs": {"example": {"type": "string", "enum": ["description"]}},
        });
        assert_eq!(schema, left);
    }
}
