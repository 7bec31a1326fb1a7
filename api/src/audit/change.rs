//! A change as it is answered.

use chrono::{DateTime, Utc};
use serde::{Deserialize as _, Serialize};
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::{Label, Language};
use waymark_eventstore::{Entry, Position};

use super::approval::Approval;
use super::origin::OriginKind;
use super::reading::rule_of;
use super::subject::Difference;
use super::told::HistoryEntry;
use crate::app::{ADDRESS, CLIENT, customer_of};

/// A change, and who made it.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub(crate) struct Change {
    /// The event's position in the log.
    pub(crate) position: Position,
    /// The event's id.
    pub(crate) id: Uuid,
    /// The event type.
    #[serde(rename = "type")]
    #[schema(example = "customer.moved")]
    pub(crate) event_type: String,
    /// What the event is about.
    #[schema(example = "customer/0190b2a4-0000-7000-8000-000000000000")]
    pub(crate) subject: String,
    /// Who did it.
    #[schema(example = "rep:li")]
    pub(crate) actor: String,
    /// The credential that acted for the actor, where it was not the actor's own.
    #[schema(example = "key:0190b2a4-0000-7000-8000-000000000000")]
    pub(crate) via: Option<String>,
    /// The API key that was used, where the log has it.
    pub(crate) key_id: Option<Uuid>,
    /// Where it came from.
    pub(crate) origin: ChangeOrigin,
    /// When it happened.
    pub(crate) effective_at: DateTime<Utc>,
    /// When it was recorded.
    pub(crate) recorded_at: DateTime<Utc>,
    /// The customer that it is about.
    pub(crate) customer: Option<Uuid>,
    /// The journey that it bears on, by its pipeline's key.
    pub(crate) journey: Option<String>,
    /// What the changed fields held before; null where there was nothing.
    #[schema(value_type = Option<Object>)]
    pub(crate) before: Option<Value>,
    /// What they hold since; null where there is nothing. Of an event that changes no field of its subject, all of its data.
    #[schema(value_type = Option<Object>)]
    pub(crate) after: Option<Value>,
    /// Why: a reason code, or words.
    pub(crate) reason: Option<String>,
    /// What was written down with it.
    pub(crate) note: Option<String>,
    /// The event or command that caused it.
    pub(crate) cause: Option<Uuid>,
    /// The rule that made it or set it off.
    pub(crate) rule: Option<String>,
    /// The version of the pipeline that it was decided by.
    pub(crate) pipeline_version: Option<u64>,
    /// The requests for approval that it is about, with what came of them.
    pub(crate) approvals: Vec<Approval>,
    /// The event that it corrects.
    pub(crate) corrects: Option<Uuid>,
    /// The correction because of which it no longer says what holds.
    pub(crate) superseded_by: Option<Uuid>,
}

/// Where a change came from.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct ChangeOrigin {
    /// `person`, `rule`, `import`, `agent` or `command_line`.
    pub(crate) kind: OriginKind,
    /// The network address, at the command line the name of the host; where it was recorded and the person was not erased.
    pub(crate) address: Option<String>,
    /// The program, as it calls itself, likewise.
    pub(crate) client: Option<String>,
    /// The request, as the trace id that its answer carried: 32 hexadecimal digits. What followed from it, such as what a rule
    /// did, has the id of what set it off.
    pub(crate) request_id: Option<String>,
}

impl Change {
    /// The change that an entry tells, given its document as the caller reads it; none where the entry cannot be read.
    pub(super) fn of(
        entry: &Entry,
        document: &Value,
        told: HistoryEntry,
        language: Language,
    ) -> Option<Self> {
        let HistoryEntry { difference: Difference { before, after }, approvals, superseded_by } = told;
        let envelope = entry.envelope().ok()?;
        let data = &document["data"];
        let text = |field: &str| data.get(field).and_then(Value::as_str).map(str::to_owned);
        let member = |name: &str| document.get(name).and_then(Value::as_str).map(str::to_owned);
        let id = |field: &str| Uuid::try_parse(data.get(field)?.as_str()?).ok();
        let credential = envelope.via.as_deref().map(str::to_owned).or_else(|| text("credential"));
        let key_id = credential.and_then(|name| Uuid::try_parse(name.strip_prefix("key:")?).ok());
        let rule = envelope.actor.strip_prefix("system:").map(str::to_owned);
        let said = |first: &str, second: &str| text(first).or_else(|| text(second));
        // What a rule says is kept in both languages, and in Chinese alone where a person's words would stand.
        let rule_said = Label::deserialize(&data["text"]).ok();
        let spoken = |words: String| match &rule_said {
            Some(label) if label.zh == words => label.text(language).to_owned(),
            _ => words,
        };
        Some(Self {
            position: entry.position,
            id: envelope.id,
            event_type: envelope.event_type.to_string(),
            subject: envelope.subject.to_string(),
            actor: envelope.actor.to_string(),
            via: envelope.via.as_deref().map(str::to_owned),
            key_id,
            origin: ChangeOrigin {
                kind: OriginKind::of(&envelope),
                address: member(ADDRESS),
                client: member(CLIENT),
                request_id: envelope.correlation_id.map(|id| id.simple().to_string()),
            },
            effective_at: envelope.effective_at,
            recorded_at: entry.recorded_at,
            customer: customer_of(&envelope.subject),
            journey: text("journey").or_else(|| text("pipeline")),
            before: before.map(Value::Object),
            after: after.map(Value::Object),
            reason: said("reason", "reason_text").or_else(|| said("because", "ground")).map(spoken),
            note: said("note", "text").or_else(|| text("summary")).map(spoken).or_else(|| {
                rule_said
                    .as_ref()
                    .filter(|_| data.get("reason").is_none())
                    .map(|label| label.text(language).to_owned())
            }),
            cause: envelope.causation_id.or_else(|| id("cause")),
            rule: rule_of(envelope.data).or(rule),
            pipeline_version: data.get("pipeline_version").and_then(Value::as_u64),
            approvals,
            corrects: id("corrects"),
            superseded_by,
        })
    }
}
