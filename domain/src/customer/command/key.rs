//! Commands about the key of a customer.

/// The customer's key is changed.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct RotateKey {
    /// Why.
    pub reason: String,
}
