//! Answers kept with their command's receipt, so that a repeat receives the first one.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use waymark_domain::refusal::Refusal;
use waymark_eventstore::{Append, Outcome, Position, Receipt, ReceiptDraft, StoreError};

use super::answer::Request;
use super::{App, AppError, Caller, CommandAnswer, CommandMeta, EventRef};

/// The outcome as it stands in a receipt. Positions are not in it: the log knows them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StoredOutcome {
    /// The command was accepted.
    Done { status: u16, version: u64, events: Vec<(Uuid, String)>, resource: Map<String, Value> },
    /// A business rule said no.
    Refused(Refusal),
}

impl StoredOutcome {
    /// Adds the events of another customer that one command is about. What else the answer says stays the first customer's.
    pub(super) fn add_events_of(&mut self, other: Self) {
        if let (Self::Done { events: ours, .. }, Self::Done { events: theirs, .. }) = (self, other) {
            ours.extend(theirs);
        }
    }

    /// The answer, with the positions that the log gave.
    fn answer(self, first_position: u64, repeated: bool) -> Result<CommandAnswer, AppError> {
        match self {
            Self::Refused(refusal) => Err(refusal.into()),
            Self::Done { status, version, events, resource } => {
                let events: Vec<EventRef> = events
                    .into_iter()
                    .zip(first_position..)
                    .map(|((id, event_type), position)| EventRef { id, event_type, position })
                    .collect();
                let position = events.last().map_or(first_position, |last| last.position);
                Ok(CommandAnswer { status, position, version, events, resource, repeated })
            }
        }
    }
}

/// How the outcome of a request is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Shape {
    /// One outcome, a refusal included.
    Single,
    /// A list, kept when every command was accepted.
    Batch,
}

impl Shape {
    /// The receipt to be stored beside the events, when the caller asked for one.
    pub(super) fn receipt(
        self,
        outcomes: &[StoredOutcome],
        request: Request<'_>,
    ) -> Result<Option<ReceiptDraft>, AppError> {
        match (self, outcomes) {
            (Self::Single, [only]) => receipt(only, request),
            _ => receipt(&outcomes, request),
        }
    }

    /// The answers that a receipt holds.
    pub(super) fn replay(self, first: &Receipt) -> Result<Vec<CommandAnswer>, AppError> {
        let outcomes = match self {
            Self::Single => serde_json::from_slice(&first.outcome).map(|only| vec![only]),
            Self::Batch => serde_json::from_slice(&first.outcome),
        };
        let outcomes = outcomes.map_err(|error| AppError::Unreadable(error.to_string()))?;
        answers(outcomes, first.first_position, true)
    }
}

/// Every command's answer, with the positions that the log gave.
pub(super) fn answers(
    outcomes: Vec<StoredOutcome>,
    first: Position,
    repeated: bool,
) -> Result<Vec<CommandAnswer>, AppError> {
    let mut next = first;
    let mut answered = Vec::with_capacity(outcomes.len());
    for outcome in outcomes {
        let answer = outcome.answer(next, repeated)?;
        next += answer.events.len() as u64;
        answered.push(answer);
    }
    Ok(answered)
}

/// The receipt of an outcome, when the caller asked for one.
fn receipt(outcome: &impl Serialize, request: Request<'_>) -> Result<Option<ReceiptDraft>, AppError> {
    let Request { caller, meta } = request;
    let Some(key) = &meta.idempotency_key else { return Ok(None) };
    let outcome = serde_json::to_vec(outcome).map_err(|error| AppError::Unreadable(error.to_string()))?;
    Ok(Some(ReceiptDraft { command_id: command_id(caller, key), digest: meta.digest, outcome }))
}

/// Two people may choose the same key for different things, so the key belongs to its actor.
fn command_id(caller: &Caller, key: &str) -> String {
    let digest =
        Sha256::new().chain_update(&caller.actor.name).chain_update([0]).chain_update(key).finalize();
    digest.iter().map(|byte| format!("{byte:02x}")).collect()
}

impl App {
    /// The receipt of the first request with this idempotency key.
    pub(super) async fn first_receipt(&self, request: Request<'_>) -> Result<Option<Receipt>, AppError> {
        let Request { caller, meta } = request;
        let Some(key) = &meta.idempotency_key else { return Ok(None) };
        match self.store.receipt(caller.tenant, &command_id(caller, key)).await? {
            Some(receipt) if receipt.digest != meta.digest => Err(AppError::KeyReused),
            known => Ok(known),
        }
    }

    /// The reply that a request of many commands received the first time.
    ///
    /// # Errors
    /// When the key came with another request, or the log cannot be read.
    pub async fn stored_reply(&self, caller: &Caller, meta: &CommandMeta) -> Result<Option<Value>, AppError> {
        let Some(receipt) = self.first_receipt(Request { caller, meta }).await? else { return Ok(None) };
        let reply = serde_json::from_slice(&receipt.outcome);
        reply.map(Some).map_err(|error| AppError::Unreadable(error.to_string()))
    }

    /// Keeps the reply to a request of many commands, when the caller asked for that by a key.
    ///
    /// # Errors
    /// When the log cannot take it.
    pub async fn store_reply(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        reply: &Value,
    ) -> Result<(), AppError> {
        if let Some(receipt) = receipt(reply, Request { caller, meta })? {
            let append = Append { receipt: Some(receipt), ..Append::new(caller.tenant, Vec::new()) };
            self.store.append(append).await.map_err(store_error)?;
        }
        Ok(())
    }

    /// Keeps the refusal of a single command, so that a retry is refused alike. Returns it, or the first answer when the
    /// same command was carried out meanwhile.
    pub(super) async fn refuse(
        &self,
        request: Request<'_>,
        refusal: Refusal,
    ) -> Result<Vec<CommandAnswer>, AppError> {
        let outcomes = vec![StoredOutcome::Refused(refusal)];
        let Some(receipt) = Shape::Single.receipt(&outcomes, request)? else {
            return answers(outcomes, 0, false);
        };
        let append = Append { receipt: Some(receipt), ..Append::new(request.caller.tenant, Vec::new()) };
        // A crash here leaves the refusal unkept: a retry is decided again, on the state of its own moment.
        match self.store.append(append).await.map_err(store_error)? {
            Outcome::Repeated(first) => Shape::Single.replay(&first),
            Outcome::Appended(_) => answers(outcomes, 0, false),
        }
    }
}

/// A store error as the answer to a command.
pub(super) fn store_error(error: StoreError) -> AppError {
    match error {
        StoreError::CommandIdReused => AppError::KeyReused,
        other => AppError::Store(other),
    }
}
