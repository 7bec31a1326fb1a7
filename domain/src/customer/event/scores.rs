//! What a customer promises: scores by the rules of intake, and by models outside.

use rust_decimal::Decimal;
use serde::{Deserialize, Serialize};

use crate::Personal;
use crate::intake::{Assignment, ScoreReason};

/// The customer was given a score. The last one of each scorer holds.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct Scored {
    /// The score: from 0 to 100 by intake, in the model's own terms by a model.
    pub score: Decimal,
    /// Who gave it.
    pub by: Scorer,
    /// What it is made of, by intake.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub reasons: Vec<ScoreReason>,
    /// To whom it was assigned by that, where it was.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub assignment: Option<Assignment>,
    /// Why, in the model's words.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub explanation: Option<Personal<String>>,
}

/// Somebody warns that the customer may be lost, or that this is over. It is no stage.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
pub struct RiskFlagged {
    /// Whether it is at risk from now on.
    pub at_risk: bool,
    /// Why.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub reason: Option<Personal<String>>,
}

/// Who gives a score.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub enum Scorer {
    /// The tenant's rules of intake.
    Intake {
        /// Which version of its weights; 0 for those that hold where none were set.
        weights_version: u32,
    },
    /// A model outside.
    Model {
        /// What it is called.
        name: String,
        /// Which version of it.
        version: String,
    },
}
