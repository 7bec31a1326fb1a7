//! The schemas beside the codec, the examples of every version and the catalogue of events: none says what another does not.

use std::path::Path;

use serde_json::value::RawValue;
use serde_json::{Value, json};

use super::*;
use crate::company::CompanyEvent;
use crate::customer::CustomerEvent;
use crate::json_schema::fits;
use crate::pipeline::PipelineEvent;

/// The example of a type and version.
fn golden(name: &str, version: u32) -> Value {
    let file = Path::new(env!("CARGO_MANIFEST_DIR")).join(format!("golden/{name}.v{version}.json"));
    serde_json::from_str(&std::fs::read_to_string(&file).unwrap()).unwrap()
}

/// Every type in every version, with its schema and its example.
fn all() -> Vec<(&'static str, u32, Value, Value)> {
    let versions = event_types().flat_map(|known| (1..=known.version).map(move |version| (known, version)));
    let with_schema = versions.map(|(known, version)| {
        let schema = event_schema(known.name, version);
        let schema = schema.unwrap_or_else(|| panic!("no schema of {} version {version}", known.name));
        (known.name, version, schema, golden(known.name, version))
    });
    with_schema.collect()
}

/// Whether data are as the schema of their type says.
fn is_valid(schema: &Value, data: &Value) -> bool {
    fits(schema, &schema["properties"]["data"], data)
}

/// Whether the codec reads data of a type.
fn is_read(name: &str, version: u32, data: &Value) -> bool {
    let raw = RawValue::from_string(data.to_string()).unwrap();
    let read = [
        CustomerEvent::decode(name, version, &raw).map(|event| event.is_some()),
        CompanyEvent::decode(name, version, &raw).map(|event| event.is_some()),
        PipelineEvent::decode(name, version, &raw).map(|event| event.is_some()),
    ];
    read.into_iter().all(|read| read.is_ok())
}

#[test]
fn there_is_a_schema_for_every_type_and_version_that_its_example_fits_and_for_no_other() {
    let mut known = 0;
    for (name, version, schema, example) in all() {
        assert!(is_valid(&schema, &example), "{name} version {version}: {example}");
        let mut strange = example;
        strange["nobody_said"] = json!(1);
        assert!(!is_valid(&schema, &strange), "{name} version {version} lets anything through");
        known += usize::from(version == 1);
    }
    assert_eq!(known, parts().types.len(), "no schema without a type");
    for (name, version) in [("customer.moved", 0), ("customer.moved", 4), ("customer.flew", 1)] {
        assert_eq!(event_schema(name, version), None, "{name} {version}");
    }
}

#[test]
fn what_came_with_a_version_is_in_no_schema_of_an_earlier_one() {
    let mut compared = 0;
    for (name, version, schema, _) in all() {
        let newer = event_types().find(|known| known.name == name).unwrap().version;
        let later = golden(name, newer);
        let added: Vec<&String> = later.as_object().unwrap().keys().collect();
        let described = schema["properties"]["data"]["properties"].as_object().unwrap();
        let own = golden(name, version);
        for field in added.into_iter().filter(|field| own.get(field).is_none() && version < newer) {
            // Examples need not have everything that there was: the catalogue says since when there is what.
            if later.get(field).is_some() && !described.contains_key(field) {
                compared += 1;
                let mut ahead = own.clone();
                ahead[field] = later[field].clone();
                assert!(!is_valid(&schema, &ahead), "{name} version {version} has {field}");
            }
        }
    }
    assert!(compared > 20, "{compared}");
}

/// Where data may be changed: every member and item but those inside of what somebody wrote.
fn places(value: &Value, here: &str, found: &mut Vec<String>) {
    let below: Vec<(String, &Value)> = match value {
        Value::Object(members) if members.contains_key("$personal") => Vec::new(),
        Value::Object(members) => {
            members.iter().map(|(name, value)| (format!("{here}/{name}"), value)).collect()
        }
        Value::Array(items) => {
            items.iter().enumerate().map(|(n, item)| (format!("{here}/{n}"), item)).collect()
        }
        _ => Vec::new(),
    };
    for (place, value) in below {
        places(value, &place, found);
        found.push(place);
    }
}

/// The codec reads what the schema allows, and the schema allows what the codec reads: member by member, taken away or of
/// another type. A definition has a schema of its own, which is held to its parser.
#[test]
fn a_member_may_be_absent_where_the_codec_reads_the_rest_and_is_of_the_type_that_the_codec_reads() {
    let mut wrong = Vec::new();
    for (name, version, schema, example) in all() {
        let mut found = Vec::new();
        places(&example, "", &mut found);
        let mut compare = |what: String, changed: &Value| {
            let (valid, read) = (is_valid(&schema, changed), is_read(name, version, changed));
            if valid != read {
                wrong.push(format!("{name} version {version} {what}: valid {valid}, read {read}"));
            }
        };
        for place in found.iter().filter(|place| !place.starts_with("/pipeline/")) {
            let (parent, member) = place.rsplit_once('/').unwrap();
            if let Some(members) = example.pointer(parent).and_then(Value::as_object) {
                let (mut without, mut members) = (example.clone(), members.clone());
                members.remove(member);
                *without.pointer_mut(parent).unwrap() = Value::Object(members);
                compare(format!("without {place}"), &without);
            }
            let mut other = example.clone();
            *other.pointer_mut(place).unwrap() = json!([[true]]);
            compare(format!("with something else at {place}"), &other);
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn the_catalogue_describes_the_fields_that_the_newest_schema_has_and_no_others() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/events.md");
    let catalogue = std::fs::read_to_string(path).unwrap();
    for known in event_types() {
        let heading = format!("### `{}` version {}\n", known.name, known.version);
        let (_, rest) = catalogue.split_once(&heading).unwrap();
        let section = rest.split("\n### ").next().unwrap();
        let section = section.split("\n## ").next().unwrap();
        let rows = section.lines().filter_map(|line| line.strip_prefix("| `")?.split_once('`'));
        let told: BTreeSet<&str> = rows.map(|(field, _)| field).collect();
        let schema = event_schema(known.name, known.version).unwrap();
        let fields = schema["properties"]["data"]["properties"].as_object().cloned().unwrap_or_default();
        let fields: BTreeSet<&str> = fields.keys().map(String::as_str).collect();
        assert_eq!(told, fields, "{}", known.name);
    }
}

#[test]
fn what_is_personal_is_in_clear_or_sealed_or_gone_and_nothing_else() {
    let schema = event_schema("customer.noted", 1).unwrap();
    let sealed = json!({"$sealed": {"ciphertext": "x", "commitment": "x", "nonce": "x",
        "key": "01930000-0000-7000-8000-000000000002"}});
    for text in [json!({"$personal": "x"}), sealed, json!({"$erased": true})] {
        assert!(is_valid(&schema, &json!({ "text": text })), "{text}");
    }
    for text in [json!("x"), json!({"$personal": 1}), json!({"$erased": false}), json!({})] {
        assert!(!is_valid(&schema, &json!({ "text": text })), "{text}");
    }
}
