//! A task is done.

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

/// That a task is done.
#[derive(Debug, Clone, Deserialize, ToSchema)]
#[schema(example = json!({"note": "They decide next week"}))]
pub(super) struct CompletionBody {
    /// What is said about it.
    note: Option<String>,
}

/// Complete a task
///
/// By whoever may work the customer. A task is completed once.
#[utoipa::path(
    post, path = "/v1/tasks/{id}/completions", tag = "work", request_body = CompletionBody,
    params(("id" = Uuid, Path, description = "The task.")),
    responses(
        (status = 200, description = "Done.", body = Accepted),
        (status = 403, description = "The customer is another rep's.", body = ProblemDocument),
        (status = 404, description = "There is no such task.", body = ProblemDocument),
        (status = 409, description = "It is done or cancelled already.", body = ProblemDocument),
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
