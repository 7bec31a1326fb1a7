//! Whatever is asked for may be given up at any moment: no connection goes back to its pool inside a transaction.

use std::future::Future;
use std::pin::pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::Duration;

use uuid::Uuid;

use super::world::{Chance, History, MODELS, TENANT, World, hour};
use crate::Projections;
use crate::db::{Transaction, values};

const LI: Uuid = Uuid::from_u128(1);
/// More than anything here takes.
const MANY: usize = 5_000;

/// Polls a future that many times, and drops it where it has not ended by then. Returns whether it has.
async fn is_ended_after(polls: usize, future: impl Future) -> bool {
    let (mut future, mut left) = (pin!(future), polls);
    std::future::poll_fn(|context| {
        left -= 1;
        match future.as_mut().poll(context) {
            Poll::Ready(_) => Poll::Ready(true),
            Poll::Pending if left == 0 => Poll::Ready(false),
            Poll::Pending => Poll::Pending,
        }
    })
    .await
}

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

/// Gives up what is begun after one poll, after two, and so on until it ends before that. How many polls it takes depends on
/// how quick the database's threads are.
async fn given_up_everywhere<F: Future>(projections: &Projections, what: &str, begin: impl Fn() -> F) {
    for polls in 1..MANY {
        let ended = is_ended_after(polls, begin()).await;
        let open = projections.engine().db.open_transactions().await;
        assert_eq!(open, 0, "{what}, given up after {polls} polls, left a transaction open");
        settled(projections).await;
        if ended {
            return;
        }
    }
    panic!("{what} does not end");
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
    given_up_everywhere(all, "a step", || all.step("board", 1)).await;
    given_up_everywhere(all, "catching up", || projections.catch_up(TENANT, |_, _| {})).await;
    given_up_everywhere(all, "writing", written).await;
    given_up_everywhere(all, "reading", read).await;
    given_up_everywhere(all, "the status", || all.status(TENANT)).await;
    given_up_everywhere(all, "a retry", || all.retry(TENANT, "board")).await;
    given_up_everywhere(all, "a dump", || all.dump(TENANT, "dwell")).await;
    let wait = || all.wait_for(TENANT, "dwell", 3, Duration::ZERO);
    given_up_everywhere(all, "waiting", wait).await;
    given_up_everywhere(all, "a rebuild", || all.rebuild(TENANT, "dwell", &|_, _| {})).await;
    given_up_everywhere(all, "comparing", || all.compare(TENANT, "work", &|_, _| {})).await;
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
