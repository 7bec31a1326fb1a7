//! Corrections, as journeys keep them.

use chrono::{DateTime, Utc};
use uuid::Uuid;

/// What a correction says of the root of its chain.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum CorrectionKind {
    /// It never happened.
    Void,
    /// It led elsewhere.
    Target { stage: String, sub_status: Option<String>, pipeline_version: Option<u32> },
    /// It happened at another instant.
    Time(DateTime<Utc>),
    /// Nothing: an insertion, which is a move itself, may yet void what followed it.
    Inserted,
}

#[derive(Debug, Clone)]
pub(super) struct Correction {
    pub(super) event: Uuid,
    pub(super) position: u64,
    pub(super) actor: String,
    pub(super) corrects: Option<Uuid>,
    pub(super) kind: CorrectionKind,
    pub(super) also_voids: Vec<Uuid>,
}
