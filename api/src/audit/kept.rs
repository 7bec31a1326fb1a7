//! Histories that were folded for a page of changes, kept for the next one: it reads what was recorded since, and no more.
//!
//! What is kept is what the log says up to a position, so it is right for as long as nobody is erased: with the first erasure after
//! that position all of the tenant is dropped, of all customers, for what is known of one may stand in the history of another.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;

use lru::LruCache;
use parking_lot::Mutex;
use serde_json::Value;
use waymark_domain::customer::event::Erased;
use waymark_domain::people::reads_people;
use waymark_eventstore::{Entry, Position, Query, QueryItem, TenantId};

use super::history::{History, Reading, Subject};
use super::told::HistoryEntry;
use crate::app::{App, AppError, Caller};

/// How many bytes of entries one history tells of without being read again.
const MOST_BYTES: usize = 8 << 20;
/// How many bytes all of them may take, unless a single one takes more.
const MOST_BYTES_OF_ALL: usize = 32 << 20;

/// Held by a request while it reads on: another one for the same history finds that done.
type SharedHistory = Arc<tokio::sync::Mutex<History>>;

/// The histories of all tenants, those used last.
pub(crate) struct Histories {
    most_bytes: usize,
    most_bytes_of_all: usize,
    kept: Mutex<HistoryCache>,
}

struct HistoryCache {
    slots: LruCache<Key, Slot>,
    bytes: usize,
    /// Up to where it is known that nobody was erased since what is kept of a tenant was read.
    looked_to: HashMap<TenantId, Position>,
}

/// Whose history it is. Some read the log without its personal fields.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
struct Key {
    tenant: TenantId,
    subject: Subject,
    is_open: bool,
}

#[derive(Default)]
struct Slot {
    history: SharedHistory,
    bytes: usize,
}

impl Default for Histories {
    fn default() -> Self {
        Self::of(MOST_BYTES, MOST_BYTES_OF_ALL)
    }
}

impl Histories {
    /// Of which one tells of N bytes of entries, and all take N bytes.
    pub(super) fn of(most_bytes: usize, most_bytes_of_all: usize) -> Self {
        let kept = HistoryCache { slots: LruCache::unbounded(), bytes: 0, looked_to: HashMap::new() };
        Self { most_bytes, most_bytes_of_all, kept: Mutex::new(kept) }
    }

    /// What the histories tell of these entries, one for each.
    ///
    /// # Errors
    /// When the log or a key cannot be read.
    pub(super) async fn tell(
        &self,
        app: &App,
        caller: &Caller,
        found: &[(Entry, Value)],
    ) -> Result<Vec<HistoryEntry>, AppError> {
        let mut wanted: BTreeMap<Subject, Vec<Position>> = BTreeMap::new();
        for (entry, document) in found {
            wanted.entry(Subject::of(document)).or_default().push(entry.position);
        }
        let head = app.store.head(caller.tenant).await?.position;
        self.drop_after_erasure(app, caller.tenant, head).await?;
        let reading = Reading { app, caller, head, most_bytes: self.most_bytes };
        let is_open = reads_people(&caller.actor);
        let mut told: HashMap<Position, HistoryEntry> = HashMap::new();
        for (subject, positions) in wanted {
            let key = Key { tenant: caller.tenant, subject, is_open };
            let slot = self.slot(&key);
            let mut history = slot.lock().await;
            told.extend(history.tell(&reading, &key.subject, &positions).await?);
            self.weighed(&key, &slot, history.weight());
        }
        Ok(found.iter().map(|(entry, _)| told.remove(&entry.position).unwrap_or_default()).collect())
    }

    /// Drops what is kept of a tenant if somebody was erased since it was read.
    async fn drop_after_erasure(&self, app: &App, tenant: TenantId, head: Position) -> Result<(), AppError> {
        // What is put into an empty place is read from now on.
        let known = self.kept.lock().looked_to.get(&tenant).copied().unwrap_or(head);
        if known < head {
            let erasures = QueryItem { types: vec![Erased::TYPE.to_owned()], tags: Vec::new() };
            let erasures = Query { items: vec![erasures] };
            if !app.store.read_matching(tenant, &erasures, known, head, 1).await?.is_empty() {
                self.kept.lock().drop_tenant(tenant);
            }
        }
        let mut kept = self.kept.lock();
        let looked_to = kept.looked_to.entry(tenant).or_default();
        *looked_to = head.max(*looked_to);
        Ok(())
    }

    fn slot(&self, key: &Key) -> SharedHistory {
        let mut kept = self.kept.lock();
        Arc::clone(&kept.slots.get_or_insert_mut(key.clone(), Slot::default).history)
    }

    /// Notes what a history takes now, and lets go of those that were not used for longest where all take too much.
    fn weighed(&self, key: &Key, history: &SharedHistory, bytes: usize) {
        let mut kept = self.kept.lock();
        let Some(slot) = kept.slots.get_mut(key).filter(|slot| Arc::ptr_eq(&slot.history, history)) else {
            return;
        };
        let before = std::mem::replace(&mut slot.bytes, bytes);
        kept.bytes = kept.bytes + bytes - before;
        while kept.bytes > self.most_bytes_of_all && kept.slots.len() > 1 {
            let Some((_, oldest)) = kept.slots.pop_lru() else { return };
            kept.bytes -= oldest.bytes;
        }
    }
}

impl HistoryCache {
    fn drop_tenant(&mut self, tenant: TenantId) {
        let its: Vec<Key> =
            self.slots.iter().filter(|(key, _)| key.tenant == tenant).map(|(key, _)| key.clone()).collect();
        for key in its {
            self.bytes -= self.slots.pop(&key).map_or(0, |slot| slot.bytes);
        }
    }
}
