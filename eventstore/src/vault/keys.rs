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

/// What the wrapped form of a tenant's key begins with that was ever replaced.
const REPLACED: u8 = 2;

/// The installation's key, kept outside the database. Wraps the tenants' keys.
#[derive(Clone, PartialEq, Eq)]
pub struct RootKey(pub [u8; 32]);

/// A tenant's key. Wraps the subjects' keys and blinds contact details.
///
/// While it is being replaced it has two keys that open, of which the new one wraps. What blinds grows by a key with each
/// replacement: a tag is blinded by the first, what comes of that by the second, and so on, so that a tag can be brought up to
/// the next key without knowing what it stands for, and cannot be made without every one of them.
#[derive(Clone)]
pub struct TenantKey {
    wrapping: [u8; 32],
    /// What wrapped before, until everything is rewrapped.
    former: Option<[u8; 32]>,
    first_blinding: [u8; 32],
    later_blinding: Vec<[u8; 32]>,
}

/// A subject's key. Seals personal fields.
///
/// It has one id permanently, however often it is changed: the newest bytes seal, and what the former have sealed, of which each box
/// tells by its commitment, opens as before.
#[derive(Clone)]
pub struct DataKey {
    pub(super) id: Uuid,
    newest: SealingKey,
    /// The one before it first.
    former: Vec<SealingKey>,
}

/// The bytes of a data key, and what is derived from them for every field alike.
#[derive(Clone)]
struct SealingKey {
    bytes: [u8; 32],
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
        TenantKey::of_one(mac(&self.0, "tenant key", &[tenant.0.as_bytes()]))
    }

    /// One that was never replaced is wrapped as it always was; another one as its version, whether there is a former key, and
    /// its keys one after the other.
    pub(super) fn wrap(&self, tenant: TenantId, key: &TenantKey) -> Vec<u8> {
        if key.is_first() {
            return wrap(&self.0, &tenant_key_aad(tenant), &key.wrapping);
        }
        let head = [REPLACED, u8::from(key.former.is_some())];
        let keys = std::iter::once(&key.wrapping).chain(&key.former).chain([&key.first_blinding]);
        let bytes: Vec<u8> =
            head.into_iter().chain(keys.chain(&key.later_blinding).flatten().copied()).collect();
        let (nonce, ciphertext) = encrypt(&self.0, &tenant_key_aad(tenant), &bytes);
        [nonce.as_slice(), &ciphertext].concat()
    }

    pub(super) fn unwrap(&self, tenant: TenantId, wrapped: &[u8]) -> Result<TenantKey, NotOpened> {
        let (nonce, ciphertext) = wrapped.split_at_checked(NONCE_BYTES).ok_or(NotOpened)?;
        TenantKey::of_bytes(&decrypt(&self.0, &tenant_key_aad(tenant), nonce, ciphertext)?).ok_or(NotOpened)
    }
}

impl TenantKey {
    fn of_one(key: [u8; 32]) -> Self {
        Self { wrapping: key, former: None, first_blinding: key, later_blinding: Vec::new() }
    }

    fn of_bytes(bytes: &[u8]) -> Option<Self> {
        if let Ok(key) = <[u8; 32]>::try_from(bytes) {
            return Some(Self::of_one(key));
        }
        let ([REPLACED, has_former @ (0 | 1)], keys) = bytes.split_first_chunk::<2>()? else { return None };
        let (keys, []) = keys.as_chunks::<32>() else { return None };
        let mut keys = keys.iter().copied();
        let wrapping = keys.next()?;
        let former = if *has_former == 1 { Some(keys.next()?) } else { None };
        Some(Self { wrapping, former, first_blinding: keys.next()?, later_blinding: keys.collect() })
    }

    /// Whether it is the first of its tenant, as it was made.
    fn is_first(&self) -> bool {
        self.former.is_none() && self.later_blinding.is_empty() && self.wrapping == self.first_blinding
    }

    /// The key that takes its place, of uniformly random bytes: it opens what this one opens, and wraps and blinds by new ones.
    pub(super) fn replaced(&self, [wrapping, blinding]: [[u8; 32]; 2]) -> Self {
        let later_blinding = self.later_blinding.iter().copied().chain([blinding]).collect();
        Self { wrapping, former: Some(self.wrapping), later_blinding, ..self.clone() }
    }

    /// Whether there is a former key, which opens still.
    pub(super) fn is_being_replaced(&self) -> bool {
        self.former.is_some()
    }

    /// The same once everything is wrapped by the new key.
    pub(super) fn without_former(&self) -> Self {
        Self { former: None, ..self.clone() }
    }

    /// What it opens with, the key that wraps first.
    fn opening(&self) -> impl Iterator<Item = &[u8; 32]> {
        std::iter::once(&self.wrapping).chain(&self.former)
    }

    pub(super) fn wrap(&self, tenant: TenantId, subject: Uuid, key: &DataKey) -> Vec<u8> {
        let bytes: Vec<u8> = key.all().flat_map(|one| one.bytes).collect();
        let (nonce, ciphertext) = encrypt(&self.wrapping, &data_key_aad(tenant, subject, key.id), &bytes);
        [nonce.as_slice(), &ciphertext].concat()
    }

    pub(super) fn unwrap(
        &self,
        tenant: TenantId,
        subject: Uuid,
        id: Uuid,
        wrapped: &[u8],
    ) -> Result<DataKey, NotOpened> {
        let (nonce, ciphertext) = wrapped.split_at_checked(NONCE_BYTES).ok_or(NotOpened)?;
        let aad = data_key_aad(tenant, subject, id);
        let opened = self.opening().find_map(|key| decrypt(key, &aad, nonce, ciphertext).ok());
        DataKey::of_bytes(id, &opened.ok_or(NotOpened)?).ok_or(NotOpened)
    }

    /// Whether a wrapped data key can have this length: a nonce, keys of 32 bytes, and the tag of AES-GCM.
    pub(crate) fn can_have_wrapped(length: usize) -> bool {
        length.checked_sub(NONCE_BYTES + 16).is_some_and(|keys| keys > 0 && keys.is_multiple_of(32))
    }

    /// Whether a stored key is one that this key wrapped for its tenant, subject and id.
    pub(crate) fn opens(&self, tenant: TenantId, stored: &WrappedKey) -> bool {
        self.unwrap(tenant, stored.subject, stored.key_id, &stored.wrapped).is_ok()
    }

    /// A stored key as the key that wraps now wraps it; none where it does already, or the key was destroyed.
    pub(super) fn rewrapped(
        &self,
        tenant: TenantId,
        stored: &WrappedKey,
    ) -> Result<Option<Vec<u8>>, NotOpened> {
        if stored.destroyed {
            return Ok(None);
        }
        let key = self.unwrap(tenant, stored.subject, stored.key_id, &stored.wrapped)?;
        // Wrapping needs no randomness: what this key has wrapped, it wraps to the same bytes.
        Ok(Some(self.wrap(tenant, stored.subject, &key)).filter(|wrapped| *wrapped != stored.wrapped))
    }

    /// A secret as the key that wraps now seals it; none where it does already.
    pub(super) fn resealed(
        &self,
        tenant: TenantId,
        place: Uuid,
        sealed: &[u8],
    ) -> Result<Option<Vec<u8>>, NotOpened> {
        let secret = self.open_secret(tenant, place, sealed)?;
        Ok(Some(self.seal_secret(tenant, place, &secret)).filter(|rewrapped| rewrapped != sealed))
    }

    /// Seals a secret of the tenant's own for the place where it is kept.
    pub(super) fn seal_secret(&self, tenant: TenantId, place: Uuid, secret: &[u8]) -> Vec<u8> {
        let (nonce, ciphertext) = encrypt(&self.wrapping, &secret_aad(tenant, place), secret);
        [nonce.as_slice(), &ciphertext].concat()
    }

    pub(super) fn open_secret(
        &self,
        tenant: TenantId,
        place: Uuid,
        sealed: &[u8],
    ) -> Result<Vec<u8>, NotOpened> {
        let (nonce, ciphertext) = sealed.split_at_checked(NONCE_BYTES).ok_or(NotOpened)?;
        let aad = secret_aad(tenant, place);
        self.opening().find_map(|key| decrypt(key, &aad, nonce, ciphertext).ok()).ok_or(NotOpened)
    }

    /// A tag by which a contact detail can be found without being readable: `kind:` and a keyed hash of the
    /// value in base64url. The caller normalises the value first.
    #[must_use]
    pub fn blind_tag(&self, kind: &str, value: &str) -> String {
        let first = mac(&self.first_blinding, "blind tag", &[kind.as_bytes(), value.as_bytes()]);
        let hash = self.later_blinding.iter().fold(first, |hash, key| blinded_again(key, kind, &hash));
        format!("{kind}:{}", BASE64_URL_SAFE_NO_PAD.encode(hash))
    }

    /// A tag that the key before its replacement made, as this one makes it; none of what is no blind tag.
    pub(super) fn tag_after_replacement(&self, tag: &str) -> Option<String> {
        let (kind, hash) = tag.rsplit_once(':')?;
        let hash = BASE64_URL_SAFE_NO_PAD.decode(hash).ok()?.try_into().ok()?;
        let hash = blinded_again(self.later_blinding.last()?, kind, &hash);
        Some(format!("{kind}:{}", BASE64_URL_SAFE_NO_PAD.encode(hash)))
    }
}

impl DataKey {
    /// A key of these uniformly random bytes.
    pub(super) fn new(id: Uuid, random: [u8; 32]) -> Self {
        Self { id, newest: SealingKey::new(random), former: Vec::new() }
    }

    fn of_bytes(id: Uuid, bytes: &[u8]) -> Option<Self> {
        let (keys, []) = bytes.as_chunks::<32>() else { return None };
        let (newest, former) = keys.split_first()?;
        let former = former.iter().map(|key| SealingKey::new(*key)).collect();
        Some(Self { id, newest: SealingKey::new(*newest), former })
    }

    /// The same key with other bytes, uniformly random ones, which seal from then on.
    pub(super) fn changed(self, random: [u8; 32]) -> Self {
        let former = std::iter::once(self.newest).chain(self.former).collect();
        Self { id: self.id, newest: SealingKey::new(random), former }
    }

    fn all(&self) -> impl Iterator<Item = &SealingKey> {
        std::iter::once(&self.newest).chain(&self.former)
    }

    /// The key's own id, named by everything sealed with it.
    #[must_use]
    pub fn id(&self) -> Uuid {
        self.id
    }

    /// Binds a box to the bytes that seal: AES-GCM alone lets one ciphertext open under two keys.
    pub(super) fn commitment(&self) -> [u8; 32] {
        self.newest.commitment
    }

    pub(super) fn encrypt(&self, aad: &[u8], plaintext: &[u8]) -> ([u8; NONCE_BYTES], Vec<u8>) {
        encrypt_with(&self.newest.bytes, &self.newest.encryption, aad, plaintext)
    }

    /// Opens a box by the bytes that it is bound to.
    pub(super) fn decrypt(
        &self,
        commitment: &[u8],
        aad: &[u8],
        nonce: &[u8],
        ciphertext: &[u8],
    ) -> Result<Vec<u8>, NotOpened> {
        let key = self.all().find(|key| key.commitment == commitment).ok_or(NotOpened)?;
        decrypt_with(&key.encryption, aad, nonce, ciphertext)
    }
}

impl SealingKey {
    fn new(bytes: [u8; 32]) -> Self {
        Self { bytes, encryption: encryption_key(&bytes), commitment: mac(&bytes, "commitment", &[]) }
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

fn tenant_key_aad(tenant: TenantId) -> Vec<u8> {
    aad(&[b"tenant key", tenant.0.as_bytes()])
}

fn blinded_again(key: &[u8; 32], kind: &str, hash: &[u8; 32]) -> [u8; 32] {
    mac(key, "blind tag again", &[kind.as_bytes(), hash])
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

#[cfg(test)]
mod tests {
    use super::*;

    const TENANT: TenantId = TenantId(Uuid::from_u128(1));
    const OLD: RootKey = RootKey([1; 32]);
    const NEW: RootKey = RootKey([2; 32]);
    const LI: Uuid = Uuid::from_u128(3);

    fn stored(key: &TenantKey, data_key: &DataKey) -> WrappedKey {
        let wrapped = key.wrap(TENANT, LI, data_key);
        WrappedKey { key_id: data_key.id, subject: LI, wrapped, destroyed: false }
    }

    #[test]
    fn a_replaced_key_opens_what_the_former_wrapped_until_that_is_gone_and_the_former_opens_nothing_new() {
        let first = OLD.first_tenant_key(TENANT);
        let data_key = DataKey::new(Uuid::from_u128(4), [5; 32]);
        let before = stored(&first, &data_key);
        let secret = first.seal_secret(TENANT, LI, b"t0ken");

        let both = first.replaced([[6; 32], [7; 32]]);
        assert!(both.opens(TENANT, &before) && both.is_being_replaced());
        let after =
            WrappedKey { wrapped: both.rewrapped(TENANT, &before).unwrap().unwrap(), ..before.clone() };
        assert_eq!(both.rewrapped(TENANT, &after), Ok(None), "once is enough");
        let resealed = both.resealed(TENANT, LI, &secret).unwrap().unwrap();
        assert_eq!(both.resealed(TENANT, LI, &resealed), Ok(None));

        let alone = both.without_former();
        assert!(alone.opens(TENANT, &after) && !alone.opens(TENANT, &before));
        assert_eq!(alone.open_secret(TENANT, LI, &resealed), Ok(b"t0ken".to_vec()));
        assert_eq!(alone.open_secret(TENANT, LI, &secret), Err(NotOpened));
        assert!(!first.opens(TENANT, &after));
        assert_eq!(first.open_secret(TENANT, LI, &resealed), Err(NotOpened));
        let gone = WrappedKey { wrapped: Vec::new(), destroyed: true, ..after };
        assert_eq!(both.rewrapped(TENANT, &gone), Ok(None));
    }

    #[test]
    fn every_form_of_a_tenants_key_is_read_as_it_was_wrapped_and_under_its_root_alone() {
        let first = OLD.first_tenant_key(TENANT);
        let twice = first.replaced([[6; 32], [7; 32]]).without_former().replaced([[8; 32], [9; 32]]);
        for key in [&first, &first.replaced([[6; 32], [7; 32]]), &twice, &twice.without_former()] {
            let wrapped = NEW.wrap(TENANT, key);
            let read = NEW.unwrap(TENANT, &wrapped).ok().unwrap();
            assert_eq!(NEW.wrap(TENANT, &read), wrapped);
            assert_eq!(read.blind_tag("phone", "+861"), key.blind_tag("phone", "+861"));
            assert_eq!(read.is_being_replaced(), key.is_being_replaced());
            assert!(OLD.unwrap(TENANT, &wrapped).is_err());
            assert!(NEW.unwrap(TenantId(LI), &wrapped).is_err());
        }
        assert_eq!(OLD.wrap(TENANT, &first).len(), NONCE_BYTES + 32 + 16, "as it always was");
    }

    #[test]
    fn a_changed_data_key_opens_what_any_of_its_bytes_sealed_and_the_former_bytes_open_nothing_new() {
        let tenant_key = OLD.first_tenant_key(TENANT);
        let first = DataKey::new(Uuid::from_u128(4), [5; 32]);
        let sealed = |key: &DataKey| (key.commitment(), key.encrypt(b"place", b"Li Hua"));
        let opens =
            |key: &DataKey, (commitment, (nonce, text)): &([u8; 32], ([u8; NONCE_BYTES], Vec<u8>))| {
                key.decrypt(commitment, b"place", nonce, text) == Ok(b"Li Hua".to_vec())
            };
        let before = sealed(&first);
        let twice = first.clone().changed([6; 32]).changed([7; 32]);
        let kept = stored(&tenant_key, &twice);
        assert_eq!(kept.key_id, first.id, "it is the same key");
        let read = tenant_key.unwrap(TENANT, LI, kept.key_id, &kept.wrapped).ok().unwrap();
        let after = sealed(&read);
        assert!(opens(&read, &before) && opens(&read, &after) && opens(&twice, &after));
        assert!(!opens(&first, &after));
        assert_ne!(before.0, after.0);
        for key in [&first, &twice] {
            assert!(TenantKey::can_have_wrapped(stored(&tenant_key, key).wrapped.len()));
        }
        assert!([0, NONCE_BYTES + 16, 61].iter().all(|length| !TenantKey::can_have_wrapped(*length)));
    }

    #[test]
    fn a_tag_is_brought_to_the_next_key_without_its_value_and_the_former_key_does_not_make_it() {
        let first = OLD.first_tenant_key(TENANT);
        let mut key = first.clone();
        let mut tag = first.blind_tag("phone", "+8613800000000");
        for number in 1..3 {
            key = key.replaced([[number; 32], [number + 100; 32]]);
            tag = key.tag_after_replacement(&tag).unwrap();
            assert_eq!(tag, key.blind_tag("phone", "+8613800000000"));
            assert_ne!(tag, first.blind_tag("phone", "+8613800000000"));
        }
        assert_eq!(key.tag_after_replacement("customer"), None);
    }
}
