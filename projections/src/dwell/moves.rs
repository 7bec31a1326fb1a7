//! Single moves, and what was known of all of them at an earlier position.

use uuid::Uuid;
use waymark_eventstore::Position;

use super::{ENDED_SINCE, KNOWN, fetch, fold};
use crate::ask::View;
use crate::db::values;
use crate::error::Result;
use crate::figures::{Histories, Micros};
use crate::history::Placed;

/// The moves of one journey as known at a position, in effective order.
pub(crate) async fn moves_of(
    view: &mut View,
    pipeline: &str,
    customer: Uuid,
    known: Position,
) -> Result<Vec<Placed>> {
    view.turn_to(super::NAME).await?;
    let values = values![view.tenant.0, view.generation, pipeline, customer, known];
    view.session.rows(KNOWN, &values).await?.iter().map(fold::read).collect()
}

/// The journeys as they were known at an earlier position, all of whose entries were recorded by an instant and no later
/// ones. Where nothing that had been recorded was changed since, that is what had been recorded by then; else they are
/// read.
pub(crate) async fn known_then(
    view: &mut View,
    pipeline: &str,
    now: (&Histories, Position),
    then: (Micros, Position),
) -> Result<Histories> {
    let rewritten = crate::timeline::deeds::rewritten(view, pipeline, then.1, now.1).await?;
    view.turn_to(super::NAME).await?;
    let values = values![view.tenant.0, view.generation, then.1, now.1];
    if rewritten || view.session.row(ENDED_SINCE, &values).await?.is_some() {
        return fetch(view, pipeline, then.1).await;
    }
    Ok(now.0.recorded_by(then.0))
}
