//! Customers as the log tells them up to a position, kept folded between commands.
//!
//! The cache only saves time: the condition of an append is what makes a decision right.

use std::num::NonZeroUsize;
use std::sync::Arc;

use lru::LruCache;
use parking_lot::{Mutex, MutexGuard};
use uuid::Uuid;
use waymark_domain::customer::{Customer, CustomerEvent, Recorded};
use waymark_domain::tags;
use waymark_eventstore::vault::{DataKey, SubjectKey, Vault};
use waymark_eventstore::{Entry, EventStore, Position, Query, TenantId};

use super::AppError;

/// How many customers are kept folded. Each is small: its moves, not its texts.
const KEPT: NonZeroUsize = NonZeroUsize::new(10_000).expect("not zero");
/// How many entries are read at a time.
const ENTRIES_PER_PAGE: u32 = 1_000;

/// A customer, and up to where the log was read for it.
#[derive(Clone)]
pub(super) struct LoadedCustomer {
    pub(super) customer: Arc<Customer>,
    pub(super) position: Position,
    /// What its personal fields are sealed with; none once it was erased. Should another process erase it
    /// meanwhile, the append condition refuses whatever was sealed with this.
    pub(super) key: Option<DataKey>,
}

/// Folded customers, the most recently used of them.
pub(super) struct CustomerCache {
    store: Arc<dyn EventStore>,
    vault: Arc<Vault>,
    kept: Mutex<LruCache<(TenantId, Uuid), LoadedCustomer>>,
}

impl CustomerCache {
    pub(super) fn new(store: Arc<dyn EventStore>, vault: Arc<Vault>) -> Self {
        Self { store, vault, kept: Mutex::new(LruCache::new(KEPT)) }
    }

    /// The customer as last seen: right unless somebody else has written since, which the append condition tells.
    pub(super) fn cached(&self, tenant: TenantId, customer: Uuid) -> Option<LoadedCustomer> {
        self.kept().get(&(tenant, customer)).cloned()
    }

    /// Whether anything was seen of it.
    pub(super) fn is_cached(&self, tenant: TenantId, customer: Uuid) -> bool {
        self.kept().contains(&(tenant, customer))
    }

    /// The customer as the log tells it now. None: there is no such customer.
    pub(super) async fn load(
        &self,
        tenant: TenantId,
        customer: Uuid,
    ) -> Result<Option<LoadedCustomer>, AppError> {
        let known = self.cached(tenant, customer);
        let head = self.store.head(tenant).await?.position;
        let mut read_to = known.as_ref().map_or(0, |loaded| loaded.position);
        let mut folded: Option<Arc<Customer>> = known.map(|loaded| loaded.customer);
        let query = Query::tag(tags::customer(customer));
        loop {
            let page = self.store.read_matching(tenant, &query, read_to, head, ENTRIES_PER_PAGE).await?;
            for entry in &page {
                let Some(recorded) = decode(entry)? else { continue };
                folded = Some(evolved(folded, &recorded)?);
                read_to = entry.position;
            }
            if page.len() < ENTRIES_PER_PAGE as usize {
                break;
            }
        }
        let Some(customer_state) = folded else { return Ok(None) };
        let key = match self.vault.data_key(tenant, customer).await? {
            SubjectKey::Live(key) => Some(key),
            SubjectKey::Never | SubjectKey::Destroyed => None,
        };
        let loaded = LoadedCustomer { customer: customer_state, position: head, key };
        self.keep(tenant, customer, loaded.clone());
        Ok(Some(loaded))
    }

    /// Evicts a customer that is about to be folded on: a state with one owner is folded in place, and a long history is not copied.
    pub(super) fn release(&self, tenant: TenantId, customer: Uuid, position: Position) {
        let mut kept = self.kept();
        if kept.peek(&(tenant, customer)).is_some_and(|known| known.position == position) {
            kept.pop(&(tenant, customer));
        }
    }

    /// Keeps a customer, unless a later state of it is known already.
    pub(super) fn keep(&self, tenant: TenantId, customer: Uuid, loaded: LoadedCustomer) {
        let mut kept = self.kept();
        let newer = kept.peek(&(tenant, customer)).is_none_or(|known| known.position < loaded.position);
        if newer {
            kept.put((tenant, customer), loaded);
        }
    }

    /// Forgets a customer, whose clear texts must not outlive the key.
    pub(super) fn forget(&self, tenant: TenantId, customer: Uuid) {
        self.kept().pop(&(tenant, customer));
    }

    fn kept(&self) -> MutexGuard<'_, LruCache<(TenantId, Uuid), LoadedCustomer>> {
        // The map is only ever replaced entry by entry, so a panic elsewhere leaves it whole.
        self.kept.lock()
    }
}

/// The customer after one more event.
pub(super) fn evolved(
    customer: Option<Arc<Customer>>,
    recorded: &Recorded<CustomerEvent>,
) -> Result<Arc<Customer>, AppError> {
    let mut customer = customer;
    match customer.as_mut() {
        Some(known) => Arc::make_mut(known).evolve(recorded),
        None => {
            customer = Customer::fold([recorded]).map(Arc::new);
        }
    }
    customer.ok_or_else(|| {
        AppError::Unreadable(format!(
            "position {}: a customer's first event is not a registration",
            recorded.position
        ))
    })
}

/// Reads a customer event. None for an event of another family.
pub(crate) fn decode(entry: &Entry) -> Result<Option<Recorded<CustomerEvent>>, AppError> {
    let unreadable = |why: String| AppError::Unreadable(format!("position {}: {why}", entry.position));
    let envelope = entry.envelope().map_err(|error| unreadable(error.to_string()))?;
    let event = CustomerEvent::decode(&envelope.event_type, envelope.type_version, envelope.data)
        .map_err(|error| unreadable(error.to_string()))?;
    Ok(event.map(|event| Recorded {
        position: entry.position,
        id: envelope.id,
        effective_at: envelope.effective_at,
        recorded_at: entry.recorded_at,
        actor: envelope.actor.into_owned(),
        origin: envelope.origin.map(std::borrow::Cow::into_owned),
        event,
    }))
}
