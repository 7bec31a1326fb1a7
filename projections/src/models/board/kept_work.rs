//! What the read model of work tells of customers, where it is kept beside what the board tells.

use std::collections::{BTreeSet, HashMap};

use uuid::Uuid;
use waymark_eventstore::Position;

use crate::db::{Value, values};
use crate::error::Result;
use crate::log::changed::is_worth_following;
use crate::models::kept::RowsId;
use crate::models::present;
use crate::models::snapshot::Snapshot;
use crate::models::work::definitions::has_published;
use crate::stats::Micros;

/// Rows read at a time.
const ROWS: u32 = 5_000;

/// Whose rows may be others than those that were read of a number of customers; none where reading all of them is better. The
/// snapshot is of the work.
pub(super) async fn changed_since(
    snapshot: &Snapshot,
    read: Option<(RowsId, Position)>,
    customers: usize,
) -> Result<Option<BTreeSet<Uuid>>> {
    let (rows, until) = (snapshot.rows(), snapshot.position);
    let Some((_, after)) = read.filter(|(of, at)| *of == rows && *at <= until) else { return Ok(None) };
    if after == until {
        return Ok(Some(BTreeSet::new()));
    }
    // Another version of a pipeline may bear on everybody in it.
    let is_followed = is_worth_following(customers as u64, until - after)
        && !has_published(&*snapshot.sources.store, snapshot.tenant, (after, until)).await?;
    if is_followed { present::changed(snapshot, (after, until)).await } else { Ok(None) }
}

/// An instant of everybody who has one: what a statement finds page by page in the order of the customers, in a column of that
/// name.
pub(super) async fn all_instants(
    snapshot: &mut Snapshot,
    sql: &'static str,
    column: &'static str,
) -> Result<HashMap<Uuid, Micros>> {
    let (mut found, mut after) = (HashMap::new(), Uuid::nil());
    loop {
        let values: [Value; 4] = values![snapshot.tenant.0, snapshot.generation, after, ROWS];
        let rows = snapshot.transaction.rows(sql, &values).await?;
        for row in &rows {
            after = row.uuid("customer")?;
            found.insert(after, row.int(column)?);
        }
        if rows.len() < ROWS as usize {
            return Ok(found);
        }
    }
}
