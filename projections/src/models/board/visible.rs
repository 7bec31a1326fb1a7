//! Which customers somebody sees.

use std::collections::{HashMap, HashSet};

use uuid::Uuid;
use waymark_domain::people::Visibility;

use super::statements::SEEN;
use crate::db::values;
use crate::error::Result;
use crate::models::snapshot::Snapshot;
use crate::query::visibility_binds;

/// Rows read at a time.
const ROWS: u32 = 5_000;

/// The customers that a visibility reaches, as they are now; none where that is everybody. One that was merged is among them where
/// the one it goes on as is. What the read model does not know yet is not.
pub(crate) async fn seen(snapshot: &mut Snapshot, visibility: &Visibility) -> Result<Option<HashSet<Uuid>>> {
    if *visibility == Visibility::Everything {
        return Ok(None);
    }
    let (mut seen, mut merged) = (HashSet::new(), HashMap::new());
    let mut after = Uuid::nil();
    loop {
        let head = values![snapshot.tenant.0, snapshot.generation, after, ROWS];
        let rows =
            snapshot.transaction.rows(SEEN, &[&head[..], &visibility_binds(visibility)].concat()).await?;
        for row in &rows {
            after = row.uuid("customer")?;
            match row.opt_uuid("merged_into")? {
                Some(survivor) => drop(merged.insert(after, survivor)),
                None => drop(seen.insert(after)),
            }
        }
        if rows.len() < ROWS as usize {
            break;
        }
    }
    let goes_on_as = |customer: &Uuid| {
        let mut now = *customer;
        // Each merge leads on to a customer that was not merged before it, so they end.
        while let Some(survivor) = merged.get(&now) {
            now = *survivor;
        }
        now
    };
    let with_their_survivors: Vec<Uuid> =
        merged.keys().filter(|customer| seen.contains(&goes_on_as(customer))).copied().collect();
    seen.extend(with_their_survivors);
    Ok(Some(seen))
}
