//! Folding again gives the same rows, byte for byte.

use uuid::Uuid;

use super::world::{Chance, History, MODELS, TENANT, World, hour};
use crate::db::Db;
use crate::db::values;
use crate::runtime::NotComparable;
use crate::{ProjectionError, Projections};

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
    let customer = Uuid::from_u128(1);
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
    let customer = Uuid::from_u128(1);
    world.register(customer, hour(0)).await;
    let bad = world.append_poison(customer).await;
    let projections = world.projections("p").await;
    projections.steps("dwell", 10).await;
    let before = projections.dump(TENANT, "dwell").await.unwrap();
    let refused = projections.rebuild(TENANT, "dwell", &|_, _| {}).await.unwrap_err();
    assert!(matches!(refused, ProjectionError::Poison { position, .. } if position == bad));
    assert_eq!(projections.dump(TENANT, "dwell").await.unwrap(), before);
    world.skip("dwell", bad, "made by hand").await;
    projections.rebuild(TENANT, "dwell", &|_, _| {}).await.unwrap();
    assert_eq!(projections.dump(TENANT, "dwell").await.unwrap(), before);
}

/// Two customers, whose rows of the read model `dwell` somebody then changes.
async fn tampered_with(projections: &Projections, world: &World) -> Vec<String> {
    for customer in [Uuid::from_u128(1), Uuid::from_u128(2)] {
        world.register(customer, hour(0)).await;
        world.move_to(customer, hour(1), "quoted").await;
    }
    projections.steps("dwell", 10).await;
    let right = projections.dump(TENANT, "dwell").await.unwrap();
    let same = projections.rebuild(TENANT, "dwell", &|_, _| {}).await.unwrap();
    assert_eq!((same.differences(), same.not_applicable, same.position, same.rows), (0, None, 4, 4));
    for sql in [
        "UPDATE dwell_move SET actor = 'rep:nobody' WHERE tenant_id = $1 AND position = 2",
        "DELETE FROM dwell_move WHERE tenant_id = $1 AND position = 3",
    ] {
        let mut transaction = projections.engine().db.write(TENANT).await.unwrap();
        assert_eq!(transaction.execute(sql, &values![TENANT.0]).await.unwrap(), 1);
        transaction.commit().await.unwrap();
    }
    right
}

async fn what_differs_is_named_and_the_rebuilt_rows_serve(projections: &Projections, world: &World) {
    let right = tampered_with(projections, world).await;
    let wrong = projections.dump(TENANT, "dwell").await.unwrap();
    let looked = projections.compare(TENANT, "dwell", &|_, _| {}).await.unwrap();
    assert_eq!(projections.dump(TENANT, "dwell").await.unwrap(), wrong, "looking changes nothing");
    // What comes meanwhile is folded into both before they are compared.
    world.register(Uuid::from_u128(3), hour(2)).await;
    let found = projections.rebuild(TENANT, "dwell", &|_, _| {}).await.unwrap();
    for (found, rows) in [(&looked, 4), (&found, 5)] {
        assert_eq!((found.differences(), found.not_applicable, found.rows), (2, None, rows));
        let [table] = &found.differing[..] else { panic!("{found:?}") };
        assert_eq!(table.table, "dwell_move");
        assert_eq!((table.rows_served, table.rows_rebuilt), (rows - 1, rows));
        assert_eq!((table.only_served, table.only_rebuilt), (1, 2));
        assert_eq!(table.keys.len(), 2, "both customers: {:?}", table.keys);
    }
    let served = projections.dump(TENANT, "dwell").await.unwrap();
    assert!(right.iter().all(|line| served.contains(line)), "{served:#?}");
    assert_eq!(served.len(), 5);
    let status = projections.status(TENANT).await.unwrap();
    let compared = status.iter().find(|status| status.name == "dwell").unwrap().compared.clone();
    assert_eq!(compared, Some(found), "kept for the operator");
    assert_eq!(projections.rebuild(TENANT, "dwell", &|_, _| {}).await.unwrap().differences(), 0);
}

#[tokio::test]
async fn what_a_rebuild_finds_wrong_is_named_and_the_rebuilt_rows_serve() {
    let world = World::new();
    let projections = world.projections("p").await;
    what_differs_is_named_and_the_rebuilt_rows_serve(&projections, &world).await;
}

#[tokio::test]
async fn what_a_rebuild_finds_wrong_is_named_and_the_rebuilt_rows_serve_on_postgres() {
    let world = World::new();
    let Some(projections) = world.node("compared", 1).await else { return };
    what_differs_is_named_and_the_rebuilt_rows_serve(&projections, &world).await;
}

#[tokio::test]
async fn rows_of_another_version_or_with_events_set_aside_are_not_compared() {
    let world = World::new();
    world.register(Uuid::from_u128(1), hour(0)).await;
    let projections = world.projections("p").await;
    let first = projections.rebuild(TENANT, "dwell", &|_, _| {}).await.unwrap();
    assert_eq!((first.not_applicable, first.differences()), (Some(NotComparable::NothingServed), 0));
    projections.steps("dwell", 10).await;
    let older =
        "UPDATE projection_checkpoint SET fold_version = 99 WHERE tenant_id = $1 AND projection = 'dwell'";
    change(&projections, older).await;
    let other = projections.rebuild(TENANT, "dwell", &|_, _| {}).await.unwrap();
    assert_eq!((other.not_applicable, other.differences()), (Some(NotComparable::OtherVersion), 0));
    change(&projections, "INSERT INTO projection_parked VALUES ($1, 'dwell', 1, '', '', '', NULL)").await;
    let parked = projections.rebuild(TENANT, "dwell", &|_, _| {}).await.unwrap();
    assert_eq!(parked.not_applicable, Some(NotComparable::ServedIncomplete));
}

#[tokio::test]
async fn what_was_folded_from_another_log_is_folded_from_scratch() {
    let (first, second) = (World::new(), World::recorded_from(20_000));
    let customer = Uuid::from_u128(1);
    first.register(customer, hour(0)).await;
    first.move_to(customer, hour(1), "quoted").await;
    let path = first.path("p");
    let opened = |world: &World| Projections::open(&path, world.store.clone(), world.vault.clone());
    // A log put back from a copy ends before what was folded; the first one, brought back, goes on.
    second.register(customer, hour(0)).await;
    for world in [&first, &second, &first] {
        let projections = opened(world).await.unwrap();
        assert!(projections.status(TENANT).await.unwrap().iter().all(|status| status.position == 0));
        assert!(projections.parked(TENANT, "board").await.unwrap().is_empty(), "set aside in another log");
        projections.catch_up(TENANT, |_, _| {}).await.unwrap();
        let fresh = world.projections("fresh").await;
        fresh.catch_up(TENANT, |_, _| {}).await.unwrap();
        assert_eq!(projections.dumps().await, fresh.dumps().await);
        fresh.close().await;
        let skip = "INSERT INTO projection_parked VALUES (x'00000000000000000000000000000007', 'board', 1, '', '', '', 'no')";
        script(&projections, skip).await;
        projections.close().await;
    }
    let again = opened(&first).await.unwrap();
    assert_eq!(
        again.parked(TENANT, "board").await.unwrap().len(),
        1,
        "what was set aside in this log stays so"
    );
    let head = first.head().await;
    assert!(again.status(TENANT).await.unwrap().iter().all(|status| status.position == head));
}

/// Changes rows of the tenant, the statement's one bind, behind the read models' back.
pub(crate) async fn change(projections: &Projections, sql: &'static str) {
    let mut transaction = projections.engine().db.write(TENANT).await.unwrap();
    transaction.execute(sql, &[TENANT.0.into()]).await.unwrap();
    transaction.commit().await.unwrap();
}

/// Runs statements on the file of the read models.
async fn script(projections: &Projections, script: &'static str) {
    let Db::Sqlite(file) = &projections.engine().db else { panic!("not a file") };
    file.script(script).await.unwrap();
}

#[tokio::test]
async fn tables_of_another_layout_are_made_from_scratch() {
    let world = World::new();
    let customer = Uuid::from_u128(1);
    world.register(customer, hour(0)).await;
    let path = world.path("p");
    let opened = || Projections::open(&path, world.store.clone(), world.vault.clone());
    let projections = opened().await.unwrap();
    projections.catch_up(TENANT, |_, _| {}).await.unwrap();
    let before = projections.dumps().await;
    let older = "DROP VIEW stays_v1; DROP VIEW moves_v1; ALTER TABLE dwell_move DROP COLUMN version; PRAGMA user_version = 0";
    script(&projections, older).await;
    projections.close().await;
    let projections = opened().await.unwrap();
    assert!(projections.status(TENANT).await.unwrap().iter().all(|status| status.position == 0));
    projections.catch_up(TENANT, |_, _| {}).await.unwrap();
    assert_eq!(projections.dumps().await, before);
}
