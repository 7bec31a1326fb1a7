//! Long pages leave the processors to others in between.

use std::future::{Future, poll_fn};
use std::pin::pin;

use uuid::Uuid;

use super::fence::lease;
use super::world::{MODELS, TENANT, World, claimed, hour};
use crate::runtime::projector::Worker;
use crate::storage::checkpoint::ProjectionId;

const LI: Uuid = Uuid::from_u128(1);

/// How often others could run while this was under way.
async fn pauses<T>(work: impl Future<Output = T>) -> usize {
    let mut work = pin!(work);
    let mut pauses = 0;
    poll_fn(|context| {
        let polled = work.as_mut().poll(context);
        pauses += usize::from(polled.is_pending());
        polled.map(drop)
    })
    .await;
    pauses
}

#[tokio::test]
async fn a_page_is_read_and_folded_in_stretches() {
    const EVENTS: u32 = 6_400;
    let world = World::new();
    world.register(LI, hour(0)).await;
    let event = claimed();
    let events = vec![(event.event_type(), event.to_json().unwrap()); EVENTS as usize];
    world.append_all(TENANT, LI, events).await;
    for name in MODELS {
        let projections = world.projections("p").await;
        let engine = projections.engine();
        let model = projections.models().into_iter().find(|model| model.name() == name).unwrap();
        let id = ProjectionId { tenant: TENANT, projection: name };
        let mut worker = Worker::new(lease(engine, &*model, id).await, &*model);
        let pauses = pauses(async { worker.page(engine, &*model, EVENTS).await.unwrap() }).await;
        // Once for the envelopes, once for what they hold, and once for the fold, about a hundred stretches each.
        assert!(pauses >= 250, "{name}: {pauses}");
    }
}
