//! What of a person stands in the entries of others: of records that were merged and may be two again.
//!
//! While two records are one person's, what is recorded of the survivor tells by what the other one is recognised. Such a field
//! is sealed under the keys of both, so that the erasure of either makes it unreadable; the blind tags that it gave its entry go
//! with the erasure, in the same transaction.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use uuid::Uuid;
use waymark_domain::customer::{Customer, CustomerEvent, NewEvent};
use waymark_domain::identity::Key;
use waymark_domain::tags;
use waymark_eventstore::ledger::{BlindOpener, blind_tags_of};
use waymark_eventstore::{Envelope, Position, Query, QueryItem, TenantId};
use waymark_projections::absorbers;

use super::answer::Request;
use super::execute::Freshness;
use super::staging::Staged;
use super::{App, AppError, Caller};
use crate::customer_keys::CustomerKeys;

/// Entries read at a time.
const ENTRIES_PER_PAGE: u32 = 500;

/// The types of event by which a customer that is registered comes to be recognised.
const RECOGNISED_BY: [&str; 2] = ["customer.absorbed", "customer.details_changed"];

/// Records that become the same person's with these events.
fn absorbed_by(events: &[NewEvent]) -> Vec<Uuid> {
    let absorbed = |new: &NewEvent| match &new.event {
        CustomerEvent::Absorbed(event) => Some(event.absorbed),
        _ => None,
    };
    events.iter().filter_map(absorbed).collect()
}

impl App {
    /// The other records that are the same person's after these events, where those tell by what it is recognised.
    pub(super) async fn records_of_one(
        &self,
        request: Request<'_>,
        customer: &Customer,
        events: &[NewEvent],
        staged: &mut Staged,
    ) -> Result<Vec<Arc<Customer>>, AppError> {
        let mut records: Vec<Arc<Customer>> = Vec::new();
        if events.iter().all(|new| new.event.key_fields().is_empty()) {
            return Ok(records);
        }
        let mut open = [customer.absorbed.clone(), absorbed_by(events)].concat();
        while let Some(next) = open.pop() {
            if records.iter().all(|record| record.id != next) {
                let record = Box::pin(self.staged_customer(request, next, Freshness::Cached, staged)).await?;
                open.extend(&record.customer.absorbed);
                records.push(record.customer);
            }
        }
        Ok(records)
    }

    /// The records that are merged into a customer, as the log has them.
    ///
    /// # Errors
    /// When the log cannot be read.
    pub(crate) async fn merged_records(
        &self,
        caller: &Caller,
        customer: &Customer,
    ) -> Result<Vec<Arc<Customer>>, AppError> {
        let (mut records, mut open) = (Vec::new(), customer.absorbed.clone());
        let mut passed = BTreeSet::from([customer.id]);
        while let Some(next) = open.pop() {
            if passed.insert(next) {
                let record = self.load(caller, next).await?.customer;
                open.extend(&record.absorbed);
                records.push(record);
            }
        }
        Ok(records)
    }

    /// The fields of an event, as JSON pointers, that tell by what other records of the same person are recognised, by record.
    pub(super) async fn fields_of_others(
        &self,
        tenant: TenantId,
        records: &[Arc<Customer>],
        event: &CustomerEvent,
    ) -> Result<BTreeMap<Uuid, Vec<String>>, AppError> {
        let mut fields: BTreeMap<Uuid, Vec<String>> = BTreeMap::new();
        if records.is_empty() {
            return Ok(fields);
        }
        for (key, pointer) in event.key_fields() {
            for holder in self.holders_among(tenant, records, &key).await? {
                fields.entry(holder).or_default().push(pointer.clone());
            }
        }
        Ok(fields)
    }

    /// Those of these records that have a key.
    async fn holders_among(
        &self,
        tenant: TenantId,
        records: &[Arc<Customer>],
        key: &Key,
    ) -> Result<BTreeSet<Uuid>, AppError> {
        let query = Query::tag(self.vault.blind_tag(tenant, key.kind.as_str(), &key.value).await?);
        let mut holders = BTreeSet::new();
        let mut after = 0;
        loop {
            let page =
                self.store.read_matching(tenant, &query, after, Position::MAX, ENTRIES_PER_PAGE).await?;
            for entry in &page {
                after = entry.position;
                let envelope = entry.envelope().map_err(|error| AppError::Unreadable(error.to_string()))?;
                let said_by = |record: &&Arc<Customer>| envelope.subject == format!("customer/{}", record.id);
                let record = records.iter().find(said_by);
                let holder = record.filter(|record| record.holds_key(key.kind, entry.position));
                holders.extend(holder.map(|record| record.id));
            }
            if page.len() < ENTRIES_PER_PAGE as usize {
                return Ok(holders);
            }
        }
    }

    /// The blind tags in entries of others that tell of subjects who are about to be erased.
    ///
    /// # Errors
    /// When the log or a key cannot be read.
    pub(super) async fn tags_elsewhere(
        &self,
        tenant: TenantId,
        erased: &[Uuid],
    ) -> Result<Vec<(Position, String)>, AppError> {
        let others = absorbers(&*self.store, tenant, erased, Position::MAX).await?;
        let opener: BlindOpener = (self.vault.clone(), Arc::new(CustomerKeys));
        let mut tags = Vec::new();
        for other in others {
            let types = RECOGNISED_BY.map(str::to_owned).to_vec();
            let query = Query { items: vec![QueryItem { types, tags: vec![tags::customer(other)] }] };
            let mut after = 0;
            loop {
                let page =
                    self.store.read_matching(tenant, &query, after, Position::MAX, ENTRIES_PER_PAGE).await?;
                let unreadable = |error: serde_json::Error| AppError::Unreadable(error.to_string());
                let envelopes: Vec<Envelope<'_>> = page
                    .iter()
                    .map(|entry| entry.envelope().map_err(unreadable))
                    .collect::<Result<_, _>>()?;
                let now = blind_tags_of(&opener, tenant, &envelopes, &[]).await?;
                let then = blind_tags_of(&opener, tenant, &envelopes, erased).await?;
                for (position, held) in now {
                    let kept = then.get(&position);
                    let gone = held.into_iter().filter(|tag| !kept.is_some_and(|kept| kept.contains(tag)));
                    tags.extend(gone.map(|tag| (position, tag.tag)));
                }
                match page.last() {
                    Some(last) if page.len() == ENTRIES_PER_PAGE as usize => after = last.position,
                    _ => break,
                }
            }
        }
        Ok(tags)
    }
}
