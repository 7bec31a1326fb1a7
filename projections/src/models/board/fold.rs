//! The fold: a page's events into customers, cards and what they were like.

use std::collections::{BTreeSet, HashMap};
use std::num::NonZeroUsize;
use std::sync::Arc;

use async_trait::async_trait;
use lru::LruCache;
use uuid::Uuid;
use waymark_domain::customer::event::CustomerEvent;
use waymark_eventstore::Position;

use super::approvals;
use super::as_of::histories;
use super::customer::Customer;
use super::row::{read_card, read_customer};
use super::statements::{CARDS_AMONG, CUSTOMERS_AMONG, DROP_CARD, DROP_GRAM, DROP_TAG};
use super::tables::{
    APPROVALS, BLOCKING_KEYS, BlockingKeyRow, CARDS, CUSTOMERS, PURCHASE_ROWS, TAGS, TOUCH_ROWS, TagRow,
    TouchRow, VERSION_ROWS, VERSIONS, VersionUpdate,
};
use super::{past, purchases};
use crate::db::{Transaction, Value, values};
use crate::error::Result;
use crate::fairness::give_way;
use crate::log::absorbers;
use crate::log::decoded::DecodedEvent;
use crate::log::history::{HistoryCache, JourneyChange};
use crate::models::read_model::{Fold, Scope, Writes};
use crate::storage::columns::TableRow as _;
use crate::storage::table::fetch_by_keys;

/// A customer under work.
struct Work {
    before: Option<Customer>,
    now: Option<Customer>,
}

/// How many customers are kept: a kilobyte or two each.
const CUSTOMERS_KEPT: NonZeroUsize = NonZeroUsize::MIN.saturating_add(1_999);

/// The fold of the board, with the customers that it met last, as their rows have them.
pub(super) struct BoardFold {
    customers: LruCache<Uuid, Customer>,
    histories: HistoryCache,
}

impl Default for BoardFold {
    fn default() -> Self {
        Self { customers: LruCache::new(CUSTOMERS_KEPT), histories: HistoryCache::default() }
    }
}

#[async_trait]
impl Fold for BoardFold {
    async fn fold(&mut self, scope: &Scope<'_>, events: &[Arc<DecodedEvent>]) -> Result<Writes> {
        let Self { customers: cache, histories } = self;
        let mut order: Vec<Uuid> = events.iter().map(|fact| fact.customer).collect();
        let absorbers = absorbers_of_erased(scope, events).await?;
        order.extend(absorbers.values().flatten());
        order.sort_unstable();
        order.dedup();
        let mut transaction = scope.db.read(scope.tenant).await?;
        let mut works = load(scope, cache, &mut transaction, &order).await?;
        let approvals = approvals::fold(scope, &mut transaction, events).await?;
        let mut pasts = Vec::new();
        let (mut touches, mut bought) = (Vec::new(), Vec::new());
        for (number, fact) in events.iter().enumerate() {
            give_way(number).await;
            let Some(work) = works.get_mut(&fact.customer) else { continue };
            work.apply(fact, scope, histories, &mut pasts).await?;
            if let Some(touch) = touch_row(fact).filter(|_| work.now.is_some()) {
                touch.push(&mut touches);
            }
            if let Some(purchase) = purchases::row_of(fact).filter(|_| work.now.is_some()) {
                purchase.push(&mut bought);
            }
            for absorber in absorbers.get(&fact.event.position).into_iter().flatten() {
                if let Some(customer) = works.get_mut(absorber).and_then(|work| work.now.as_mut()) {
                    learn_again(scope, customer, fact.event.position).await?;
                }
            }
        }
        let mut writes = Writes::default();
        let (mut customers, mut versions, mut cards) = (Vec::new(), Vec::new(), Vec::new());
        let (mut tags, mut grams) = (Vec::new(), Vec::new());
        for id in order {
            let Some(work) = works.remove(&id) else { continue };
            let Some(now) = &work.now else { continue };
            for (pipeline, card) in &now.cards {
                if work.before.as_ref().and_then(|before| before.cards.get(pipeline)) != Some(card) {
                    card.to_row(id, pipeline).push(&mut cards);
                }
            }
            work.drop_what_went(scope, &mut writes);
            for tag in work.new_tags() {
                TagRow { tag: tag.clone(), customer: id }.push(&mut tags);
            }
            for gram in work.change_grams(scope, &mut writes) {
                BlockingKeyRow { gram, customer: id }.push(&mut grams);
            }
            let Work { before, now: Some(now) } = work else { continue };
            if before.is_some_and(|before| before.looks_like(&now)) {
                VersionUpdate { customer: id, version: now.version }.push(&mut versions);
            } else {
                now.to_row()?.push(&mut customers);
            }
            cache.put(id, now);
        }
        writes.rows = vec![
            (&CUSTOMERS, customers),
            (&VERSIONS, versions),
            (&CARDS, cards),
            (&TAGS, tags),
            (&BLOCKING_KEYS, grams),
            (&VERSION_ROWS, pasts),
            (&TOUCH_ROWS, touches),
            (&PURCHASE_ROWS, bought),
            (&APPROVALS, approvals),
        ];
        Ok(writes)
    }
}

/// Those who had ever taken in somebody who is erased, by the position of the erasure.
async fn absorbers_of_erased(
    scope: &Scope<'_>,
    events: &[Arc<DecodedEvent>],
) -> Result<HashMap<Position, BTreeSet<Uuid>>> {
    let mut found = HashMap::new();
    for fact in events.iter().filter(|fact| matches!(fact.event.event, CustomerEvent::Erased(_))) {
        let position = fact.event.position;
        found.insert(position, absorbers(scope.store, scope.tenant, &[fact.customer], position).await?);
    }
    Ok(found)
}

/// Learns from the log what is readable of a customer once more: what came from somebody who was erased is no longer.
async fn learn_again(scope: &Scope<'_>, customer: &mut Customer, until: Position) -> Result<()> {
    let facts = histories((scope.store, scope.vault), scope.tenant, &[customer.id], until).await?;
    let facts = facts.get(&customer.id).map(Vec::as_slice).unwrap_or_default();
    let first = facts.first().and_then(|first| Customer::registered(customer.id, &first.event));
    if let Some(mut readable) = first {
        for fact in facts {
            let _ = readable.apply(&fact.event);
        }
        customer.name = readable.name;
        customer.contacts = readable.contacts;
        customer.fields = readable.fields;
        customer.profile = readable.profile;
        customer.next = readable.next;
    }
    Ok(())
}

/// The row of a lead that is a customer already; none of any other event.
fn touch_row(fact: &DecodedEvent) -> Option<TouchRow> {
    let CustomerEvent::LeadTouched(touched) = &fact.event.event else { return None };
    Some(TouchRow {
        customer: fact.customer,
        position: fact.event.position,
        effective_at: fact.event.effective_at.timestamp_micros(),
        source: touched.source.clone(),
        channel: touched.channel.clone(),
    })
}

/// The customers of a page as they were before it: remembered, or read.
async fn load(
    scope: &Scope<'_>,
    cache: &mut LruCache<Uuid, Customer>,
    transaction: &mut Transaction,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Work>> {
    let mut customers: HashMap<Uuid, Customer> =
        ids.iter().filter_map(|id| cache.pop(id).map(|customer| (*id, customer))).collect();
    let unknown = ids.iter().filter(|id| !customers.contains_key(id));
    let keys: Vec<Value> = unknown.copied().map(Value::from).collect();
    let head = values![scope.tenant.0, scope.generation];
    for row in fetch_by_keys(transaction, &CUSTOMERS_AMONG, &head, &keys).await? {
        let customer = read_customer(&row)?;
        customers.insert(customer.id, customer);
    }
    for row in fetch_by_keys(transaction, CARDS_AMONG, &head, &keys).await? {
        let (id, pipeline, card) = read_card(&row)?;
        if let Some(customer) = customers.get_mut(&id) {
            customer.cards.insert(pipeline, card);
        }
    }
    let work = |id: &Uuid| {
        let before = customers.remove(id);
        let now = before.clone();
        (*id, Work { before, now })
    };
    Ok(ids.iter().map(work).collect())
}

impl Work {
    async fn apply(
        &mut self,
        fact: &DecodedEvent,
        scope: &Scope<'_>,
        histories: &mut HistoryCache,
        pasts: &mut Vec<Value>,
    ) -> Result<()> {
        let is_new = self.now.is_none();
        if is_new {
            self.now = Customer::registered(fact.customer, &fact.event);
        }
        // What is said of a customer that was never registered concerns nobody.
        let Some(customer) = &mut self.now else { return Ok(()) };
        let (position, at) = (fact.event.position, fact.event.effective_at.timestamp_micros());
        let is_tracked = past::is_tracked(&fact.event.event);
        let before = is_tracked.then(|| customer.tracked());
        let rewritten = customer.apply(&fact.event);
        if let Some(journey) = rewritten {
            let history = histories.of(scope.store, scope.tenant, fact.customer, position).await?;
            customer.put_card(journey, &history.journeys);
        }
        if !is_tracked {
            return Ok(());
        }
        let mut until = customer.tracked_until;
        // A move that makes no difference to what is tracked makes none to what is recorded after it either.
        if JourneyChange::of(&fact.event.event) == JourneyChange::None {
            until = until.max(at);
        }
        if rewritten.is_some() || at < customer.tracked_until {
            let history = histories.of(scope.store, scope.tenant, fact.customer, position).await?;
            for row in past::rewritten(fact.customer, &history.events())? {
                until = until.max(row.effective_at);
                row.push(pasts);
            }
        } else if is_new || before.is_none_or(|before| customer.tracked() != before) {
            customer.version_row(at, position)?.push(pasts);
            until = until.max(at);
        }
        customer.tracked_until = until;
        Ok(())
    }

    fn drop_what_went(&self, scope: &Scope<'_>, writes: &mut Writes) {
        let (Some(before), Some(now)) = (&self.before, &self.now) else { return };
        let (tenant, generation) = (scope.tenant.0, scope.generation);
        for pipeline in before.cards.keys().filter(|pipeline| !now.cards.contains_key(*pipeline)) {
            let values = values![tenant, generation, now.id, pipeline.as_str()];
            writes.statements.push((DROP_CARD, values.into()));
        }
        for tag in before.traits.tags.iter().filter(|tag| !now.traits.tags.contains(tag)) {
            let values = values![tenant, generation, tag.as_str(), now.id];
            writes.statements.push((DROP_TAG, values.into()));
        }
    }

    /// Drops the marks that no longer hold, and answers with the new ones.
    fn change_grams(&self, scope: &Scope<'_>, writes: &mut Writes) -> Vec<String> {
        let Some(now) = &self.now else { return Vec::new() };
        let same = |before: &Customer| before.name == now.name && before.contacts == now.contacts;
        if self.before.as_ref().is_some_and(same) {
            return Vec::new();
        }
        let before = self.before.as_ref().map(Customer::grams).unwrap_or_default();
        let mut now_held = now.grams();
        for gone in before.iter().filter(|gram| !now_held.contains(gram)) {
            let values = values![scope.tenant.0, scope.generation, gone.as_str(), now.id];
            writes.statements.push((DROP_GRAM, values.into()));
        }
        now_held.retain(|gram| !before.contains(gram));
        now_held
    }

    fn new_tags(&self) -> BTreeSet<&String> {
        let before = self.before.iter().flat_map(|before| &before.traits.tags).collect::<BTreeSet<_>>();
        let now = self.now.iter().flat_map(|now| &now.traits.tags);
        now.filter(|tag| !before.contains(tag)).collect()
    }
}
