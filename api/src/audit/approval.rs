//! Requests for approval and proposals of agents, as changes tell of them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_projections::board::ModelReport;

/// A request for approval, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Approval {
    /// The request: the id of its event.
    pub(crate) request: Uuid,
    /// Who asked.
    pub(crate) requested_by: String,
    /// When that was recorded.
    pub(crate) requested_at: DateTime<Utc>,
    /// The agent whose proposal it is; null where a person asked.
    pub(crate) agent: Option<String>,
    /// The model that the agent ran on.
    pub(crate) model: Option<ModelReport>,
    /// What the agent was asked, where the caller may read it.
    pub(crate) prompt: Option<String>,
    /// `approved`, `rejected`, `withdrawn` or `expired`; null while it waits.
    pub(crate) decision: Option<String>,
    /// Who decided.
    pub(crate) decided_by: Option<String>,
    /// When that was recorded.
    pub(crate) decided_at: Option<DateTime<Utc>>,
    /// What was said with the decision.
    pub(crate) note: Option<String>,
}

impl Approval {
    pub(super) fn requested(request: Uuid, actor: &str, at: DateTime<Utc>) -> Self {
        Self {
            request,
            requested_by: actor.to_owned(),
            requested_at: at,
            agent: None,
            model: None,
            prompt: None,
            decision: None,
            decided_by: None,
            decided_at: None,
            note: None,
        }
    }

    /// The same, as an agent's proposal, given the data of its event.
    pub(super) fn proposed(self, data: &Map<String, Value>) -> Self {
        let text = |value: &Value| value.as_str().map(str::to_owned);
        let said = |field: &str| data.get(field).and_then(text);
        let of_model = |field: &str| text(data.get("model")?.get(field)?);
        let model = of_model("name").zip(of_model("version"));
        Self {
            agent: said("agent"),
            model: model.map(|(name, version)| ModelReport { name, version }),
            prompt: said("prompt"),
            ..self
        }
    }

    pub(super) fn decide(&mut self, decision: &str, actor: &str, at: DateTime<Utc>, note: Option<String>) {
        self.decision = Some(decision.to_owned());
        (self.decided_by, self.decided_at, self.note) = (Some(actor.to_owned()), Some(at), note);
    }
}
