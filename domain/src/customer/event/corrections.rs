//! Corrections: events that say what was right all along.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use uuid::Uuid;

use super::evidence::Evidence;
use crate::Personal;

/// The outcome of a move that followed a corrected one and no longer fits.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum OnConflict {
    /// The correction is refused.
    #[default]
    Reject,
    /// The following move is re-read as leaving the corrected stage.
    Continue,
    /// The following moves are voided with it.
    Truncate,
}

/// Correction: the move never happened.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MoveVoided {
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// The event that is corrected: a move, or an earlier correction.
    pub corrects: Uuid,
    /// Why.
    pub reason: Personal<String>,
    /// How a conflict with the following move was settled.
    #[serde(default)]
    pub on_conflict: OnConflict,
    /// Following moves voided by `truncate`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_voids: Vec<Uuid>,
}

/// Correction: another stage was meant, at the same instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MoveTargetCorrected {
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// The event that is corrected.
    pub corrects: Uuid,
    /// The definition that the right stage is of; that of the move, when absent.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub pipeline_version: Option<u32>,
    /// The right stage.
    pub to: String,
    /// The sub-status within it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_status: Option<String>,
    /// Why.
    pub reason: Personal<String>,
    /// How a conflict with the following move was settled.
    #[serde(default)]
    pub on_conflict: OnConflict,
    /// Following moves voided by `truncate`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_voids: Vec<Uuid>,
    /// What shows that the stage's criterion is met.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}

/// Correction: it happened at another instant.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MoveTimeCorrected {
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// The event that is corrected.
    pub corrects: Uuid,
    /// The right instant.
    pub moved_at: DateTime<Utc>,
    /// Why.
    pub reason: Personal<String>,
    /// How a conflict with the following move was settled.
    #[serde(default)]
    pub on_conflict: OnConflict,
    /// Following moves voided by `truncate`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_voids: Vec<Uuid>,
}

/// Correction: a forgotten step, entered late. It happened at the event's own `effective_at`.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct MoveInserted {
    /// The journey, by its pipeline's key.
    pub journey: String,
    /// The definition in force.
    pub pipeline_version: u32,
    /// The event after which it was forgotten, or which prompted the correction.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub corrects: Option<Uuid>,
    /// The cycle of the stay that it splits.
    pub cycle: u32,
    /// The stage that was left at that instant.
    pub from: String,
    /// The stage entered.
    pub to: String,
    /// The sub-status within it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sub_status: Option<String>,
    /// Why.
    pub reason: Personal<String>,
    /// How a conflict with the following move was settled.
    #[serde(default)]
    pub on_conflict: OnConflict,
    /// Following moves voided by `truncate`.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub also_voids: Vec<Uuid>,
    /// What shows that the stage's criterion is met.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub evidence: Vec<Evidence>,
}
