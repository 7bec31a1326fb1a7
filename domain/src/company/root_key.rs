//! The installation's root key changes: what is sealed of a tenant is wrapped by another one.

use serde::{Deserialize, Serialize};

/// Everything that is sealed of this tenant is wrapped by keys that another root key wraps. No event changes by it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct RootKeyRotated {
    /// The id of the root key from now on: four bytes in hexadecimal, which tell nothing of the key.
    pub key_id: String,
    /// The id of the root key until now.
    pub replaces: String,
    /// Why.
    pub reason: String,
}
