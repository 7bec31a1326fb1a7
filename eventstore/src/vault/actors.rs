//! What is personal of the one who acted: one text beside an event's data, sealed under a key of the actor's own.
//!
//! The subject of such a key is made of the actor's name and a number. Once the key of one number was destroyed, what the
//! actor does afterwards is sealed under the key of the next: an erasure takes what was, and nobody acts without a trace.

use std::collections::HashMap;

use base64::Engine;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::keys::{DataKey, NONCE_BYTES, aad};
use super::{CachedKey, Vault, locked};
use crate::{StoreError, TenantId};

/// Bytes before the nonce: the number of the key among the actor's, the key's id, and what binds the text to the key.
const HEAD_BYTES: usize = 1 + 16 + 32;

/// The subject that an actor is to the keys.
fn subject_of(actor: &str, number: u8) -> Uuid {
    let hash = Sha256::new().chain_update([number]).chain_update(actor).finalize();
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&hash[..16]);
    // A subject of a rule of our own (RFC 9562, version 8): it is never that of a customer, whose ids are of version 7.
    uuid::Builder::from_custom_bytes(bytes).into_uuid()
}

/// Whether a subject is that of a key of this actor, the present or a former one.
#[must_use]
pub fn is_subject_of_actor(actor: &str, subject: Uuid) -> bool {
    (0..=u8::MAX).any(|number| subject_of(actor, number) == subject)
}

/// The key that what is personal of an actor is sealed under.
#[derive(Clone)]
pub struct ActorKey {
    number: u8,
    subject: Uuid,
    key: DataKey,
    erasures: u64,
}

impl ActorKey {
    /// How many erasures there had been when it was read ([`crate::Append::erasures_seen`]).
    #[must_use]
    pub fn erasures(&self) -> u64 {
        self.erasures
    }
}

/// What there is to seal for an actor with.
pub enum OfActor {
    /// Seal with this one.
    Key(ActorKey),
    /// There is none yet: store one for this subject ([`Vault::data_key_for_new`]) and ask again.
    NoneYet(Uuid),
    /// The last one that an actor can have was destroyed.
    NoMore,
}

/// A sealed text, where it stands.
#[derive(Debug, Clone, Copy)]
pub struct ActorText<'a> {
    /// Who acted.
    pub actor: &'a str,
    /// The event.
    pub event_id: Uuid,
    /// What [`Vault::seal_of_actor`] gave.
    pub sealed: &'a str,
}

/// A sealed text, taken apart.
struct Parts {
    number: u8,
    key_id: Uuid,
    bytes: Vec<u8>,
}

impl Parts {
    fn of(sealed: &str) -> Option<Self> {
        let bytes = BASE64_URL_SAFE_NO_PAD.decode(sealed).ok()?;
        let (head, _) = bytes.split_at_checked(HEAD_BYTES + NONCE_BYTES)?;
        let (number, key_id) = (head[0], Uuid::from_slice(&head[1..17]).ok()?);
        Some(Self { number, key_id, bytes })
    }

    fn opened(&self, place: &[u8], key: &DataKey) -> Option<String> {
        let (commitment, rest) = self.bytes[17..].split_at_checked(32)?;
        let (nonce, ciphertext) = rest.split_at_checked(NONCE_BYTES)?;
        String::from_utf8(key.decrypt(commitment, place, nonce, ciphertext).ok()?).ok()
    }
}

/// The subject and the id of the key that a sealed text of an actor names; none of what is no such text.
pub(crate) fn actor_text_key(actor: &str, sealed: &str) -> Option<(Uuid, Uuid)> {
    let parts = Parts::of(sealed)?;
    Some((subject_of(actor, parts.number), parts.key_id))
}

/// What a sealed text is bound to.
fn place(tenant: TenantId, event_id: Uuid, subject: Uuid, key_id: Uuid) -> Vec<u8> {
    aad(&[tenant.0.as_bytes(), event_id.as_bytes(), b"actor", subject.as_bytes(), key_id.as_bytes()])
}

impl Vault {
    /// The key to seal with what is personal of an actor.
    ///
    /// # Errors
    /// When the store cannot be read or the key does not open.
    pub async fn of_actor(&self, tenant: TenantId, actor: &str) -> Result<OfActor, StoreError> {
        for number in 0..=u8::MAX {
            let subject = subject_of(actor, number);
            let Some(CachedKey { erasures, key, .. }) =
                self.cached_keys(tenant, &[subject]).await?.remove(&subject)
            else {
                return Ok(OfActor::NoneYet(subject));
            };
            if let Some(key) = key {
                let key = ActorKey { number, subject, key, erasures };
                locked(&self.actors).put((tenant, actor.to_owned()), key.clone());
                return Ok(OfActor::Key(key));
            }
        }
        Ok(OfActor::NoMore)
    }

    /// The key that [`Self::of_actor`] gave last. Another process may have destroyed it since: an append of what is sealed with
    /// it says how many erasures were seen then.
    #[must_use]
    pub fn kept_of_actor(&self, tenant: TenantId, actor: &str) -> Option<ActorKey> {
        locked(&self.actors).get(&(tenant, actor.to_owned())).cloned()
    }

    /// The subject whose erasure makes unreadable what is sealed of an actor; none where there is nothing.
    ///
    /// # Errors
    /// When the store cannot be read or the key does not open.
    pub async fn subject_of_actor(&self, tenant: TenantId, actor: &str) -> Result<Option<Uuid>, StoreError> {
        Ok(match self.of_actor(tenant, actor).await? {
            OfActor::Key(key) => Some(key.subject),
            OfActor::NoneYet(_) | OfActor::NoMore => None,
        })
    }

    /// A text about the one who acted, sealed for one event: in base64url, the key's number, its id, its commitment, the nonce
    /// and the ciphertext.
    #[must_use]
    pub fn seal_of_actor(&self, tenant: TenantId, event_id: Uuid, key: &ActorKey, text: &str) -> String {
        let ActorKey { number, subject, key, .. } = key;
        let (nonce, ciphertext) = key.encrypt(&place(tenant, event_id, *subject, key.id()), text.as_bytes());
        let head = [&[*number][..], key.id().as_bytes(), &key.commitment(), &nonce].concat();
        BASE64_URL_SAFE_NO_PAD.encode([head, ciphertext].concat())
    }

    /// Opens texts about actors, for one or two reads of the store together. None where the key was destroyed.
    ///
    /// # Errors
    /// [`StoreError::UnknownKey`] when a text names a key that was never made, [`StoreError::Damaged`] when one does not open,
    /// and whatever reading the store gives.
    pub async fn open_of_actors(
        &self,
        tenant: TenantId,
        texts: &[ActorText<'_>],
    ) -> Result<Vec<Option<String>>, StoreError> {
        if texts.is_empty() {
            return Ok(Vec::new());
        }
        let damaged = |text: &ActorText<'_>| StoreError::Damaged {
            position: 0,
            what: format!("what is sealed of the actor of event {} does not open", text.event_id),
        };
        let parts = texts.iter().map(|text| {
            let parts = Parts::of(text.sealed).ok_or_else(|| damaged(text))?;
            Ok((subject_of(text.actor, parts.number), parts))
        });
        let parts = parts.collect::<Result<Vec<_>, StoreError>>()?;
        let mut subjects: Vec<Uuid> = parts.iter().map(|(subject, _)| *subject).collect();
        subjects.sort_unstable();
        subjects.dedup();
        let keys: HashMap<Uuid, _> = self.cached_keys(tenant, &subjects).await?;
        let opened = texts.iter().zip(parts).map(|(text, (subject, parts))| {
            let known = keys.get(&subject).filter(|known| known.key_id == parts.key_id);
            let known = known.ok_or_else(|| StoreError::UnknownKey(parts.key_id.to_string()))?;
            let Some(key) = &known.key else { return Ok(None) };
            let place = place(tenant, text.event_id, subject, parts.key_id);
            parts.opened(&place, key).map(Some).ok_or_else(|| damaged(text))
        });
        opened.collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_subject_of_an_actors_key_is_the_one_that_the_format_describes() {
        // The example of docs/audit-format.md.
        assert_eq!(subject_of("rep:li", 1).to_string(), "50df7cb0-41aa-8071-bcc6-871f3f8a7c90");
        assert_eq!(subject_of("admin:first", 0).to_string(), "2bde029b-4497-8bde-89ce-1ed4707dba15");
    }
}
