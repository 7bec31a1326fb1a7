//! Answers kept with their command's receipt, so that a retry gets the first one.

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use sha2::{Digest, Sha256};
use uuid::Uuid;
use waymark_domain::refusal::Refusal;
use waymark_eventstore::{Append, Outcome, Receipt, ReceiptDraft, StoreError};

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
    /// The answer, with the positions that the log gave.
    pub(super) fn answer(self, first_position: u64, repeated: bool) -> Result<CommandAnswer, AppError> {
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

    /// The receipt to be stored beside the events, when the caller asked for one.
    pub(super) fn receipt(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
    ) -> Result<Option<ReceiptDraft>, AppError> {
        receipt(self, caller, meta)
    }
}

/// The receipt of an outcome, when the caller asked for one.
pub(super) fn receipt(
    outcome: &impl Serialize,
    caller: &Caller,
    meta: &CommandMeta,
) -> Result<Option<ReceiptDraft>, AppError> {
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
    /// The first answer to this command, if it came before.
    pub(super) async fn stored_answer(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
    ) -> Result<Option<CommandAnswer>, AppError> {
        self.first_receipt(caller, meta).await?.map(|receipt| replay(&receipt)).transpose()
    }

    /// The receipt of the first request with this idempotency key.
    pub(super) async fn first_receipt(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
    ) -> Result<Option<Receipt>, AppError> {
        let Some(key) = &meta.idempotency_key else { return Ok(None) };
        match self.store.receipt(caller.tenant, &command_id(caller, key)).await? {
            Some(receipt) if receipt.digest != meta.digest => Err(AppError::KeyReused),
            known => Ok(known),
        }
    }

    /// What a request of many commands was answered with the first time.
    ///
    /// # Errors
    /// When the key came with another request, or the log cannot be read.
    pub async fn stored_reply(&self, caller: &Caller, meta: &CommandMeta) -> Result<Option<Value>, AppError> {
        let Some(receipt) = self.first_receipt(caller, meta).await? else { return Ok(None) };
        let reply = serde_json::from_slice(&receipt.outcome);
        reply.map(Some).map_err(|error| AppError::Unreadable(error.to_string()))
    }

    /// Keeps what a request of many commands is answered with, when the caller asked for that by a key.
    ///
    /// # Errors
    /// When the log cannot take it.
    pub async fn store_reply(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        reply: &Value,
    ) -> Result<(), AppError> {
        if let Some(receipt) = receipt(reply, caller, meta)? {
            let append = Append { receipt: Some(receipt), ..Append::new(caller.tenant, Vec::new()) };
            self.store.append(append).await.map_err(store_error)?;
        }
        Ok(())
    }

    /// Keeps a refusal, so that a retry is refused alike. Answers with it, or with the first answer when the
    /// same command was carried out meanwhile.
    pub(super) async fn refuse(
        &self,
        caller: &Caller,
        meta: &CommandMeta,
        refusal: Refusal,
    ) -> Result<CommandAnswer, AppError> {
        let outcome = StoredOutcome::Refused(refusal);
        let Some(receipt) = outcome.receipt(caller, meta)? else { return outcome.answer(0, false) };
        let append = Append { receipt: Some(receipt), ..Append::new(caller.tenant, Vec::new()) };
        match self.store.append(append).await.map_err(store_error)? {
            Outcome::Repeated(receipt) => replay(&receipt),
            Outcome::Appended(_) => outcome.answer(0, false),
        }
    }
}

/// The outcome answer of a receipt.
pub(super) fn replay(receipt: &Receipt) -> Result<CommandAnswer, AppError> {
    serde_json::from_slice::<StoredOutcome>(&receipt.outcome)
        .map_err(|error| AppError::Unreadable(error.to_string()))?
        .answer(receipt.first_position, true)
}

/// A store error as the answer to a command.
pub(super) fn store_error(error: StoreError) -> AppError {
    match error {
        StoreError::CommandIdReused => AppError::KeyReused,
        other => AppError::Store(other),
    }
}
