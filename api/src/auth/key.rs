//! The text of an API key, `wm_<tenant>_<key id>_<secret>`; that of a link to sign in by (`wml_…`) and of a session (`wms_…`) alike.
//!
//! The secret is 32 random bytes. What the log has of it is the SHA-256 of its SHA-256: against a secret of 256 random bits
//! there is nothing to guess, so a slow password hash would only make every request slow. Tenant and key id stand in the
//! clear, so that finding the key needs no search and another tenant's keys are never looked at.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest as _, Sha256};
use uuid::Uuid;

use super::store::hex;
use crate::eventstore::TenantId;

/// What a text of this form opens.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// An API key.
    Key,
    /// A link to sign in by, once.
    SignInLink,
    /// A session of somebody who signed in.
    Session,
}

impl Kind {
    fn prefix(self) -> &'static str {
        match self {
            Self::Key => "wm",
            Self::SignInLink => "wml",
            Self::Session => "wms",
        }
    }
}

/// An API key as its owner holds it. Shown once, when it is made; its secret is never printed by `Debug`.
#[derive(Clone, PartialEq, Eq)]
pub struct KeyText {
    /// Whose data it opens.
    pub tenant: TenantId,
    /// Which key it is.
    pub key_id: Uuid,
    secret: [u8; 32],
}

impl KeyText {
    /// A new key of these random bytes.
    #[must_use]
    pub fn new(tenant: TenantId, key_id: Uuid, secret: [u8; 32]) -> Self {
        Self { tenant, key_id, secret }
    }

    /// The key in a text, if it is one.
    #[must_use]
    pub fn parse(text: &str) -> Option<Self> {
        Self::parse_as(Kind::Key, text)
    }

    /// The same of a text of another kind.
    #[must_use]
    pub fn parse_as(kind: Kind, text: &str) -> Option<Self> {
        let mut parts = text.strip_prefix(kind.prefix())?.strip_prefix('_')?.splitn(3, '_');
        let tenant = simple(parts.next()?)?;
        let key_id = simple(parts.next()?)?;
        let secret = URL_SAFE_NO_PAD.decode(parts.next()?).ok()?.try_into().ok()?;
        Some(Self { tenant: TenantId(tenant), key_id, secret })
    }

    /// The text, of this kind.
    #[must_use]
    pub fn shown_as(&self, kind: Kind) -> String {
        let (tenant, key_id) = (self.tenant.0.as_simple(), self.key_id.as_simple());
        format!("{}_{tenant}_{key_id}_{}", kind.prefix(), URL_SAFE_NO_PAD.encode(self.secret))
    }

    /// By what the log knows the secret: the SHA-256 of its SHA-256, in hexadecimal.
    #[must_use]
    pub fn digest(&self) -> String {
        hex(&Sha256::digest(Sha256::digest(self.secret)))
    }

    /// Whether this is the key of that digest, in a time that does not depend on where they differ.
    #[must_use]
    pub fn matches(&self, digest: &str) -> bool {
        let own = self.digest();
        let pairs = own.bytes().zip(digest.bytes());
        let difference = pairs.fold(0, |difference, (a, b)| difference | (a ^ b));
        own.len() == digest.len() && std::hint::black_box(difference) == 0
    }
}

impl fmt::Display for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.shown_as(Kind::Key))
    }
}

impl fmt::Debug for KeyText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("KeyText")
            .field("tenant", &self.tenant)
            .field("key_id", &self.key_id)
            .finish_non_exhaustive()
    }
}

fn simple(text: &str) -> Option<Uuid> {
    if text.len() == 32 { Uuid::try_parse(text).ok() } else { None }
}

#[cfg(test)]
mod tests {
    use uuid::Uuid;

    use super::{KeyText, Kind};
    use crate::eventstore::TenantId;

    fn key() -> KeyText {
        KeyText::new(TenantId(Uuid::from_u128(1)), Uuid::from_u128(2), [255; 32])
    }

    #[test]
    fn a_key_comes_back_from_its_text() {
        let text = key().to_string();
        assert!(text.starts_with("wm_00000000000000000000000000000001_00000000000000000000000000000002_"));
        assert_eq!(KeyText::parse(&text), Some(key()));
    }

    #[test]
    fn what_is_no_key_is_refused() {
        let text = key().to_string();
        let (cut, longer) = (&text[..text.len() - 1], format!("{text}A"));
        for kind in [Kind::SignInLink, Kind::Session] {
            let other = key().shown_as(kind);
            assert_eq!((KeyText::parse(&other), KeyText::parse_as(kind, &other)), (None, Some(key())));
        }
        for wrong in ["", "wm_", "wm_1_2_3", cut, longer.as_str(), &text[1..], "wm___"] {
            assert_eq!(KeyText::parse(wrong), None, "{wrong}");
        }
    }

    #[test]
    fn only_the_same_secret_matches() {
        assert!(key().matches(&key().digest()));
        let other = KeyText::new(TenantId(Uuid::from_u128(1)), Uuid::from_u128(2), [254; 32]);
        assert!(!other.matches(&key().digest()));
        assert!(!key().matches(""));
        assert!(!key().matches(&key().digest()[..63]));
    }

    #[test]
    fn the_secret_is_not_printed_for_debugging() {
        assert!(!format!("{:?}", key()).contains("255"));
    }
}
