//! What a line asks for, carried out or tried without effect.

use axum::http::{Method, StatusCode};
use chrono::{DateTime, Utc};
use serde_json::Value;
use uuid::Uuid;

use super::Sender;
use super::line::{BulkLine, LineResult, Verb};
use crate::app::{BatchAction, BatchCommand, CommandMeta, PairCommand};
use crate::domain::Label;
use crate::domain::customer::Command;
use crate::domain::customer::command::Register;
use crate::http::answer::Accepted;
use crate::http::command::{digest, read_body};
use crate::problem::Problem;
use crate::routes::activity::{follow_up::FollowUp, note::Note, signal::Signal};
use crate::routes::command::CommandRequest;
use crate::routes::customers::register::NewCustomer;
use crate::routes::duplicates::{distinguish::Distinction, merge::MergeRequest};
use crate::routes::ownership::{change_owner::OwnerChange, claim::Claim, release::Release};
use crate::routes::status::{correct::Correction, reactivate::Reactivation, transition::Move};

/// What a line asks for, with everything that the single call has.
pub(super) struct Task {
    meta: CommandMeta,
    what: What,
}

enum What {
    Register { register: Box<Register>, effective_at: Option<DateTime<Utc>> },
    Customer { customer: Uuid, request: Box<CommandRequest> },
    Join { survivor: Uuid, pair: PairCommand },
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
            digest: digest(&Method::POST, &path, &line.body),
            if_match: None,
            correlation_id: Some(sender.reader.trace_id.as_uuid()),
            causation_id: None,
        };
        let what = match line.customer_id {
            Some(survivor) if line.command == Verb::Merge => {
                What::Join { survivor, pair: read_body::<MergeRequest>(&line.body)?.into() }
            }
            Some(survivor) if line.command == Verb::Distinction => {
                What::Join { survivor, pair: read_body::<Distinction>(&line.body)?.into() }
            }
            Some(customer) => {
                What::Customer { customer, request: Box::new(request(line.command, &line.body)?) }
            }
            None => {
                let body: NewCustomer = read_body(&line.body)?;
                let effective_at = body.effective_at.map(|instant| instant.0);
                What::Register { register: Box::new(body.into()), effective_at }
            }
        };
        Ok(Self { meta, what })
    }

    /// The line as a step among others. It has no idempotency key of its own: the request has one.
    pub(super) fn step(self, sender: &Sender) -> Result<BatchCommand, Problem> {
        if self.meta.idempotency_key.is_some() {
            let message = Label::new(
                "atomic=true 时请用请求头 Idempotency-Key。",
                "With atomic=true the request itself has the key: send the header Idempotency-Key.",
            );
            return Err(Problem::invalid_value("idempotency_key", message));
        }
        Ok(match self.what {
            What::Register { register, effective_at } => {
                let customer = (sender.state.app.ids)();
                let register = Register { customer, ..*register };
                BatchCommand {
                    customer,
                    what: BatchAction::Command(Box::new(Command::Register(register))),
                    effective_at,
                }
            }
            What::Customer { customer, request } => BatchCommand {
                customer,
                what: BatchAction::Command(Box::new(request.command)),
                effective_at: request.effective_at,
            },
            What::Join { survivor, pair } => {
                BatchCommand { customer: survivor, what: BatchAction::Pair(pair), effective_at: None }
            }
        })
    }

    pub(super) async fn execute(self, sender: &Sender) -> Result<(StatusCode, LineResult), Problem> {
        let Sender { state, caller, .. } = sender;
        let answer = match self.what {
            What::Register { register, effective_at } => {
                state.app.register(caller, &self.meta, *register, effective_at).await?
            }
            What::Customer { customer, request } => {
                state
                    .app
                    .customer(caller, &self.meta, customer, &request.command, request.effective_at)
                    .await?
            }
            What::Join { survivor, pair } => {
                state.app.execute_pair(caller, &self.meta, survivor, &pair).await?
            }
        };
        let accepted = Accepted::from(answer);
        Ok((accepted.status(), LineResult::Accepted(accepted)))
    }

    /// What the line would record, judged against the present state.
    pub(super) async fn dry_run(self, sender: &Sender) -> Result<(StatusCode, LineResult), Problem> {
        let (status, events) = match self.what {
            What::Register { register, effective_at } => {
                let Sender { state, caller, .. } = sender;
                let events = state.app.dry_run_registration(caller, *register, effective_at).await?;
                (StatusCode::CREATED, events)
            }
            What::Customer { customer, request } => {
                let tried = sender.state.app.dry_run(
                    &sender.caller,
                    customer,
                    &request.command,
                    request.effective_at,
                );
                (StatusCode::OK, tried.await?)
            }
            What::Join { survivor, pair } => {
                let tried = sender.state.app.dry_run_pair(&sender.caller, survivor, &pair);
                (StatusCode::OK, tried.await?)
            }
        };
        let would_record = events.iter().map(|new| new.event.event_type()).collect();
        Ok((status, LineResult::Rehearsed { would_record }))
    }
}

fn request(verb: Verb, body: &Value) -> Result<CommandRequest, Problem> {
    Ok(match verb {
        Verb::Register | Verb::Merge | Verb::Distinction => {
            return Err(Problem::missing_field("customer_id"));
        }
        Verb::Transition => read_body::<Move>(body)?.into(),
        Verb::Correction => read_body::<Correction>(body)?.request()?,
        Verb::Reactivation => read_body::<Reactivation>(body)?.into(),
        Verb::Note => read_body::<Note>(body)?.into(),
        Verb::FollowUp => read_body::<FollowUp>(body)?.into(),
        Verb::Signal => read_body::<Signal>(body)?.into(),
        Verb::Claim => read_body::<Claim>(body)?.into(),
        Verb::Release => read_body::<Release>(body)?.into(),
        Verb::OwnerChange => read_body::<OwnerChange>(body)?.into(),
    })
}
