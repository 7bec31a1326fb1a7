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

/// A data key that is stored in another form: wrapped by another key, or with other bytes that seal.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct RewrappedKey {
    /// Whose key it is.
    pub subject: Uuid,
    /// As it is stored. One that is stored otherwise by now, destroyed for example, stays as it is.
    pub stored: Vec<u8>,
    /// As it is stored from now on.
    pub wrapped: Vec<u8>,
}
