//! What rules did, and what they ask people to do.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use crate::pipeline::automation::NotificationChannel;
use crate::{Label, Personal};

/// A rule acted. What it did follows in the same breath.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AutomationRan {
    /// The rule: the id of an automation, or `reclaim:<id>`, `warn:<id>:<seconds>`, `first_contact` of a pool.
    pub rule: String,
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// The definition in force.
    pub pipeline_version: u32,
    /// The event that set it off. A rule acts once for a cause.
    pub cause: Uuid,
    /// When it was due, to the microsecond.
    pub due_at: DateTime<Utc>,
    /// The rules whose acts led to the cause, the first one first.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub chain: Vec<String>,
}

/// A rule was due and did nothing: what it would have done was refused. It is not tried again for this cause.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct AutomationSkipped {
    /// The rule.
    pub rule: String,
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// The definition in force.
    pub pipeline_version: u32,
    /// The event that set it off.
    pub cause: Uuid,
    /// When it was due.
    pub due_at: DateTime<Utc>,
    /// The codes of the refusal, or `automation-loop`, `automation-depth`.
    pub reasons: Vec<String>,
}

/// There is something to be done about the customer. The task is known by the id of this event.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskCreated {
    /// Names what it is to programs, such as `call_back`.
    pub task: String,
    /// What must be done.
    pub title: Label,
    /// The responsible role: `rep` is the customer's owner at the time.
    pub role: String,
    /// Until when.
    pub due_at: DateTime<Utc>,
    /// The rule that created it.
    pub rule: String,
    /// The event that set the rule off.
    pub cause: Uuid,
    /// The journey and the stage that it belongs to.
    pub journey: String,
    /// The stage in which it was created.
    pub stage: String,
    /// The process that it leads to, where it begins one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub process: Option<String>,
}

/// A task is done.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskCompleted {
    /// The task.
    pub task: Uuid,
    /// What is said about it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub note: Option<Personal<String>>,
}

/// A task is void: what had set it off never happened so.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct TaskCancelled {
    /// The task.
    pub task: Uuid,
    /// `voided`: its cause never happened; `corrected`: its cause led elsewhere.
    pub reason: String,
}

/// Somebody is reminded of the customer.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Reminded {
    /// Of what.
    pub text: Label,
    /// Who: `rep` is the owner, `supervisor` who leads the owner's team, `team` both and the colleagues.
    pub role: String,
    /// Through which channels.
    pub channels: Vec<NotificationChannel>,
    /// The rule that reminds.
    pub rule: String,
    /// The event that set the rule off.
    pub cause: Uuid,
}

/// A process outside the pipeline began, such as signing. A task for the responsible role follows.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct ProcessStarted {
    /// Names the process, such as `signing`.
    pub process: String,
    /// What must be done.
    pub text: Label,
    /// Who is responsible.
    pub role: String,
    /// The rule that started it.
    pub rule: String,
    /// The event that set the rule off.
    pub cause: Uuid,
}
