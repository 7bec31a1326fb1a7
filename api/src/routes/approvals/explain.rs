//! Explaining a refusal before it happens.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::Value;
use utoipa::ToSchema;

use super::propose::{ProposedVerb, proposal};
use crate::app::{AppError, Caller, CustomerCommand};
use crate::auth::Authority;
use crate::domain::Refusal;
use crate::http::language::RequestedLanguage;
use crate::http::{Command, Id};
use crate::problem::Problem;
use crate::problem::document::{ProblemDocument, ViolationDocument};
use crate::routes::AppState;

/// A command that is not sent yet.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"command": "transition", "body": {"to": "need_confirmed"}}))]
pub(super) struct ExplanationBody {
    /// What would be asked for.
    command: ProposedVerb,
    /// The request body of the single call.
    #[schema(value_type = Object)]
    body: Value,
}

/// Whether a command would be refused now, and why.
#[derive(Debug, Clone, Serialize, ToSchema)]
pub(super) struct Explanation {
    /// Whether it would be carried out.
    allowed: bool,
    /// The code of the refusal; null if it would be carried out.
    #[schema(example = "note-required")]
    code: Option<String>,
    /// What the code says in general; null likewise.
    title: Option<String>,
    /// All unmet conditions, each with the way to meet it.
    violations: Vec<ViolationDocument>,
}

/// Explain why a command would be refused
///
/// Judges a transition, a follow-up or a correction as of now and by the caller's rights, without carrying it out. Nothing
/// is written. An agent's command is judged as a person's with the same roles would be.
#[utoipa::path(
    post, path = "/v1/customers/{id}/explanations", tag = "approvals", request_body = ExplanationBody,
    params(("id" = Uuid, Path, description = "The customer.")),
    responses(
        (status = 200, description = "Whether it would be carried out, with every unmet condition.", body = Explanation),
        (status = 422, description = "The command cannot be read.", body = ProblemDocument),
    )
)]
pub(super) async fn explain(
    State(state): State<AppState>,
    Authority(caller): Authority,
    RequestedLanguage(language): RequestedLanguage,
    Id(customer): Id,
    Command { body, .. }: Command<ExplanationBody>,
) -> Result<Json<Explanation>, Problem> {
    let proposal = proposal(body.command.into(), &body.body, &*state.app.ids)?;
    let command = CustomerCommand::on(customer, proposal.command.command(), proposal.effective_at);
    let judged_as_a_person = Caller { origin: None, ..caller };
    let refusal = match state.app.dry_run(&judged_as_a_person, &command).await {
        Ok(_) => None,
        Err(AppError::Refused(refusal)) => Some(*refusal),
        Err(error) => return Err(error.into()),
    };
    Ok(Json(Explanation {
        allowed: refusal.is_none(),
        code: refusal.as_ref().map(|refusal| refusal.code.to_string()),
        title: refusal.as_ref().map(|refusal| refusal.title.text(language).to_owned()),
        violations: violations(refusal.as_ref())
            .iter()
            .map(|violation| ViolationDocument::of(violation, language))
            .collect(),
    }))
}

fn violations(refusal: Option<&Refusal>) -> &[crate::domain::Violation] {
    refusal.map(|refusal| refusal.violations.as_slice()).unwrap_or_default()
}
