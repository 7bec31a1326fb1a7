//! Whom a customer was ever merged into.

use std::collections::BTreeSet;

use uuid::Uuid;
use waymark_domain::customer::CustomerEvent;
use waymark_domain::tags;
use waymark_eventstore::{EventStore, Position, Query, QueryItem, TenantId};

use crate::error::{ProjectionError, Result};

/// Entries read at a time.
const ENTRIES_PER_PAGE: u32 = 500;

/// The type under which a merge stands in the stream of the one that was taken in.
const MERGED_INTO: &str = "customer.merged_into";

/// The customers that these were ever merged into up to a position, whether or not that was undone, and those into which
/// these were in turn; none of these themselves. What is known of them may have come from these.
///
/// # Errors
/// When the log cannot be read.
pub async fn absorbers(
    store: &dyn EventStore,
    tenant: TenantId,
    customers: &[Uuid],
    until: Position,
) -> Result<BTreeSet<Uuid>> {
    let (mut found, mut open) = (BTreeSet::new(), customers.to_vec());
    while let Some(customer) = open.pop() {
        let merges = QueryItem { types: vec![MERGED_INTO.to_owned()], tags: vec![tags::customer(customer)] };
        let query = Query { items: vec![merges] };
        let mut after = 0;
        loop {
            let page = store.read_matching(tenant, &query, after, until, ENTRIES_PER_PAGE).await?;
            for entry in &page {
                after = entry.position;
                let cause = |cause: String| ProjectionError::Paused { position: entry.position, cause };
                let envelope = entry.envelope().map_err(|error| cause(error.to_string()))?;
                let event = CustomerEvent::decode(&envelope.event_type, envelope.type_version, envelope.data);
                let Some(CustomerEvent::MergedInto(merged)) =
                    event.map_err(|error| cause(error.to_string()))?
                else {
                    continue;
                };
                if !customers.contains(&merged.survivor) && found.insert(merged.survivor) {
                    open.push(merged.survivor);
                }
            }
            if page.len() < ENTRIES_PER_PAGE as usize {
                break;
            }
        }
    }
    Ok(found)
}
