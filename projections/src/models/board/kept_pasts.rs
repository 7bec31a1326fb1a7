//! Keeps where customers stood at any instant in memory from question to question.
//!
//! Of another state of knowledge than one that is kept, only those customers are read again that had entries in between.

use std::sync::Arc;

use waymark_eventstore::Position;

use super::past_index::PastIndex;
use super::tables::NAME;
use super::{kept_versions, versions};
use crate::error::Result;
use crate::log::changed::{self, is_worth_following};
use crate::models::dwell;
use crate::models::snapshot::Snapshot;
use crate::query::AsOf;

/// The past of a pipeline as it was known. Afterwards the view is at this read model, and at the position that both have come
/// to of which the past is made.
pub(super) async fn load(snapshot: &mut Snapshot, pipeline: &str, at: &AsOf) -> Result<Arc<PastIndex>> {
    let of_customers = snapshot.rows();
    snapshot.switch_model(dwell::NAME).await?;
    let (rows, known) = ((of_customers, snapshot.rows()), snapshot.known(at));
    let cache = Arc::clone(&snapshot.sources.past_cache);
    let kept = cache.of(snapshot.tenant, pipeline);
    let mut states = kept.lock().await;
    let followed = match states.take_nearest(&rows, known) {
        Some((position, index)) if position == known => Some(index),
        Some(nearest) => follow(snapshot, pipeline, nearest, known).await?,
        None => None,
    };
    let index = match followed {
        Some(index) => index,
        None => fresh(snapshot, pipeline, known).await?,
    };
    states.keep(rows, known, &index);
    cache.weigh(snapshot.tenant, pipeline, &states);
    drop(states);
    snapshot.switch_model(NAME).await?;
    Ok(index)
}

/// Of all journeys and of what everybody was like.
async fn fresh(snapshot: &mut Snapshot, pipeline: &str, known: Position) -> Result<Arc<PastIndex>> {
    let journeys = dwell::load(snapshot, pipeline, known).await?;
    snapshot.switch_model(NAME).await?;
    let pasts = versions::load(snapshot, known).await?;
    Ok(Arc::new(PastIndex::of(pipeline, &journeys, &pasts)))
}

/// Brings a state to another position. None where making all of it afresh is better.
async fn follow(
    snapshot: &mut Snapshot,
    pipeline: &str,
    (position, mut index): (Position, Arc<PastIndex>),
    known: Position,
) -> Result<Option<Arc<PastIndex>>> {
    let between = (position.min(known), position.max(known));
    if index.is_worn() || !is_worth_following(index.len() as u64, between.1 - between.0) {
        return Ok(None);
    }
    let log = snapshot.sources.log();
    let changed = changed::customers(log, snapshot.tenant, between, |_| true).await?;
    let Some(customers) = changed else { return Ok(None) };
    if customers.is_empty() {
        return Ok(Some(index));
    }
    let journeys = dwell::journeys_of(snapshot, pipeline, &customers, known).await?;
    snapshot.switch_model(NAME).await?;
    let pasts = kept_versions::of_some(snapshot, &customers, known).await?;
    Arc::make_mut(&mut index).replace(pipeline, &customers, &journeys, &pasts);
    Ok(Some(index))
}
