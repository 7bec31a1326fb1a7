//! The three keys, each wrapping the next: root, tenant, subject. Pure functions of their bytes.
//!
//! Every key is used through labelled HMAC-SHA256 derivations, so that encrypting, making nonces, committing and
//! blinding never share key material. Nonces are synthetic: an HMAC over the associated data and the plaintext,
//! cut to 96 bits. Sealing therefore needs no randomness, and a nonce repeats only for the same plaintext in the
//! same place, where the ciphertext is the same as well.

use aes_gcm::aead::{Aead, KeyInit, Payload};
use aes_gcm::{Aes256Gcm, Nonce};
use hmac::{Hmac, Mac};
use sha2::Sha256;
use uuid::Uuid;

use super::wrapped_key::WrappedKey;
use crate::TenantId;
use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;

/// Bytes of an AES-GCM nonce.
pub(super) const NONCE_BYTES: usize = 12;

/// The installation's key, kept outside the database. Wraps the tenants' keys.
#[derive(Clone)]
pub struct RootKey(pub [u8; 32]);

/// A tenant's key. Wraps the subjects' keys and blinds contact details.
#[derive(Clone)]
pub struct TenantKey([u8; 32]);

/// A subject's key. Seals personal fields.
#[derive(Clone)]
pub struct DataKey {
    pub(super) id: Uuid,
    bytes: [u8; 32],
    /// What is derived from it for every field alike.
    encryption: [u8; 32],
    commitment: [u8; 32],
}

/// What a key's holder could not open: a wrong key, or bytes that were changed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct NotOpened;

impl RootKey {
    /// The key of a tenant before any was stored for it. Derived, so that making it needs no randomness; stored
    /// wrapped, so that the root key can be rotated by re-wrapping the tenants' keys.
    pub(super) fn first_tenant_key(&self, tenant: TenantId) -> TenantKey {
        TenantKey(mac(&self.0, "tenant key", &[tenant.0.as_bytes()]))
    }

    pub(super) fn wrap(&self, tenant: TenantId, key: &TenantKey) -> Vec<u8> {
        wrap(&self.0, &aad(&[b"tenant key", tenant.0.as_bytes()]), &key.0)
    }

    /// The key of a tenant that this key wrapped; `None` where it was not this one, or another tenant's.
    pub(crate) fn open_tenant_key(&self, tenant: TenantId, wrapped: &[u8]) -> Option<TenantKey> {
        self.unwrap(tenant, wrapped).ok()
    }

    pub(super) fn unwrap(&self, tenant: TenantId, wrapped: &[u8]) -> Result<TenantKey, NotOpened> {
        unwrap(&self.0, &aad(&[b"tenant key", tenant.0.as_bytes()]), wrapped).map(TenantKey)
    }
}

impl TenantKey {
    pub(super) fn wrap(&self, tenant: TenantId, subject: Uuid, key: &DataKey) -> Vec<u8> {
        wrap(&self.0, &data_key_aad(tenant, subject, key.id), &key.bytes)
    }

    pub(super) fn unwrap(
        &self,
        tenant: TenantId,
        subject: Uuid,
        id: Uuid,
        wrapped: &[u8],
    ) -> Result<DataKey, NotOpened> {
        let bytes = unwrap(&self.0, &data_key_aad(tenant, subject, id), wrapped)?;
        Ok(DataKey::new(id, bytes))
    }

    /// Bytes of a wrapped key: nonce, key and tag of AES-GCM.
    pub(crate) const WRAPPED_BYTES: usize = NONCE_BYTES + 32 + 16;

    /// Whether a stored key is one that this key wrapped for its tenant, subject and id.
    pub(crate) fn opens(&self, tenant: TenantId, stored: &WrappedKey) -> bool {
        self.unwrap(tenant, stored.subject, stored.key_id, &stored.wrapped).is_ok()
    }

    /// Seals a secret of the tenant's own for the place where it is kept.
    pub(super) fn seal_secret(&self, tenant: TenantId, place: Uuid, secret: &[u8]) -> Vec<u8> {
        let (nonce, ciphertext) = encrypt(&self.0, &secret_aad(tenant, place), secret);
        [nonce.as_slice(), &ciphertext].concat()
    }

    pub(super) fn open_secret(
        &self,
        tenant: TenantId,
        place: Uuid,
        sealed: &[u8],
    ) -> Result<Vec<u8>, NotOpened> {
        let (nonce, ciphertext) = sealed.split_at_checked(NONCE_BYTES).ok_or(NotOpened)?;
        decrypt(&self.0, &secret_aad(tenant, place), nonce, ciphertext)
    }

    /// A tag by which a contact detail can be found without being readable: `kind:` and a keyed hash of the
    /// value in base64url. The caller normalises the value first.
    #[must_use]
    pub fn blind_tag(&self, kind: &str, value: &str) -> String {
        let hash = mac(&self.0, "blind tag", &[kind.as_bytes(), value.as_bytes()]);
        format!("{kind}:{}", BASE64_URL_SAFE_NO_PAD.encode(hash))
    }
}

impl DataKey {
    /// A key of these uniformly random bytes.
    pub(super) fn new(id: Uuid, random: [u8; 32]) -> Self {
        let (encryption, commitment) = (encryption_key(&random), mac(&random, "commitment", &[]));
        Self { id, bytes: random, encryption, commitment }
    }

    /// The key's own id, named by everything sealed with it.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Binds a box to this one key: AES-GCM alone lets one ciphertext open under two keys.
    pub(super) fn commitment(&self) -> [u8; 32] {
        self.commitment
    }

    pub(super) fn encrypt(&self, aad: &[u8], plaintext: &[u8]) -> ([u8; NONCE_BYTES], Vec<u8>) {
        encrypt_with(&self.bytes, &self.encryption, aad, plaintext)
    }

    pub(super) fn decrypt(&self, aad: &[u8], nonce: &[u8], ciphertext: &[u8]) -> Result<Vec<u8>, NotOpened> {
        decrypt_with(&self.encryption, aad, nonce, ciphertext)
    }
}

/// Joins parts into associated data so that no two lists of parts join to the same bytes.
pub(super) fn aad(parts: &[&[u8]]) -> Vec<u8> {
    let mut joined = Vec::with_capacity(parts.iter().map(|part| part.len() + 8).sum());
    for part in parts {
        joined.extend_from_slice(&(part.len() as u64).to_be_bytes());
        joined.extend_from_slice(part);
    }
    joined
}

fn data_key_aad(tenant: TenantId, subject: Uuid, id: Uuid) -> Vec<u8> {
    aad(&[b"data key", tenant.0.as_bytes(), subject.as_bytes(), id.as_bytes()])
}

fn secret_aad(tenant: TenantId, place: Uuid) -> Vec<u8> {
    aad(&[b"secret", tenant.0.as_bytes(), place.as_bytes()])
}

fn mac(key: &[u8; 32], label: &str, parts: &[&[u8]]) -> [u8; 32] {
    let mut mac = hmac(key);
    mac.update(&aad(&[b"waymark", label.as_bytes()]));
    mac.update(&aad(parts));
    mac.finalize().into_bytes().into()
}

fn hmac(key: &[u8; 32]) -> Hmac<Sha256> {
    // HMAC pads a short key with zeros to the hash's block of 64 bytes (RFC 2104): done here, it cannot fail.
    let mut block = [0; 64];
    block[..32].copy_from_slice(key);
    Hmac::new(&block.into())
}

fn encryption_key(key: &[u8; 32]) -> [u8; 32] {
    mac(key, "encryption", &[])
}

fn encrypt(key: &[u8; 32], aad: &[u8], plaintext: &[u8]) -> ([u8; NONCE_BYTES], Vec<u8>) {
    encrypt_with(key, &encryption_key(key), aad, plaintext)
}

fn encrypt_with(
    key: &[u8; 32],
    encryption: &[u8; 32],
    aad: &[u8],
    plaintext: &[u8],
) -> ([u8; NONCE_BYTES], Vec<u8>) {
    let hash = mac(key, "nonce", &[aad, plaintext]);
    let mut nonce = [0; NONCE_BYTES];
    nonce.copy_from_slice(&hash[..NONCE_BYTES]);
    let sealed =
        Aes256Gcm::new(encryption.into()).encrypt(&Nonce::from(nonce), Payload { msg: plaintext, aad });
    // AES-GCM refuses only plaintexts beyond 64 GiB, which no entry approaches.
    (nonce, sealed.unwrap_or_default())
}

fn decrypt(key: &[u8; 32], aad: &[u8], nonce: &[u8], ciphertext: &[u8]) -> Result<Vec<u8>, NotOpened> {
    decrypt_with(&encryption_key(key), aad, nonce, ciphertext)
}

fn decrypt_with(
    encryption: &[u8; 32],
    aad: &[u8],
    nonce: &[u8],
    ciphertext: &[u8],
) -> Result<Vec<u8>, NotOpened> {
    let nonce: [u8; NONCE_BYTES] = nonce.try_into().map_err(|_| NotOpened)?;
    Aes256Gcm::new(encryption.into())
        .decrypt(&Nonce::from(nonce), Payload { msg: ciphertext, aad })
        .map_err(|_| NotOpened)
}

fn wrap(key: &[u8; 32], aad: &[u8], inner: &[u8; 32]) -> Vec<u8> {
    let (nonce, ciphertext) = encrypt(key, aad, inner);
    [nonce.as_slice(), &ciphertext].concat()
}

fn unwrap(key: &[u8; 32], aad: &[u8], wrapped: &[u8]) -> Result<[u8; 32], NotOpened> {
    let (nonce, ciphertext) = wrapped.split_at_checked(NONCE_BYTES).ok_or(NotOpened)?;
    decrypt(key, aad, nonce, ciphertext)?.try_into().map_err(|_| NotOpened)
}
