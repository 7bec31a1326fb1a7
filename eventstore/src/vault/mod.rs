//! Personal fields: sealed before they are hashed, unreadable once their key is destroyed.
//!
//! A document marks what is personal as `{"$personal": value}`. Before the append each such object becomes
//! `{"$sealed": {ciphertext, commitment, key, nonce}}`, encrypted under the data key of its subject; the log
//! hashes that. A reader gets `$personal` back, or `{"$erased": true}` once the subject's key was destroyed. An
//! erasure changes no stored entry, so every proof made before it still holds.

mod actors;
mod keys;
mod replacement;
mod root_keys;
mod sealing;
mod wrapped_key;

use std::collections::HashMap;
use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use parking_lot::{Mutex, MutexGuard};
use serde_json::Value;
use uuid::Uuid;

use crate::{EventStore, StoreError, TenantId};
pub(crate) use actors::actor_text_key;
pub use actors::{ActorKey, ActorText, OfActor, is_subject_of_actor};
pub use keys::{DataKey, RootKey, TenantKey};
pub use replacement::Replacement;
pub use root_keys::RootKeys;
pub(crate) use root_keys::tenant_key_of;
pub use sealing::AlsoAbout;
use sealing::Place;
pub(crate) use sealing::sealed_keys;
pub use wrapped_key::{RewrappedKey, WrappedKey};

/// How many subjects' keys are kept unwrapped.
const CACHED_DATA_KEYS: NonZeroUsize = NonZeroUsize::new(16_384).expect("not zero");
/// How many tenants' keys are kept unwrapped.
const CACHED_TENANT_KEYS: NonZeroUsize = NonZeroUsize::new(1_024).expect("not zero");

/// How often keys are read that do not open: both may have changed between the reading of the one and of the other.
const OPENING_ATTEMPTS: u32 = 3;
/// How many actors' keys are kept unwrapped.
const CACHED_ACTOR_KEYS: NonZeroUsize = NonZeroUsize::new(4_096).expect("not zero");

/// The outcome of a subject's key.
#[derive(Clone)]
pub enum SubjectKey {
    /// None was made yet: make one with [`Vault::data_key_for_new`] and append it with the first event.
    Never,
    /// Seal with this one.
    Live(DataKey),
    /// The subject was erased; nothing more may be sealed for it.
    Destroyed,
}

/// One document to open.
#[derive(Debug)]
pub struct Opening<'a> {
    /// Whose personal fields it holds.
    pub subject: Uuid,
    /// Another subject that they are about, too: with the erasure of either they are unreadable, whether or not they were
    /// sealed for both.
    pub also: Option<Uuid>,
    /// The event it is the data of.
    pub event_id: Uuid,
    /// The data; its sealed fields are replaced.
    pub data: &'a mut Value,
}

/// Seals and opens personal fields, fetching keys from the store as needed.
///
/// Unwrapped keys are cached together with the tenant's count of erasures at the time of reading. A cached key
/// is used only while that count, read from the store at each opening, is still the same: an erasure by any
/// process is honoured by every opening that begins after it.
pub struct Vault {
    store: Arc<dyn EventStore>,
    roots: Arc<dyn RootKeys>,
    tenants: Mutex<LruCache<TenantId, CachedTenantKey>>,
    subjects: Mutex<LruCache<(TenantId, Uuid), CachedKey>>,
    actors: Mutex<LruCache<(TenantId, String), ActorKey>>,
}

/// A subject's key, with the number of erasures that the tenant's log had seen when it was read.
#[derive(Clone)]
struct CachedKey {
    erasures: u64,
    key_id: Uuid,
    /// `None` once destroyed.
    key: Option<DataKey>,
}

/// A tenant's key, with the number of erasures that its log had seen when it was read: a replacement counts as one.
#[derive(Clone)]
struct CachedTenantKey {
    erasures: u64,
    key: TenantKey,
}

impl Vault {
    /// A vault over the keys in this store, the outermost of which are wrapped by the newest of these.
    #[must_use]
    pub fn new(store: Arc<dyn EventStore>, roots: impl RootKeys) -> Self {
        Self {
            store,
            roots: Arc::new(roots),
            tenants: Mutex::new(LruCache::new(CACHED_TENANT_KEYS)),
            subjects: Mutex::new(LruCache::new(CACHED_DATA_KEYS)),
            actors: Mutex::new(LruCache::new(CACHED_ACTOR_KEYS)),
        }
    }

    /// Makes the key of a subject that has none, of 32 uniformly random bytes. Append the wrapped form together
    /// with the first event sealed by it ([`crate::Append::new_keys`]).
    ///
    /// # Errors
    /// When the tenant's key cannot be read or opened.
    pub async fn data_key_for_new(
        &self,
        tenant: TenantId,
        subject: Uuid,
        random: [u8; 32],
        key_id: Uuid,
    ) -> Result<(DataKey, WrappedKey), StoreError> {
        let key = DataKey::new(key_id, random);
        let wrapped = self.tenant_key(tenant).await?.wrap(tenant, subject, &key);
        Ok((key, WrappedKey { key_id, subject, wrapped, destroyed: false }))
    }

    /// Other bytes for the key of a subject, uniformly random ones, which seal from then on; what the former sealed opens as before.
    /// None where it has no key, or it was destroyed. Append it together with the event that tells of it
    /// ([`crate::Append::changed_keys`]).
    ///
    /// # Errors
    /// When the store cannot be read or the key does not open.
    pub async fn changed_key(
        &self,
        tenant: TenantId,
        subject: Uuid,
        random: [u8; 32],
    ) -> Result<Option<RewrappedKey>, StoreError> {
        let mut attempt = 1;
        loop {
            let Some(stored) = self.store.data_key(tenant, subject).await? else { return Ok(None) };
            let tenant_key = self.read_tenant_key(tenant).await?.key;
            match unwrapped(&tenant_key, tenant, &stored) {
                Ok(None) => return Ok(None),
                Ok(Some(key)) => {
                    let wrapped = tenant_key.wrap(tenant, subject, &key.changed(random));
                    return Ok(Some(RewrappedKey { subject, stored: stored.wrapped, wrapped }));
                }
                // As for opening: both may have changed between the two reads.
                Err(_) if attempt < OPENING_ATTEMPTS => attempt += 1,
                Err(error) => return Err(error),
            }
        }
    }

    /// The key of a subject, for sealing more.
    ///
    /// # Errors
    /// When the store cannot be read or the key does not open.
    pub async fn data_key(&self, tenant: TenantId, subject: Uuid) -> Result<SubjectKey, StoreError> {
        let found = self.cached_keys(tenant, &[subject]).await?.remove(&subject);
        Ok(match found {
            None => SubjectKey::Never,
            Some(CachedKey { key: Some(key), .. }) => SubjectKey::Live(key),
            Some(CachedKey { key: None, .. }) => SubjectKey::Destroyed,
        })
    }

    /// Seals every personal field of an event's data. Needs no store: the key is a value.
    pub fn seal(&self, tenant: TenantId, subject: Uuid, event_id: Uuid, data: &mut Value, key: &DataKey) {
        sealing::seal(data, Place { tenant, subject, event_id }, key);
    }

    /// Seals every personal field of an event's data, of which some are about others, too: the erasure of any of those makes
    /// them unreadable. It stands in the stream of `subject`.
    pub fn seal_shared(
        &self,
        tenant: TenantId,
        event_id: Uuid,
        data: &mut Value,
        (subject, key): (Uuid, &DataKey),
        others: &[AlsoAbout<'_>],
    ) {
        sealing::seal_shared(data, Place { tenant, subject, event_id }, key, others);
    }

    /// Whether an event's data has personal fields to seal.
    #[must_use]
    pub fn is_personal(&self, data: &Value) -> bool {
        sealing::is_personal(data)
    }

    /// Opens every sealed field of one event's data.
    ///
    /// # Errors
    /// As [`Self::open_all`].
    pub async fn open(&self, tenant: TenantId, document: Opening<'_>) -> Result<(), StoreError> {
        self.open_all(tenant, &mut [document]).await
    }

    /// Opens every sealed field of many events' data, at the cost of one or two reads of the store together;
    /// none at all when nothing is sealed.
    ///
    /// # Errors
    /// [`StoreError::UnknownKey`] when a field names a key that was never made, [`StoreError::Damaged`] when one
    /// does not open, and whatever reading the store gives.
    pub async fn open_all(&self, tenant: TenantId, documents: &mut [Opening<'_>]) -> Result<(), StoreError> {
        self.open_without(tenant, &[], documents).await
    }

    /// As [`Self::open_all`], as the documents will read once these subjects are erased.
    ///
    /// # Errors
    /// As [`Self::open_all`].
    pub async fn open_without(
        &self,
        tenant: TenantId,
        erased: &[Uuid],
        documents: &mut [Opening<'_>],
    ) -> Result<(), StoreError> {
        let mut subjects = Vec::new();
        for Opening { subject, also, data, .. } in documents.iter() {
            if sealing::is_sealed(data, &mut subjects) {
                subjects.push(*subject);
                subjects.extend(also);
            }
        }
        if subjects.is_empty() {
            return Ok(());
        }
        subjects.sort_unstable();
        subjects.dedup();
        let keys = self.cached_keys(tenant, &subjects).await?;
        for Opening { subject, also, event_id, data } in documents {
            let place = Place { tenant, subject: *subject, event_id: *event_id };
            let is_gone = |subject: &Uuid| {
                erased.contains(subject) || keys.get(subject).is_some_and(|known| known.key.is_none())
            };
            let all_gone = also.as_ref().is_some_and(is_gone);
            sealing::open(data, place, &|subject| {
                let known = keys.get(&subject)?;
                Some((known.key_id, known.key.as_ref().filter(|_| !all_gone && !is_gone(&subject))))
            })?;
        }
        Ok(())
    }

    /// Drops what is held in memory of a subject's key.
    pub fn forget(&self, tenant: TenantId, subject: Uuid) {
        locked(&self.subjects).pop(&(tenant, subject));
    }

    /// A tag by which a contact detail can be found without being readable ([`TenantKey::blind_tag`]).
    ///
    /// # Errors
    /// When the tenant's key cannot be read or opened.
    pub async fn blind_tag(&self, tenant: TenantId, kind: &str, value: &str) -> Result<String, StoreError> {
        Ok(self.tenant_key(tenant).await?.blind_tag(kind, value))
    }

    /// Seals a secret of the tenant's own, such as the key of a robot, under the tenant's key. It opens again only for
    /// the place (an id) that it was sealed for.
    ///
    /// # Errors
    /// When the tenant's key cannot be read or opened.
    pub async fn seal_secret(
        &self,
        tenant: TenantId,
        place: Uuid,
        secret: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        Ok(self.read_tenant_key(tenant).await?.key.seal_secret(tenant, place, secret))
    }

    /// The secret that [`Self::seal_secret`] sealed for this place.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when these are not its bytes, or were sealed for another place; when the tenant's key
    /// cannot be read or opened.
    pub async fn open_secret(
        &self,
        tenant: TenantId,
        place: Uuid,
        sealed: &[u8],
    ) -> Result<Vec<u8>, StoreError> {
        if let Ok(opened) = self.tenant_key(tenant).await?.open_secret(tenant, place, sealed) {
            return Ok(opened);
        }
        // Another process may have replaced the key.
        let opened = self.read_tenant_key(tenant).await?.key.open_secret(tenant, place, sealed);
        opened.map_err(|_| StoreError::Damaged {
            position: 0,
            what: format!("the secret kept for {place} does not open"),
        })
    }

    /// How many erasures there had been when the key was read that wraps and blinds for this tenant
    /// ([`crate::Append::erasures_seen`]): an append of new keys or blind tags names it, or it would bring what a key that was
    /// replaced meanwhile has made. Not `fresh`, it is the key as this process knew it last.
    ///
    /// # Errors
    /// When the tenant's key cannot be read or opened.
    pub async fn tenant_key_seen(&self, tenant: TenantId, fresh: bool) -> Result<u64, StoreError> {
        match self.tenant_key_known(tenant).filter(|_| !fresh) {
            Some(known) => Ok(known),
            None => Ok(self.read_tenant_key(tenant).await?.erasures),
        }
    }

    /// The same without asking the store: none where this process has not read the tenant's key yet.
    #[must_use]
    pub fn tenant_key_known(&self, tenant: TenantId) -> Option<u64> {
        locked(&self.tenants).get(&tenant).map(|known| known.erasures)
    }

    /// The keys of those of the subjects that ever had one.
    async fn cached_keys(
        &self,
        tenant: TenantId,
        subjects: &[Uuid],
    ) -> Result<HashMap<Uuid, CachedKey>, StoreError> {
        // Read before the keys: a key read after this count is at least as new as the count says.
        let erasures = self.store.erasures(tenant).await?;
        let mut keys = HashMap::with_capacity(subjects.len());
        let mut missing = Vec::new();
        {
            let mut cache = locked(&self.subjects);
            for subject in subjects {
                match cache.get(&(tenant, *subject)).filter(|known| known.erasures == erasures) {
                    Some(known) => {
                        keys.insert(*subject, known.clone());
                    }
                    None => missing.push(*subject),
                }
            }
        }
        if missing.is_empty() {
            return Ok(keys);
        }
        let mut tenant_key = self.tenant_key_at(tenant, erasures).await?;
        for attempt in 1.. {
            let stored = self.store.data_keys(tenant, &missing).await?;
            let opened = stored.into_iter().map(|stored| {
                let key = unwrapped(&tenant_key, tenant, &stored)?;
                Ok((stored.subject, CachedKey { erasures, key_id: stored.key_id, key }))
            });
            match opened.collect::<Result<Vec<_>, StoreError>>() {
                Ok(opened) => {
                    let mut cache = locked(&self.subjects);
                    for (subject, known) in opened {
                        cache.put((tenant, subject), known.clone());
                        keys.insert(subject, known);
                    }
                    break;
                }
                // The tenant's key may have been replaced, and the keys rewrapped, between the two reads.
                Err(_) if attempt < OPENING_ATTEMPTS => tenant_key = self.read_tenant_key(tenant).await?.key,
                Err(error) => return Err(error),
            }
        }
        Ok(keys)
    }

    async fn tenant_key(&self, tenant: TenantId) -> Result<TenantKey, StoreError> {
        if let Some(known) = locked(&self.tenants).get(&tenant) {
            return Ok(known.key.clone());
        }
        Ok(self.read_tenant_key(tenant).await?.key)
    }

    /// The tenant's key as it was after this number of erasures, or is by now.
    async fn tenant_key_at(&self, tenant: TenantId, erasures: u64) -> Result<TenantKey, StoreError> {
        if let Some(known) = locked(&self.tenants).get(&tenant).filter(|known| known.erasures >= erasures) {
            return Ok(known.key.clone());
        }
        Ok(self.read_tenant_key(tenant).await?.key)
    }

    async fn read_tenant_key(&self, tenant: TenantId) -> Result<CachedTenantKey, StoreError> {
        // Read before the key, as for the keys of subjects.
        let erasures = self.store.erasures(tenant).await?;
        let newest = self.roots.newest();
        let candidate = newest.wrap(tenant, &newest.first_tenant_key(tenant));
        let stored = self.store.tenant_key(tenant, candidate).await?;
        let (key, _) = root_keys::opened(&*self.roots, tenant, &stored)?;
        let known = CachedTenantKey { erasures, key };
        locked(&self.tenants).put(tenant, known.clone());
        Ok(known)
    }
}

fn unwrapped(key: &TenantKey, tenant: TenantId, stored: &WrappedKey) -> Result<Option<DataKey>, StoreError> {
    if stored.destroyed {
        return Ok(None);
    }
    let opened = key.unwrap(tenant, stored.subject, stored.key_id, &stored.wrapped);
    opened.map(Some).map_err(|_| StoreError::Damaged {
        position: 0,
        what: format!("the data key {} of subject {} does not open", stored.key_id, stored.subject),
    })
}

fn locked<T>(cache: &Mutex<T>) -> MutexGuard<'_, T> {
    cache.lock()
}
