//! Signed statements of a log's size and root: C2SP tlog-checkpoint in a C2SP signed-note, by Ed25519.

use base64::Engine;
use base64::prelude::BASE64_STANDARD;
use ed25519_dalek::{Signature, Signer as _, SigningKey, VerifyingKey};
use sha2::{Digest, Sha256};

use super::Hash;

/// The signature type of Ed25519 in a key id.
const ED25519: u8 = 0x01;
/// The bytes of a key id.
const KEY_ID_BYTES: usize = 4;

/// What a log was at some moment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Checkpoint {
    /// Which log: a name without a line break, the same for its whole life.
    pub origin: String,
    /// How many entries it had.
    pub size: u64,
    /// The RFC 6962 tree hash over them.
    pub root: Hash,
}

/// Why a note proves nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum BadNote {
    /// It is not a checkpoint in a signed note.
    #[error("not a signed checkpoint")]
    Malformed,
    /// None of its signatures is by the expected key.
    #[error("not signed by the expected key")]
    UnknownKey,
    /// The signature by the expected key is wrong.
    #[error("the signature does not verify")]
    WrongSignature,
    /// The key that signs now is not one that the key before it handed over to.
    #[error("the change of the signing key is not signed by the key before it")]
    NotHandedOver,
    /// It is stored for a tree of another size than the one that was signed.
    #[error("it is stored for a tree of another size than the one that was signed")]
    OtherSize,
}

/// Signs checkpoints under a name.
pub struct Signer {
    name: String,
    key: SigningKey,
}

/// Checks what a [`Signer`] of the same name and key signed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Verifier {
    name: String,
    key: VerifyingKey,
}

impl Checkpoint {
    /// The note's text: origin, size and root in base64, a line each.
    #[must_use]
    pub fn to_text(&self) -> String {
        format!("{}\n{}\n{}\n", self.origin, self.size, BASE64_STANDARD.encode(self.root))
    }

    /// Reads a note's text. Extension lines, which the format allows, are left alone.
    #[must_use]
    pub fn from_text(text: &str) -> Option<Self> {
        let mut lines = text.strip_suffix('\n')?.split('\n');
        let origin = lines.next().filter(|origin| !origin.is_empty())?;
        let size = decimal(lines.next()?)?;
        let root = BASE64_STANDARD.decode(lines.next()?).ok()?;
        Some(Self { origin: origin.to_owned(), size, root: root.try_into().ok()? })
    }
}

/// A number as signed texts have it: decimal digits, without sign and leading zeroes, below 2^63.
#[must_use]
pub fn decimal(text: &str) -> Option<u64> {
    let is_canonical = text == "0" || !text.starts_with(['0', '+']);
    text.parse().ok().filter(|number: &u64| is_canonical && *number <= i64::MAX as u64)
}

impl Signer {
    /// A signer of this name (without spaces or `+`) from 32 secret bytes.
    #[must_use]
    pub fn new(name: &str, secret: &[u8; 32]) -> Self {
        Self { name: name.to_owned(), key: SigningKey::from_bytes(secret) }
    }

    /// The signed note over a checkpoint.
    #[must_use]
    pub fn sign(&self, checkpoint: &Checkpoint) -> String {
        self.sign_text(&checkpoint.to_text())
    }

    /// The signed note over another text, which ends with a line break and must not be readable as a checkpoint.
    #[must_use]
    pub fn sign_text(&self, text: &str) -> String {
        format!("{text}\n{}", self.signature_line(text))
    }

    /// The line of its signature of a text, with its line break.
    fn signature_line(&self, text: &str) -> String {
        let signature = self.key.sign(text.as_bytes()).to_bytes();
        let signed = [self.verifier().key_id().as_slice(), &signature].concat();
        format!("\u{2014} {} {}\n", self.name, BASE64_STANDARD.encode(signed))
    }

    /// What others need to check the signatures.
    #[must_use]
    pub fn verifier(&self) -> Verifier {
        Verifier { name: self.name.clone(), key: self.key.verifying_key() }
    }
}

/// The note over a text, signed by several: a line each, in this order.
#[must_use]
pub fn sign_text(signers: &[Signer], text: &str) -> String {
    let lines: String = signers.iter().map(|signer| signer.signature_line(text)).collect();
    format!("{text}\n{lines}")
}

impl Verifier {
    /// The verifier key in the form `name+hash+key` of the signed-note specification.
    #[must_use]
    pub fn to_vkey(&self) -> String {
        let id = self.id();
        let key = [&[ED25519], self.key.as_bytes().as_slice()].concat();
        format!("{}+{id:08x}+{}", self.name, BASE64_STANDARD.encode(key))
    }

    /// The verifier of another name with the same key: an installation signs the logs of all its tenants with one key.
    #[must_use]
    pub fn named(&self, name: &str) -> Self {
        Self { name: name.to_owned(), key: self.key }
    }

    /// The key id that stands in its signatures.
    #[must_use]
    pub fn id(&self) -> u32 {
        u32::from_be_bytes(self.key_id())
    }

    /// Whose signatures it checks: the name of the log, as its checkpoints carry it.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// Reads a verifier key; `None` when it is not one or its hash does not fit.
    #[must_use]
    pub fn from_vkey(vkey: &str) -> Option<Self> {
        let mut parts = vkey.splitn(3, '+');
        let (name, id, key) = (parts.next()?, parts.next()?, parts.next()?);
        let key = BASE64_STANDARD.decode(key).ok()?;
        let key: &[u8; 32] = key.strip_prefix(&[ED25519])?.try_into().ok()?;
        let verifier = Self { name: name.to_owned(), key: VerifyingKey::from_bytes(key).ok()? };
        (format!("{:08x}", verifier.id()) == id).then_some(verifier)
    }

    /// Checks a signed note and reads the checkpoint in it.
    ///
    /// # Errors
    /// [`BadNote`]: signatures by other keys are passed over, as the format demands.
    pub fn open(&self, note: &str) -> Result<Checkpoint, BadNote> {
        // A note over another text is malformed, by any key.
        let (text, _) = parted(note)?;
        let checkpoint = Checkpoint::from_text(text).ok_or(BadNote::Malformed)?;
        self.open_text(note).map(|_| checkpoint)
    }

    /// Checks a signed note over any text, and reads the text.
    ///
    /// # Errors
    /// [`BadNote`], as [`Self::open`].
    pub fn open_text<'n>(&self, note: &'n str) -> Result<&'n str, BadNote> {
        let (text, lines) = parted(note)?;
        let (mut is_valid, mut why) = (false, BadNote::UnknownKey);
        // Every line has to be a signature, also behind a valid one of ours: nothing else stands in a note.
        for line in lines.strip_suffix('\n').ok_or(BadNote::Malformed)?.split('\n') {
            if let Some(signature) = self.own_signature(line)? {
                is_valid = is_valid || self.has_signed(text, &signature);
                why = BadNote::WrongSignature;
            }
        }
        if is_valid { Ok(text) } else { Err(why) }
    }

    /// What stands behind the key id in the line of a signature, where the line is one by this key.
    fn own_signature(&self, line: &str) -> Result<Option<Vec<u8>>, BadNote> {
        let line = line.strip_prefix("\u{2014} ").ok_or(BadNote::Malformed)?;
        let (name, signed) = line.split_once(' ').ok_or(BadNote::Malformed)?;
        let signed = BASE64_STANDARD.decode(signed).map_err(|_| BadNote::Malformed)?;
        if name.is_empty() || signed.len() <= KEY_ID_BYTES {
            return Err(BadNote::Malformed);
        }
        let own = signed.strip_prefix(&self.key_id()).filter(|_| name == self.name);
        Ok(own.map(<[u8]>::to_vec))
    }

    fn has_signed(&self, text: &str, signature: &[u8]) -> bool {
        let verified = |signature| self.key.verify_strict(text.as_bytes(), &signature).is_ok();
        Signature::from_slice(signature).is_ok_and(verified)
    }

    /// `SHA-256(name || 0x0A || type || public key)[..4]`.
    fn key_id(&self) -> [u8; KEY_ID_BYTES] {
        let hash = Sha256::new()
            .chain_update(&self.name)
            .chain_update([b'\n', ED25519])
            .chain_update(self.key.as_bytes())
            .finalize();
        let mut id = [0; KEY_ID_BYTES];
        id.copy_from_slice(&hash[..KEY_ID_BYTES]);
        id
    }
}

/// Opens a note by the first of these keys that signed it.
///
/// # Errors
/// [`BadNote`]: that one of them signed it wrongly says more than that another did not.
pub fn open_by_any<'k>(
    keys: impl IntoIterator<Item = &'k Verifier>,
    note: &str,
) -> Result<Checkpoint, BadNote> {
    let mut why = BadNote::UnknownKey;
    for key in keys {
        match key.open(note) {
            Ok(checkpoint) => return Ok(checkpoint),
            Err(BadNote::UnknownKey) => {}
            Err(bad) => why = bad,
        }
    }
    Err(why)
}

/// The text of a note with its last line break, and the lines of its signatures. Line feeds are the only control characters.
fn parted(note: &str) -> Result<(&str, &str), BadNote> {
    let is_plain = note.bytes().all(|byte| byte >= b' ' || byte == b'\n');
    let blank = note.rfind("\n\n").filter(|_| is_plain).ok_or(BadNote::Malformed)?;
    Ok((&note[..=blank], &note[blank + 2..]))
}

#[cfg(test)]
mod tests {
    use super::*;
    use signed_note::{Note, StandardVerifier, VerifierList};

    fn checkpoint() -> Checkpoint {
        Checkpoint { origin: "waymark.example/tenant".to_owned(), size: 8, root: [9; 32] }
    }

    #[test]
    fn another_implementation_accepts_our_notes_and_keys() {
        let signer = Signer::new("waymark.example/log", &[1; 32]);
        let note = Note::from_bytes(signer.sign(&checkpoint()).as_bytes()).unwrap();
        let verifier = StandardVerifier::new(&signer.verifier().to_vkey()).unwrap();
        let (verified, _) = note.verify(&VerifierList::new(vec![Box::new(verifier)])).unwrap();
        assert_eq!(verified.len(), 1);
        let text = String::from_utf8(note.text().to_vec()).unwrap();
        assert_eq!(Checkpoint::from_text(&text), Some(checkpoint()));
    }

    #[test]
    fn a_signature_by_somebody_else_beside_ours_is_passed_over() {
        let ours = Signer::new("ours", &[1; 32]);
        let theirs = Signer::new("theirs", &[2; 32]).sign(&checkpoint());
        let note = format!("{theirs}{}", ours.sign(&checkpoint()).rsplit_once("\n\n").unwrap().1);
        assert_eq!(ours.verifier().open(&note), Ok(checkpoint()));
        assert_eq!(ours.verifier().open(&theirs), Err(BadNote::UnknownKey));
    }

    #[test]
    fn one_valid_line_of_the_key_is_enough_wherever_it_stands() {
        let signer = Signer::new("ours", &[1; 32]);
        let (note, verifier) = (signer.sign(&checkpoint()), signer.verifier());
        let (text, valid) = note.split_once("\n\n").unwrap();
        let other = Checkpoint { size: 9, ..checkpoint() };
        let wrong = signer.sign(&other).rsplit_once("\n\n").unwrap().1.to_owned();
        for lines in [format!("{wrong}{valid}"), format!("{valid}{wrong}")] {
            assert_eq!(verifier.open(&format!("{text}\n\n{lines}")), Ok(checkpoint()), "{lines}");
        }
        assert_eq!(verifier.open(&format!("{text}\n\n{wrong}{wrong}")), Err(BadNote::WrongSignature));
        for malformed in
            ["\u{2014} ours AAAA\n", "\u{2014}  AAAAAAAA\n", "hello\n", "\u{2014} ours AAAAAAA\n"]
        {
            assert_eq!(verifier.open(&format!("{note}{malformed}")), Err(BadNote::Malformed), "{malformed}");
        }
    }

    #[test]
    fn control_characters_and_numbers_of_another_form_are_in_no_checkpoint() {
        let signer = Signer::new("ours", &[1; 32]);
        let sized = |size: &str| checkpoint().to_text().replacen("\n8\n", &format!("\n{size}\n"), 1);
        let opened = |text: &str| signer.verifier().open(&signer.sign_text(text)).map(|read| read.size);
        assert_eq!(opened(&format!("{}more\n", sized("8"))), Ok(8));
        assert_eq!(opened(&format!("{}mo\tre\n", sized("8"))), Err(BadNote::Malformed));
        assert_eq!(opened(&sized("9223372036854775807")), Ok(i64::MAX as u64));
        for size in ["08", "+8", "-8", "", "8 ", "8\r", "9223372036854775808", "18446744073709551615"] {
            assert_eq!(opened(&sized(size)), Err(BadNote::Malformed), "{size}");
        }
    }

    #[test]
    fn a_verifier_key_is_read_back_and_its_hash_checked() {
        let verifier = Signer::new("waymark.example/log", &[1; 32]).verifier();
        let vkey = verifier.to_vkey();
        assert_eq!(Verifier::from_vkey(&vkey), Some(verifier));
        assert_eq!(Verifier::from_vkey(&vkey.replacen("waymark", "waypark", 1)), None);
        assert_eq!(Verifier::from_vkey("name"), None);
    }

    #[test]
    fn every_changed_byte_of_the_text_is_noticed() {
        let signer = Signer::new("waymark.example/log", &[1; 32]);
        let note = signer.sign(&checkpoint());
        let text_length = note.find("\n\n").unwrap();
        for at in 0..text_length {
            let mut changed = note.clone().into_bytes();
            changed[at] ^= 1;
            let changed = String::from_utf8(changed).unwrap();
            assert!(signer.verifier().open(&changed).is_err(), "byte {at}");
        }
    }
}
