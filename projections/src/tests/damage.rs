//! The file of the read models, damaged page by page: it is put aside and folded from the log again, and nothing wrong is
//! ever answered.

use std::collections::BTreeMap;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use sqlx::sqlite::SqliteConnectOptions;
use sqlx::{ConnectOptions as _, Connection as _};
use uuid::Uuid;

use super::world::{Chance, History, TENANT, World, hour};
use crate::{ProjectionError, Projections};

const LI: Uuid = Uuid::from_u128(1);
const PAGE: usize = 4_096;

/// What becomes of the file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Damage {
    /// The first hundred bytes are something else.
    Header,
    /// All pages of this kind are rubbish.
    Pages(PageKind),
    /// The second half is gone.
    Half,
    /// Nothing is left in it.
    Empty,
    /// It is gone.
    Gone,
}

/// What a page holds, by its first byte.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum PageKind {
    Interior,
    Leaf,
    /// Of a long row, or of none any more.
    OverflowOrFree,
}

fn kind(page: &[u8]) -> PageKind {
    match page[0] {
        2 | 5 => PageKind::Interior,
        10 | 13 => PageKind::Leaf,
        _ => PageKind::OverflowOrFree,
    }
}

/// A customer's history with a few long rows, and rows of a former generation that are free now.
async fn world() -> (World, Vec<Vec<String>>) {
    let (world, mut chance, mut history) = (World::new(), Chance::new(11), History::default());
    world.register(LI, hour(0)).await;
    for _ in 0..400 {
        history.go_on(&world, &mut chance).await;
    }
    for number in 0..20 {
        let long = serde_json::json!({"journey": "sales", "pipeline_version": 1, "cycle": 1, "to": "quoted",
            "reason": format!("{number}").repeat(3_000)});
        world.append_all(TENANT, Uuid::from_u128(900 + number), vec![("customer.moved", long)]).await;
    }
    let alone = opened(&world, "alone").await;
    alone.catch_up(TENANT, |_, _| {}).await.unwrap();
    let expected = alone.dumps().await;
    alone.close().await;
    (world, expected)
}

async fn opened(world: &World, name: &str) -> Arc<Projections> {
    Projections::open(&world.path(name), world.store.clone(), world.vault.clone()).await.unwrap()
}

/// Puts everything that is committed into the file itself.
async fn checkpointed(path: &Path) {
    let mut connection = SqliteConnectOptions::new().filename(path).connect().await.unwrap();
    loop {
        let checkpoint = sqlx::query_scalar("PRAGMA wal_checkpoint(TRUNCATE)").fetch_one(&mut connection);
        // Somebody who reads meanwhile keeps it from being whole.
        let busy: i64 = checkpoint.await.unwrap();
        if busy == 0 {
            break;
        }
        tokio::task::yield_now().await;
    }
    connection.close().await.unwrap();
}

/// Damages it in place, as a disk does.
fn damage(path: &Path, damage: Damage) {
    use std::os::unix::fs::FileExt as _;
    let bytes = std::fs::read(path).unwrap();
    let file = std::fs::OpenOptions::new().write(true).open(path).unwrap();
    let mut rubbish = Chance::new(77);
    let mut noise = |length: usize| (0..length).map(|_| rubbish.below(256) as u8).collect::<Vec<u8>>();
    match damage {
        Damage::Header => file.write_all_at(&noise(100), 0).unwrap(),
        Damage::Pages(wanted) => {
            let pages = bytes.chunks(PAGE).enumerate().skip(1).filter(|(_, page)| kind(page) == wanted);
            let mut damaged = 0;
            for (number, _) in pages {
                file.write_all_at(&noise(PAGE), (number * PAGE) as u64).unwrap();
                damaged += 1;
            }
            assert!(damaged > 0, "no page of {wanted:?}");
        }
        Damage::Half => file.set_len(bytes.len() as u64 / 2).unwrap(),
        Damage::Empty => file.set_len(0).unwrap(),
        Damage::Gone => std::fs::remove_file(path).unwrap(),
    }
}

const DAMAGES: [Damage; 7] = [
    Damage::Header,
    Damage::Pages(PageKind::Interior),
    Damage::Pages(PageKind::Leaf),
    Damage::Pages(PageKind::OverflowOrFree),
    Damage::Half,
    Damage::Empty,
    Damage::Gone,
];

/// The caller is told the truth, or that it cannot be told now.
async fn is_right(projections: &Projections, expected: &[Vec<String>]) -> bool {
    let mut right = true;
    for (name, expected) in projections.names().into_iter().zip(expected) {
        match projections.dump(TENANT, name).await {
            Ok(rows) => assert_eq!(&rows, expected, "{name} answers what the log does not tell"),
            Err(ProjectionError::NotServing { .. } | ProjectionError::Damaged(_)) => right = false,
            Err(error) => panic!("{error}"),
        }
    }
    right
}

async fn heals(projections: Arc<Projections>, expected: &[Vec<String>]) {
    let (stop, stopped) = tokio::sync::oneshot::channel::<()>();
    let running = tokio::spawn(projections.clone().run(async move { drop(stopped.await) }));
    let healed = async {
        // What no statement comes upon is found by the check.
        while projections.engine().db.check().await.is_err() || !is_right(&projections, expected).await {
            tokio::task::yield_now().await;
        }
    };
    tokio::time::timeout(Duration::from_secs(300), healed).await.expect("it does not heal");
    let head = projections.engine().store.head(TENANT).await.unwrap().position;
    projections.wait_for(TENANT, "work", head, Duration::from_secs(300)).await.unwrap();
    assert!(projections.unserved().is_empty());
    stop.send(()).unwrap();
    running.await.unwrap();
    projections.close().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_damaged_while_nobody_ran_is_folded_again_whatever_was_hit() {
    let (world, expected) = world().await;
    let mut outcomes = BTreeMap::new();
    for case in DAMAGES {
        let (name, path) = (format!("{case:?}"), world.path(&format!("{case:?}")));
        let projections = opened(&world, &name).await;
        projections.catch_up(TENANT, |_, _| {}).await.unwrap();
        projections.rebuild(TENANT, "timeline", &|_, _| {}).await.unwrap();
        projections.close().await;
        checkpointed(&path).await;
        damage(&path, case);
        heals(opened(&world, &name).await, &expected).await;
        outcomes.insert(case, world.path(&format!("{name}.damaged")).exists());
    }
    assert!(outcomes[&Damage::Header] && outcomes[&Damage::Pages(PageKind::Leaf)], "{outcomes:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_file_damaged_while_it_serves_is_folded_again_whatever_was_hit() {
    let (world, expected) = world().await;
    for case in DAMAGES {
        let (name, path) = (format!("{case:?}"), world.path(&format!("{case:?}")));
        let projections = opened(&world, &name).await;
        projections.catch_up(TENANT, |_, _| {}).await.unwrap();
        projections.rebuild(TENANT, "timeline", &|_, _| {}).await.unwrap();
        checkpointed(&path).await;
        damage(&path, case);
        heals(projections, &expected).await;
    }
}

/// Folds until some pages stay ahead of the file: the erasures among the events empty it, each once it is folded.
async fn fill_what_is_ahead(projections: &Projections, ahead: &Path) {
    let head = projections.engine().store.head(TENANT).await.unwrap().position;
    loop {
        for model in projections.status(TENANT).await.unwrap() {
            projections.wait_for(TENANT, &model.name, head, Duration::from_secs(300)).await.unwrap();
        }
        if std::fs::metadata(ahead).is_ok_and(|file| file.len() > 10 * PAGE as u64) {
            return;
        }
        projections.rebuild(TENANT, "timeline", &|_, _| {}).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_damaged_write_ahead_log_is_no_reason_to_answer_wrong() {
    let (world, expected) = world().await;
    for (running, cut) in [(true, true), (true, false), (false, true), (false, false)] {
        let name = format!("{running} {cut}");
        let (path, ahead) = (world.path(&name), world.path(&format!("{name}-wal")));
        let mut projections = opened(&world, &name).await;
        projections.catch_up(TENANT, |_, _| {}).await.unwrap();
        fill_what_is_ahead(&projections, &ahead).await;
        if !running {
            // As it was when the process was killed: closed in order, nothing would be left ahead of the file.
            let copies = ["", "-wal"].map(|ending| (world.path(&format!("{name}{ending}")), ending));
            let read = copies.map(|(from, ending)| (std::fs::read(from).unwrap(), ending));
            projections.close().await;
            for (bytes, ending) in read {
                std::fs::write(world.path(&format!("{name}{ending}")), bytes).unwrap();
            }
            let _ = std::fs::remove_file(world.path(&format!("{name}-shm")));
        }
        let bytes = std::fs::read(&ahead).unwrap();
        assert!(bytes.len() > 10 * PAGE, "nothing is ahead of {}", path.display());
        let file = std::fs::OpenOptions::new().write(true).open(&ahead).unwrap();
        if cut {
            file.set_len(bytes.len() as u64 / 2).unwrap();
        } else {
            use std::os::unix::fs::FileExt as _;
            let mut rubbish = Chance::new(5);
            let noise: Vec<u8> = (0..bytes.len() - PAGE).map(|_| rubbish.below(256) as u8).collect();
            file.write_all_at(&noise, PAGE as u64).unwrap();
        }
        if !running {
            projections = opened(&world, &name).await;
        }
        heals(projections, &expected).await;
    }
}
