//! Examples of answers. Where a description has none, one is made of its schema, so that every answer is shown.

use std::collections::BTreeMap;

use serde_json::{Map, Value, json};

/// Where components are referred to.
const PREFIX: &str = "#/components/schemas/";

/// How deep an example goes: what lies deeper is left out where it may be.
const DEEPEST: usize = 8;

/// Gives every answer in JSON an example, beside its schema or in it.
pub(super) fn complete(document: &mut Value) {
    let Some(schemas) = document["components"]["schemas"].as_object().cloned() else { return };
    let maker = Maker { schemas: &schemas };
    let mut named: BTreeMap<String, Value> = BTreeMap::new();
    for content in answers_mut(document) {
        let schema = content["schema"].clone();
        if content.get("example").is_some() || schema.get("example").is_some() {
            continue;
        }
        let name = component(&schema).map(str::to_owned);
        let is_shown =
            |name: &String| schemas.get(name).is_some_and(|schema| schema.get("example").is_some());
        if name.as_ref().is_some_and(is_shown) {
            continue;
        }
        let Some(example) = maker.example(&schema, 0) else { continue };
        match name {
            Some(name) => {
                let _ = named.insert(name, example);
            }
            None => content["example"] = example,
        }
    }
    for (name, example) in named {
        document["components"]["schemas"][&name]["example"] = example;
    }
}

/// What successful answers in JSON hold.
fn answers_mut(document: &mut Value) -> impl Iterator<Item = &mut Value> {
    let paths = document["paths"].as_object_mut().into_iter().flat_map(Map::values_mut);
    let operations = paths.filter_map(Value::as_object_mut).flat_map(Map::values_mut);
    let responses =
        operations.filter_map(|operation| operation.get_mut("responses")?.as_object_mut()).flatten();
    let good = responses.filter(|(status, _)| status.starts_with('2')).map(|(_, response)| response);
    good.filter_map(|response| response.pointer_mut("/content/application~1json"))
}

fn component(schema: &Value) -> Option<&str> {
    schema["$ref"].as_str()?.strip_prefix(PREFIX)
}

/// Makes examples of schemas.
struct Maker<'a> {
    schemas: &'a Map<String, Value>,
}

impl Maker<'_> {
    /// An example of what a schema allows; none where this does not know how to make one.
    fn example(&self, schema: &Value, depth: usize) -> Option<Value> {
        if let Some(said) = schema.get("example").or_else(|| schema.pointer("/examples/0")) {
            return Some(said.clone());
        }
        if depth > DEEPEST {
            return None;
        }
        if let Some(name) = component(schema) {
            return self.example(self.schemas.get(name)?, depth);
        }
        if let Some(only) = schema.get("const").or_else(|| schema.pointer("/enum/0")) {
            return Some(only.clone());
        }
        if let Some(choices) = schema.get("oneOf").or_else(|| schema.get("anyOf")).and_then(Value::as_array) {
            let something = choices.iter().filter(|choice| choice["type"] != "null");
            let made = something.filter_map(|choice| self.example(choice, depth + 1)).next();
            return made
                .or_else(|| choices.iter().any(|choice| choice["type"] == "null").then_some(Value::Null));
        }
        if let Some(parts) = schema.get("allOf").and_then(Value::as_array) {
            let mut whole = Map::new();
            for part in parts {
                let Value::Object(fields) = self.example(part, depth + 1)? else { return None };
                whole.extend(fields);
            }
            return Some(Value::Object(whole));
        }
        self.plain(schema, depth)
    }

    /// An example of what a schema that names a type allows.
    fn plain(&self, schema: &Value, depth: usize) -> Option<Value> {
        let types: Vec<&str> = match &schema["type"] {
            Value::String(only) => vec![only.as_str()],
            Value::Array(several) => several.iter().filter_map(Value::as_str).collect(),
            // It allows anything.
            _ => return Some(json!({})),
        };
        let made = types.iter().find(|kind| **kind != "null").and_then(|kind| match *kind {
            "object" => self.object(schema, depth),
            "array" => self.array(schema, depth),
            "string" => text(schema),
            "integer" => Some(json!(schema["minimum"].as_i64().unwrap_or(1).max(1))),
            "number" => Some(json!(schema["minimum"].as_f64().unwrap_or(0.5).max(0.5))),
            "boolean" => Some(json!(true)),
            _ => None,
        });
        made.or_else(|| types.contains(&"null").then_some(Value::Null))
    }

    fn object(&self, schema: &Value, depth: usize) -> Option<Value> {
        let required = schema["required"].as_array();
        let must = |name: &str| required.is_some_and(|names| names.iter().any(|known| known == name));
        let mut fields = Map::new();
        for (name, property) in schema["properties"].as_object().into_iter().flatten() {
            match self.example(property, depth + 1) {
                Some(example) => {
                    let _ = fields.insert(name.clone(), example);
                }
                None if must(name) => return None,
                None => {}
            }
        }
        Some(Value::Object(fields))
    }

    fn array(&self, schema: &Value, depth: usize) -> Option<Value> {
        if let Some(places) = schema["prefixItems"].as_array() {
            return places.iter().map(|place| self.example(place, depth + 1)).collect();
        }
        let fewest = schema["minItems"].as_u64().unwrap_or(0);
        match self.example(schema.get("items")?, depth + 1) {
            Some(item) => Some(Value::Array(vec![item; usize::try_from(fewest.max(1)).ok()?])),
            None => (fewest == 0).then(|| json!([])),
        }
    }
}

/// A text as its schema wants it; none where that takes more than a look.
fn text(schema: &Value) -> Option<Value> {
    if schema.get("pattern").is_some() {
        return None;
    }
    match schema["format"].as_str() {
        Some("uuid") => Some(json!("01930000-0000-7000-8000-000000000000")),
        Some("date-time") => Some(json!("2026-03-02T08:00:00Z")),
        Some("date") => Some(json!("2026-03-02")),
        Some(_) => None,
        None => {
            let longest = schema["maxLength"].as_u64().unwrap_or(4);
            Some(json!("text".chars().take(usize::try_from(longest).ok()?).collect::<String>()))
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(schema: &Value) -> Option<Value> {
        let node = json!({"type": "object", "required": ["id"], "properties": {
            "id": {"type": "integer"}, "next": {"$ref": "#/components/schemas/Node"},
        }});
        let schemas = Map::from_iter([("Node".to_owned(), node)]);
        Maker { schemas: &schemas }.example(schema, 0)
    }

    #[test]
    fn an_example_has_what_its_schema_wants() {
        let customer = json!({"type": "object", "required": ["id", "at"], "properties": {
            "id": {"type": "string", "format": "uuid"},
            "at": {"type": ["string", "null"], "format": "date-time"},
            "stage": {"type": "string", "example": "quoted"},
            "kind": {"enum": ["rep", "pool"]},
            "tags": {"type": "array", "items": {"type": "string"}},
            "code": {"type": "string", "pattern": "^[0-9a-f]{64}$"},
            "left": {"oneOf": [{"type": "null"}, {"type": "number"}]},
            "point": {"type": "array", "prefixItems": [{"type": "number"}, {"type": "boolean"}]},
        }});
        let expected = json!({
            "id": "01930000-0000-7000-8000-000000000000", "at": "2026-03-02T08:00:00Z", "stage": "quoted",
            "kind": "rep", "tags": ["text"], "left": 0.5, "point": [0.5, true],
        });
        assert_eq!(of(&customer), Some(expected));
        let hash = json!({"type": "string", "pattern": "^[0-9a-f]{64}$"});
        assert_eq!(of(&json!({"type": "object", "required": ["code"], "properties": {"code": hash}})), None);
        let list =
            json!({"allOf": [{"type": "object", "properties": {"n": {"const": 3}}}, {"type": "object"}]});
        assert_eq!(of(&list), Some(json!({"n": 3})));
    }

    #[test]
    fn a_schema_that_refers_to_itself_has_an_example_that_ends() {
        let mut node = of(&json!({"$ref": "#/components/schemas/Node"})).unwrap();
        let mut nodes = 0;
        while node["id"] == 1 {
            (node, nodes) = (node["next"].take(), nodes + 1);
        }
        assert!((2..=DEEPEST + 1).contains(&nodes), "{nodes}");
    }
}
