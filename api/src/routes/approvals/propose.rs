//! Proposing: what an agent asks for, which a person decides.

use axum::extract::State;
use serde::Deserialize;
use serde_json::Value;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::app::CustomerCommand;
use crate::auth::{Authority, PresentedCredential};
use crate::domain::customer::Command as DomainCommand;
use crate::domain::customer::command::{Proposal, Propose, ProposedCommand};
use crate::domain::customer::event::{AgentModel, Proposable};
use crate::http::answer::Accepted;
use crate::http::command::read_body;
use crate::http::{Command, Id};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;
use crate::routes::activity::follow_up::FollowUp;
use crate::routes::command::CommandRequest;
use crate::routes::status::{correct::Correction, transition::Move};

/// A proposal of an agent.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({
    "command": "transition", "body": {"to": "need_confirmed", "note": "Budget and decision maker are known"},
    "model": {"name": "assistant", "version": "2026-05"}, "prompt": "Move the customers whose need is confirmed"
}))]
pub(super) struct ProposalBody {
    /// What is proposed.
    command: ProposedVerb,
    /// The request body of the single call.
    #[schema(value_type = Object)]
    body: Value,
    /// The model that the agent runs on.
    model: Model,
    /// What the agent was asked, at most 16,000 characters. Personal data: unreadable once the customer is erased.
    prompt: String,
}

/// What may be proposed.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub(super) enum ProposedVerb {
    /// `POST /v1/customers/{id}/transitions`
    Transition,
    /// `POST /v1/customers/{id}/follow-ups`
    FollowUp,
    /// `POST /v1/customers/{id}/corrections`
    Correction,
}

/// The model that an agent runs on.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(as = NewAgentModel)]
struct Model {
    /// Its name.
    #[schema(example = "assistant")]
    name: String,
    /// Its version.
    #[schema(example = "2026-05")]
    version: String,
}

impl From<ProposedVerb> for Proposable {
    fn from(verb: ProposedVerb) -> Self {
        match verb {
            ProposedVerb::Transition => Self::Transition,
            ProposedVerb::FollowUp => Self::FollowUp,
            ProposedVerb::Correction => Self::Correction,
        }
    }
}

/// Reads what is proposed as strictly as the single call reads its own body.
///
/// # Errors
/// 422 naming every field that is unknown, missing or wrong, as it stands in the proposal.
pub(super) fn proposal(kind: Proposable, body: &Value, ids: &dyn Fn() -> Uuid) -> Result<Proposal, Problem> {
    let request = match kind {
        Proposable::Transition => read_body::<Move>(body).map(|body| body.request(ids)),
        Proposable::FollowUp => read_body::<FollowUp>(body).map(CommandRequest::from),
        Proposable::Correction => read_body::<Correction>(body).and_then(|body| body.request(ids)),
    };
    let CommandRequest { command, effective_at } =
        request.map_err(|problem| problem.with_field_prefix("body."))?;
    let command = match command {
        DomainCommand::Transition(command) => ProposedCommand::Transition(command),
        DomainCommand::FollowUp(command) => ProposedCommand::FollowUp(command),
        DomainCommand::Correct(command) => ProposedCommand::Correction(command),
        other => return Err(Problem::internal(format!("{kind:?} is read as {other:?}"))),
    };
    Ok(Proposal { command, effective_at })
}

/// Propose a command
///
/// For agents, whose keys have the scope `propose`. The proposal is judged like the single call, is kept with the model and
/// the prompt, and waits for a person: it changes nothing until somebody approves it with
/// `POST /v1/approvals/{id}/decisions`. It expires after seven days.
#[utoipa::path(
    post, path = "/v1/customers/{id}/proposals", tag = "approvals", request_body = ProposalBody,
    params(("id" = Uuid, Path, description = "The customer.")),
    responses(
        (status = 200, description = "Proposed; `approval` names the request for approval.", body = Accepted),
        (status = 403, description = "The key has not the scope `propose`, or the agent's actor may not work the customer.", body = ProblemDocument),
        (status = 409, description = "The command conflicts with the customer's state.", body = ProblemDocument),
        (status = 422, description = "The command would be refused, or the model or the prompt is missing; `violations` lists every unmet condition.", body = ProblemDocument),
    )
)]
pub(super) async fn propose(
    State(state): State<AppState>,
    Authority(caller): Authority,
    shown: PresentedCredential,
    Id(customer): Id,
    Command { body, meta }: Command<ProposalBody>,
) -> Result<Accepted, Problem> {
    let ProposalBody { command, body, model, prompt } = body;
    let proposed = Box::new(proposal(command.into(), &body, &*state.app.ids)?);
    let agent = shown.agent.unwrap_or_else(|| caller.actor.name.clone());
    let model = AgentModel { name: model.name, version: model.version };
    let what = DomainCommand::Propose(Propose { agent, model, prompt, proposed, body });
    Ok(state.app.execute(&caller, &meta, &CustomerCommand::on(customer, what, None)).await?.into())
}
