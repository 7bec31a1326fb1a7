//! Events to and from the JSON of the log.
//!
//! Every type has a current version. An older shape is brought up by pure functions from JSON to JSON, one a
//! version; a newer one is an error, never skipped. The current shape is read without a detour over a JSON tree.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use super::event::{self, CustomerEvent};
use crate::{company, pipeline};

/// Brings the data of one version to the shape of the next.
pub type Upcaster = fn(Value) -> Value;

/// An event type of the log.
#[derive(Debug)]
pub struct EventType {
    /// As it stands in the log.
    pub name: &'static str,
    /// The version that is written.
    pub version: u32,
    /// The first leads from version 1 to 2, and so on up to [`Self::version`].
    pub upcasters: &'static [Upcaster],
}

/// Data that is not what its type and version say.
#[derive(Debug, thiserror::Error)]
pub enum CodecError {
    /// Written by a newer program.
    #[error("{event_type} version {version} is newer than version {current}, which this program knows")]
    NewerVersion {
        /// The type.
        event_type: &'static str,
        /// Its version in the log.
        version: u32,
        /// The newest version known here.
        current: u32,
    },
    /// A version before the first, or one that no upcaster leads on from.
    #[error("{event_type} has no version {version}")]
    NoSuchVersion {
        /// The type.
        event_type: &'static str,
        /// The version asked for.
        version: u32,
    },
    /// Not the type's shape.
    #[error("{event_type} version {version} has not its shape: {source}")]
    Shape {
        /// The type.
        event_type: &'static str,
        /// The version.
        version: u32,
        /// What is wrong.
        source: serde_json::Error,
    },
}

impl EventType {
    /// Reads data of any version up to the current one.
    ///
    /// # Errors
    /// When the version is unknown or the data has not its shape.
    pub fn read<T: DeserializeOwned>(&self, version: u32, data: &RawValue) -> Result<T, CodecError> {
        let shape = |source| CodecError::Shape { event_type: self.name, version, source };
        if version == self.version {
            return serde_json::from_str(data.get()).map_err(shape);
        }
        if version > self.version {
            let (event_type, current) = (self.name, self.version);
            return Err(CodecError::NewerVersion { event_type, version, current });
        }
        let steps = (version as usize).checked_sub(1).and_then(|done| self.upcasters.get(done..));
        let steps = steps.ok_or(CodecError::NoSuchVersion { event_type: self.name, version })?;
        let old: Value = serde_json::from_str(data.get()).map_err(shape)?;
        let current = steps.iter().fold(old, |data, upcast| upcast(data));
        serde_json::from_value(current).map_err(shape)
    }

    /// Writes data in the current shape.
    ///
    /// # Errors
    /// When a value has no JSON form.
    pub fn write<T: serde::Serialize>(&self, event: &T) -> Result<Value, CodecError> {
        let shape = |source| CodecError::Shape { event_type: self.name, version: self.version, source };
        serde_json::to_value(event).map_err(shape)
    }
}

/// Every event type of the product.
pub fn event_types() -> impl Iterator<Item = &'static EventType> {
    let others = pipeline::event::TYPES.iter().chain(company::event::TYPES);
    TYPES.iter().chain(others).copied()
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

macro_rules! customer_types {
    ($($variant:ident $name:literal $version:literal [$($upcaster:path),*])*) => {
        static TYPES: &[&EventType] = &[
            $(&EventType { name: $name, version: $version, upcasters: &[$($upcaster),*] }),*
        ];

        /// The place of each variant's type in [`TYPES`].
        enum Place { $($variant),* }

        impl CustomerEvent {
            fn described(&self) -> &'static EventType {
                match self { $(Self::$variant(_) => TYPES[Place::$variant as usize]),* }
            }

            /// The event's data, in the current shape of its type.
            ///
            /// # Errors
            /// When a value has no JSON form.
            pub fn to_json(&self) -> Result<Value, CodecError> {
                match self { $(Self::$variant(event) => self.described().write::<event::$variant>(event)),* }
            }

            /// Reads an event of the log; none where the type belongs to another family.
            ///
            /// # Errors
            /// When the version is newer than this program knows, or the data has not the type's shape.
            pub fn decode(event_type: &str, version: u32, data: &RawValue) -> Result<Option<Self>, CodecError> {
                Ok(match event_type {
                    $($name => Some(Self::$variant(TYPES[Place::$variant as usize].read(version, data)?)),)*
                    _ => None,
                })
            }
        }
    };
}

/// What brings data up to a version that only adds what may be absent.
pub(crate) fn unchanged(data: Value) -> Value {
    data
}

customer_types! {
    Registered "customer.registered" 2 [unchanged]
    DetailsChanged "customer.details_changed" 2 [unchanged]
    Moved "customer.moved" 2 [unchanged]
    TransitionRequested "customer.transition_requested" 1 []
    TransitionApproved "customer.transition_approved" 1 []
    TransitionRejected "customer.transition_rejected" 1 []
    TransitionWithdrawn "customer.transition_withdrawn" 1 []
    TransitionExpired "customer.transition_expired" 1 []
    MoveVoided "customer.move_voided" 1 []
    MoveTargetCorrected "customer.move_target_corrected" 2 [unchanged]
    MoveTimeCorrected "customer.move_time_corrected" 1 []
    MoveInserted "customer.move_inserted" 1 []
    Reactivated "customer.reactivated" 1 []
    StageMigrated "customer.stage_migrated" 1 []
    Noted "customer.noted" 1 []
    FollowedUp "customer.followed_up" 2 [unchanged]
    Signalled "customer.signalled" 2 [unchanged]
    Claimed "customer.claimed" 1 []
    Viewed "customer.viewed" 1 []
    Released "customer.released" 1 []
    OwnerChanged "customer.owner_changed" 2 [unchanged]
    Erased "customer.erased" 1 []
    LeadTouched "customer.lead_touched" 1 []
    Absorbed "customer.absorbed" 2 [unchanged]
    MergedInto "customer.merged_into" 1 []
    Unmerged "customer.unmerged" 2 [unchanged]
    Distinguished "customer.distinguished" 2 [unchanged]
    DistinctionWithdrawn "customer.distinction_withdrawn" 2 [unchanged]
    DocumentAdded "customer.document_added" 1 []
    AutomationRan "customer.automation_ran" 1 []
    AutomationSkipped "customer.automation_skipped" 1 []
    TaskCreated "customer.task_created" 1 []
    TaskCompleted "customer.task_completed" 1 []
    TaskCancelled "customer.task_cancelled" 1 []
    Reminded "customer.reminded" 1 []
    ProcessStarted "customer.process_started" 1 []
    SubStatusSet "customer.sub_status_set" 1 []
    NextContactSet "customer.next_contact_set" 1 []
    FirstContactMissed "customer.first_contact_missed" 1 []
    ReclaimSkipped "customer.reclaim_skipped" 1 []
}

impl CustomerEvent {
    /// The event type, as it stands in the log.
    pub fn event_type(&self) -> &'static str {
        self.described().name
    }

    /// The version of the type's shape that [`Self::to_json`] writes.
    pub fn type_version(&self) -> u32 {
        self.described().version
    }
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;
    use std::path::{Path, PathBuf};

    use serde_json::json;

    use super::*;
    use crate::company::CompanyEvent;
    use crate::pipeline::PipelineEvent;

    fn golden_folder() -> PathBuf {
        Path::new(env!("CARGO_MANIFEST_DIR")).join("golden")
    }

    fn raw(value: &Value) -> Box<RawValue> {
        RawValue::from_string(value.to_string()).unwrap()
    }

    /// Decodes the data and writes it anew.
    fn rewritten(name: &str, version: u32, data: &RawValue) -> Value {
        if let Some(event) = CustomerEvent::decode(name, version, data).unwrap() {
            assert_eq!((event.event_type(), event.type_version()), (name, event.described().version));
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
        assert_eq!(found, expected, "golden files are kept for ever");
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
