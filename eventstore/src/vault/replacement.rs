//! Replaces a tenant's key, and with it rewraps everything that was sealed under a root key before.
//!
//! In three steps, each of which can be repeated: first the key is replaced, and wrapped by the newest root key; then the data
//! keys, page by page, and whatever else the tenant's key seals; last the former key is forgotten. In between both keys open. A
//! crash leaves one of these states, and the next attempt goes on from it. Nothing is lost to writers meanwhile: what they bring
//! was wrapped by a key that is still the tenant's, or is refused ([`crate::Append::erasures_seen`]).

use std::sync::Arc;

use uuid::Uuid;

use super::keys::TenantKey;
use super::root_keys::{RootKeys, opened};
use super::wrapped_key::RewrappedKey;
use crate::rekey::{Rekeyable, Rekeying, Retag};
use crate::{StoreError, TenantId};

/// How often the replacement is begun when somebody else changes the key meanwhile.
const ATTEMPTS: u32 = 8;

/// A replacement that is under way.
pub struct Replacement<S: ?Sized> {
    store: Arc<S>,
    tenant: TenantId,
    key: TenantKey,
    stored: Vec<u8>,
    finished: Vec<u8>,
}

impl<S: Rekeyable + ?Sized> Replacement<S> {
    /// Begins the replacement of a tenant's key, by one of uniformly random bytes, or takes up one that was begun. None where
    /// nothing is left to do: the tenant has no key, or all is wrapped by the newest root key.
    ///
    /// # Errors
    /// When no root key opens what is stored, or the store cannot be read or written.
    pub async fn begin(
        store: Arc<S>,
        roots: &dyn RootKeys,
        tenant: TenantId,
        random: [[u8; 32]; 2],
    ) -> Result<Option<Self>, StoreError> {
        let newest = roots.newest();
        for _ in 0..ATTEMPTS {
            let Some(stored) = store.stored_tenant_key(tenant).await? else { return Ok(None) };
            let (key, root) = opened(roots, tenant, &stored)?;
            let of = |key: TenantKey, stored: Vec<u8>| {
                let finished = newest.wrap(tenant, &key.without_former());
                Self { store: store.clone(), tenant, key, stored, finished }
            };
            if root == newest {
                return Ok(key.is_being_replaced().then(|| of(key, stored)));
            }
            // One that was begun under another root key has its new key already, and what the former wrapped is still there.
            let (key, retag) = if key.is_being_replaced() {
                (key, None)
            } else {
                let new = key.replaced(random);
                let retagging = new.clone();
                let retag: Retag = Arc::new(move |tag| retagging.tag_after_replacement(tag));
                (new, Some(retag))
            };
            let wrapped = newest.wrap(tenant, &key);
            let rekeying = Rekeying::TenantKey { stored, wrapped: wrapped.clone(), retag };
            if store.rekey(tenant, rekeying).await? {
                return Ok(Some(of(key, wrapped)));
            }
        }
        Err(StoreError::Unavailable(format!("the key of tenant {tenant} is being changed by others")))
    }

    /// Rewraps the data keys of the subjects after one, at most `limit` of them. The last subject, and how many were wrapped;
    /// none where there are no more.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when one does not open; or the store cannot be read or written.
    pub async fn rewrap(&self, after: Uuid, limit: u32) -> Result<Option<(Uuid, usize)>, StoreError> {
        let page = self.store.keys(self.tenant, after, limit).await?;
        let Some(last) = page.last().map(|stored| stored.subject) else { return Ok(None) };
        let mut rewrapped = Vec::new();
        for stored in page {
            let (subject, key_id) = (stored.subject, stored.key_id);
            let wrapped = self.key.rewrapped(self.tenant, &stored).map_err(|_| StoreError::Damaged {
                position: 0,
                what: format!("the data key {key_id} of subject {subject} does not open"),
            })?;
            rewrapped.extend(wrapped.map(|wrapped| RewrappedKey {
                subject,
                stored: stored.wrapped,
                wrapped,
            }));
        }
        let count = rewrapped.len();
        if count > 0 {
            self.store.rekey(self.tenant, Rekeying::DataKeys(rewrapped)).await?;
        }
        Ok(Some((last, count)))
    }

    /// A secret ([`super::Vault::seal_secret`]) resealed; none where it is already.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] when it does not open.
    pub fn resealed(&self, place: Uuid, sealed: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.key.resealed(self.tenant, place, sealed).map_err(|_| StoreError::Damaged {
            position: 0,
            what: format!("the secret kept for {place} does not open"),
        })
    }

    /// Forgets the former key. Everything must have been rewrapped before.
    ///
    /// # Errors
    /// When the store cannot be written.
    pub async fn finish(&self) -> Result<(), StoreError> {
        let (stored, wrapped) = (self.stored.clone(), self.finished.clone());
        let rekeying = Rekeying::TenantKey { stored, wrapped, retag: None };
        match self.store.rekey(self.tenant, rekeying).await? {
            true => Ok(()),
            false => Err(StoreError::Unavailable(format!(
                "the key of tenant {} was changed by others meanwhile",
                self.tenant
            ))),
        }
    }
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::super::keys::RootKey;
    use super::super::{Opening, SubjectKey, Vault};
    use super::*;
    use crate::postgres::tests::{Database, Kind};
    use crate::{Append, Clock, Draft, Options, Outcome, Query, SqliteStore};

    const TENANT: TenantId = TenantId(Uuid::from_u128(0xa));
    const OLD: RootKey = RootKey([1; 32]);
    const NEW: RootKey = RootKey([2; 32]);
    const RANDOM: [[u8; 32]; 2] = [[3; 32], [4; 32]];

    /// Both, while the one takes the place of the other.
    struct Both;

    impl RootKeys for Both {
        fn newest(&self) -> RootKey {
            NEW
        }

        fn all(&self) -> Vec<RootKey> {
            vec![NEW, OLD]
        }

        fn read_again(&self) -> Vec<RootKey> {
            self.all()
        }
    }

    fn subject(number: u8) -> Uuid {
        Uuid::from_u128(1_000 + u128::from(number))
    }

    fn telephone(number: u8) -> String {
        format!("+86138000000{number:02}")
    }

    /// Somebody with a name and a telephone, who comes into the log as the vault sees its keys.
    async fn registration<S: Rekeyable + ?Sized>(store: &S, vault: &Vault, number: u8) -> (Uuid, Append) {
        let (subject, id) = (subject(number), Uuid::from_u128(2_000 + u128::from(number)));
        let seen = vault.tenant_key_seen(TENANT, false).await.unwrap();
        let key_id = Uuid::from_u128(3_000 + u128::from(number));
        let (key, wrapped) = vault.data_key_for_new(TENANT, subject, [number; 32], key_id).await.unwrap();
        let mut data = json!({"name": {"$personal": format!("Person {number}")}});
        vault.seal(TENANT, subject, id, &mut data, &key);
        let tag = vault.blind_tag(TENANT, "phone", &telephone(number)).await.unwrap();
        let head = store.head(TENANT).await.unwrap().position;
        let event = Draft {
            id,
            event_type: "e".into(),
            type_version: 1,
            subject: format!("customer/{subject}"),
            actor: "rep:li".to_owned(),
            via: None,
            origin: None,
            endpoint: None,
            effective_at: chrono::DateTime::UNIX_EPOCH,
            correlation_id: None,
            causation_id: None,
            tags: Vec::new(),
            blind_tags: vec![tag.clone()],
            data,
        };
        let append = Append {
            condition: Some(Query::tag(tag).none_after(head)),
            new_keys: vec![wrapped],
            erasures_seen: Some(seen),
            ..Append::new(TENANT, vec![event])
        };
        (id, append)
    }

    async fn registered<S: Rekeyable + ?Sized>(store: &S, vault: &Vault, number: u8) {
        let (_, append) = registration(store, vault, number).await;
        assert!(matches!(store.append(append).await, Ok(Outcome::Appended(_))), "{number}");
    }

    /// Whether somebody's name is readable, and the person is found by the telephone.
    async fn is_known<S: Rekeyable + ?Sized>(store: &S, vault: &Vault, number: u8) -> (bool, bool) {
        let entries = store.read(TENANT, 0, 100).await.unwrap();
        let about = format!("customer/{}", subject(number));
        let entry = entries.iter().find(|entry| entry.envelope().unwrap().subject == about).unwrap();
        let envelope = entry.envelope().unwrap();
        let mut data: Value = serde_json::from_str(envelope.data.get()).unwrap();
        let opening =
            Opening { subject: subject(number), also: None, event_id: envelope.id, data: &mut data };
        let reads = vault.open(TENANT, opening).await.is_ok();
        let found = match vault.blind_tag(TENANT, "phone", &telephone(number)).await {
            Ok(tag) => {
                !store.read_matching(TENANT, &Query::tag(tag), 0, u64::MAX, 1).await.unwrap().is_empty()
            }
            Err(_) => false,
        };
        (reads && data["name"]["$personal"] == format!("Person {number}").as_str(), found)
    }

    async fn everything_is_rewrapped_while_others_write<S: Rekeyable>(store: Arc<S>) {
        let vault = |roots| Vault::new(store.clone(), roots);
        let before = vault(OLD);
        for number in 0..6 {
            registered(&*store, &before, number).await;
        }
        let secret = before.seal_secret(TENANT, subject(99), b"t0ken").await.unwrap();
        let erased = Append { erase_subjects: vec![subject(5)], ..Append::new(TENANT, Vec::new()) };
        store.append(erased).await.unwrap();
        // Somebody who decides by the keys as they were.
        let (_, stale) = registration(&*store, &before, 20).await;

        let begin = async |random| Replacement::begin(store.clone(), &Both, TENANT, random).await.unwrap();
        let first = begin(RANDOM).await.unwrap();
        assert!(first.rewrap(Uuid::nil(), 2).await.unwrap().unwrap().1 == 2);
        assert!(matches!(store.append(stale).await, Err(StoreError::Conflict { .. })));
        // Half-way, with a process that knows both root keys, and one that began before.
        let both = Vault::new(store.clone(), Both);
        for number in 0..5 {
            assert_eq!(is_known(&*store, &both, number).await, (true, true), "{number}");
        }
        registered(&*store, &both, 6).await;
        drop(first);

        // The next run goes on with the same key, whatever random bytes it brings.
        let second = begin([[9; 32]; 2]).await.unwrap();
        let mut after = Uuid::nil();
        let mut rewrapped = 0;
        while let Some((last, count)) = second.rewrap(after, 2).await.unwrap() {
            (after, rewrapped) = (last, rewrapped + count);
        }
        assert_eq!(
            rewrapped, 3,
            "of five people two were done, one is erased, one came wrapped by the new key"
        );
        let resealed = second.resealed(subject(99), &secret).unwrap().unwrap();
        assert_eq!(second.resealed(subject(99), &resealed).unwrap(), None);
        second.finish().await.unwrap();
        second.finish().await.unwrap();
        assert!(begin([[8; 32]; 2]).await.is_none(), "nothing is left to do");
        for number in [0, 1, 2, 3, 4, 6] {
            assert_eq!(is_known(&*store, &both, number).await, (true, true), "{number}");
        }
        registered(&*store, &both, 7).await;

        // The new key alone is enough, and the old one is good for nothing, nor is what could be derived from it.
        let (new, old) = (vault(NEW), vault(OLD));
        let derived = OLD.first_tenant_key(TENANT);
        for number in [0, 1, 2, 3, 4, 6, 7] {
            assert_eq!(is_known(&*store, &new, number).await, (true, true), "{number}");
            assert_eq!(is_known(&*store, &old, number).await, (false, false), "{number}");
            let stored = store.data_key(TENANT, subject(number)).await.unwrap().unwrap();
            assert!(!derived.opens(TENANT, &stored));
            let tag = derived.blind_tag("phone", &telephone(number));
            assert!(store.read_matching(TENANT, &Query::tag(tag), 0, u64::MAX, 1).await.unwrap().is_empty());
        }
        assert_eq!(new.open_secret(TENANT, subject(99), &resealed).await.unwrap(), b"t0ken");
        assert!(derived.open_secret(TENANT, subject(99), &resealed).is_err());
        assert!(matches!(new.data_key(TENANT, subject(5)).await.unwrap(), SubjectKey::Destroyed));
        let tags = store.blind_tags(TENANT, &crate::BlindTag::before_all(), 100).await.unwrap();
        assert_eq!(tags.len(), 7, "one for each who is not erased");
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn on_sqlite_everything_is_rewrapped_while_others_write_and_the_old_key_opens_nothing() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("a.db");
        let clock: Clock = Arc::new(|| chrono::DateTime::UNIX_EPOCH);
        let store = SqliteStore::open(file.to_str().unwrap(), Options::new(clock)).await.unwrap();
        everything_is_rewrapped_while_others_write(store).await;
    }

    #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
    async fn on_postgres_everything_is_rewrapped_while_others_write_and_the_old_key_opens_nothing() {
        let Some(database) = Database::create(Kind::Plain).await else { return };
        let store = database.open(Arc::new(|| chrono::DateTime::UNIX_EPOCH)).await;
        everything_is_rewrapped_while_others_write(store).await;
    }
}
