//! Reactivating a lost or dormant customer.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;
use uuid::Uuid;

use crate::auth::Authority;
use crate::domain::customer::command::{self, Command as DomainCommand};
use crate::http::answer::Accepted;
use crate::http::{Command, Id, Instant};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;
use crate::routes::command::{CommandRequest, execute};
use crate::routes::customers::documents::NewDocument;
use crate::routes::customers::evidence::{Evidence, shown};

/// The next cycle of a customer.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"to": "contacted", "reason": "Asked for a new quotation"}))]
pub(crate) struct Reactivation {
    /// The stage to begin it in: an open one.
    to: String,
    /// The reason.
    reason: String,
    /// Evidence that the stage's entry criterion is met.
    #[serde(default)]
    evidence: Vec<Evidence>,
    /// Documents to add; those of a kind that the stage asks for are evidence.
    #[serde(default)]
    documents: Vec<NewDocument>,
    /// When it happened; now when absent.
    effective_at: Option<Instant>,
}

impl Reactivation {
    /// The command; `ids` gives documents their ids.
    pub(crate) fn request(self, ids: &dyn Fn() -> Uuid) -> CommandRequest {
        let body = self;
        let shown = shown(body.evidence, body.documents, ids);
        let reactivate = command::Reactivate { to: body.to, reason: body.reason, shown };
        CommandRequest {
            command: DomainCommand::Reactivate(reactivate),
            effective_at: body.effective_at.map(|instant| instant.0),
        }
    }
}

/// Reactivate a lost or dormant customer
///
/// Starts the journey's next cycle; a lost cycle stays lost in every figure. What the stage wants shown and
/// known is asked of everybody who does not supervise: evidence and documents come along, and what was bought in an earlier cycle
/// shows nothing of this one.
#[utoipa::path(
    post, path = "/v1/customers/{id}/reactivations", tag = "status", request_body = Reactivation,
    params(("id" = Uuid, Path, description = "The customer.")),
    responses(
        (status = 200, description = "Reactivated.", body = Accepted),
        (status = 422, description = "The customer is neither lost nor dormant, or the stage asks for more; `violations` lists every unmet condition.", body = ProblemDocument),
    )
)]
pub(crate) async fn reactivate(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    Command { body, meta }: Command<Reactivation>,
) -> Result<Accepted, Problem> {
    let body = body.request(&*state.app.ids);
    execute(&state, &caller, customer, Command { body, meta }).await
}
