//! Deciding an approval request.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::{CustomerCommand, FoundRequest};
use crate::auth::Authority;
use crate::domain::customer::command::{self, Command as DomainCommand};
use crate::http::answer::Accepted;
use crate::http::{Command, Id};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;
use crate::routes::approvals::propose::proposal;

/// A decision on an approval request.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"decision": "approve", "note": "The discount is agreed"}))]
pub(super) struct DecisionBody {
    /// `approve`, `reject`, or `withdraw` (by the requester).
    decision: Decision,
    /// A note. Required for a rejection.
    note: Option<String>,
}

/// A decision on an approval request.
#[derive(Debug, Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Decision {
    Approve,
    Reject,
    Withdraw,
}

impl From<Decision> for command::Decision {
    fn from(decision: Decision) -> Self {
        match decision {
            Decision::Approve => Self::Approve,
            Decision::Reject => Self::Reject,
            Decision::Withdraw => Self::Withdraw,
        }
    }
}

/// Decide an approval request
///
/// The transition is validated again as of now. Requesters cannot approve their own requests. What an agent proposed is
/// carried out as the act of the person who approves it, in their rights and under the rules as of now; if these refuse it, the
/// response lists every unmet condition and the proposal stays open. An agent decides nothing.
#[utoipa::path(
    post, path = "/v1/approvals/{id}/decisions", tag = "approvals", request_body = DecisionBody,
    params(("id" = Uuid, Path, description = "The approval request.")),
    responses(
        (status = 200, description = "Decided; if approved, the transition or proposal has been executed.", body = Accepted),
        (status = 403, description = "The caller may not decide this request.", body = ProblemDocument),
        (status = 404, description = "There is no such request.", body = ProblemDocument),
        (status = 409, description = "The request is already decided or expired, or the customer has moved since.", body = ProblemDocument),
        (status = 422, description = "The transition or proposal is no longer possible.", body = ProblemDocument),
    )
)]
pub(super) async fn decide(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(request): Id,
    command: Command<DecisionBody>,
) -> Result<Accepted, Problem> {
    let FoundRequest { customer, proposed } = state.app.request(&caller, request).await?;
    let DecisionBody { decision, note } = command.body;
    let mut meta = command.meta;
    meta.causation_id = proposed.as_ref().map(|_| request);
    let body = proposed.and_then(|found| Some((found.command, found.body.clear()?.clone())));
    let proposed = body.map(|(kind, body)| proposal(kind, &body, &*state.app.ids)).transpose()?.map(Box::new);
    let settle = command::Settle { request, decision: decision.into(), note, proposed };
    let what = DomainCommand::Settle(settle);
    Ok(state.app.execute(&caller, &meta, &CustomerCommand::on(customer, what, None)).await?.into())
}
