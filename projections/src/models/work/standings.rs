//! Where customers stand now, which the board tells: by what lists of work are narrowed.

use crate::db::{Value, values};
use crate::error::Result;
use crate::models::board::tables::NAME as BOARD;
use crate::models::snapshot::Snapshot;
use crate::query::{AnyOf, LIST_SEPARATOR};

/// What a statement binds of the sub-statuses that are wanted: the list of them, what stands around each, and which rows of the
/// board tell; nothing where all are.
pub(super) async fn sub_status_values(snapshot: &mut Snapshot, wanted: Option<&AnyOf>) -> Result<[Value; 3]> {
    let Some(wanted) = wanted else { return Ok([Value::Null, Value::Null, Value::Null]) };
    let (generation, epoch) = (snapshot.generation, snapshot.epoch);
    snapshot.switch_model(BOARD).await?;
    let values: [Value; 3] = values![wanted.list(), LIST_SEPARATOR, snapshot.generation];
    (snapshot.generation, snapshot.epoch) = (generation, epoch);
    Ok(values)
}
