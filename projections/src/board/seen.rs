//! Which customers somebody sees.

use std::collections::HashSet;

use uuid::Uuid;
use waymark_domain::people::Sight;

use super::SEEN;
use crate::ask::{View, sight_values};
use crate::db::values;
use crate::error::Result;

/// Rows read at a time.
const ROWS: u32 = 5_000;

/// The customers that a sight reaches, as they are now; none where that is everybody. What the read model does not know yet
/// is not among them.
pub(crate) async fn seen(view: &mut View, sight: &Sight) -> Result<Option<HashSet<Uuid>>> {
    if *sight == Sight::Everything {
        return Ok(None);
    }
    let mut seen = HashSet::new();
    let mut after = Uuid::nil();
    loop {
        let head = values![view.tenant.0, view.generation, after, ROWS];
        let rows = view.session.rows(SEEN, &[&head[..], &sight_values(sight)].concat()).await?;
        for row in &rows {
            after = row.uuid(0)?;
            seen.insert(after);
        }
        if rows.len() < ROWS as usize {
            return Ok(Some(seen));
        }
    }
}
