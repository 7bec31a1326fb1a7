//! The JSON Schema of a definition: what the parser accepts, for programs and editors.

use std::sync::LazyLock;

use serde_json::Value;

/// The schema (draft 2020-12) of a definition.
#[expect(clippy::expect_used, reason = "the schema is part of the program, and a test reads it")]
pub fn schema() -> &'static Value {
    static SCHEMA: LazyLock<Value> =
        LazyLock::new(|| serde_json::from_str(include_str!("schema.json")).expect("the schema is JSON"));
    &SCHEMA
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::schema;
    use crate::pipeline::templates;
    use crate::refusal::Code;
    use crate::{Pipeline, json_schema};

    /// Whether a value has the shape.
    fn fits(shape: &Value, value: &Value) -> bool {
        json_schema::fits(schema(), shape, value)
    }

    /// Whether the parser finds the shape right, whatever it thinks of the rest.
    fn parses(definition: &Value) -> bool {
        let of_shape = [
            Code::MissingField,
            Code::UnknownField,
            Code::InvalidValue,
            Code::CriterionMissing,
            Code::ActionMissing,
        ];
        Pipeline::parse("k", 1, definition).err().is_none_or(|refusal| {
            !refusal.violations.iter().any(|v| of_shape.iter().any(|code| v.code == code.as_str()))
        })
    }

    /// The paths of every field and item, objects and lists included.
    fn paths(value: &Value, here: &str, found: &mut Vec<String>) {
        match value {
            Value::Object(fields) => {
                for (field, value) in fields {
                    let path = format!("{here}/{field}");
                    found.push(path.clone());
                    paths(value, &path, found);
                }
            }
            Value::Array(items) => {
                for (n, value) in items.iter().enumerate() {
                    paths(value, &format!("{here}/{n}"), found);
                }
            }
            _ => {}
        }
    }

    fn without(definition: &Value, path: &str) -> Value {
        let mut changed = definition.clone();
        let (parent, field) = path.rsplit_once('/').unwrap();
        changed.pointer_mut(parent).unwrap().as_object_mut().unwrap().remove(field);
        changed
    }

    fn with(definition: &Value, path: &str, value: Value) -> Value {
        let mut changed = definition.clone();
        *changed.pointer_mut(path).unwrap() = value;
        changed
    }

    fn definitions() -> Vec<Value> {
        let golden = include_str!("../../golden/pipeline.published.v6.json");
        let golden: Value = serde_json::from_str(golden).unwrap();
        let mut whole = golden["pipeline"].clone();
        for field in ["entry_criterion", "next_action"] {
            whole["stages"][1][field] = whole["stages"][0][field].clone();
        }
        let mut all = vec![whole];
        all.extend(templates().iter().map(|template| serde_json::to_value(&template.pipeline).unwrap()));
        all
    }

    #[test]
    fn every_template_has_the_shape_that_the_schema_tells() {
        for definition in definitions() {
            assert!(fits(schema(), &definition), "{}", definition["key"]);
        }
    }

    #[test]
    fn what_the_parser_misses_or_does_not_know_the_schema_does_not_accept_either() {
        let definition = &definitions()[0];
        let mut all = Vec::new();
        paths(definition, "", &mut all);
        for path in all {
            if path.contains("/data/") {
                continue;
            }
            let less = without(definition, &path);
            assert_eq!(fits(schema(), &less), parses(&less), "without {path}");
            if definition.pointer(&path).is_some_and(Value::is_object) && !path.ends_with("/data") {
                let mut more = definition.clone();
                more.pointer_mut(&path).unwrap()["surprise"] = json!(1);
                assert!(!fits(schema(), &more) && !parses(&more), "a surprise in {path}");
            }
            if path != "/key" && path != "/version" {
                let other = with(definition, &path, json!([[]]));
                assert!(!fits(schema(), &other) && !parses(&other), "nonsense at {path}");
            }
        }
    }
}
