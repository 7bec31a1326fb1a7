//! A data key as it is stored.

use uuid::Uuid;

/// A subject's data key as the database holds it: wrapped by the tenant's key, or destroyed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct WrappedKey {
    /// The key's own id, named by everything sealed with it.
    pub key_id: Uuid,
    /// Whose personal fields it seals (a customer's id).
    pub subject: Uuid,
    /// The wrapped key; empty once destroyed.
    pub wrapped: Vec<u8>,
    /// Whether the key was destroyed by an erasure.
    pub destroyed: bool,
}
