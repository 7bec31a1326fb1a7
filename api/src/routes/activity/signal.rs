//! Recording a signal.

use axum::extract::State;
use serde::Deserialize;
use serde_json::{Map, Value};
use utoipa::ToSchema;

use crate::auth::Authority;
use crate::domain::customer::command::{self, Command as DomainCommand};
use crate::http::answer::Accepted;
use crate::http::{Command, Id, Instant};
use crate::problem::Problem;
use crate::routes::AppState;
use crate::routes::command::{CommandRequest, execute};

/// Something that was observed about the customer.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"kind": "paid", "at": "2026-03-01T01:30:00Z", "data": {"invoice": "2026-118"}}))]
pub(crate) struct Signal {
    /// What, such as `paid` or `logged_in`.
    kind: String,
    /// When; now when absent.
    at: Option<Instant>,
    /// Its particulars.
    #[schema(value_type = Option<Object>)]
    data: Option<Map<String, Value>>,
}

impl From<Signal> for CommandRequest {
    fn from(body: Signal) -> Self {
        Self {
            command: DomainCommand::Signal(command::Signal {
                kind: body.kind,
                data: body.data.map(Value::Object),
            }),
            effective_at: body.at.map(|instant| instant.0),
        }
    }
}

/// Record a signal
#[utoipa::path(
    post, path = "/v1/customers/{id}/signals", tag = "activity", request_body = Signal,
    params(("id" = Uuid, Path, description = "The customer.")),
    responses((status = 200, description = "Recorded.", body = Accepted))
)]
pub(crate) async fn signal(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    command: Command<Signal>,
) -> Result<Accepted, Problem> {
    execute(&state, &caller, customer, command).await
}
