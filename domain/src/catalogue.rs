//! Every event type of the product, whichever aggregate it belongs to.

use crate::codec::EventType;
use crate::{company, customer, pipeline};

/// Every event type of the product.
pub fn event_types() -> impl Iterator<Item = &'static EventType> {
    let others = pipeline::event::TYPES.iter().chain(company::event::TYPES);
    customer::codec::TYPES.iter().chain(others).copied()
}

/// Checks, when the program starts, that every type can read every version that it ever wrote.
///
/// # Errors
/// The first type whose chain of upcasters has not one step a version, or that is listed twice.
pub fn check() -> Result<(), String> {
    check_chains(event_types())
}

fn check_chains<'a>(types: impl Iterator<Item = &'a EventType>) -> Result<(), String> {
    let mut names = std::collections::BTreeSet::new();
    for event_type in types {
        let EventType { name, version, upcasters } = event_type;
        if upcasters.len() + 1 != *version as usize {
            return Err(format!("{name} is at version {version} but has {} upcasters", upcasters.len()));
        }
        if !names.insert(*name) {
            return Err(format!("{name} is listed twice"));
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use serde_json::value::RawValue;
    use serde_json::{Value, json};

    use super::*;
    use crate::codec::CodecError;
    use crate::company::CompanyEvent;
    use crate::customer::{CustomerEvent, event};
    use crate::pipeline::PipelineEvent;

    fn golden_folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
    }

    fn raw(value: &Value) -> Box<RawValue> {
        RawValue::from_string(value.to_string()).unwrap()
    }

    /// Decodes the data and writes it again.
    fn rewritten(name: &str, version: u32, data: &RawValue) -> Value {
        if let Some(event) = CustomerEvent::decode(name, version, data).unwrap() {
            assert_eq!((event.event_type(), event.type_version()), (name, event.type_version()));
            return event.to_json().unwrap();
        }
        if let Some(event) = CompanyEvent::decode(name, version, data).unwrap() {
            assert_eq!(event.event_type(), name);
            return event.to_json().unwrap();
        }
        let event = PipelineEvent::decode(name, version, data).unwrap().expect("a known type");
        assert_eq!(event.event_type(), name);
        event.to_json().unwrap()
    }

    #[test]
    fn every_type_and_version_ever_shipped_is_read_and_the_current_one_written_as_it_was() {
        let mut expected = BTreeSet::new();
        for event_type in event_types() {
            for version in 1..=event_type.version {
                let file = format!("{}.v{version}.json", event_type.name);
                let text = std::fs::read_to_string(golden_folder().join(&file)).expect(&file);
                let data: Value = serde_json::from_str(&text).expect(&file);
                let written = rewritten(event_type.name, version, &raw(&data));
                if version == event_type.version {
                    assert_eq!(written, data, "{file}");
                }
                expected.insert(file);
            }
        }
        let files = std::fs::read_dir(golden_folder()).unwrap();
        let found: BTreeSet<_> = files.map(|file| file.unwrap().file_name().into_string().unwrap()).collect();
        assert_eq!(found, expected, "golden files are kept permanently");
    }

    #[test]
    fn sealed_and_erased_values_are_read_as_they_stand() {
        for (marked, expected) in [
            (json!({"$sealed": {"c": "…"}}), crate::Personal::Sealed),
            (json!({"$erased": true}), crate::Personal::Erased),
        ] {
            let event = CustomerEvent::decode("customer.noted", 1, &raw(&json!({ "text": marked }))).unwrap();
            assert_eq!(event, Some(CustomerEvent::Noted(event::Noted { text: expected })));
        }
    }

    #[test]
    fn a_newer_version_is_an_error_and_another_family_is_not() {
        let data = raw(&json!({ "text": { "$personal": "x" } }));
        let newer = CustomerEvent::decode("customer.noted", 2, &data);
        assert!(matches!(newer, Err(CodecError::NewerVersion { version: 2, current: 1, .. })));
        let zero = CustomerEvent::decode("customer.noted", 0, &data);
        assert!(matches!(zero, Err(CodecError::NoSuchVersion { version: 0, .. })));
        assert_eq!(CustomerEvent::decode("pipeline.published", 1, &data).unwrap(), None);
        assert!(matches!(CustomerEvent::decode("customer.moved", 1, &data), Err(CodecError::Shape { .. })));
    }

    static RENAMED_TWICE: EventType = EventType {
        name: "test.renamed",
        version: 3,
        upcasters: &[|data| rename(data, "a", "b"), |data| rename(data, "b", "c")],
    };

    fn rename(mut data: Value, from: &str, to: &str) -> Value {
        data[to] = data[from].take();
        data
    }

    #[test]
    fn old_versions_are_brought_up_step_by_step() {
        for (version, data) in [(1, json!({"a": 7})), (2, json!({"b": 7})), (3, json!({"c": 7}))] {
            let read: Value = RENAMED_TWICE.read(version, &raw(&data)).unwrap();
            assert_eq!(read["c"], 7, "version {version}");
        }
    }

    #[test]
    fn a_chain_with_a_step_missing_or_a_type_listed_twice_is_found_at_start() {
        assert_eq!(check(), Ok(()));
        let short = EventType { name: "test.short", version: 4, upcasters: RENAMED_TWICE.upcasters };
        assert!(check_chains([&short].into_iter()).is_err());
        assert!(check_chains([&RENAMED_TWICE, &RENAMED_TWICE].into_iter()).is_err());
    }

    /// The catalogue names every type with its version, and in its section every field.
    #[test]
    fn the_event_catalogue_is_complete() {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../docs/events.md");
        let catalogue = std::fs::read_to_string(path).expect("docs/events.md");
        for event_type in event_types() {
            let (name, version) = (event_type.name, event_type.version);
            let heading = format!("### `{name}` version {version}\n");
            let (_, rest) = catalogue.split_once(&heading).unwrap_or_else(|| panic!("no section {heading}"));
            let section = rest.split("\n### ").next().unwrap();
            let file = golden_folder().join(format!("{name}.v{version}.json"));
            let data: Value = serde_json::from_str(&std::fs::read_to_string(file).unwrap()).unwrap();
            for field in data.as_object().unwrap().keys() {
                assert!(section.contains(&format!("| `{field}` |")), "{name} does not describe {field}");
            }
        }
    }
}
