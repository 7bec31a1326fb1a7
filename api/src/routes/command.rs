//! Commands on a customer as HTTP requests carry them: a body of their own shape and an effective time.
//!
//! Single calls and lines of a bulk request read the same bodies and create the same commands from them.

use chrono::{DateTime, Utc};
use uuid::Uuid;

use crate::app::{Caller, CustomerCommand};
use crate::domain::customer;
use crate::http::Command;
use crate::http::answer::Accepted;
use crate::problem::Problem;

use super::AppState;

/// A domain command with its effective time, if the client gives one.
#[derive(Debug, Clone)]
pub(super) struct CommandRequest {
    /// The command.
    pub command: customer::Command,
    /// When it happened; now when absent.
    pub effective_at: Option<DateTime<Utc>>,
}

impl CommandRequest {
    /// A command that happens now.
    #[must_use]
    pub(super) fn now(command: customer::Command) -> Self {
        Self { command, effective_at: None }
    }
}

/// Executes a request body as a command on one customer.
///
/// # Errors
/// Whatever the command ends in but success.
pub(super) async fn execute<T: Into<CommandRequest>>(
    state: &AppState,
    caller: &Caller,
    customer: Uuid,
    command: Command<T>,
) -> Result<Accepted, Problem> {
    let CommandRequest { command: what, effective_at } = command.body.into();
    let addressed = CustomerCommand::on(customer, what, effective_at);
    let answer = state.app.execute(caller, &command.meta, &addressed).await?;
    Ok(answer.into())
}
