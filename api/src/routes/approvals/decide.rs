//! Deciding an approval request.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::CustomerCommand;
use crate::auth::Authority;
use crate::domain::customer::command::{self, Command as DomainCommand};
use crate::http::answer::Accepted;
use crate::http::{Command, Id};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

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
/// The transition is validated again as of now. Requesters cannot approve their own requests.
#[utoipa::path(
    post, path = "/v1/approvals/{id}/decisions", tag = "approvals", request_body = DecisionBody,
    params(("id" = Uuid, Path, description = "The approval request.")),
    responses(
        (status = 200, description = "Decided; if approved, the transition has been executed.", body = Accepted),
        (status = 403, description = "The caller may not decide this request.", body = ProblemDocument),
        (status = 404, description = "There is no such request.", body = ProblemDocument),
        (status = 409, description = "The request is already decided or expired, or the customer has moved since.", body = ProblemDocument),
        (status = 422, description = "The transition is no longer possible.", body = ProblemDocument),
    )
)]
pub(super) async fn decide(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(request): Id,
    command: Command<DecisionBody>,
) -> Result<Accepted, Problem> {
    let customer = state.app.customer_of_request(&caller, request).await?;
    let DecisionBody { decision, note } = command.body;
    let settle = command::Settle { request, decision: decision.into(), note };
    let what = DomainCommand::Settle(settle);
    Ok(state.app.execute(&caller, &command.meta, &CustomerCommand::on(customer, what, None)).await?.into())
}
