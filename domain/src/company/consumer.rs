//! Consumers: programs that follow the log under a name, and go on where they stopped.
//!
//! That there is one, and where it began, are events. How far it has acknowledged since is no history of anybody and stands in a
//! table.

use serde::{Deserialize, Serialize};
use uuid::Uuid;

/// A consumer as it was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Consumer {
    /// Names it permanently: another one may have its name after it.
    pub id: Uuid,
    /// What it is called, one of the tenant's at a time.
    pub name: String,
    /// Who follows by it, by actor name.
    pub actor: String,
    /// The types of event that it gets; all of them where none is named.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub types: Vec<String>,
    /// After which position it begins.
    pub position: u64,
}

/// A consumer was made.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsumerCreated {
    /// The consumer.
    pub consumer: Consumer,
    /// The credential that was used, such as `key:<id>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// A consumer begins again, after another position.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsumerReset {
    /// Which.
    pub id: Uuid,
    /// After which position.
    pub position: u64,
    /// The credential that was used, such as `key:<id>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}

/// A consumer is no more.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ConsumerDeleted {
    /// Which.
    pub id: Uuid,
    /// The credential that was used, such as `key:<id>`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}
