//! Requests for approval, as changes tell of them.

use chrono::{DateTime, Utc};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// A request for approval, and what came of it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, ToSchema)]
pub(crate) struct Approval {
    /// The request: the id of its event.
    pub(crate) request: Uuid,
    /// Who asked.
    pub(crate) requested_by: String,
    /// When that was recorded.
    pub(crate) requested_at: DateTime<Utc>,
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
            decision: None,
            decided_by: None,
            decided_at: None,
            note: None,
        }
    }

    pub(super) fn decide(&mut self, decision: &str, actor: &str, at: DateTime<Utc>, note: Option<String>) {
        self.decision = Some(decision.to_owned());
        (self.decided_by, self.decided_at, self.note) = (Some(actor.to_owned()), Some(at), note);
    }
}
