//! Completing a task.

use axum::extract::State;
use serde::Deserialize;
use utoipa::ToSchema;

use crate::app::CustomerCommand;
use crate::auth::Authority;
use crate::domain::customer::command::{Command as DomainCommand, CompleteTask};
use crate::http::answer::Accepted;
use crate::http::{Command, Id};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::routes::AppState;

/// The completion of a task.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"note": "They decide next week"}))]
pub(super) struct CompletionBody {
    /// A note.
    note: Option<String>,
}

/// Complete a task
///
/// Available to anyone who may work the customer. A task can be completed only once.
#[utoipa::path(
    post, path = "/v1/tasks/{id}/completions", tag = "work", request_body = CompletionBody,
    params(("id" = Uuid, Path, description = "The task.")),
    responses(
        (status = 200, description = "Completed.", body = Accepted),
        (status = 403, description = "The customer belongs to another rep.", body = ProblemDocument),
        (status = 404, description = "There is no such task.", body = ProblemDocument),
        (status = 409, description = "The task is already completed or cancelled.", body = ProblemDocument),
    )
)]
pub(super) async fn complete(
    State(state): State<AppState>,
    Authority(caller): Authority,
    Id(task): Id,
    command: Command<CompletionBody>,
) -> Result<Accepted, Problem> {
    let customer = state.app.customer_of_task(&caller, task).await?;
    let what = DomainCommand::CompleteTask(CompleteTask { task, note: command.body.note });
    Ok(state.app.execute(&caller, &command.meta, &CustomerCommand::on(customer, what, None)).await?.into())
}
