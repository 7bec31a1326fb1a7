//! Correcting a record.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::auth::Authority;
use crate::domain::Label;
use crate::domain::customer::command::{Amendment, Command as DomainCommand, Correct};
use crate::domain::customer::event::OnConflict;
use crate::http::answer::Accepted;
use crate::http::{Command, Id, Instant};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;
use crate::routes::command::{CommandRequest, execute};
use crate::routes::customers::documents::NewDocument;
use crate::routes::customers::evidence::{Evidence, shown};

/// A correction of a record.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({
    "corrects": "01930000-0000-7000-8000-000000000000", "kind": "target", "to": "proposal",
    "reason": "The wrong stage was chosen"
}))]
pub(crate) struct Correction {
    /// The corrected event: a transition, or an earlier correction. Optional for an insertion.
    corrects: Option<Uuid>,
    /// `void`: it never happened. `target`: it led to another stage. `time`: it happened at another time. `insert`: a
    /// step was not recorded.
    kind: Kind,
    /// The correct stage, for `target` and `insert`.
    to: Option<String>,
    /// The sub-status.
    sub_status: Option<String>,
    /// The correct time, for `time` and `insert`.
    effective_at: Option<Instant>,
    /// The reason.
    reason: String,
    /// Evidence that the correct stage's entry criterion is met, for `target` and `insert`.
    #[serde(default)]
    evidence: Vec<Evidence>,
    /// Documents to add, for `target` and `insert`; those of a kind that the stage asks for are evidence.
    #[serde(default)]
    documents: Vec<NewDocument>,
    /// How conflicts with later transitions are resolved.
    #[serde(default)]
    on_conflict: Settlement,
}

/// The kinds of correction.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = CorrectionKind)]
enum Kind {
    /// It never happened.
    Void,
    /// It led to another stage.
    Target,
    /// It happened at another instant.
    Time,
    /// A step was forgotten.
    Insert,
}

/// How conflicts with later transitions are resolved.
#[derive(Debug, Clone, Copy, Default, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OnConflict)]
enum Settlement {
    /// The correction is refused, and the conflicting moves are listed.
    #[default]
    Reject,
    /// The following move is re-read as leaving the corrected stage, where the pipeline allows that.
    Continue,
    /// The following moves are voided with it.
    Truncate,
}

impl From<Settlement> for OnConflict {
    fn from(settlement: Settlement) -> Self {
        match settlement {
            Settlement::Reject => Self::Reject,
            Settlement::Continue => Self::Continue,
            Settlement::Truncate => Self::Truncate,
        }
    }
}

impl Correction {
    /// The command; `ids` gives documents their ids. What each kind needs beside its reason is asked for here, and what it has no use for is
    /// refused, so that nothing is silently lost.
    ///
    /// # Errors
    /// 422 naming the field.
    pub(crate) fn request(self, ids: &dyn Fn() -> Uuid) -> Result<CommandRequest, Problem> {
        let moved_at = self.effective_at.map(|instant| instant.0);
        let idle = |given: bool, field: &'static str| given.then_some(field);
        let (to, sub_status) = (self.to, self.sub_status);
        let useless = match self.kind {
            Kind::Void => idle(to.is_some(), "to").or(idle(moved_at.is_some(), "effective_at")),
            Kind::Target => idle(moved_at.is_some(), "effective_at"),
            Kind::Time => idle(to.is_some(), "to"),
            Kind::Insert => None,
        };
        let useless = match self.kind {
            Kind::Void | Kind::Time => useless
                .or(idle(sub_status.is_some(), "sub_status"))
                .or(idle(!self.evidence.is_empty(), "evidence"))
                .or(idle(!self.documents.is_empty(), "documents")),
            Kind::Target | Kind::Insert => useless,
        };
        if let Some(field) = useless {
            return Err(unused(field));
        }
        if self.corrects.is_none() && self.kind != Kind::Insert {
            return Err(Problem::missing_field("corrects"));
        }
        let change = match self.kind {
            Kind::Void => Amendment::Void,
            Kind::Target => Amendment::Target { to: needed(to, "to")?, sub_status },
            Kind::Time => Amendment::Time { moved_at: needed(moved_at, "effective_at")? },
            Kind::Insert => Amendment::Insert {
                to: needed(to, "to")?,
                sub_status,
                moved_at: needed(moved_at, "effective_at")?,
            },
        };
        let on_conflict = self.on_conflict.into();
        let shown = shown(self.evidence, self.documents, ids);
        let correct = Correct { corrects: self.corrects, change, reason: self.reason, on_conflict, shown };
        Ok(CommandRequest::now(DomainCommand::Correct(correct)))
    }
}

fn needed<T>(value: Option<T>, field: &str) -> Result<T, Problem> {
    value.ok_or_else(|| Problem::missing_field(field))
}

fn unused(field: &str) -> Problem {
    let message =
        Label::new("此字段不适用于这种更正。", "This field does not apply to this kind of correction.");
    Problem::invalid_value(field, message)
}

/// Correct a record
///
/// For a record that was wrong or a step that was not recorded. Nothing is deleted: the history as it was known before
/// stays readable with `known_at`, and the timeline shows which record superseded which. The evidence that the correct stage asks
/// for is asked of everybody who does not supervise: named as evidence, or brought along as documents.
#[utoipa::path(
    post, path = "/v1/customers/{id}/corrections", tag = "status", request_body = Correction,
    params(("id" = Uuid, Path, description = "The customer.")),
    responses(
        (status = 200, description = "Corrected.", body = Accepted),
        (status = 409, description = "Later transitions conflict; the response lists them and the ways to resolve the conflict.", body = ProblemDocument),
        (status = 422, description = "There is no such record, a field is missing or invalid, or the stage asks for evidence.", body = ProblemDocument),
    )
)]
pub(crate) async fn correct(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    command: Command<Correction>,
) -> Result<Accepted, Problem> {
    let Command { body, meta } = command;
    execute(&state, &caller, customer, Command { body: body.request(&*state.app.ids)?, meta }).await
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::Correction;
    use crate::http::command::read_body;
    use crate::problem::Problem;
    use crate::routes::command::CommandRequest;

    const MOVE: &str = "01930000-0000-7000-8000-000000000000";

    fn request(body: &Value) -> Result<CommandRequest, Problem> {
        read_body::<Correction>(body)?.request(&uuid::Uuid::nil)
    }

    #[test]
    fn each_kind_takes_what_it_needs() {
        for body in [
            json!({"corrects": MOVE, "kind": "void", "reason": "x"}),
            json!({"corrects": MOVE, "kind": "target", "to": "quoted", "reason": "x", "on_conflict": "continue"}),
            json!({"corrects": MOVE, "kind": "time", "effective_at": "2026-01-01T00:00:00Z", "reason": "x"}),
            json!({"kind": "insert", "to": "quoted", "effective_at": "2026-01-01T00:00:00Z", "reason": "x"}),
        ] {
            assert!(request(&body).is_ok(), "{body}");
        }
    }

    #[test]
    fn what_a_kind_needs_or_has_no_use_for_is_named() {
        for (code, body) in [
            ("missing-field", json!({"kind": "void", "reason": "x"})),
            ("missing-field", json!({"corrects": MOVE, "kind": "target", "reason": "x"})),
            ("missing-field", json!({"corrects": MOVE, "kind": "time", "reason": "x"})),
            ("missing-field", json!({"kind": "insert", "to": "quoted", "reason": "x"})),
            ("missing-field", json!({"corrects": MOVE, "kind": "void"})),
            ("invalid-value", json!({"corrects": MOVE, "kind": "void", "to": "quoted", "reason": "x"})),
            ("invalid-value", json!({"corrects": MOVE, "kind": "undo", "reason": "x"})),
        ] {
            assert_eq!(request(&body).unwrap_err().code(), code, "{body}");
        }
    }
}
