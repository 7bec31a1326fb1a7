//! Folding anew gives the same rows, byte for byte.

use super::world::{Chance, History, MODELS, TENANT, World, hour};
use crate::ProjectionError;

/// Folds a random history as it is made, in pages of random sizes, reopening the read models now and then.
async fn lived(seed: u64, events: usize) -> (World, History) {
    let (world, mut chance) = (World::new(), Chance::new(seed));
    let mut history = History::default();
    let mut projections = world.projections("live").await;
    for _ in 0..events {
        history.go_on(&world, &mut chance).await;
        let name = MODELS[chance.below(3)];
        if chance.below(3) == 0 {
            projections.step(name, 1 + chance.below(9) as u32).await.unwrap();
        }
        if chance.below(40) == 0 {
            projections.close().await;
            projections = world.projections("live").await;
        }
    }
    for name in MODELS {
        projections.steps(name, 7).await;
    }
    projections.close().await;
    (world, history)
}

#[tokio::test]
async fn a_rebuild_gives_the_rows_that_were_folded_live_to_the_byte() {
    for seed in 0..12 {
        let (world, _) = lived(seed, 160).await;
        let projections = world.projections("live").await;
        let live = projections.dumps().await;
        assert!(live.iter().all(|lines| !lines.is_empty()));
        for name in MODELS {
            projections.rebuild(TENANT, name, &|_, _| {}).await.unwrap();
        }
        let rebuilt = projections.dumps().await;
        for (model, (live, rebuilt)) in MODELS.iter().zip(live.iter().zip(&rebuilt)) {
            assert_eq!(live, rebuilt, "{model}, seed {seed}");
        }
    }
}

#[tokio::test]
async fn page_boundaries_make_no_difference() {
    let (world, _) = lived(99, 200).await;
    let expected = world.projections("live").await.dumps().await;
    for limit in [1, 2, 13, 1_000] {
        let projections = world.projections(&format!("by {limit}")).await;
        for name in MODELS {
            projections.steps(name, limit).await;
        }
        assert_eq!(projections.dumps().await, expected, "pages of {limit}");
    }
}

#[tokio::test]
async fn a_rebuild_says_how_far_it_is_and_leaves_one_generation() {
    let world = World::new();
    let customer = uuid::Uuid::from_u128(1);
    world.register(customer, hour(0)).await;
    let projections = world.projections("p").await;
    projections.steps("dwell", 10).await;
    world.move_to(customer, hour(1), "quoted").await;
    let told = std::sync::Mutex::new(Vec::new());
    projections.rebuild(TENANT, "dwell", &|done, all| told.lock().unwrap().push((done, all))).await.unwrap();
    assert_eq!(told.into_inner().unwrap().last(), Some(&(2, 2)));
    let status = projections.status(TENANT).await.unwrap();
    let dwell = status.iter().find(|status| status.name == "dwell").unwrap();
    assert_eq!((dwell.generation, dwell.position, dwell.lag, dwell.rebuilding), (2, 2, 0, None));
    // What comes after the switch is folded into the new rows.
    world.move_to(customer, hour(2), "won").await;
    projections.steps("dwell", 10).await;
    assert_eq!(projections.dump(TENANT, "dwell").await.unwrap().len(), 3);
}

#[tokio::test]
async fn a_rebuild_is_strict_and_the_former_rows_go_on_serving() {
    let world = World::new();
    let customer = uuid::Uuid::from_u128(1);
    world.register(customer, hour(0)).await;
    let bad = world.append_poison(customer).await;
    let projections = world.projections("p").await;
    projections.steps("dwell", 10).await;
    let before = projections.dump(TENANT, "dwell").await.unwrap();
    let refused = projections.rebuild(TENANT, "dwell", &|_, _| {}).await.unwrap_err();
    assert!(matches!(refused, ProjectionError::Poison { position, .. } if position == bad));
    assert_eq!(projections.dump(TENANT, "dwell").await.unwrap(), before);
    projections.skip(TENANT, "dwell", bad, "made by hand").await.unwrap();
    projections.rebuild(TENANT, "dwell", &|_, _| {}).await.unwrap();
    assert_eq!(projections.dump(TENANT, "dwell").await.unwrap(), before);
}

#[tokio::test]
async fn tables_with_columns_of_another_time_are_made_and_folded_anew() {
    let (world, _) = lived(3, 60).await;
    let projections = world.projections("live").await;
    let before = projections.dumps().await;
    let mut session = projections.engine().db.write().await.unwrap();
    for sql in [
        "UPDATE projection_checkpoint SET fold_version = 1",
        "DROP TABLE board_customer",
        "CREATE TABLE board_customer (tenant_id BLOB NOT NULL, generation INTEGER NOT NULL)",
    ] {
        session.execute(sql, &[]).await.unwrap();
    }
    session.commit().await.unwrap();
    projections.close().await;

    let projections = world.projections("live").await;
    for name in MODELS {
        projections.steps(name, 50).await;
    }
    assert_eq!(projections.dumps().await, before);
    projections.close().await;
    let again = world.projections("live").await;
    assert_eq!(again.dumps().await, before, "once is enough");
}
