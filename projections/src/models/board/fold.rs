//! The fold: a page's events into customers, cards and what they were like.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use uuid::Uuid;

use super::approvals;
use super::customer::{Card, Customer, owner_columns, to_json};
use super::{
    APPROVALS, BLOCKING_KEYS, CARDS, CARDS_AMONG, CUSTOMERS, CUSTOMERS_AMONG, DROP_CARD, DROP_GRAM, DROP_TAG,
    Remembered, TAGS, VERSION_ROWS, VERSIONS,
};
use crate::db::{Transaction, Value, values};
use crate::error::Result;
use crate::log::decoded::DecodedEvent;
use crate::log::history::HistoryCache;
use crate::models::read_model::{Memory, Scope, Writes};
use crate::storage::table::fetch_by_keys;

/// A customer under work.
struct Work {
    before: Option<Customer>,
    now: Option<Customer>,
}

/// Folds the facts of a page.
pub(super) async fn fold(
    scope: &Scope<'_>,
    memory: &mut Memory,
    facts: &[Arc<DecodedEvent>],
) -> Result<Writes> {
    let Memory { board: memory, histories, .. } = memory;
    let mut order: Vec<Uuid> = facts.iter().map(|fact| fact.customer).collect();
    order.sort_unstable();
    order.dedup();
    let mut transaction = scope.db.read(scope.tenant).await?;
    let mut works = load(scope, memory, &mut transaction, &order).await?;
    let approvals = approvals::fold(scope, &mut transaction, facts).await?;
    let mut pasts = Vec::new();
    for fact in facts {
        let Some(work) = works.get_mut(&fact.customer) else { continue };
        work.apply(fact, scope, histories, &mut pasts).await?;
    }
    let mut writes = Writes::default();
    let (mut customers, mut versions, mut cards) = (Vec::new(), Vec::new(), Vec::new());
    let (mut tags, mut grams) = (Vec::new(), Vec::new());
    for id in order {
        let Some(work) = works.remove(&id) else { continue };
        let Some(now) = &work.now else { continue };
        for (pipeline, card) in &now.cards {
            if work.before.as_ref().and_then(|before| before.cards.get(pipeline)) != Some(card) {
                cards.extend(card.row(id, pipeline));
            }
        }
        work.drop_what_went(scope, &mut writes);
        for tag in work.new_tags() {
            tags.extend(values![tag.as_str(), id]);
        }
        for gram in work.change_grams(scope, &mut writes) {
            grams.extend(values![gram, id]);
        }
        let Work { before, now: Some(now) } = work else { continue };
        if before.is_some_and(|before| before.looks_like(&now)) {
            versions.extend(values![id, now.version]);
        } else {
            customers.extend(now.row()?);
        }
        memory.0.put(id, now);
    }
    writes.rows = vec![
        (&CUSTOMERS, customers),
        (&VERSIONS, versions),
        (&CARDS, cards),
        (&TAGS, tags),
        (&BLOCKING_KEYS, grams),
        (&VERSION_ROWS, pasts),
        (&APPROVALS, approvals),
    ];
    Ok(writes)
}

/// The customers of a page as they were before it: remembered, or read.
async fn load(
    scope: &Scope<'_>,
    memory: &mut Remembered,
    transaction: &mut Transaction,
    ids: &[Uuid],
) -> Result<HashMap<Uuid, Work>> {
    let mut customers: HashMap<Uuid, Customer> =
        ids.iter().filter_map(|id| memory.0.pop(id).map(|customer| (*id, customer))).collect();
    let unknown = ids.iter().filter(|id| !customers.contains_key(id));
    let keys: Vec<Value> = unknown.copied().map(Value::from).collect();
    let head = values![scope.tenant.0, scope.generation];
    for row in fetch_by_keys(transaction, CUSTOMERS_AMONG, &head, &keys).await? {
        let customer = Customer::read(&row)?;
        customers.insert(customer.id, customer);
    }
    for row in fetch_by_keys(transaction, CARDS_AMONG, &head, &keys).await? {
        let (pipeline, card) = Card::read(&row)?;
        if let Some(customer) = customers.get_mut(&row.uuid(0)?) {
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
        if self.now.is_none() {
            self.now = Customer::registered(fact.customer, &fact.event);
        }
        // What is said of a customer that was never registered concerns nobody.
        let Some(customer) = &mut self.now else { return Ok(()) };
        let before = customer.aspects();
        if let Some(journey) = customer.apply(&fact.event) {
            let history = histories.of(scope.store, scope.tenant, fact.customer, fact.event.position).await?;
            customer.put_card(journey, &history.journeys);
        }
        if customer.version == 1 || customer.aspects() != before {
            pasts.extend(past(customer, fact)?);
        }
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

fn past(customer: &Customer, fact: &DecodedEvent) -> Result<[Value; 19]> {
    let traits = &customer.traits;
    let (owner_kind, owner_id) = owner_columns(&traits.owner);
    let money = traits.amount.as_ref();
    let (contract_end, won) = customer.profile.deal();
    Ok(values![
        customer.id,
        fact.event.position,
        fact.event.effective_at.timestamp_micros(),
        owner_kind,
        owner_id,
        traits.tier.clone(),
        money.map(|money| money.amount.to_string()),
        money.map(|money| money.currency.clone()),
        traits.source.clone(),
        traits.channel.clone(),
        to_json(&traits.tags)?,
        customer.pipeline_version(),
        traits.merged,
        customer.profile.industry.clone(),
        customer.profile.region.clone(),
        customer.profile.postponed_until.map(|day| day.to_string()),
        contract_end.map(|day| day.to_string()),
        won.as_ref().map(|money| money.amount.to_string()),
        won.map(|money| money.currency),
    ])
}
