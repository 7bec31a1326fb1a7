//! Waiting for a position, and what is reported when it takes too long.

use std::time::Duration;

use uuid::Uuid;

use super::world::{MODELS, TENANT, World, hour};
use crate::ProjectionError;

const LI: Uuid = Uuid::from_u128(1);
const LONG: Duration = Duration::from_secs(60);

#[tokio::test]
async fn running_projectors_reach_what_is_waited_for_and_stop_when_told() {
    let world = World::new();
    let projections = world.projections("p").await;
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(projections.clone().run(async move { drop(stopped.await) }));
    for hours in 0..5 {
        let (_, position) = match hours {
            0 => world.register(LI, hour(0)).await,
            _ => world.move_to(LI, hour(hours), ["quoted", "won"][hours as usize % 2]).await,
        };
        for name in MODELS {
            assert!(projections.wait_for(TENANT, name, position, LONG).await.unwrap() >= position);
        }
    }
    stop.send(()).unwrap();
    running.await.unwrap();
    assert_eq!(projections.dump(TENANT, "dwell").await.unwrap().len(), 5);
}

#[tokio::test]
async fn waiting_in_vain_says_how_far_it_has_come() {
    let world = World::new();
    let (_, position) = world.register(LI, hour(0)).await;
    let projections = world.projections("p").await;
    projections.steps("board", 10).await;
    // What is there is found, however short the wait.
    assert_eq!(projections.wait_for(TENANT, "board", position, Duration::ZERO).await.unwrap(), position);
    let refused = projections.wait_for(TENANT, "board", position + 1, Duration::ZERO).await.unwrap_err();
    assert!(matches!(refused, ProjectionError::Behind { position: reached } if reached == position));
    let refused = projections.wait_for(TENANT, "weather", 0, Duration::ZERO).await.unwrap_err();
    assert!(matches!(refused, ProjectionError::UnknownProjection(_)));
}

#[tokio::test]
async fn what_another_process_folds_is_found_by_looking() {
    let world = World::new();
    let (_, position) = world.register(LI, hour(0)).await;
    let (waiting, working) = (world.projections("p").await, world.projections("p").await);
    let waited = tokio::spawn({
        let waiting = waiting.clone();
        async move { waiting.wait_for(TENANT, "board", position, LONG).await }
    });
    working.steps("board", 10).await;
    assert_eq!(waited.await.unwrap().unwrap(), position);
}

#[tokio::test]
async fn catching_up_reaches_the_head_and_tells_how_far_it_is() {
    let world = World::new();
    world.register(LI, hour(0)).await;
    world.move_to(LI, hour(1), "won").await;
    let projections = world.projections("p").await;
    let told = std::sync::Arc::new(std::sync::Mutex::new((0, 0)));
    let seen = told.clone();
    projections.catch_up(TENANT, move |done, all| *seen.lock().unwrap() = (done, all)).await.unwrap();
    assert_eq!(*told.lock().unwrap(), (2, 2));
    assert!(projections.status(TENANT).await.unwrap().iter().all(|status| status.lag == 0));
}
