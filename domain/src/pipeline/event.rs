//! What can happen to a pipeline.

use chrono::{DateTime, NaiveDate, Utc};
use serde::{Deserialize, Serialize};
use serde_json::value::RawValue;

use super::Pipeline;
use super::automation::{NotificationChannel, ShareDirection};
use super::version::{Pilot, StageMapping};
use crate::Label;
use crate::codec::{CodecError, EventType};
use crate::tags;

/// Something that happened to a pipeline.
#[derive(Debug, Clone, PartialEq)]
#[expect(clippy::large_enum_variant, reason = "one at a time is read or written, and taken apart at once")]
pub enum PipelineEvent {
    /// `pipeline.published`
    Published(Published),
    /// `pipeline.scheduled`
    Scheduled(Scheduled),
    /// `pipeline.alerted`
    Alerted(Alerted),
    /// `pipeline.standard_path_set`
    StandardPathSet(StandardPathSet),
    /// `pipeline.version_withdrawn`
    VersionWithdrawn(VersionWithdrawn),
}

/// Somebody withdrew a version that was not in force yet: it never takes force.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VersionWithdrawn {
    /// The pipeline.
    pub pipeline: String,
    /// The version.
    pub pipeline_version: u32,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<String>,
}

/// Somebody said which way customers are to go: what deviations are counted from, and nothing that a rule looks at.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct StandardPathSet {
    /// The pipeline.
    pub pipeline: String,
    /// The definition in force.
    pub pipeline_version: u32,
    /// The stages, in order.
    pub stages: Vec<String>,
}

/// The calendar set a rule off, once for a period. The reminders are in this event; which customers they are about, the lists show.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scheduled {
    /// The pipeline.
    pub pipeline: String,
    /// The definition in force.
    pub pipeline_version: u32,
    /// The rule.
    pub rule: String,
    /// The first local day of the period.
    pub period: NaiveDate,
    /// Who is reminded of what.
    pub reminders: Vec<Message>,
}

/// The share of a stage is out of line with the days before, and set a rule off, once for the alert.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Alerted {
    /// The pipeline.
    pub pipeline: String,
    /// The definition in force.
    pub pipeline_version: u32,
    /// The rule.
    pub rule: String,
    /// What the rule was set off by.
    pub alert: ShareAlert,
    /// Who is reminded of what.
    pub reminders: Vec<Message>,
}

/// A stage whose share is out of line.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ShareAlert {
    /// The stage.
    pub stage: String,
    /// The first local day on which its share was out of line, as it was known then.
    pub day: NaiveDate,
    /// The local day on which it was noticed.
    pub noticed_on: NaiveDate,
    /// Which way the share went.
    pub direction: ShareDirection,
    /// The share on the first day, between 0 and 1.
    pub share: f64,
    /// The mean share of the 28 days before.
    pub baseline: f64,
}

/// A message to a role.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Message {
    /// Of what.
    pub text: Label,
    /// Who.
    pub role: String,
    /// Through which channels.
    pub channels: Vec<NotificationChannel>,
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
// The same is true of version 3, in which a sub-status may ask for evidence, and of version 4, in which one of several
// documents may be asked for, and one of the customer's record; of version 5, with conditions on purchases and waits by
// working calendars; and of version 6, with conditions on documents and satisfaction, transactions as evidence, rules that
// alerts of shares set off, and caps of how often a deal is put off.
static PUBLISHED: EventType = EventType {
    name: "pipeline.published",
    version: 6,
    upcasters: &[
        |unchanged| unchanged,
        |unchanged| unchanged,
        |unchanged| unchanged,
        |unchanged| unchanged,
        |unchanged| unchanged,
    ],
};

static SCHEDULED: EventType = EventType { name: "pipeline.scheduled", version: 1, upcasters: &[] };

static ALERTED: EventType = EventType { name: "pipeline.alerted", version: 1, upcasters: &[] };

static STANDARD_PATH_SET: EventType =
    EventType { name: "pipeline.standard_path_set", version: 1, upcasters: &[] };

static VERSION_WITHDRAWN: EventType =
    EventType { name: "pipeline.version_withdrawn", version: 1, upcasters: &[] };

/// The types of pipeline events.
pub(crate) static TYPES: &[&EventType] =
    &[&PUBLISHED, &SCHEDULED, &ALERTED, &STANDARD_PATH_SET, &VERSION_WITHDRAWN];

impl PipelineEvent {
    fn described(&self) -> &'static EventType {
        match self {
            Self::Published(_) => &PUBLISHED,
            Self::Scheduled(_) => &SCHEDULED,
            Self::Alerted(_) => &ALERTED,
            Self::StandardPathSet(_) => &STANDARD_PATH_SET,
            Self::VersionWithdrawn(_) => &VERSION_WITHDRAWN,
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
            Self::Scheduled(event) => self.described().write(event),
            Self::Alerted(event) => self.described().write(event),
            Self::StandardPathSet(event) => self.described().write(event),
            Self::VersionWithdrawn(event) => self.described().write(event),
        }
    }

    /// Reads an event of the log; none where the type belongs to another family.
    ///
    /// # Errors
    /// When the version is newer than this program knows, or the data has not the type's shape.
    pub fn decode(event_type: &str, version: u32, data: &RawValue) -> Result<Option<Self>, CodecError> {
        Ok(match event_type {
            name if name == PUBLISHED.name => Some(Self::Published(PUBLISHED.read(version, data)?)),
            name if name == SCHEDULED.name => Some(Self::Scheduled(SCHEDULED.read(version, data)?)),
            name if name == ALERTED.name => Some(Self::Alerted(ALERTED.read(version, data)?)),
            name if name == STANDARD_PATH_SET.name => {
                Some(Self::StandardPathSet(STANDARD_PATH_SET.read(version, data)?))
            }
            name if name == VERSION_WITHDRAWN.name => {
                Some(Self::VersionWithdrawn(VERSION_WITHDRAWN.read(version, data)?))
            }
            _ => None,
        })
    }

    /// What the event can be found by: `pipeline:<key>`, `schedule:<key>:<rule>:<period>`, `alert:<key>:<rule>:<stage>` or
    /// `standard_path:<key>`: what the calendar and alerts do and which way is the standard is no business of those who publish.
    pub fn tags(&self) -> Vec<String> {
        match self {
            Self::Published(event) => vec![tags::pipeline(&event.pipeline.key)],
            Self::Scheduled(event) => vec![tags::schedule(&event.pipeline, &event.rule, event.period)],
            Self::Alerted(event) => {
                vec![tags::alert(&event.pipeline, &event.rule, &event.alert.stage)]
            }
            Self::StandardPathSet(event) => vec![tags::standard_path(&event.pipeline)],
            Self::VersionWithdrawn(event) => vec![tags::pipeline(&event.pipeline)],
        }
    }
}
