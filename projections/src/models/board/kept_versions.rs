//! Reads what customers were like, and keeps it from question to question.
//!
//! A row of what a customer was like is written once, with an entry of the customer, and never changed: of a later state only the
//! rows that came since are read, and an earlier state is what of a later one was known by then.

use std::collections::{BTreeSet, HashMap};
use std::sync::Arc;

use uuid::Uuid;
use waymark_eventstore::Position;

use super::statements::{VERSIONS_AMONG, VERSIONS_PAGE};
use super::tables::VersionRow;
use super::versions::{CustomerVersion, CustomerVersions, in_order};
use super::versions_cache::KeptVersions;
use crate::db::{Value, values};
use crate::error::Result;
use crate::log::changed::{self, is_worth_following};
use crate::models::snapshot::{Snapshot, Sources};
use crate::stats::Micros;
use crate::storage::columns::TableRow as _;
use crate::storage::table::fetch_by_keys;

/// Rows read at a time.
const ROWS: u32 = 5_000;

/// All that was known at a position.
pub(crate) async fn load(snapshot: &mut Snapshot, known: Position) -> Result<Arc<CustomerVersions>> {
    let cache = Arc::clone(&snapshot.sources.versions_cache);
    let kept = cache.of(snapshot.tenant, "");
    let mut kept = kept.lock().await;
    let rows = snapshot.rows();
    let held = kept.state.filter(|(of, _)| *of == rows).map(|(_, position)| position);
    let reached = match held {
        Some(position) if position >= known => position,
        Some(position) if follow(snapshot, &mut kept, (position, known)).await? => known,
        _ => {
            *kept = KeptVersions::of(fetch(snapshot, known).await?);
            known
        }
    };
    kept.state = Some((rows, reached));
    cache.weigh(snapshot.tenant, "", &kept);
    Ok(if reached == known { Arc::clone(&kept.pasts) } else { Arc::new(known_by(&kept.pasts, known)) })
}

/// All that was known at a position, read for this once.
async fn fetch(snapshot: &mut Snapshot, known: Position) -> Result<CustomerVersions> {
    let mut pasts: CustomerVersions = HashMap::new();
    let mut after = (Uuid::nil(), 0, Micros::MIN);
    loop {
        let values = values![snapshot.tenant.0, snapshot.generation, after.0, after.1, after.2, ROWS];
        let rows = snapshot.transaction.rows(&VERSIONS_PAGE, &values).await?;
        for row in &rows {
            let row = VersionRow::read(row)?;
            after = (row.customer, row.position, row.effective_at);
            if row.position <= known {
                pasts.entry(row.customer).or_default().push(CustomerVersion::of(row)?);
            }
        }
        if rows.len() < ROWS as usize {
            break;
        }
    }
    pasts.values_mut().for_each(|past| in_order(past));
    Ok(pasts)
}

/// Adds what came after one position and up to another. False where reading all of it afresh is better.
async fn follow(
    snapshot: &mut Snapshot,
    kept: &mut KeptVersions,
    (after, until): (Position, Position),
) -> Result<bool> {
    if !is_worth_following(kept.count as u64, until - after) {
        return Ok(false);
    }
    let Sources { store, vault, .. } = &snapshot.sources;
    let changed = changed::customers((&**store, vault), snapshot.tenant, (after, until), |_| true).await?;
    let Some(customers) = changed else { return Ok(false) };
    let mut came: HashMap<Uuid, Vec<CustomerVersion>> = HashMap::new();
    for row in read(snapshot, &customers, (after, until)).await? {
        came.entry(row.customer).or_default().push(CustomerVersion::of(row)?);
    }
    if came.is_empty() {
        return Ok(true);
    }
    kept.count += came.values().map(Vec::len).sum::<usize>();
    // Reports that still read the state before keep it.
    let pasts = Arc::make_mut(&mut kept.pasts);
    for (customer, came) in came {
        let past = pasts.entry(customer).or_default();
        past.extend(came);
        in_order(past);
    }
    Ok(true)
}

/// The rows of some customers, each once and in the order of positions.
async fn read(
    snapshot: &mut Snapshot,
    customers: &BTreeSet<Uuid>,
    (after, until): (Position, Position),
) -> Result<Vec<VersionRow>> {
    let keys: Vec<Value> = customers.iter().map(|customer| (*customer).into()).collect();
    let head = values![snapshot.tenant.0, snapshot.generation, after, until];
    let rows = fetch_by_keys(&mut snapshot.transaction, &VERSIONS_AMONG, &head, &keys).await?;
    let mut rows = rows.iter().map(VersionRow::read).collect::<Result<Vec<_>>>()?;
    rows.sort_by_key(|row| (row.customer, row.position, row.effective_at));
    rows.dedup_by_key(|row| (row.customer, row.position, row.effective_at));
    Ok(rows)
}

/// All that was known of some customers at a position.
pub(super) async fn of_some(
    snapshot: &mut Snapshot,
    customers: &BTreeSet<Uuid>,
    known: Position,
) -> Result<CustomerVersions> {
    let mut pasts = CustomerVersions::new();
    for row in read(snapshot, customers, (0, known)).await? {
        pasts.entry(row.customer).or_default().push(CustomerVersion::of(row)?);
    }
    pasts.values_mut().for_each(|past| in_order(past));
    Ok(pasts)
}

/// What of a later state was known at a position.
fn known_by(pasts: &CustomerVersions, known: Position) -> CustomerVersions {
    let of_then = |(customer, past): (&Uuid, &Vec<CustomerVersion>)| {
        let past: Vec<CustomerVersion> = past.iter().filter(|past| past.position <= known).cloned().collect();
        (!past.is_empty()).then_some((*customer, past))
    };
    pasts.iter().filter_map(of_then).collect()
}
