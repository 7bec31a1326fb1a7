//! The names of customers, which the board keeps.

use std::collections::{BTreeMap, HashMap};

use uuid::Uuid;

use super::statements::NAMES_AMONG;
use crate::db::{Row, values};
use crate::error::Result;
use crate::log::history::instant;
use crate::models::board::NextAction;
use crate::models::board::as_of::names_then;
use crate::models::board::tables::NAME as BOARD;
use crate::models::snapshot::Snapshot;
use crate::query::AsOf;
use crate::storage::table::fetch_by_keys;

/// Fills in the names of the customers that some items are about. Afterwards the snapshot is of the board.
pub(super) async fn fill<T>(
    snapshot: &mut Snapshot,
    items: &mut [T],
    customer: impl Fn(&T) -> Option<Uuid>,
    name: impl Fn(&mut T) -> &mut Option<String>,
) -> Result<()> {
    let ids: Vec<Uuid> = items.iter().filter_map(&customer).collect();
    let names = of(snapshot, &ids).await?;
    for item in items {
        *name(item) = customer(item).and_then(|id| names.get(&id).cloned());
    }
    Ok(())
}

/// What customers are called, and what was agreed with them. Afterwards the snapshot is of the board.
pub(super) async fn with_plans(
    snapshot: &mut Snapshot,
    ids: &[Uuid],
) -> Result<BTreeMap<Uuid, (Option<String>, Option<NextAction>)>> {
    let rows = among(snapshot, ids).await?;
    let described = |row: &Row| {
        let (text, text_en) = (row.opt_text("next_text")?, row.opt_text("next_text_en")?);
        let agreed = row.opt_int("next_at")?.map(|at| NextAction::agreed(instant(at), text, text_en));
        Ok((row.uuid("customer")?, (row.opt_text("name")?, agreed)))
    };
    rows.iter().map(described).collect()
}

/// The names of those customers that have one. Afterwards the snapshot is of the board.
pub(crate) async fn of(snapshot: &mut Snapshot, ids: &[Uuid]) -> Result<BTreeMap<Uuid, String>> {
    let rows = among(snapshot, ids).await?;
    let mut names = BTreeMap::new();
    for row in &rows {
        if let Some(name) = row.opt_text("name")? {
            names.insert(row.uuid("customer")?, name);
        }
    }
    Ok(names)
}

/// What customers were called at an instant by what was known of it, where a state of knowledge is asked about; otherwise what they
/// are called now. Who is forgotten has no name in any past. Afterwards the snapshot is of the board.
pub(crate) async fn then(snapshot: &mut Snapshot, ids: &[Uuid], at: &AsOf) -> Result<HashMap<Uuid, String>> {
    if at.known_position.is_none() {
        return Ok(of(snapshot, ids).await?.into_iter().collect());
    }
    let rows = among(snapshot, ids).await?;
    let customers: Vec<(Uuid, bool)> =
        rows.iter().map(|row| Ok((row.uuid("customer")?, row.flag("erased")?))).collect::<Result<_>>()?;
    names_then(snapshot, customers.into_iter(), at).await
}

async fn among(snapshot: &mut Snapshot, ids: &[Uuid]) -> Result<Vec<Row>> {
    if ids.is_empty() {
        return Ok(Vec::new());
    }
    snapshot.switch_model(BOARD).await?;
    let keys: Vec<_> = ids.iter().map(|id| (*id).into()).collect();
    let head = values![snapshot.tenant.0, snapshot.generation];
    fetch_by_keys(&mut snapshot.transaction, NAMES_AMONG, &head, &keys).await
}
