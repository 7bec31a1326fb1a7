//! Rebuilds at the same time, beside writers, in one process and in two: one at a time, and nothing is ever lost.

use std::sync::Arc;
use std::time::Duration;

use tokio::task::JoinSet;
use uuid::Uuid;

use super::rebuild::change;
use super::world::{Chance, History, MODELS, TENANT, World, hour};
use crate::db::values;
use crate::runtime::rebuild::Rebuild;
use crate::runtime::rebuild_lease::RebuildLease;
use crate::storage::checkpoint::{self, ProjectionId};
use crate::{ProjectionError, Projections};

const LI: Uuid = Uuid::from_u128(1);
/// Six at once, of one read model.
const AT_ONCE: usize = 6;

/// What every read model has to look like: folded from the beginning, by nobody else.
async fn fresh(world: &World, name: &str) -> Vec<Vec<String>> {
    let alone = world.projections(name).await;
    for model in MODELS {
        alone.steps(model, 1_000).await;
    }
    let dumps = alone.dumps().await;
    alone.close().await;
    dumps
}

async fn steps(projections: &Projections) {
    for model in MODELS {
        while projections.status(TENANT).await.unwrap().iter().any(|one| one.name == model && one.lag > 0) {
            match projections.step(model, 1_000).await {
                Ok(_) | Err(ProjectionError::Fenced) => {}
                Err(error) => panic!("{error}"),
            }
        }
    }
}

/// Each of these rebuilds it at the same time, while somebody writes and folds, when they begin and when the first has ended.
/// Returns how many rebuilt it.
async fn round(world: &World, all: &[Arc<Projections>], model: &'static str) -> usize {
    let mut rebuilds = JoinSet::new();
    for number in 0..AT_ONCE {
        let projections = Arc::clone(&all[number % all.len()]);
        rebuilds.spawn(async move { projections.rebuild(TENANT, model, &|_, _| {}).await });
    }
    let (mut rebuilt, mut ended) = (0, 0);
    loop {
        if ended < 2 {
            world.move_to(LI, hour(1), "quoted").await;
            let stepped = all[0].step(model, 10).await;
            assert!(matches!(stepped, Ok(_) | Err(ProjectionError::Fenced)), "{stepped:?}");
        }
        let Some(rebuild) = rebuilds.join_next().await else { break };
        ended += 1;
        match rebuild.unwrap() {
            Ok(found) => {
                assert_eq!(found.differences(), 0, "{found:?}");
                rebuilt += 1;
            }
            // On a machine so busy that a heartbeat does not come for long, a slow one is taken for dead.
            Err(ProjectionError::RebuildRunning | ProjectionError::Fenced) => {}
            Err(error) => panic!("{error}"),
        }
    }
    rebuilt
}

async fn rounds(world: &World, all: &[Arc<Projections>], rounds: usize) {
    let (mut chance, mut history) = (Chance::new(5), History::default());
    world.register(LI, hour(0)).await;
    for _ in 0..8 {
        history.go_on(world, &mut chance).await;
    }
    for projections in all {
        steps(projections).await;
    }
    for number in 0..rounds {
        let model = MODELS[number % MODELS.len()];
        assert!(round(world, all, model).await >= 1, "round {number}: nobody rebuilt it");
        let status = all[0].status(TENANT).await.unwrap();
        let one = status.iter().find(|status| status.name == model).unwrap();
        assert!(one.serves && one.position > 0 && one.rebuilding.is_none(), "round {number}: {one:?}");
    }
    steps(&all[0]).await;
    let fresh = fresh(world, "fresh").await;
    for projections in all {
        assert_eq!(projections.dumps().await, fresh);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_hundred_times_six_rebuilds_at_once_beside_a_writer_end_with_what_the_log_tells() {
    let world = World::new();
    let projections = world.projections("p").await;
    rounds(&world, &[projections], 200).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn two_processes_rebuild_one_at_a_time_on_either_engine() {
    let world = World::new();
    rounds(&world, &[world.projections("p").await, world.projections("p").await], 8).await;
    let world = World::new();
    let (Some(one), Some(other)) = (world.node("p", 1).await, world.node("p", 2).await) else { return };
    rounds(&world, &[one, other], 8).await;
}

async fn leftovers(projections: &Projections, model: &'static str) -> usize {
    let id = ProjectionId { tenant: TENANT, projection: model };
    let mut transaction = projections.engine().db.read(TENANT).await.unwrap();
    checkpoint::all(&mut transaction, id).await.unwrap().len()
}

async fn a_second_is_refused_until_the_first_is_dead(one: &Arc<Projections>, other: &Projections) {
    let dwell = |projections: &Projections| projections.model("dwell").unwrap().clone();
    let id = ProjectionId { tenant: TENANT, projection: "dwell" };
    one.steps("dwell", 100).await;
    let expected = one.dump(TENANT, "dwell").await.unwrap();
    let first = Rebuild::begin(one.engine(), dwell(one), id, Duration::from_secs(60)).await.unwrap();
    for projections in [&**one, other] {
        let refused = projections.rebuild(TENANT, "dwell", &|_, _| {}).await.unwrap_err();
        assert!(matches!(refused, ProjectionError::RebuildRunning), "{refused}");
    }
    // As a process that is halted in the middle: it says nothing more, and does not know it.
    first.fall_silent();
    let moment = Duration::from_millis(300);
    let mut second = Rebuild::begin(other.engine(), dwell(other), id, moment).await.unwrap();
    let mut first = first;
    let late = first.fill(&|_, _| {}).await.unwrap_err();
    assert!(matches!(late, ProjectionError::Fenced), "{late}");
    let late = first.promote().await.unwrap_err();
    assert!(matches!(late, ProjectionError::Fenced), "{late}");
    second.fill(&|_, _| {}).await.unwrap();
    second.promote().await.unwrap();
    assert_eq!(leftovers(other, "dwell").await, 1, "nothing is left of the first");
    assert_eq!(other.dump(TENANT, "dwell").await.unwrap(), expected);
    assert!(one.rebuild(TENANT, "dwell", &|_, _| {}).await.is_ok(), "nothing is in the way of a third");

    // One that was only slow, while its rows are still there: it lost the right, and puts nothing into service.
    let mut slow = Rebuild::begin(one.engine(), dwell(one), id, Duration::from_secs(60)).await.unwrap();
    slow.fill(&|_, _| {}).await.unwrap();
    slow.fall_silent();
    let engine = other.engine();
    let new = engine.new_generation(&*dwell(other), TENANT).await.unwrap();
    let taken = RebuildLease::take(&engine.db, &engine.running, id, new, moment, |_| ()).await.unwrap();
    let serving = one.serving(id).await.unwrap().unwrap();
    let late = slow.promote().await.unwrap_err();
    assert!(matches!(late, ProjectionError::Fenced), "{late}");
    assert_eq!(one.serving(id).await.unwrap().unwrap().generation, serving.generation);
    drop(taken);
}

#[tokio::test]
async fn a_second_rebuild_is_refused_until_the_first_is_dead() {
    let world = World::new();
    world.register(LI, hour(0)).await;
    let (one, other) = (world.projections("p").await, world.projections("p").await);
    a_second_is_refused_until_the_first_is_dead(&one, &other).await;
    let world = World::new();
    world.register(LI, hour(0)).await;
    let (Some(one), Some(other)) = (world.node("p", 1).await, world.node("p", 2).await) else { return };
    a_second_is_refused_until_the_first_is_dead(&one, &other).await;
}

#[tokio::test]
async fn rows_that_are_behind_those_in_service_serve_once_they_are_as_far() {
    let world = World::new();
    world.register(LI, hour(0)).await;
    let projections = world.projections("p").await;
    projections.steps("dwell", 10).await;
    let id = ProjectionId { tenant: TENANT, projection: "dwell" };
    let model = projections.model("dwell").unwrap().clone();
    let long = Duration::from_secs(60);
    let mut rebuild = Rebuild::begin(projections.engine(), model, id, long).await.unwrap();
    rebuild.fill(&|_, _| {}).await.unwrap();
    world.move_to(LI, hour(1), "quoted").await;
    projections.steps("dwell", 10).await;
    let (before, expected) =
        (projections.serving(id).await.unwrap().unwrap(), projections.dump(TENANT, "dwell").await.unwrap());
    assert!(rebuild.position() < before.position);
    rebuild.promote().await.unwrap();
    let after = projections.serving(id).await.unwrap().unwrap();
    assert_eq!(after.position, before.position, "nobody reads what is older than what was read before");
    assert_ne!(after.generation, before.generation);
    assert_eq!(projections.dump(TENANT, "dwell").await.unwrap(), expected);
}

#[tokio::test]
async fn what_serves_is_not_dropped_at_anyones_request() {
    let world = World::new();
    world.register(LI, hour(0)).await;
    let projections = world.projections("p").await;
    projections.steps("board", 10).await;
    let before = projections.dump(TENANT, "board").await.unwrap();
    let id = ProjectionId { tenant: TENANT, projection: "board" };
    let serving = projections.serving(id).await.unwrap().unwrap();
    let mut transaction = projections.engine().db.write(TENANT).await.unwrap();
    assert!(!checkpoint::may_drop(&mut transaction, id, serving.generation).await.unwrap());
    transaction.commit().await.unwrap();
    let model = projections.model("board").unwrap().clone();
    crate::runtime::rebuild::drop_generation(projections.engine(), &*model, id, serving.generation)
        .await
        .unwrap();
    assert_eq!(projections.dump(TENANT, "board").await.unwrap(), before);
    world.move_to(LI, hour(1), "won").await;
    assert_eq!(
        projections.step("board", 10).await.map_err(|error| error.to_string()),
        Err("another process has taken over this projection".to_owned())
    );
    projections.steps("board", 10).await;
    assert_eq!(projections.status(TENANT).await.unwrap()[0].lag, 0, "it is folded on");
}

#[tokio::test]
async fn what_serves_without_a_checkpoint_is_folded_from_the_beginning_and_answers_nothing_before() {
    let world = World::new();
    world.register(LI, hour(0)).await;
    world.move_to(LI, hour(1), "quoted").await;
    let projections = world.projections("p").await;
    projections.steps("dwell", 10).await;
    let before = projections.dump(TENANT, "dwell").await.unwrap();
    change(&projections, "DELETE FROM projection_checkpoint WHERE tenant_id = $1 AND projection = 'dwell'")
        .await;
    let status = |projections: Arc<Projections>| async move {
        let status = projections.status(TENANT).await.unwrap();
        status.into_iter().find(|status| status.name == "dwell").unwrap()
    };
    assert!(!status(projections.clone()).await.serves);
    let refused = projections.dump(TENANT, "dwell").await.unwrap_err();
    assert!(matches!(refused, ProjectionError::NotServing { projection: "dwell", position: 0 }), "{refused}");
    // The worker finds itself fenced, and the next one takes a page that tells only half of what there is.
    while status(projections.clone()).await.position == 0 {
        let _ = projections.step("dwell", 1).await;
    }
    assert_eq!(projections.unserved(), ["dwell"]);
    let refused = projections.dump(TENANT, "dwell").await.unwrap_err();
    assert!(matches!(refused, ProjectionError::NotServing { position: 1, .. }), "{refused}");
    projections.steps("dwell", 10).await;
    assert!(status(projections.clone()).await.serves && projections.unserved().is_empty());
    assert_eq!(projections.dump(TENANT, "dwell").await.unwrap(), before);
}

#[tokio::test]
async fn a_generation_never_has_the_number_of_another_one() {
    let world = World::new();
    world.register(LI, hour(0)).await;
    let projections = world.projections("p").await;
    projections.steps("dwell", 10).await;
    let mut seen = Vec::new();
    for _ in 0..3 {
        projections.compare(TENANT, "dwell", &|_, _| {}).await.unwrap();
        let mut transaction = projections.engine().db.read(TENANT).await.unwrap();
        let sql = "SELECT last FROM projection_generation WHERE tenant_id = $1 AND projection = 'dwell'";
        seen.push(transaction.row(sql, &values![TENANT.0]).await.unwrap().unwrap().int(0).unwrap());
    }
    assert_eq!(seen, [2, 3, 4]);
}
