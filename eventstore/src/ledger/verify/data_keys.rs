//! The keys of personal fields, compared with the entries that name them and with the erasures that destroyed them.

use std::collections::{HashMap, HashSet};
use std::sync::Arc;

use async_trait::async_trait;
use uuid::Uuid;

use super::{Fault, SideCheck};
use crate::ledger::Record;
use crate::vault::{RootKeys, TenantKey, WrappedKey, actor_text_key, sealed_keys, tenant_key_of};
use crate::{Entry, Position, StoreError, TenantId, Transferable};

/// Keys, and entries, read at a time.
const ROWS_PER_PAGE: u32 = 1_000;

/// Compares the stored data keys with the log: each sealed field names a key that is there and is its subject's; exactly
/// those keys are destroyed whose subjects an event erased. With the root key at hand each key is opened as well, without
/// it only its length is looked at.
pub struct DataKeys {
    store: Arc<dyn Transferable>,
    roots: Option<Box<dyn RootKeys>>,
    erased_by: &'static [&'static str],
    tenant: TenantId,
    until: Position,
    keys: HashMap<Uuid, StoredKey>,
    erased: HashSet<Uuid>,
    /// The first entry with a sealed field.
    first_sealed: Option<Position>,
}

/// A stored key, and what the entries say of it.
struct StoredKey {
    subject: Uuid,
    destroyed: bool,
    /// Why it cannot be one that was written; none where it can.
    fault: Option<&'static str>,
    /// The first entry that names it.
    named_at: Option<Position>,
    /// Whether an entry of its own subject does.
    by_its_subject: bool,
}

impl DataKeys {
    /// Over the keys of this store. Events of the types `erased_by` erase what they are about.
    #[must_use]
    pub fn new(
        store: Arc<dyn Transferable>,
        roots: Option<impl RootKeys>,
        erased_by: &'static [&'static str],
    ) -> Self {
        Self {
            store,
            roots: roots.map(|roots| -> Box<dyn RootKeys> { Box::new(roots) }),
            erased_by,
            tenant: TenantId(Uuid::nil()),
            until: 0,
            keys: HashMap::new(),
            erased: HashSet::new(),
            first_sealed: None,
        }
    }

    /// The tenant's key, where the root key is at hand and one is stored.
    async fn tenant_key(&self) -> Result<Option<TenantKey>, StoreError> {
        let (Some(roots), Some(stored)) = (&self.roots, self.store.stored_tenant_key(self.tenant).await?)
        else {
            return Ok(None);
        };
        let what = || "the stored key of the tenant does not open".to_owned();
        tenant_key_of(&**roots, self.tenant, &stored)
            .map(Some)
            .map_err(|_| StoreError::Damaged { position: 1, what: what() })
    }

    fn known(&self, stored: &WrappedKey, tenant_key: Option<&TenantKey>) -> StoredKey {
        let fault = match (stored.destroyed, stored.wrapped.len(), tenant_key) {
            (true, 0, _) => None,
            (false, length, None) if TenantKey::can_have_wrapped(length) => None,
            (true, ..) => Some("a data key is marked as destroyed and is still there"),
            (false, _, Some(key)) if key.opens(self.tenant, stored) => None,
            (false, ..) => Some("a stored data key does not open"),
        };
        let (subject, destroyed) = (stored.subject, stored.destroyed);
        StoredKey { subject, destroyed, fault, named_at: None, by_its_subject: false }
    }

    /// Notes what an entry says of keys. Returns the first key that it names and that is not stored.
    fn record_keys(&mut self, entry: &Entry, event_type: &str) -> Option<Fault> {
        // The walk has read the envelope, and has told where it cannot.
        let envelope = entry.envelope().ok()?;
        let subject = envelope.subject.rsplit('/').next().and_then(|id| Uuid::parse_str(id).ok());
        if self.erased_by.contains(&event_type) {
            self.erased.extend(subject);
        }
        let of_fields = sealed_keys(envelope.data.get()).into_iter().map(|key_id| (subject, key_id));
        let of_actor = match &envelope.endpoint {
            None => None,
            Some(sealed) => match actor_text_key(&envelope.actor, sealed) {
                Some((subject, key_id)) => Some((Some(subject), key_id)),
                None => return Some(Fault::at(entry.position, "what is sealed of the actor is malformed")),
            },
        };
        for (subject, key_id) in of_fields.chain(of_actor) {
            self.first_sealed.get_or_insert(entry.position);
            let Some(known) = self.keys.get_mut(&key_id) else {
                let what = format!("the data key {key_id} of a sealed field is not stored");
                return Some(Fault::at(entry.position, what));
            };
            known.named_at.get_or_insert(entry.position);
            known.by_its_subject |= subject == Some(known.subject);
        }
        None
    }

    /// Erasures after the entries that were shown: keys may have been destroyed meanwhile.
    async fn learn_later_erasures(&mut self) -> Result<(), StoreError> {
        let (mut after, erased_by) = (self.until, self.erased_by);
        loop {
            let page = self.store.records(self.tenant, after, ROWS_PER_PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.entry.position;
            for record in page.iter().filter(|record| erased_by.contains(&&*record.event_type)) {
                self.record_keys(&record.entry, &record.event_type);
            }
        }
    }

    /// What is wrong with a key. Those that no entry names are placed at the end.
    fn fault(&self, key: &StoredKey) -> Option<Fault> {
        let erased = self.erased.contains(&key.subject);
        let what = match key.fault {
            Some(what) => what,
            None if key.destroyed && !erased => "a data key was destroyed, and no event erased its subject",
            None if !key.destroyed && erased => {
                "an event erased this subject, and its data key is still there"
            }
            None if key.named_at.is_some() && !key.by_its_subject => {
                "a data key is stored for another subject than that of the entries which name it"
            }
            None => return None,
        };
        Some(Fault::at(key.named_at.unwrap_or(self.until.max(1)), what))
    }
}

#[async_trait]
impl SideCheck for DataKeys {
    fn name(&self) -> &'static str {
        "data keys"
    }

    async fn begin(&mut self, tenant: TenantId, until: Position) -> Result<(), StoreError> {
        (self.tenant, self.until) = (tenant, until);
        let mut tenant_key = self.tenant_key().await?;
        let mut after = Uuid::nil();
        loop {
            let page = self.store.keys(tenant, after, ROWS_PER_PAGE).await?;
            let Some(last) = page.last() else { return Ok(()) };
            after = last.subject;
            for stored in &page {
                let mut known = self.known(stored, tenant_key.as_ref());
                // The tenant's key may be replaced, and the keys rewrapped, while they are looked at.
                if known.fault.is_some()
                    && let Some(now) = self.store.data_key(tenant, stored.subject).await?
                {
                    tenant_key = self.tenant_key().await?;
                    known = self.known(&now, tenant_key.as_ref());
                }
                if self.keys.contains_key(&stored.key_id) {
                    known.fault = Some("one data key is stored for two subjects");
                }
                self.keys.insert(stored.key_id, known);
            }
        }
    }

    async fn entries(&mut self, records: &[Record]) -> Result<Option<Fault>, StoreError> {
        Ok(records.iter().find_map(|record| self.record_keys(&record.entry, &record.event_type)))
    }

    async fn finish(&mut self) -> Result<Option<Fault>, StoreError> {
        let find =
            |this: &Self| this.keys.values().filter_map(|key| this.fault(key)).min_by_key(|f| f.position);
        if find(self).is_some() {
            self.learn_later_erasures().await?;
        }
        let found = find(self);
        if let Some(first) = self.first_sealed
            && self.store.stored_tenant_key(self.tenant).await?.is_none()
        {
            return Ok(Fault::first(found, Some(Fault::at(first, "the key of the tenant is not stored"))));
        }
        let destroyed = self.keys.values().filter(|key| key.destroyed).count() as u64;
        if found.is_none() && self.store.erasures(self.tenant).await? < destroyed {
            let what =
                format!("the head tells of fewer erasures than the {destroyed} keys that were destroyed");
            return Ok(Some(Fault::at(self.until.max(1), what)));
        }
        Ok(found)
    }
}
