//! Whom the entries between two positions bear on.

use std::collections::BTreeSet;

use uuid::Uuid;
use waymark_eventstore::vault::Vault;
use waymark_eventstore::{EventStore, Position, TenantId};

use crate::error::{ProjectionError, Result};
use crate::log::decoded::{DecodedEntry, DecodedEvent, decode_all};

/// Entries read at a time.
const ENTRIES_PER_PAGE: u32 = 1_000;

/// Of how many rows reading all of them afresh costs about as much as following an entry of the log.
const ROWS_AN_ENTRY: u64 = 8;

/// This number of entries is followed in any case.
const FEW: u64 = 500;

/// Whether to follow this number of entries rather than read this number of rows afresh.
pub(crate) fn is_worth_following(rows: u64, entries: u64) -> bool {
    entries <= FEW.max(rows / ROWS_AN_ENTRY)
}

/// The customers of the entries after one position and up to another that bear on what is kept: every row of a read model is
/// written for an entry of its customer. None where an entry cannot be told by this program.
pub(crate) async fn customers(
    (store, vault): (&dyn EventStore, &Vault),
    tenant: TenantId,
    (mut after, until): (Position, Position),
    bears_on: impl Fn(&DecodedEvent) -> bool,
) -> Result<Option<BTreeSet<Uuid>>> {
    let mut customers = BTreeSet::new();
    while after < until {
        let mut page = store.read(tenant, after, ENTRIES_PER_PAGE).await?;
        page.retain(|entry| entry.position <= until);
        let Some(last) = page.last() else { return Ok(None) };
        after = last.position;
        let forms = match decode_all(tenant, &page, vault, |_| false).await {
            // Folded by a program that knows more.
            Err(ProjectionError::Paused { .. }) => return Ok(None),
            forms => forms?,
        };
        for form in forms {
            // What cannot be folded is set aside, and changes no row.
            if let DecodedEntry::DecodedEvent(fact) = form.of(|_| false)
                && bears_on(&fact)
            {
                customers.insert(fact.customer);
            }
        }
    }
    Ok(Some(customers))
}
