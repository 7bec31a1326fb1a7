//! Why a token is not believed.

/// Why a token is not believed. What it says of the token, its sender knows; what would have been right is not told.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum TokenFault {
    /// It is no signed token in compact form, or asks for an extension that we do not have.
    Malformed,
    /// It is signed by an algorithm that we do not take, or that its key is not for; `none` among them.
    Algorithm,
    /// It names no key of ours.
    Key,
    /// The signature is not that of its key.
    Signature,
    /// It is no longer valid.
    Expired,
    /// It is not valid yet.
    NotYetValid,
    /// Somebody else issued it.
    Issuer,
    /// It was issued for somebody else.
    Audience,
    /// A claim is missing, or not of the kind it has to be.
    Claim(String),
    /// It grants a role that there is not.
    Role(String),
    /// It names a tenant that there is not.
    Tenant,
}
