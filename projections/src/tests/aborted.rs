//! Whatever is asked for may be given up at any moment: no connection goes back to its pool inside a transaction.

#[path = "../../../eventstore/src/given_up.rs"]
mod given_up;

use std::sync::Arc;
use std::time::Duration;

use uuid::Uuid;

use given_up::given_up_everywhere;

use super::world::{Chance, History, MODELS, TENANT, World, hour};
use crate::Projections;
use crate::db::{Transaction, values};
use crate::query::AsOf;

const LI: Uuid = Uuid::from_u128(1);

/// Waits until what was given up has been cleared away.
async fn settled(projections: &Projections) {
    loop {
        let status = projections.status(TENANT).await.unwrap();
        if status.iter().all(|status| status.rebuilding.is_none()) {
            return;
        }
        tokio::task::yield_now().await;
    }
}

async fn nothing_that_is_given_up_leaves_a_transaction_open(projections: Arc<Projections>, world: &World) {
    let (mut chance, mut history) = (Chance::new(3), History::default());
    world.register(LI, hour(0)).await;
    for _ in 0..10 {
        history.go_on(world, &mut chance).await;
    }
    let all = &*projections;
    let written = async || {
        let mut transaction = all.engine().db.write(TENANT).await?;
        let note =
            "UPDATE projection_generation SET beat = beat + 1 WHERE tenant_id = $1 AND projection = 'board'";
        transaction.execute(note, &values![TENANT.0]).await?;
        transaction.commit().await
    };
    let read = async || -> crate::error::Result<Transaction> {
        let mut transaction = all.engine().db.read(TENANT).await?;
        transaction
            .rows("SELECT last FROM projection_generation WHERE tenant_id = $1", &values![TENANT.0])
            .await?;
        Ok(transaction)
    };
    let left_open = &async || {
        let open = all.engine().db.open_transactions().await;
        settled(all).await;
        open
    };
    given_up_everywhere("a step", || all.step("board", 1), left_open).await;
    given_up_everywhere("catching up", || projections.catch_up(TENANT, |_, _| {}), left_open).await;
    given_up_everywhere("writing", written, left_open).await;
    given_up_everywhere("reading", read, left_open).await;
    given_up_everywhere("the status", || all.status(TENANT), left_open).await;
    given_up_everywhere("a retry", || all.retry(TENANT, "board"), left_open).await;
    given_up_everywhere("a dump", || all.dump(TENANT, "dwell"), left_open).await;
    given_up_everywhere("a board", || all.pipeline_board(TENANT, "p"), left_open).await;
    given_up_everywhere("a list", || all.customer_list(TENANT), left_open).await;
    given_up_everywhere("a timeline", || all.timeline(TENANT), left_open).await;
    given_up_everywhere("work", || all.work(TENANT), left_open).await;
    given_up_everywhere("reports", || all.reports(TENANT), left_open).await;
    let stays = async || all.dwell(TENANT).await?.stays(LI, &AsOf::known_now(hour(1_000))).await;
    given_up_everywhere("stays", stays, left_open).await;
    let wait = || all.wait_for(TENANT, "dwell", 3, Duration::ZERO);
    given_up_everywhere("waiting", wait, left_open).await;
    given_up_everywhere("a rebuild", || all.rebuild(TENANT, "dwell", &|_, _| {}), left_open).await;
    given_up_everywhere("comparing", || all.compare(TENANT, "work", &|_, _| {}), left_open).await;
    projections.catch_up(TENANT, |_, _| {}).await.unwrap();
    let alone = world.projections("alone").await;
    for model in MODELS {
        alone.steps(model, 100).await;
    }
    assert_eq!(projections.dumps().await, alone.dumps().await);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_up_at_any_await_leaves_no_transaction_open() {
    let world = World::new();
    nothing_that_is_given_up_leaves_a_transaction_open(world.projections("p").await, &world).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_given_up_at_any_await_leaves_no_transaction_open_on_postgres() {
    let world = World::new();
    let Some(projections) = world.node("p", 1).await else { return };
    nothing_that_is_given_up_leaves_a_transaction_open(projections, &world).await;
}

#[tokio::test]
async fn a_full_file_takes_no_more_and_goes_on_once_there_is_room() {
    let world = World::new();
    world.register(LI, hour(0)).await;
    let path = world.path("p");
    let projections = Projections::open(&path, world.store.clone(), world.vault.clone()).await.unwrap();
    projections.catch_up(TENANT, |_, _| {}).await.unwrap();
    let db = &projections.engine().db;
    db.limit_pages(true).await;
    let mut chance = Chance::new(9);
    let mut history = History::default();
    for _ in 0..400 {
        history.go_on(&world, &mut chance).await;
    }
    // Every read model meets it, again and again.
    for _ in 0..3 {
        for model in MODELS {
            let full = projections.step(model, 1_000).await.unwrap_err();
            assert!(full.to_string().contains("full"), "{full}");
            assert_eq!(db.open_transactions().await, 0);
            db.limit_pages(true).await;
        }
    }
    let status = projections.status(TENANT).await.unwrap();
    assert!(status.iter().all(|status| status.paused.as_deref().is_some_and(|why| why.contains("full"))));
    db.limit_pages(false).await;
    let head = world.head().await;
    for model in MODELS {
        projections.steps(model, 1_000).await;
        // An erasure among them counts once its traces are gone.
        projections.wait_for(TENANT, model, head, Duration::from_secs(300)).await.unwrap();
    }
    let status = projections.status(TENANT).await.unwrap();
    assert!(status.iter().all(|status| status.paused.is_none() && status.lag == 0), "{status:?}");
    let alone = world.projections("alone").await;
    alone.catch_up(TENANT, |_, _| {}).await.unwrap();
    assert_eq!(projections.dumps().await, alone.dumps().await);
}
