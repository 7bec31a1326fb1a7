//! A line of the record: what it says, chained to the line before it and authenticated.

use chrono::{DateTime, Utc};
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde::{Deserialize, Serialize};
use sha2::Sha256;
use uuid::Uuid;

/// The bytes that SHA-256 takes at a time, to which HMAC fits its key.
const BLOCK: usize = 64;

/// A line.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(super) struct Line {
    /// Its number, from 1.
    pub(super) number: u64,
    /// What authenticates the line before it; empty in the first.
    pub(super) previous: String,
    /// What it says.
    #[serde(flatten)]
    pub(super) what: What,
}

/// What a line says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(tag = "what", rename_all = "snake_case")]
pub(super) enum What {
    /// The record begins.
    Begun {
        /// When.
        at: DateTime<Utc>,
    },
    /// Something is erased.
    Erased(Erasure),
    /// What the line before it about this subject announced was refused: others had changed what it was decided on.
    Withdrawn {
        /// Whose log.
        tenant: Uuid,
        /// The subject whose key stays.
        subject: Uuid,
    },
}

/// Whose key an erasure destroys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum ErasedKind {
    /// A customer's.
    Customer,
    /// The one that the addresses of somebody who acted are sealed under.
    Endpoints,
}

/// An erasure, without a word about the person.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct Erasure {
    /// Whose log.
    pub(crate) tenant: Uuid,
    /// The subject whose key is destroyed: of a customer its id.
    pub(crate) subject: Uuid,
    /// What it is a key of.
    pub(crate) of: ErasedKind,
    /// On what ground, as a code; none of endpoints.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(crate) ground: Option<String>,
    /// The event of the erasure.
    pub(crate) event_id: Uuid,
    /// When it was erased.
    pub(crate) at: DateTime<Utc>,
}

impl Line {
    /// The line as it is written, and what authenticates it.
    ///
    /// # Errors
    /// When it cannot be written as JSON.
    pub(super) fn written(&self, key: &[u8; 32]) -> serde_json::Result<(String, String)> {
        let content = serde_json::to_string(self)?;
        let code = mac(key, &content).finalize().into_bytes();
        let code: String = code.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok((format!("{content} {code}\n"), code))
    }

    /// What stands in a line, and what authenticates it; none where it is not as it was written.
    pub(super) fn read(key: &[u8; 32], text: &str) -> Option<(Self, String)> {
        let (content, code) = text.rsplit_once(' ')?;
        mac(key, content).verify_slice(&bytes(code)?).ok()?;
        Some((serde_json::from_str(content).ok()?, code.to_owned()))
    }
}

/// HMAC-SHA256 (RFC 2104). The key is fitted to the block here, so that it cannot fail.
fn mac(key: &[u8; 32], content: &str) -> Hmac<Sha256> {
    let mut block = [0; BLOCK];
    block[..32].copy_from_slice(key);
    let mut mac = Hmac::<Sha256>::new(&block.into());
    mac.update(content.as_bytes());
    mac
}

/// The bytes that hexadecimal digits stand for.
fn bytes(digits: &str) -> Option<Vec<u8>> {
    let pairs = digits.as_bytes().chunks(2);
    let byte = |pair: &[u8]| u8::from_str_radix(std::str::from_utf8(pair).ok()?, 16).ok();
    (digits.len() == 64).then(|| pairs.map(byte).collect()).flatten()
}
