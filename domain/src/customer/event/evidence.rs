//! What shows that a stage's criterion is met.

use serde::{Deserialize, Serialize};

/// A document by reference.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Evidence {
    /// Which demand of the stage it meets, such as `quote_receipt_confirmed`.
    pub kind: String,
    /// The document's id or address.
    pub reference: String,
    /// SHA-256 of the document, in lower-case hexadecimal.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sha256: Option<String>,
}
