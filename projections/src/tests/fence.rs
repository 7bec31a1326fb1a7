//! One worker at a time, whatever leases and clocks do.

use uuid::Uuid;

use super::world::{MODELS, TENANT, World, hour};
use crate::ProjectionError;
use crate::models::read_model::ReadModel;
use crate::runtime::projector::{Engine, PoisonPolicy, Worker};
use crate::storage::checkpoint::{ProjectionId, ProjectionLease, acquire};

const LI: Uuid = Uuid::from_u128(1);

pub(super) async fn lease(engine: &Engine, model: &dyn ReadModel, id: ProjectionId) -> ProjectionLease {
    let new = engine.new_generation(model, id.tenant).await.unwrap();
    acquire(&engine.db, id, new).await.unwrap()
}

#[tokio::test]
async fn a_stale_worker_writes_nothing() {
    for name in MODELS {
        let world = World::new();
        world.register(LI, hour(0)).await;
        let projections = world.projections("p").await;
        let model = projections.models().into_iter().find(|model| model.name() == name).unwrap();
        let id = ProjectionId { tenant: TENANT, projection: model.name() };
        let engine = projections.engine();
        let mut stale = Worker::new(lease(engine, &*model, id).await, &*model);
        let mut holder = Worker::new(lease(engine, &*model, id).await, &*model);
        holder.step(engine, &*model, 10, PoisonPolicy::Park).await.unwrap();
        let before = projections.dump(TENANT, name).await.unwrap();
        let refused = stale.step(engine, &*model, 10, PoisonPolicy::Park).await.unwrap_err();
        assert!(matches!(refused, ProjectionError::Fenced), "{refused}");
        assert_eq!(projections.dump(TENANT, name).await.unwrap(), before);
    }
}

#[tokio::test]
async fn without_the_fence_a_stale_worker_would_count_an_event_twice() {
    let world = World::new();
    world.register(LI, hour(0)).await;
    let projections = world.projections("p").await;
    projections.steps("board", 10).await;
    let engine = projections.engine();
    let model = projections.models().into_iter().find(|model| model.name() == "board").unwrap();
    let id = ProjectionId { tenant: TENANT, projection: model.name() };
    let mut stale = Worker::new(lease(engine, &*model, id).await, &*model);
    world.move_to(LI, hour(1), "quoted").await;
    let mut holder = Worker::new(lease(engine, &*model, id).await, &*model);
    holder.step(engine, &*model, 10, PoisonPolicy::Park).await.unwrap();
    let before = projections.dump(TENANT, "board").await.unwrap();

    let writes = stale.page(engine, &*model, 10).await.unwrap();
    let mut transaction = engine.db.write(TENANT).await.unwrap();
    writes.apply(&mut transaction, &stale.lease).await.unwrap();
    transaction.commit().await.unwrap();
    assert_ne!(projections.dump(TENANT, "board").await.unwrap(), before, "the version counts the move twice");
}

#[tokio::test]
async fn two_processes_share_the_work_and_every_event_counts_once() {
    let world = World::new();
    let (one, other) = (world.projections("p").await, world.projections("p").await);
    for number in 0..40 {
        world.register(Uuid::from_u128(100 + number), hour(0)).await;
        for name in MODELS {
            for projections in [&one, &other] {
                match projections.step(name, 3).await {
                    Ok(_) | Err(ProjectionError::Fenced) => {}
                    Err(error) => panic!("{error}"),
                }
            }
        }
    }
    for name in MODELS {
        let mut positions = (0, 1);
        while positions.0 != positions.1 {
            for projections in [&one, &other] {
                let _ = projections.step(name, 3).await;
            }
            let status = one.status(TENANT).await.unwrap();
            let status = status.iter().find(|status| status.name == name).unwrap();
            positions = (status.position, status.head);
        }
    }
    let alone = world.projections("alone").await;
    for name in MODELS {
        alone.steps(name, 100).await;
    }
    assert_eq!(one.dumps().await, alone.dumps().await);
}
