//! What a command is answered with.

use std::borrow::Cow;

use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use uuid::Uuid;
use waymark_domain::refusal::Refusal;
use waymark_eventstore::{Position, StoreError};
use waymark_projections::ProjectionError;

use super::Caller;

/// What comes with a command beside its body.
#[derive(Debug, Clone, Default)]
pub struct CommandMeta {
    /// Makes a repeat return the first answer.
    pub idempotency_key: Option<String>,
    /// SHA-256 of the request: the same key with another digest is refused.
    pub digest: [u8; 32],
    /// The version that the caller believes the customer to have.
    pub if_match: Option<u64>,
    /// Ties together what follows from one request.
    pub correlation_id: Option<Uuid>,
    /// The event because of which a rule commands.
    pub causation_id: Option<Uuid>,
}

/// One event that a command appended.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct EventRef {
    /// The event's id.
    pub id: Uuid,
    /// Its type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// Its position in the tenant's log.
    pub position: Position,
}

/// A command that was accepted, now or (when repeated) the first time.
#[derive(Debug, Clone)]
pub struct CommandAnswer {
    /// 200, or 201 where something was created.
    pub status: u16,
    /// The position of the last event.
    pub position: Position,
    /// The version of what was changed: a customer's number of events, a pipeline's version.
    pub version: u64,
    /// What was appended.
    pub events: Vec<EventRef>,
    /// Further fields of the answer, such as the `id` of a new customer.
    pub resource: Map<String, Value>,
    /// Whether this is the stored answer of an earlier request with the same idempotency key.
    pub repeated: bool,
}

/// Why a command was not carried out.
#[derive(Debug, Clone, thiserror::Error)]
pub enum AppError {
    /// A business rule said no.
    #[error("refused: {}", .0.code)]
    Refused(Box<Refusal>),
    /// There is no such thing in this tenant.
    #[error("there is no {what} {id}")]
    NotFound {
        /// What was looked for: `customer`, `pipeline`.
        what: Cow<'static, str>,
        /// By which id.
        id: String,
    },
    /// `If-Match` named another version.
    #[error("the version is {current}")]
    VersionMismatch {
        /// The version it has.
        current: u64,
    },
    /// The idempotency key was used before for another request.
    #[error("the idempotency key was used before for another request")]
    KeyReused,
    /// Others kept changing the same thing; nothing was appended.
    #[error("others kept changing the same thing")]
    Contention,
    /// The log did not do what was asked.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// A read model cannot answer, or not yet.
    #[error(transparent)]
    Projection(#[from] ProjectionError),
    /// What stands in the log cannot be read by this version of the service.
    #[error("the log cannot be read: {0}")]
    Unreadable(String),
    /// An erasure could not be recorded outside the database; nothing was erased.
    #[error("{0}")]
    ErasureRecord(String),
}

impl From<Refusal> for AppError {
    fn from(refusal: Refusal) -> Self {
        Self::Refused(Box::new(refusal))
    }
}

impl AppError {
    /// Whether the state of the log decides it, so that what is remembered of it is not enough to say so.
    pub(super) fn depends_on_state(&self) -> bool {
        matches!(self, Self::Refused(_) | Self::VersionMismatch { .. } | Self::NotFound { .. })
    }
}

/// The caller of a command, and what comes with it.
#[derive(Debug, Clone, Copy)]
pub(super) struct Request<'a> {
    pub(super) caller: &'a Caller,
    pub(super) meta: &'a CommandMeta,
}

impl Request<'_> {
    /// Insists on the version that the caller believes the customer to have.
    ///
    /// # Errors
    /// [`AppError::VersionMismatch`] when it has another one.
    pub(super) fn require_version(self, current: u64) -> Result<(), AppError> {
        match self.meta.if_match {
            Some(wanted) if wanted != current => Err(AppError::VersionMismatch { current }),
            _ => Ok(()),
        }
    }
}

/// The command that stopped a batch, and why.
#[derive(Debug, Clone)]
pub struct BatchError {
    /// Which, from 0. A failure that concerns none of them is reported for the first.
    pub step: usize,
    /// Why.
    pub error: AppError,
    /// The first of those after it that would be refused, too, each judged as if the accepted ones before it had been carried out.
    pub others: Vec<(usize, AppError)>,
    /// How many are refused in all.
    pub refused: usize,
}

impl BatchError {
    /// One command stopped the batch, and nothing is known of the others.
    pub fn at(step: usize, error: AppError) -> Self {
        Self { step, error, others: Vec::new(), refused: 1 }
    }
}

impl<E: Into<AppError>> From<E> for BatchError {
    fn from(error: E) -> Self {
        Self::at(0, error.into())
    }
}
