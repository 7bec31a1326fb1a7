//! Events to and from the JSON of the log.
//!
//! Every type has a current version. An older shape is brought up by pure functions from JSON to JSON, one a
//! version; a newer one is an error, never skipped. The current shape is read without a detour over a JSON tree.
//! Each aggregate lists its own types; [`crate::catalogue`] has them all.

use serde::de::DeserializeOwned;
use serde_json::Value;
use serde_json::value::RawValue;

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

/// The upcaster to a version that only adds fields which may be absent.
pub(crate) fn unchanged(data: Value) -> Value {
    data
}
