//! The texts that the OpenAPI document says there are.

use serde_json::{Value, json};

/// Tells `leaf` of every free text that a schema has: its name, and the named schemas that it stands within.
pub(crate) fn each_text(document: &Value, schema: &Value, name: &str, leaf: &mut impl FnMut(&str, &[&str])) {
    walk(document, schema, (name, &[]), leaf);
}

fn walk(
    document: &Value,
    schema: &Value,
    (name, within): (&str, &[&str]),
    leaf: &mut impl FnMut(&str, &[&str]),
) {
    if let Some(reference) = schema["$ref"].as_str() {
        let called = reference.rsplit('/').next().unwrap_or_default();
        if !within.contains(&called) {
            let within = [within, &[called]].concat();
            walk(document, &document["components"]["schemas"][called], (name, &within), leaf);
        }
        return;
    }
    for several in ["allOf", "oneOf", "anyOf"] {
        let each = schema[several].as_array().into_iter().flatten();
        each.for_each(|one| walk(document, one, (name, within), leaf));
    }
    let is_text =
        |kind: &Value| *kind == "string" || kind.as_array().is_some_and(|all| all.contains(&json!("string")));
    let is_free = ["enum", "const", "format"].iter().all(|of| schema[*of].is_null());
    if is_text(&schema["type"]) && is_free && name != "$" {
        leaf(name, within);
    }
    for inner in ["items", "additionalProperties", "contentSchema"] {
        if schema[inner].is_object() {
            walk(document, &schema[inner], (name, within), leaf);
        }
    }
    for (property, schema) in schema["properties"].as_object().into_iter().flatten() {
        walk(document, schema, (property, within), leaf);
    }
}
