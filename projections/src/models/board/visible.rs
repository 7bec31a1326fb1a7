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
    add_merged(&mut seen, &mut merged);
    Ok(Some(seen))
}

/// Adds those that were merged into one that is seen, or into one of these. Each is followed once, so that this ends even where a
/// log that was tampered with leads back to where it began; of such a circle nobody is seen.
fn add_merged(seen: &mut HashSet<Uuid>, merged: &mut HashMap<Uuid, Uuid>) {
    let (all, mut way): (Vec<Uuid>, _) = (merged.keys().copied().collect(), Vec::new());
    for first in all {
        let mut now = first;
        while let Some(survivor) = merged.remove(&now) {
            way.push(now);
            now = survivor;
        }
        match seen.contains(&now) {
            true => seen.extend(way.drain(..)),
            false => way.clear(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn who_was_merged_is_seen_with_the_survivor_and_a_circle_of_merges_ends() {
        let ids = |ids: &[u128]| ids.iter().copied().map(Uuid::from_u128).collect::<HashSet<_>>();
        let merges = [(2, 1), (3, 2), (4, 3), (5, 9), (6, 7), (7, 8), (8, 6), (10, 6), (11, 11)];
        let merged = merges.map(|(one, into)| (Uuid::from_u128(one), Uuid::from_u128(into)));
        let mut seen = ids(&[1, 20]);
        add_merged(&mut seen, &mut merged.into());
        assert_eq!(seen, ids(&[1, 2, 3, 4, 20]));
    }
}
