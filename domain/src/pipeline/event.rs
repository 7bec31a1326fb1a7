//! What can happen to a pipeline.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Pipeline;
use super::version::{Pilot, StageMapping};
use crate::customer::codec::{CodecError, EventType};
use crate::customer::tags;

/// Something that happened to a pipeline.
#[derive(Debug, Clone, PartialEq)]
pub enum PipelineEvent {
    /// `pipeline.published`
    Published(Published),
}

/// A version of a pipeline was published. It takes force at `effective_from`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Published {
    /// The whole definition, with its key and version.
    pub pipeline: Pipeline,
    /// From when it is in force; from its publication on, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub effective_from: Option<DateTime<Utc>>,
    /// The version that `map` leads from: the one for everybody that was published last before. None: the first.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub base: Option<u32>,
    /// Where customers in stages of the base go. A stage that is not listed keeps its id.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub map: Vec<StageMapping>,
    /// The team that alone it is for; for everybody when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub team: Option<Pilot>,
}

// Version 2 adds what may be absent. A program that knows version 1 alone would let pass what it cannot read, such
// as an approval, and is therefore to stop instead.
static PUBLISHED: EventType =
    EventType { name: "pipeline.published", version: 2, upcasters: &[|unchanged| unchanged] };

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
