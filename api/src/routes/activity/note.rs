//! Adding a note.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::auth::Authority;
use crate::domain::customer::command::{self, Command as DomainCommand};
use crate::http::answer::Accepted;
use crate::http::{Command, Id, Instant};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;
use crate::routes::command::{CommandRequest, execute};

/// A note.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"text": "Prefers to be rung in the afternoon"}))]
pub(crate) struct Note {
    /// The text. Personal data: unreadable once the customer is erased.
    text: String,
    /// When it was so; now when absent.
    effective_at: Option<Instant>,
}

impl From<Note> for CommandRequest {
    fn from(body: Note) -> Self {
        Self {
            command: DomainCommand::Note(command::Note { text: body.text }),
            effective_at: body.effective_at.map(|instant| instant.0),
        }
    }
}

/// Add a note
#[utoipa::path(
    post, path = "/v1/customers/{id}/notes", tag = "activity", request_body = Note,
    params(("id" = Uuid, Path, description = "The customer.")),
    responses(
        (status = 200, description = "Added.", body = Accepted),
        (status = 422, description = "The text is empty or too long.", body = ProblemDocument),
    )
)]
pub(crate) async fn note(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(customer): Id,
    command: Command<Note>,
) -> Result<Accepted, Problem> {
    execute(&state, &caller, customer, command).await
}
