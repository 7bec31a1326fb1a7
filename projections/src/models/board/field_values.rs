//! What customers' own fields held at an instant, as it was known at a position.
//!
//! Fields are personal, so no row of the past has them: they are read from the log, where what an erasure made unreadable is
//! unreadable in every past.

use std::collections::{BTreeMap, HashMap};

use serde_json::Value;
use uuid::Uuid;
use waymark_domain::customer::ValidTimes;
use waymark_domain::customer::event::{CustomerEvent, Recorded};
use waymark_eventstore::{Position, Query, QueryItem};

use super::customer::set_fields;
use super::profile::clear;
use crate::error::Result;
use crate::log::decoded::{DecodedEntry, decode_all};
use crate::models::snapshot::Snapshot;
use crate::stats::Micros;

/// The events that say something of fields.
const TYPES: [&str; 3] = ["customer.registered", "customer.details_changed", "customer.absorbed"];
/// Entries read at a time.
const ENTRIES_PER_PAGE: u32 = 1_000;

/// The fields of customers, by the customer.
pub(crate) type FieldValues = HashMap<Uuid, BTreeMap<String, Value>>;

/// A customer's fields while its events are read.
struct KnownFields {
    fields: Option<BTreeMap<String, Value>>,
    valid_times: ValidTimes,
}

/// Of every customer that has any.
pub(crate) async fn load(snapshot: &Snapshot, at: Micros, known: Position) -> Result<FieldValues> {
    let (store, vault) = snapshot.sources.log();
    let types = TYPES.map(str::to_owned).into();
    let query = Query { items: vec![QueryItem { types, tags: Vec::new() }] };
    let is_opened = |event_type: &str| TYPES.contains(&event_type);
    let (mut held, mut after) = (HashMap::<Uuid, KnownFields>::new(), 0);
    loop {
        let entries = store.read_matching(snapshot.tenant, &query, after, known, ENTRIES_PER_PAGE).await?;
        for forms in decode_all(snapshot.tenant, &entries, vault, is_opened).await? {
            if let DecodedEntry::DecodedEvent(fact) = forms.of(is_opened) {
                learn(&mut held, fact.customer, &fact.event, at);
            }
        }
        match entries.last() {
            Some(last) if entries.len() == ENTRIES_PER_PAGE as usize => after = last.position,
            _ => break,
        }
    }
    Ok(held.into_iter().filter_map(|(customer, held)| Some((customer, held.fields?))).collect())
}

/// What a registration says holds from the beginning; what was said later, from when it was said of.
fn learn(held: &mut HashMap<Uuid, KnownFields>, customer: Uuid, event: &Recorded<CustomerEvent>, at: Micros) {
    if let CustomerEvent::Registered(registered) = &event.event {
        let fields = clear(&registered.fields);
        held.insert(customer, KnownFields { fields, valid_times: ValidTimes::default() });
        return;
    }
    let Some(held) = held.get_mut(&customer) else { return };
    if event.effective_at.timestamp_micros() <= at
        && let Some(details) = held.valid_times.admit(event).details
    {
        set_fields(&mut held.fields, &details);
    }
}
