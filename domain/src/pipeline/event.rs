//! What can happen to a pipeline.

use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Pipeline;
use crate::customer::codec::{CodecError, EventType};
use crate::customer::tags;

/// Something that happened to a pipeline.
#[derive(Debug, Clone, PartialEq)]
pub enum PipelineEvent {
    /// `pipeline.published`
    Published(Published),
}

/// A version of a pipeline came into force.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// The whole definition, with its key and version.
    pub pipeline: Pipeline,
}

static PUBLISHED: EventType = EventType { name: "pipeline.published", version: 1, upcasters: &[] };

/// The types of pipeline events.
pub(crate) static TYPES: &[&EventType] = &[&PUBLISHED];

impl PipelineEvent {
    fn described(&self) -> &'static EventType {
        match self {
            Self::Published(_) => &PUBLISHED,
        }
    }

    /// The event type, as it stands in the log.
    pub fn event_type(&self) -> &'static str {
        self.described().name
    }

    /// The version of the type's shape that [`Self::to_json`] writes.
    pub fn type_version(&self) -> u32 {
        self.described().version
    }

    /// The event's data.
    ///
    /// # Errors
    /// When a value has no JSON form.
    pub fn to_json(&self) -> Result<serde_json::Value, CodecError> {
        match self {
            Self::Published(event) => self.described().write(event),
        }
    }

    /// Reads an event of the log; none where the type belongs to another family.
    ///
    /// # Errors
    /// When the version is newer than this program knows, or the data has not the type's shape.
    pub fn decode(event_type: &str, version: u32, data: &RawValue) -> Result<Option<Self>, CodecError> {
        if event_type != PUBLISHED.name {
            return Ok(None);
        }
        Ok(Some(Self::Published(PUBLISHED.read(version, data)?)))
    }

    /// What the event can be found by: `pipeline:<key>`.
    pub fn tags(&self) -> Vec<String> {
        match self {
            Self::Published(event) => vec![tags::pipeline(&event.pipeline.key)],
        }
    }
}
