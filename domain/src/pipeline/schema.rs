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
    use crate::Pipeline;
    use crate::pipeline::templates;
    use crate::refusal::Code;

    /// Whether a value has the shape; the keywords that the schema uses, and no others.
    fn fits(shape: &Value, value: &Value) -> bool {
        let Some(keywords) = shape.as_object() else { return shape == &Value::Bool(true) };
        keywords.iter().all(|(keyword, said)| match keyword.as_str() {
            "$ref" => {
                let place = said.as_str().unwrap().trim_start_matches('#');
                fits(schema().pointer(place).unwrap(), value)
            }
            "type" => match said {
                Value::Array(types) => types.iter().any(|kind| is(kind, value)),
                kind => is(kind, value),
            },
            "enum" => said.as_array().unwrap().contains(value),
            "const" => said == value,
            "oneOf" => said.as_array().unwrap().iter().filter(|shape| fits(shape, value)).count() == 1,
            "required" => value.as_object().is_none_or(|fields| {
                said.as_array().unwrap().iter().all(|field| fields.contains_key(field.as_str().unwrap()))
            }),
            "properties" => value.as_object().is_none_or(|fields| {
                fields.iter().all(|(field, value)| said.get(field).is_none_or(|shape| fits(shape, value)))
            }),
            "additionalProperties" => value.as_object().is_none_or(|fields| {
                let named = |field: &String| shape["properties"].get(field).is_some();
                fields.iter().filter(|(field, _)| !named(field)).all(|(_, value)| fits(said, value))
            }),
            "items" => value.as_array().is_none_or(|items| items.iter().all(|item| fits(said, item))),
            "minItems" => value.as_array().is_none_or(|items| items.len() as u64 >= said.as_u64().unwrap()),
            "maxItems" => value.as_array().is_none_or(|items| items.len() as u64 <= said.as_u64().unwrap()),
            "minLength" => value.as_str().is_none_or(|text| text.len() as u64 >= said.as_u64().unwrap()),
            "maxLength" => {
                value.as_str().is_none_or(|text| text.chars().count() as u64 <= said.as_u64().unwrap())
            }
            "minimum" => value.as_i64().is_none_or(|number| number >= said.as_i64().unwrap()),
            "maximum" => value.as_i64().is_none_or(|number| number <= said.as_i64().unwrap()),
            // Spelling is the parser's to check: here it only narrows.
            "pattern" | "$schema" | "title" | "description" | "$defs" => true,
            other => panic!("the schema uses {other}, which this test does not know"),
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
            other => panic!("{other}"),
        }
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
