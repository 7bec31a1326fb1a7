//! Events to and from the JSON of the log.
//!
//! Every type has a current version. An older shape is brought up by pure functions from JSON to JSON, one a
//! version; a newer one is an error, never skipped. The current shape is read without a detour over a JSON tree.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

use super::event::{self, CustomerEvent};
use crate::pipeline;

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
    TYPES.iter().copied().chain(pipeline::event::TYPES.iter().copied())
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

customer_types! {
    Registered "customer.registered" 1 []
    DetailsChanged "customer.details_changed" 1 []
    Moved "customer.moved" 1 []
    MoveVoided "customer.move_voided" 1 []
    MoveTargetCorrected "customer.move_target_corrected" 1 []
    MoveTimeCorrected "customer.move_time_corrected" 1 []
    MoveInserted "customer.move_inserted" 1 []
    Reactivated "customer.reactivated" 1 []
    Noted "customer.noted" 1 []
    FollowedUp "customer.followed_up" 1 []
    Signalled "customer.signalled" 1 []
    Claimed "customer.claimed" 1 []
    Released "customer.released" 1 []
    OwnerChanged "customer.owner_changed" 1 []
    Erased "customer.erased" 1 []
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
