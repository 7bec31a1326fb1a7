//! Timestamped statements by others that they have seen a log grow: C2SP tlog-cosignature, by Ed25519.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

/// The signature type of Ed25519 cosignatures in a key id.
const COSIGNATURE: u8 = 0x04;

/// Cosigns checkpoints under a name.
pub struct Cosigner {
    name: String,
    key: SigningKey,
}

/// Checks what a [`Cosigner`] of the same name and key signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CosignatureVerifier {
    name: String,
    key: VerifyingKey,
}

impl Cosigner {
    /// A cosigner of this name (without spaces or `+`) from 32 secret bytes, which sign nothing else.
    #[must_use]
    pub fn new(name: &str, secret: &[u8; 32]) -> Self {
        Self { name: name.to_owned(), key: SigningKey::from_bytes(secret) }
    }

    /// The line of a note, with its line break, that says: at this instant, in seconds since 1970, this was the largest tree of
    /// the log. The text is that of the note, as [`super::Verifier::open_text`] gives it.
    #[must_use]
    pub fn cosign(&self, text: &str, seconds: u64) -> String {
        let signature = self.key.sign(message(text, seconds).as_bytes()).to_bytes();
        let verifier = self.verifier();
        let signed = [verifier.key_id().as_slice(), &seconds.to_be_bytes(), &signature].concat();
        format!("\u{2014} {} {}\n", self.name, BASE64_STANDARD.encode(signed))
    }

    /// What others need to check the cosignatures.
    #[must_use]
    pub fn verifier(&self) -> CosignatureVerifier {
        CosignatureVerifier { name: self.name.clone(), key: self.key.verifying_key() }
    }
}

impl CosignatureVerifier {
    /// The verifier key in the form `name+hash+key` of the signed-note specification.
    #[must_use]
    pub fn to_vkey(&self) -> String {
        let id = u32::from_be_bytes(self.key_id());
        let key = [&[COSIGNATURE], self.key.as_bytes().as_slice()].concat();
        format!("{}+{id:08x}+{}", self.name, BASE64_STANDARD.encode(key))
    }

    /// Reads a verifier key; `None` when it is not one of a cosigner, or its hash does not fit.
    #[must_use]
    pub fn from_vkey(vkey: &str) -> Option<Self> {
        let mut parts = vkey.splitn(3, '+');
        let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
        let key = BASE64_STANDARD.decode(key).ok()?;
        let key: &[u8; 32] = key.strip_prefix(&[COSIGNATURE])?.try_into().ok()?;
        let verifier = Self { name: name.to_owned(), key: VerifyingKey::from_bytes(key).ok()? };
        (format!("{:08x}", u32::from_be_bytes(verifier.key_id())) == id).then_some(verifier)
    }

    /// Who cosigns.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The seconds since 1970 at which the cosigner says to have seen the text of a note as the largest tree, if one of these
    /// lines is its cosignature of it; with the line itself.
    #[must_use]
    pub fn find<'l>(&self, text: &str, lines: &'l str) -> Option<(u64, &'l str)> {
        lines.lines().find_map(|line| Some((self.seconds(text, line)?, line)))
    }

    fn seconds(&self, text: &str, line: &str) -> Option<u64> {
        let (name, signed) = line.strip_prefix("\u{2014} ")?.split_once(' ')?;
        let signed = BASE64_STANDARD.decode(signed).ok()?;
        let (seconds, signature) = signed.strip_prefix(&self.key_id())?.split_first_chunk::<8>()?;
        let seconds = u64::from_be_bytes(*seconds);
        let signature = Signature::from_slice(signature).ok().filter(|_| name == self.name)?;
        self.key.verify_strict(message(text, seconds).as_bytes(), &signature).ok().map(|()| seconds)
    }

    /// `SHA-256(name || 0x0A || type || public key)[..4]`.
    fn key_id(&self) -> [u8; 4] {
        let hash = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', COSIGNATURE])
            .chain_update(self.key.as_bytes())
            .finalize();
        let mut id = [0; 4];
        id.copy_from_slice(&hash[..4]);
        id
    }
}

fn message(text: &str, seconds: u64) -> String {
    format!("cosignature/v1\ntime {seconds}\n{text}")
}

#[cfg(test)]
mod tests {
    use super::*;

    const TEXT: &str = "waymark/log\n8\nXcnaeacGWamtVZy3Ad7ZoqudgjqtL0lgz+Nw7/RgQyg=\n";

    #[test]
    fn a_cosignature_is_found_among_others_and_says_when() {
        let cosigner = Cosigner::new("witness.example/w1", &[5; 32]);
        let other = Cosigner::new("witness.example/w2", &[6; 32]).cosign(TEXT, 7);
        let lines = format!("{other}{}", cosigner.cosign(TEXT, 1_700_000_000));
        let found = cosigner.verifier().find(TEXT, &lines);
        assert_eq!(found.map(|(seconds, _)| seconds), Some(1_700_000_000));
        assert_eq!(cosigner.verifier().find(&TEXT.replace("\n8\n", "\n9\n"), &lines), None);
        assert_eq!(cosigner.verifier().find(TEXT, &other), None);
        let renamed = lines.replace("w1", "w3");
        assert_eq!(cosigner.verifier().find(TEXT, &renamed), None);
    }

    #[test]
    fn the_time_is_part_of_what_is_signed() {
        let cosigner = Cosigner::new("w", &[5; 32]);
        let line = cosigner.cosign(TEXT, 1);
        let (head, signed) = line.trim_end().rsplit_once(' ').unwrap();
        let mut signed = BASE64_STANDARD.decode(signed).unwrap();
        signed[11] ^= 2;
        let forged = format!("{head} {}\n", BASE64_STANDARD.encode(signed));
        assert_eq!(cosigner.verifier().find(TEXT, &forged), None);
    }

    #[test]
    fn a_key_is_read_back_and_is_none_that_signs_checkpoints() {
        let verifier = Cosigner::new("witness.example/w1", &[5; 32]).verifier();
        assert_eq!(CosignatureVerifier::from_vkey(&verifier.to_vkey()), Some(verifier));
        let log = super::super::Signer::new("witness.example/w1", &[5; 32]).verifier().to_vkey();
        assert_eq!(CosignatureVerifier::from_vkey(&log), None);
    }
}
