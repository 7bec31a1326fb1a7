//! Whether a value is as a schema of the OpenAPI document says: the keywords of JSON Schema (2020-12) that the document
//! uses, and no others. A keyword that is not known here fails, so that none is passed over in silence.
//!
//! It is stricter than JSON Schema in one thing: an object has no field beside those that are declared, unless its
//! schema says that it may.

use std::collections::BTreeSet;

use serde_json::{Map, Value};

/// Keywords that say nothing about what a value must be.
const REMARKS: &[&str] = &[
    "$schema",
    "$id",
    "$defs",
    "description",
    "example",
    "examples",
    "title",
    "default",
    "deprecated",
    "contentMediaType",
    "contentSchema",
];
/// Keywords that [`Schemas::check`] looks at together with others.
const WITH_OTHERS: &[&str] = &["properties", "additionalProperties", "propertyNames"];

/// The schemas of a document.
#[derive(Debug, Clone, Copy)]
pub struct Schemas<'a> {
    document: &'a Value,
}

impl<'a> Schemas<'a> {
    /// The schemas that parts of this document refer to.
    #[must_use]
    pub fn of(document: &'a Value) -> Self {
        Self { document }
    }

    /// A part of the document, or what it refers to.
    #[must_use]
    pub fn resolved(&self, part: &'a Value) -> &'a Value {
        match part["$ref"].as_str() {
            Some(reference) => self.referred(reference).unwrap_or(&Value::Null),
            None => part,
        }
    }

    fn referred(&self, reference: &str) -> Option<&'a Value> {
        self.document.pointer(reference.strip_prefix('#')?)
    }

    /// Whether a value is as a schema says, and has no undeclared fields.
    ///
    /// # Errors
    /// The first place at which it is not, as a JSON pointer, and what is wrong there.
    pub fn check(&self, schema: &Value, value: &Value) -> Result<(), String> {
        self.check_at(schema, value, "")?;
        self.check_fields(schema, value, "")
    }

    /// What the keywords say, each by itself.
    fn check_at(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        let keywords = match schema {
            Value::Bool(true) => return Ok(()),
            Value::Object(keywords) => keywords,
            _ => return Err(format!("{at}: {schema} is no schema that permits anything")),
        };
        for (keyword, said) in keywords {
            self.check_keyword(keyword, said, value, at)?;
        }
        self.check_members(keywords, value, at)
    }

    fn check_keyword(&self, keyword: &str, said: &Value, value: &Value, at: &str) -> Result<(), String> {
        let holds = match keyword {
            "$ref" => {
                let target = said.as_str().and_then(|reference| self.referred(reference));
                return self.check_at(target.ok_or(format!("{at}: {said} leads nowhere"))?, value, at);
            }
            "allOf" => return parts(said).try_for_each(|part| self.check_at(part, value, at)),
            "anyOf" => parts(said).any(|part| self.check_at(part, value, at).is_ok()),
            "oneOf" => return self.check_choice(said, value, at),
            "items" => {
                let items = value.as_array().into_iter().flatten().enumerate();
                return items
                    .into_iter()
                    .try_for_each(|(n, item)| self.check_at(said, item, &format!("{at}/{n}")));
            }
            "type" => match said {
                Value::Array(types) => types.iter().any(|kind| is_a(kind, value)),
                kind => is_a(kind, value),
            },
            "enum" => parts(said).any(|word| word == value),
            "const" => said == value,
            "required" => value.as_object().is_none_or(|members| {
                parts(said).filter_map(Value::as_str).all(|name| members.contains_key(name))
            }),
            "format" => value.as_str().is_none_or(|text| has_format(said.as_str().unwrap_or_default(), text)),
            "minimum" => number(value).zip(number(said)).is_none_or(|(value, least)| value >= least),
            "maximum" => number(value).zip(number(said)).is_none_or(|(value, most)| value <= most),
            "minLength" => length(value).zip(said.as_u64()).is_none_or(|(length, least)| length >= least),
            "maxLength" => length(value).zip(said.as_u64()).is_none_or(|(length, most)| length <= most),
            "minItems" => count(value).zip(said.as_u64()).is_none_or(|(count, least)| count >= least),
            "maxItems" => count(value).zip(said.as_u64()).is_none_or(|(count, most)| count <= most),
            "uniqueItems" => value
                .as_array()
                .is_none_or(|items| items.iter().enumerate().all(|(n, item)| !items[..n].contains(item))),
            // A pattern is for those who send: what is answered is not held to it.
            "pattern" => true,
            known if REMARKS.contains(&known) || WITH_OTHERS.contains(&known) => true,
            unknown => return Err(format!("{at}: the keyword {unknown} is not known here")),
        };
        if holds { Ok(()) } else { Err(format!("{at}: {value} is not as {keyword} {said} says")) }
    }

    /// Exactly one of several.
    fn check_choice(&self, choices: &Value, value: &Value, at: &str) -> Result<(), String> {
        let judged: Vec<_> = parts(choices).map(|choice| self.check_at(choice, value, at)).collect();
        match judged.iter().filter(|judged| judged.is_ok()).count() {
            1 => Ok(()),
            0 => {
                let why: Vec<String> = judged.into_iter().filter_map(Result::err).collect();
                Err(format!("{at}: none of oneOf fits: {}", why.join("; ")))
            }
            several => Err(format!("{at}: {several} of oneOf fit")),
        }
    }

    /// The members that are declared, and what those that are not must be.
    fn check_members(&self, keywords: &Map<String, Value>, value: &Value, at: &str) -> Result<(), String> {
        let Some(members) = value.as_object() else { return Ok(()) };
        let declared = keywords.get("properties").and_then(Value::as_object);
        for (name, member) in members {
            let at = format!("{at}/{name}");
            match declared.and_then(|declared| declared.get(name)) {
                Some(schema) => self.check_at(schema, member, &at)?,
                None => match keywords.get("additionalProperties") {
                    None | Some(Value::Bool(true)) => {}
                    Some(Value::Bool(false)) => return Err(format!("{at}: there is no such field")),
                    Some(schema) => self.check_at(schema, member, &at)?,
                },
            }
        }
        Ok(())
    }

    /// Objects have no fields but those that are declared.
    fn check_fields(&self, schema: &Value, value: &Value, at: &str) -> Result<(), String> {
        match value {
            Value::Object(members) => {
                let mut known = Described::default();
                self.gather(schema, value, &mut known);
                if !known.open && !known.names.is_empty() {
                    let stray = members.keys().find(|name| !known.names.contains(name.as_str()));
                    if let Some(name) = stray {
                        return Err(format!("{at}/{name}: the field is not described"));
                    }
                }
                members.iter().try_for_each(|(name, member)| {
                    let at = format!("{at}/{name}");
                    known.parts(name).try_for_each(|part| self.check_fields(part, member, &at))
                })
            }
            Value::Array(items) => {
                let mut known = Described::default();
                self.gather(schema, value, &mut known);
                items.iter().enumerate().try_for_each(|(n, item)| {
                    let at = format!("{at}/{n}");
                    known.items.iter().try_for_each(|part| self.check_fields(part, item, &at))
                })
            }
            _ => Ok(()),
        }
    }

    /// What all parts of a schema that apply to a value say about its members or items.
    fn gather<'s>(&'s self, schema: &'s Value, value: &Value, known: &mut Described<'s>) {
        let Some(keywords) = schema.as_object() else { return };
        for (keyword, said) in keywords {
            match (keyword.as_str(), said) {
                ("$ref", Value::String(reference)) => {
                    if let Some(target) = self.referred(reference) {
                        self.gather(target, value, known);
                    }
                }
                ("allOf", Value::Array(all)) => all.iter().for_each(|part| self.gather(part, value, known)),
                ("oneOf" | "anyOf", Value::Array(choices)) => {
                    let fitting = choices.iter().filter(|choice| self.check_at(choice, value, "").is_ok());
                    fitting.for_each(|choice| self.gather(choice, value, known));
                }
                ("properties", Value::Object(properties)) => {
                    known.names.extend(properties.iter().map(|(name, part)| {
                        known.properties.push((name, part));
                        name.as_str()
                    }));
                }
                ("additionalProperties", part) if *part != Value::Bool(false) => {
                    known.open = true;
                    known.others.push(part);
                }
                ("items", part) => known.items.push(part),
                _ => {}
            }
        }
    }
}

/// What is known about the members or items of a value.
#[derive(Default)]
struct Described<'s> {
    names: BTreeSet<&'s str>,
    properties: Vec<(&'s String, &'s Value)>,
    /// Whether there may be others.
    open: bool,
    others: Vec<&'s Value>,
    items: Vec<&'s Value>,
}

impl<'s> Described<'s> {
    /// The schemas of a member.
    fn parts(&self, name: &str) -> impl Iterator<Item = &'s Value> {
        let declared = self.names.contains(name);
        let own = self.properties.iter().filter(|(known, _)| *known == name).map(|(_, part)| *part);
        let others = self.others.iter().copied().filter(|_| !declared);
        own.chain(others).collect::<Vec<_>>().into_iter()
    }
}

fn parts(list: &Value) -> impl Iterator<Item = &Value> {
    list.as_array().into_iter().flatten()
}

fn number(value: &Value) -> Option<f64> {
    value.as_f64()
}

fn length(value: &Value) -> Option<u64> {
    value.as_str().map(|text| text.chars().count() as u64)
}

fn count(value: &Value) -> Option<u64> {
    value.as_array().map(|items| items.len() as u64)
}

fn is_a(kind: &Value, value: &Value) -> bool {
    match kind.as_str() {
        Some("object") => value.is_object(),
        Some("array") => value.is_array(),
        Some("string") => value.is_string(),
        Some("number") => value.is_number(),
        Some("integer") => value.is_u64() || value.is_i64(),
        Some("boolean") => value.is_boolean(),
        Some("null") => value.is_null(),
        _ => false,
    }
}

fn has_format(format: &str, text: &str) -> bool {
    match format {
        "date-time" => chrono::DateTime::parse_from_rfc3339(text).is_ok(),
        "date" => chrono::NaiveDate::parse_from_str(text, "%Y-%m-%d").is_ok(),
        "uuid" => {
            let groups: Vec<&str> = text.split('-').collect();
            let lengths: Vec<usize> = groups.iter().map(|group| group.len()).collect();
            lengths == [8, 4, 4, 4, 12] && groups.concat().chars().all(|sign| sign.is_ascii_hexdigit())
        }
        // Widths of numbers, which their types bound.
        _ => true,
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Schemas;

    fn document() -> Value {
        json!({"components": {"schemas": {
            "Money": {
                "type": "object", "required": ["amount"],
                "properties": {"amount": {"type": "string"}, "currency": {"type": ["string", "null"]}}
            },
            "Named": {"allOf": [{"$ref": "#/components/schemas/Money"}, {"type": "object", "properties": {"name": {"type": "string"}}}]},
        }}})
    }

    fn check(schema: &Value, value: &Value) -> Result<(), String> {
        Schemas::of(&document()).check(schema, value)
    }

    #[test]
    fn values_are_held_to_types_formats_and_bounds() {
        for (schema, right, wrong) in [
            (json!({"type": "integer", "minimum": 1}), json!(1), json!(0)),
            (json!({"type": "integer"}), json!(1), json!(1.5)),
            (json!({"type": ["string", "null"]}), json!(null), json!(1)),
            (json!({"enum": ["a", "b"]}), json!("a"), json!("c")),
            (
                json!({"type": "string", "format": "date-time"}),
                json!("2026-03-01T00:00:00Z"),
                json!("2026-03-01"),
            ),
            (json!({"format": "uuid"}), json!("01930000-0000-7000-8000-000000000000"), json!("0193")),
            (json!({"format": "date"}), json!("2026-02-28"), json!("2026-02-30")),
            (json!({"uniqueItems": true}), json!([1, 2]), json!([1, 1])),
            (json!({"items": {"type": "string"}, "maxItems": 2}), json!(["a"]), json!(["a", 1])),
            (json!({"oneOf": [{"type": "string"}, {"type": "null"}]}), json!("a"), json!(1)),
            (json!({"additionalProperties": {"type": "integer"}}), json!({"a": 1}), json!({"a": "b"})),
            (json!({"maxLength": 2}), json!("两字"), json!("三个字")),
        ] {
            assert_eq!(check(&schema, &right), Ok(()), "{schema}");
            assert!(check(&schema, &wrong).is_err(), "{schema}");
        }
    }

    #[test]
    fn an_object_has_what_is_required_and_nothing_that_is_not_described() {
        let money = || json!({"$ref": "#/components/schemas/Money"});
        assert_eq!(check(&money(), &json!({"amount": "1", "currency": null})), Ok(()));
        assert!(check(&money(), &json!({"currency": "CNY"})).unwrap_err().contains("required"));
        assert!(check(&money(), &json!({"amount": "1", "rate": 2})).unwrap_err().starts_with("/rate"));
        let within = json!({"type": "object", "properties": {"all": {"type": "array", "items": money()}}});
        assert!(
            check(&within, &json!({"all": [{"amount": "1", "x": 2}]})).unwrap_err().starts_with("/all/0/x")
        );
    }

    #[test]
    fn fields_of_all_parts_of_a_schema_are_described() {
        let named = || json!({"$ref": "#/components/schemas/Named"});
        assert_eq!(check(&named(), &json!({"amount": "1", "name": "x"})), Ok(()));
        assert!(
            check(&named(), &json!({"amount": "1", "name": "x", "age": 3})).unwrap_err().starts_with("/age")
        );
    }

    #[test]
    fn free_content_is_free_and_a_keyword_that_is_not_known_fails() {
        assert_eq!(check(&json!({"type": "object"}), &json!({"anything": [1]})), Ok(()));
        assert!(check(&json!({"minProperties": 1}), &json!({})).unwrap_err().contains("minProperties"));
        assert!(
            check(&json!({"$ref": "#/components/schemas/Gone"}), &json!({})).unwrap_err().contains("nowhere")
        );
    }
}
