//! Which way a move went, and when an approved one counts as made: what events keep of a definition.

use serde::{Deserialize, Serialize};

/// Which way a move went along the pipeline's order of stages.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Direction {
    /// Towards the end of the pipeline.
    Forward,
    /// Back to an earlier stage: the customer really went back.
    Backward,
}

/// When an approved move happened in the business.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ApprovedAt {
    /// When it was asked for: the request's own instant.
    #[default]
    Request,
    /// When it was approved.
    Approval,
}
