//! Single moves, and what was known of all of them at an earlier position.

use uuid::Uuid;
use waymark_eventstore::Position;

use super::statements::{ENDED_SINCE, KNOWN};
use super::{fetch, fold};
use crate::db::values;
use crate::error::Result;
use crate::log::history::PositionedMove;
use crate::models::snapshot::Snapshot;
use crate::stats::{JourneySet, Micros};

/// The moves of one journey as known at a position, in effective order.
pub(crate) async fn moves_of(
    snapshot: &mut Snapshot,
    pipeline: &str,
    customer: Uuid,
    known: Position,
) -> Result<Vec<PositionedMove>> {
    snapshot.switch_model(super::tables::NAME).await?;
    let values = values![snapshot.tenant.0, snapshot.generation, pipeline, customer, known];
    snapshot.transaction.rows(KNOWN, &values).await?.iter().map(fold::read).collect()
}

/// The journeys as they were known at an earlier position, all of whose entries were recorded by an instant and no later
/// ones. Where nothing that had been recorded was changed since, that is what had been recorded by then; else they are
/// read.
pub(crate) async fn known_then(
    snapshot: &mut Snapshot,
    pipeline: &str,
    now: (&JourneySet, Position),
    then: (Micros, Position),
) -> Result<JourneySet> {
    let rewritten = crate::models::timeline::activities::rewritten(snapshot, pipeline, then.1, now.1).await?;
    snapshot.switch_model(super::tables::NAME).await?;
    let values = values![snapshot.tenant.0, snapshot.generation, then.1, now.1];
    if rewritten || snapshot.transaction.row(ENDED_SINCE, &values).await?.is_some() {
        return fetch(snapshot, pipeline, then.1).await;
    }
    Ok(now.0.recorded_by(then.0))
}
