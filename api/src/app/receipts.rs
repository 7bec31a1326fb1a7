//! Answers kept with their command's receipt, so that a repeat receives the first one.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use waymark_domain::refusal::Refusal;
use waymark_eventstore::{Append, Outcome, Position, Receipt, ReceiptDraft, StoreError};

use super::answer::Request;
use super::{App, AppError, BatchError, Caller, CommandAnswer, CommandMeta, EventRef};

/// The outcome as it stands in a receipt. Positions are not in it: the log knows them.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(super) enum StoredOutcome {
    /// The command was accepted.
    Done { status: u16, version: u64, events: Vec<(Uuid, String)>, resource: Map<String, Value> },
    /// A business rule said no.
    Refused(Refusal),
    /// There is no such thing.
    NotFound { what: Cow<'static, str>, id: String },
    /// `If-Match` named another version.
    VersionMismatch { current: u64 },
}

/// Whether a command that was not carried out has an answer in that, rather than that the service failed. Only answers are kept.
pub(super) fn is_answer(error: &AppError) -> bool {
    match error {
        AppError::Refused(_) | AppError::NotFound { .. } | AppError::VersionMismatch { .. } => true,
        AppError::KeyReused
        | AppError::Contention
        | AppError::Store(_)
        | AppError::Projection(_)
        | AppError::ErasureRecord(_)
        | AppError::Unreadable(_) => false,
    }
}

impl StoredOutcome {
    /// The outcome of a command that was not carried out, where that is an answer to it rather than a failure of the service.
    pub(super) fn of_refusal(error: &AppError) -> Option<Self> {
        match error {
            AppError::Refused(refusal) => Some(Self::Refused(refusal.as_ref().clone())),
            AppError::NotFound { what, id } => Some(Self::NotFound { what: what.clone(), id: id.clone() }),
            AppError::VersionMismatch { current } => Some(Self::VersionMismatch { current: *current }),
            // A failure: [`is_answer`] lists them.
            _ => None,
        }
    }

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
            Self::NotFound { what, id } => Err(AppError::NotFound { what, id }),
            Self::VersionMismatch { current } => Err(AppError::VersionMismatch { current }),
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
    /// A list where every command was accepted, else the one that was refused.
    Batch,
}

/// The outcome of a batch as it stands in a receipt.
#[derive(Debug, Deserialize)]
#[serde(untagged)]
enum StoredBatch {
    Done(Vec<StoredOutcome>),
    Stopped(StoredStop),
}

/// The command of a batch because of which none was carried out, with the first others that were refused, and how many in all.
#[derive(Debug, Serialize, Deserialize)]
struct StoredStop {
    step: usize,
    outcome: StoredOutcome,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    others: Vec<(usize, StoredOutcome)>,
    #[serde(default = "one")]
    refused: usize,
}

/// What was kept before others were kept beside it had one refusal.
fn one() -> usize {
    1
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

    /// The receipt of a refusal, when the caller asked for one.
    fn receipt_of_refusal(
        self,
        stopped: &BatchError,
        outcome: StoredOutcome,
        request: Request<'_>,
    ) -> Result<Option<ReceiptDraft>, AppError> {
        match self {
            Self::Single => receipt(&outcome, request),
            Self::Batch => {
                let kept =
                    |(step, error): &(usize, AppError)| Some((*step, StoredOutcome::of_refusal(error)?));
                let others = stopped.others.iter().filter_map(kept).collect();
                let BatchError { step, refused, .. } = *stopped;
                receipt(&StoredStop { step, outcome, others, refused }, request)
            }
        }
    }

    /// The answers that a receipt holds, or the refusal.
    pub(super) fn replay(self, first: &Receipt) -> Result<Vec<CommandAnswer>, BatchError> {
        let stored = match self {
            Self::Single => serde_json::from_slice(&first.outcome).map(|only| StoredBatch::Done(vec![only])),
            Self::Batch => serde_json::from_slice(&first.outcome),
        };
        match stored.map_err(|error| AppError::Unreadable(error.to_string()))? {
            StoredBatch::Done(outcomes) => Ok(answers(outcomes, first.first_position, true)?),
            StoredBatch::Stopped(StoredStop { step, outcome, others, refused }) => {
                let told = |outcome| answers(vec![outcome], first.first_position, true);
                let again = |(step, outcome)| Some((step, told(outcome).err()?));
                let others = others.into_iter().filter_map(again).collect();
                told(outcome).map_err(|error| BatchError { step, error, others, refused })
            }
        }
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
pub(super) fn command_id(caller: &Caller, key: &str) -> String {
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

    /// The answer that a command with one outcome received the first time.
    ///
    /// # Errors
    /// The refusal, where it was one; when the key came with another request, or the log cannot be read.
    pub async fn first_answer(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
    ) -> Result<Option<CommandAnswer>, AppError> {
        let Some(receipt) = self.first_receipt(Request { caller, meta }).await? else { return Ok(None) };
        let answers = Shape::Single.replay(&receipt).map_err(|stopped| stopped.error)?;
        Ok(answers.into_iter().next())
    }

    /// The reply that a request received the first time of which the log tells in no event, or in many.
    ///
    /// # Errors
    /// When the key came with another request, or the log cannot be read.
    pub async fn stored_reply(&self, caller: &Caller, meta: &CommandMeta) -> Result<Option<Value>, AppError> {
        let Some(receipt) = self.first_receipt(Request { caller, meta }).await? else { return Ok(None) };
        let reply = serde_json::from_slice(&receipt.outcome);
        reply.map(Some).map_err(|error| AppError::Unreadable(error.to_string()))
    }

    /// Keeps the reply to such a request, when the caller asked for that by a key.
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

    /// Keeps a refusal, so that a retry is refused alike. Returns it, or the first answer when the same command was carried
    /// out meanwhile.
    pub(super) async fn refuse(
        &self,
        request: Request<'_>,
        shape: Shape,
        stopped: BatchError,
    ) -> Result<Vec<CommandAnswer>, BatchError> {
        let Some(outcome) = StoredOutcome::of_refusal(&stopped.error) else { return Err(stopped) };
        let Some(receipt) = shape.receipt_of_refusal(&stopped, outcome, request)? else {
            return Err(stopped);
        };
        let append = Append { receipt: Some(receipt), ..Append::new(request.caller.tenant, Vec::new()) };
        // A crash here leaves the refusal unkept: a retry is decided again, on the state of its own moment.
        match self.store.append(append).await.map_err(store_error)? {
            Outcome::Repeated(first) => shape.replay(&first),
            Outcome::Appended(_) => Err(stopped),
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
