//! The task of a bulk line: executed, or rehearsed.

use axum::http::{Method, StatusCode};
use serde_json::Value;
use uuid::Uuid;

use super::Sender;
use super::line::{BulkLine, LineResult, Verb};
use crate::app::{CommandMeta, CustomerCommand, Rehearsal};
use crate::domain::Label;
use crate::http::answer::Accepted;
use crate::http::command::{digest, named_path, read_body};
use crate::problem::Problem;
use crate::routes::activity::{follow_up::FollowUp, note::Note, signal::Signal};
use crate::routes::command::CommandRequest;
use crate::routes::customers::purchases::{NewPoints, NewTransaction};
use crate::routes::customers::register::NewCustomer;
use crate::routes::duplicates::{distinguish::Distinction, merge::MergeRequest};
use crate::routes::ownership::{change_owner::OwnerChange, claim::Claim, release::Release};
use crate::routes::status::{correct::Correction, reactivate::Reactivation, transition::Move};

/// What a line asks for, with everything that the single call has.
pub(super) struct Task {
    meta: CommandMeta,
    command: CustomerCommand,
    /// Of the answer when it is carried out.
    status: StatusCode,
}

impl Task {
    /// Reads the line's body as the single call reads its own.
    pub(super) fn of(sender: &Sender, line: &BulkLine) -> Result<Self, Problem> {
        let path = match (line.customer_id, line.command.segment()) {
            (Some(customer), Some(segment)) => format!("/v1/customers/{customer}/{segment}"),
            _ => "/v1/customers".to_owned(),
        };
        let meta = CommandMeta {
            idempotency_key: line.idempotency_key.clone(),
            digest: digest(&Method::POST, &named_path(&path, sender.caller.origin), &line.body),
            if_match: None,
            correlation_id: Some(sender.reader.trace_id.as_uuid()),
            causation_id: None,
        };
        let mut status = StatusCode::OK;
        let command = match line.customer_id {
            Some(survivor) if line.command == Verb::Merge => {
                CustomerCommand::pair(survivor, read_body::<MergeRequest>(&line.body)?.into())
            }
            Some(survivor) if line.command == Verb::Distinction => {
                CustomerCommand::pair(survivor, read_body::<Distinction>(&line.body)?.into())
            }
            Some(customer) => {
                let request = request(line.command, &line.body, &*sender.state.app.ids)?;
                CustomerCommand::on(customer, request.command, request.effective_at)
            }
            None => {
                let body: NewCustomer = read_body(&line.body)?;
                let effective_at = body.effective_at.map(|instant| instant.0);
                status = StatusCode::CREATED;
                CustomerCommand::register(
                    (sender.state.app.ids)(),
                    body.command(&*sender.state.app.ids),
                    effective_at,
                )
            }
        };
        Ok(Self { meta, command, status })
    }

    /// The task under the request's key, where it has none of its own. No key of a request has the sign that divides it from
    /// the line's number.
    pub(super) fn numbered(mut self, sender: &Sender, number: u64) -> Self {
        let of_request = || sender.idempotency_key.as_ref().map(|key| format!("{key}\n{number}"));
        self.meta.idempotency_key = self.meta.idempotency_key.or_else(of_request);
        self
    }

    /// The line as a command among others. It has no idempotency key of its own: the request has one.
    pub(super) fn among_others(self) -> Result<CustomerCommand, Problem> {
        if self.meta.idempotency_key.is_some() {
            let message = Label::new(
                "atomic=true 时请使用请求头 Idempotency-Key。",
                "With atomic=true, use the header Idempotency-Key.",
            );
            return Err(Problem::invalid_value("idempotency_key", message));
        }
        Ok(self.command)
    }

    pub(super) async fn execute(self, sender: &Sender) -> Result<(StatusCode, LineResult), Problem> {
        let Sender { state, caller, .. } = sender;
        let answer = state.app.execute(caller, &self.meta, &self.command).await?;
        let accepted = Accepted::from(answer);
        Ok((accepted.status(), LineResult::Accepted(accepted)))
    }

    /// What the line would record, judged on what the lines before it would leave behind.
    pub(super) async fn rehearse(
        self,
        sender: &Sender,
        rehearsal: &mut Rehearsal,
    ) -> Result<(StatusCode, LineResult), Problem> {
        let Sender { state, caller, .. } = sender;
        let events = state.app.rehearse(caller, &self.meta, &self.command, rehearsal).await?;
        let would_record = events.iter().map(|new| new.event.event_type()).collect();
        Ok((self.status, LineResult::Rehearsed { would_record }))
    }
}

fn request(verb: Verb, body: &Value, ids: &dyn Fn() -> Uuid) -> Result<CommandRequest, Problem> {
    Ok(match verb {
        Verb::Register | Verb::Merge | Verb::Distinction => {
            return Err(Problem::missing_field("customer_id"));
        }
        Verb::Transition => read_body::<Move>(body)?.request(ids),
        Verb::Correction => read_body::<Correction>(body)?.request(ids)?,
        Verb::Reactivation => read_body::<Reactivation>(body)?.request(ids),
        Verb::Note => read_body::<Note>(body)?.into(),
        Verb::FollowUp => read_body::<FollowUp>(body)?.into(),
        Verb::Signal => read_body::<Signal>(body)?.into(),
        Verb::Transaction => read_body::<NewTransaction>(body)?.into(),
        Verb::Points => read_body::<NewPoints>(body)?.into(),
        Verb::Claim => read_body::<Claim>(body)?.into(),
        Verb::Release => read_body::<Release>(body)?.into(),
        Verb::OwnerChange => read_body::<OwnerChange>(body)?.into(),
    })
}
