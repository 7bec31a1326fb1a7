//! Records that are carried away as files.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Somebody began to carry records away as a file.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ExportStarted {
    /// What of: `events`, `moves`, `stays`, `customers`, `timeline`, `changes` or `bundle`.
    pub kind: String,
    /// In which format, such as `csv`.
    pub format: String,
    /// What was asked for, parameter by parameter; none where the value may be a person's name, number or address.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    pub filters: BTreeMap<String, Option<String>>,
    /// The first position that it can tell of, where that is not the first of the log.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_position: Option<u64>,
    /// The last position that it can tell of.
    pub position: u64,
    /// How many rows it has, where that is known before it is made.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub rows: Option<u64>,
    /// The credential that was used, such as `key:<id>`; none at the command line.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub credential: Option<String>,
}
