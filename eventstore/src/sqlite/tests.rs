//! What only a file can go through: several writers, failing commits, tampering, many clients in one batch.

use std::collections::HashSet;
use std::path::Path;
use std::sync::Arc;
use std::task::Poll;

use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection};
use tempfile::TempDir;

use super::{Options, SqliteStore};
use crate::contract::{Bench, OTHER, TENANT, appended, conflict_at, new_year, receipt};
use crate::ledger::{Trust, Verdict, verify};
use crate::{Append, EventStore, Intake, News, Outcome, Query, StoreError};

/// Events are made by a bench whose own store plays no part.
struct File {
    folder: TempDir,
    drafts: Bench,
}

impl File {
    fn new() -> Self {
        Self { folder: tempfile::tempdir().unwrap(), drafts: Bench::memory() }
    }

    fn path(&self) -> std::path::PathBuf {
        self.folder.path().join("log.db")
    }

    async fn open(&self) -> Arc<SqliteStore> {
        SqliteStore::open(self.path().to_str().unwrap(), Options::new(Arc::new(new_year))).await.unwrap()
    }

    async fn sql(&self, sql: &str) {
        let mut connection = connect(&self.path()).await;
        sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
        connection.close().await.unwrap();
    }

    fn append(&self, tags: &[&str]) -> Append {
        Append::new(TENANT, vec![self.drafts.event("e", tags)])
    }

    fn appends(&self, count: usize) -> Append {
        Append::new(TENANT, (0..count).map(|_| self.drafts.event("e", &["a", "b"])).collect())
    }

    fn guarded(&self, tag: &str) -> Append {
        Append { condition: Some(Query::tag(tag).none_after(0)), ..self.append(&[tag]) }
    }
}

async fn connect(file: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(file).connect().await.unwrap()
}

/// Queues these appends before the writer gets to run, so that they share a batch; the outcomes in their order.
async fn together(store: &Arc<SqliteStore>, requests: Vec<Append>) -> Vec<Result<Outcome, StoreError>> {
    let mut waiting: Vec<_> = requests.into_iter().map(|request| store.append(request)).collect();
    for append in &mut waiting {
        std::future::poll_fn(|context| {
            assert!(append.as_mut().poll(context).is_pending());
            Poll::Ready(())
        })
        .await;
    }
    let mut outcomes = Vec::new();
    for append in waiting {
        outcomes.push(append.await);
    }
    outcomes
}

#[tokio::test]
async fn plans_do_not_depend_on_bound_values() {
    let mut connection = SqliteConnectOptions::new().in_memory(true).connect().await.unwrap();
    let options: Vec<String> =
        sqlx::query_scalar("PRAGMA compile_options").fetch_all(&mut connection).await.unwrap();
    // Without it each statement with a bound limit is prepared again at every call.
    assert!(options.iter().any(|option| option == "ENABLE_QPSG"), "{options:?}");
}

#[tokio::test]
async fn a_batch_sees_what_it_staged_before() {
    let file = File::new();
    let store = file.open().await;
    let requests =
        vec![file.guarded("a"), file.guarded("b"), file.guarded("a"), file.append(&["c"]), file.guarded("c")];
    let outcomes = together(&store, requests).await;
    let positions = [0, 1, 3].map(|index: usize| appended(outcomes[index].clone()).first_position);
    assert_eq!(positions, [1, 2, 3]);
    assert_eq!((conflict_at(&outcomes[2]), conflict_at(&outcomes[4])), (1, 3));
    assert_eq!(store.head(TENANT).await.unwrap().position, 3);
}

#[tokio::test]
async fn a_batch_serves_several_tenants_and_answers_each_its_own() {
    let file = File::new();
    let store = file.open().await;
    let theirs = || Append { tenant: OTHER, ..file.append(&["a"]) };
    let outcomes = together(&store, vec![file.append(&["a"]), theirs(), file.guarded("a"), theirs()]).await;
    let position = |index: usize| appended(outcomes[index].clone()).first_position;
    assert_eq!((position(0), position(1), position(3)), (1, 1, 2));
    assert_eq!(conflict_at(&outcomes[2]), 1);
}

#[tokio::test]
async fn a_command_resent_into_the_same_batch_is_recognised() {
    let file = File::new();
    let store = file.open().await;
    let command = |digest| Append { receipt: receipt("c", digest, "done"), ..file.append(&[]) };
    let outcomes = together(&store, vec![file.append(&[]), command(1), command(1), command(2)]).await;
    assert_eq!(appended(outcomes[1].clone()).first_position, 2);
    assert!(matches!(&outcomes[2], Ok(Outcome::Repeated(first)) if first.first_position == 2));
    assert!(matches!(outcomes[3], Err(StoreError::CommandIdReused)));
}

#[tokio::test]
async fn an_erasure_between_others_in_the_queue_takes_effect_in_its_turn() {
    let file = File::new();
    let store = file.open().await;
    let mut registered = file.append(&[]);
    registered.events[0].blind_tags = vec!["phone:x".to_owned()];
    let subject = uuid::Uuid::from_u128(7);
    let erase = Append { erase_subjects: vec![subject], ..file.append(&[]) };
    let outcomes =
        together(&store, vec![registered, file.guarded("phone:x"), erase, file.guarded("phone:x")]).await;
    assert_eq!(conflict_at(&outcomes[1]), 1);
    assert_eq!(appended(outcomes[2].clone()).first_position, 2);
    assert_eq!(appended(outcomes[3].clone()).first_position, 3);
}

#[tokio::test]
async fn a_full_queue_refuses_and_the_rest_goes_through() {
    let file = File::new();
    let options = Options { queue: 2, ..Options::new(Arc::new(new_year)) };
    let store = SqliteStore::open(file.path().to_str().unwrap(), options).await.unwrap();
    let mut accepted = Vec::new();
    let refused = loop {
        let mut append = store.append(file.append(&[]));
        match std::future::poll_fn(|context| Poll::Ready(append.as_mut().poll(context))).await {
            Poll::Pending => accepted.push(append),
            Poll::Ready(outcome) => break outcome,
        }
    };
    assert!(matches!(refused, Err(StoreError::Overloaded { retry_after_seconds: 1 })), "{refused:?}");
    let count = accepted.len() as u64;
    assert!(count >= 2);
    for append in accepted {
        appended(append.await);
    }
    assert_eq!(store.head(TENANT).await.unwrap().position, count);
}

#[tokio::test]
async fn two_stores_on_one_file_keep_one_gapless_order() {
    let file = File::new();
    let (one, two) = (file.open().await, file.open().await);
    for _ in 0..10 {
        appended(one.append(file.append(&["a"])).await);
        appended(two.append(file.append(&["b"])).await);
    }
    assert_eq!(two.head(TENANT).await.unwrap().position, 20);
    assert_eq!(conflict_at(&one.append(file.guarded("b")).await), 20);
    let verdict = verify(&*one, TENANT, &Trust::default(), &mut |_, _| {}).await.unwrap();
    assert!(matches!(verdict, Verdict::Sound(report) if report.size == 20));
}

#[tokio::test]
async fn a_failed_commit_poisons_the_store_until_it_is_opened_again() {
    let file = File::new();
    let store = file.open().await;
    appended(store.append(file.append(&["a"])).await);
    // A foreign key checked at the commit, and violated by every event: everything goes well but the commit.
    file.sql(
        "CREATE TABLE parent (id INTEGER PRIMARY KEY);
         CREATE TABLE child (parent INTEGER REFERENCES parent (id) DEFERRABLE INITIALLY DEFERRED);
         CREATE TRIGGER fail AFTER INSERT ON event BEGIN INSERT INTO child VALUES (1); END;",
    )
    .await;
    let outcomes = together(&store, vec![file.append(&[]), file.append(&[])]).await;
    assert!(outcomes.iter().all(|outcome| matches!(outcome, Err(StoreError::Poisoned(_)))), "{outcomes:?}");
    file.sql("DROP TRIGGER fail").await;
    let later = store.append(file.append(&[])).await;
    assert!(matches!(later, Err(StoreError::Poisoned(_))), "acknowledged again without reopening: {later:?}");
    assert!(matches!(&*store.intake().borrow(), Intake::Stopped(_)));
    assert!(matches!(store.tenant_key(TENANT, vec![1]).await, Err(StoreError::Poisoned(_))));
    store.close().await;

    let reopened = file.open().await;
    assert_eq!(appended(reopened.append(file.append(&[])).await).first_position, 2);
    let verdict = verify(&*reopened, TENANT, &Trust::default(), &mut |_, _| {}).await.unwrap();
    assert!(matches!(verdict, Verdict::Sound(report) if report.size == 2));
}

#[tokio::test]
async fn an_append_waits_for_another_process_that_holds_the_lock() {
    let file = File::new();
    let store = file.open().await;
    appended(store.append(file.append(&["a"])).await);
    let mut other = connect(&file.path()).await;
    let blocked = other.begin_with("BEGIN IMMEDIATE").await.unwrap();
    let mut waiting = store.append(file.append(&["b"]));
    std::future::poll_fn(|context| Poll::Ready(waiting.as_mut().poll(context).is_pending())).await;
    blocked.rollback().await.unwrap();
    assert_eq!(appended(waiting.await).first_position, 2);
}

#[tokio::test]
async fn a_full_disk_changes_nothing_and_the_log_goes_on_once_there_is_room() {
    let file = File::new();
    let mut writer = super::open::writer(&file.path()).await.unwrap();
    sqlx::raw_sql("PRAGMA max_page_count = 100").execute(&mut writer).await.unwrap();
    let store = SqliteStore::start(file.path(), writer, Options::new(Arc::new(new_year))).await.unwrap();
    let mut acknowledged = 0;
    let refused = loop {
        match store.append(file.appends(50)).await {
            Ok(_) => acknowledged += 50,
            Err(error) => break error,
        }
    };
    assert!(matches!(refused, StoreError::Unavailable(_)), "{refused:?}");
    assert!(acknowledged > 0);
    assert_eq!(store.head(TENANT).await.unwrap().position, acknowledged);
    let again = store.append(file.appends(50)).await;
    assert!(matches!(again, Err(StoreError::Unavailable(_))), "{again:?}");
    assert!(matches!(&*store.intake().borrow(), Intake::Stalled(_)));
    store.close().await;

    let roomy = file.open().await;
    assert_eq!(appended(roomy.append(file.appends(50)).await).first_position, acknowledged + 1);
    let verdict = verify(&*roomy, TENANT, &Trust::default(), &mut |_, _| {}).await.unwrap();
    assert!(matches!(verdict, Verdict::Sound(report) if report.size == acknowledged + 50));
}

/// A small disk of its own, unmounted when dropped; none where this user may not mount one.
struct SmallDisk(TempDir);

impl SmallDisk {
    fn new() -> Option<Self> {
        let folder = tempfile::tempdir().unwrap();
        let mut mount = std::process::Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(folder.path());
        let mounted = mount.output().is_ok_and(|output| output.status.success());
        if !mounted {
            eprintln!("skipped: only root may mount a small disk");
        }
        mounted.then_some(Self(folder))
    }

    /// Fills the disk up to a number of kilobytes, or frees it.
    fn leave(&self, kilobytes: usize) {
        let ballast = self.0.path().join("ballast");
        let _ = std::fs::remove_file(&ballast);
        let used: u64 = std::fs::read_dir(self.0.path())
            .unwrap()
            .map(|entry| entry.unwrap().metadata().unwrap().len().next_multiple_of(4_096))
            .sum();
        let room = (4_usize << 20).saturating_sub(used as usize + kilobytes * 1_024);
        std::fs::write(ballast, vec![0_u8; room]).unwrap();
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        let _ = std::process::Command::new("umount").arg("-l").arg(self.0.path()).status();
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_disk_that_is_full_at_the_commit_takes_nothing_and_the_open_log_goes_on_once_there_is_room() {
    let Some(disk) = SmallDisk::new() else { return };
    let file = File::new();
    let path = disk.0.path().join("log.db");
    let options = Options::new(Arc::new(new_year));
    let store = SqliteStore::open(path.to_str().unwrap(), options).await.unwrap();
    let mut intake = store.intake();
    let mut acknowledged = 0;
    for round in 0..3 {
        disk.leave(300);
        let refused = loop {
            match store.append(file.appends(200)).await {
                Ok(_) => acknowledged += 200,
                Err(error) => break error,
            }
        };
        assert!(matches!(refused, StoreError::Unavailable(_)), "round {round}: {refused:?}");
        assert!(matches!(&*intake.borrow(), Intake::Stalled(_)), "round {round}");
        assert_eq!(store.head(TENANT).await.unwrap().position, acknowledged);
        disk.leave(2_500);
        // Nobody writes: the log itself finds that there is room.
        intake.wait_for(|intake| *intake == Intake::Open).await.unwrap();
        let first = appended(store.append(file.appends(1)).await).first_position;
        assert_eq!(first, acknowledged + 1);
        acknowledged += 1;
    }
    store.close().await;
    let again = SqliteStore::open(path.to_str().unwrap(), Options::new(Arc::new(new_year))).await.unwrap();
    let verdict = verify(&*again, TENANT, &Trust::default(), &mut |_, _| {}).await.unwrap();
    assert!(matches!(&verdict, Verdict::Sound(report) if report.size == acknowledged), "{verdict:?}");
    again.close().await;
}

/// Changes one thing behind the log's back, and says what the check of the whole log makes of it.
async fn after_tampering(sql: &str) -> Verdict {
    let file = File::new();
    let store = file.open().await;
    appended(store.append(file.appends(300)).await);
    // Closed, the file holds every tag in its index.
    store.close().await;
    file.sql(sql).await;
    let store = file.open().await;
    verify(&*store, TENANT, &Trust::default(), &mut |_, _| {}).await.unwrap()
}

fn tampered_at(verdict: &Verdict) -> u64 {
    match verdict {
        Verdict::Tampered { position, .. } => *position,
        other => panic!("not noticed: {other:?}"),
    }
}

#[tokio::test]
async fn an_untouched_file_is_sound() {
    assert!(matches!(after_tampering("SELECT 1").await, Verdict::Sound(report) if report.tags == 600));
}

#[tokio::test]
async fn every_kind_of_tampering_is_noticed_at_its_position() {
    let forged = "CAST(replace(CAST(entry AS TEXT), 'rep:li', 'rep:xi') AS BLOB)";
    let cases = [
        (format!("UPDATE event SET entry = {forged} WHERE position = 17"), 17),
        ("UPDATE event SET leaf_hash = zeroblob(32) WHERE position = 18".to_owned(), 18),
        ("UPDATE event SET recorded_at = recorded_at + 1 WHERE position = 19".to_owned(), 19),
        ("UPDATE event SET type = 'f' WHERE position = 20".to_owned(), 20),
        ("UPDATE event SET id = zeroblob(16) WHERE position = 21".to_owned(), 21),
        ("DELETE FROM event WHERE position = 22".to_owned(), 22),
        ("DELETE FROM event WHERE position = 300".to_owned(), 300),
        ("DELETE FROM event_tag WHERE position = 23 AND tag = 'a'".to_owned(), 23),
        ("UPDATE event_tag SET type = 'f' WHERE position = 24 AND tag = 'a'".to_owned(), 24),
        ("INSERT INTO event_tag SELECT tenant_id, 'z', 25, type, NULL FROM event_tag LIMIT 1".to_owned(), 25),
        ("UPDATE tile SET hashes = zeroblob(8192)".to_owned(), 1),
        ("UPDATE tile SET hashes = zeroblob(8191)".to_owned(), 1),
        ("DELETE FROM tile".to_owned(), 1),
        ("UPDATE log_head SET root = zeroblob(32)".to_owned(), 300),
        ("UPDATE log_head SET frontier = zeroblob(length(frontier))".to_owned(), 300),
        ("UPDATE log_head SET recorded_at = recorded_at + 1".to_owned(), 300),
    ];
    for (sql, position) in cases {
        assert_eq!(tampered_at(&after_tampering(&sql).await), position, "{sql}");
    }
}

#[tokio::test]
async fn an_entry_forged_together_with_its_hash_does_not_fit_the_tree() {
    let file = File::new();
    let store = file.open().await;
    appended(store.append(file.appends(300)).await);
    let record = crate::ledger::LedgerStore::records(&*store, TENANT, 279, 1).await.unwrap().remove(0);
    let forged = String::from_utf8(record.entry.bytes.to_vec()).unwrap().replace("rep:li", "rep:xi");
    let leaf = super::hex::bytes_hex(&crate::ledger::leaf_hash(forged.as_bytes()));
    let entry = super::hex::bytes_hex(forged.as_bytes());
    file.sql(&format!(
        "UPDATE event SET entry = unhex('{entry}'), leaf_hash = unhex('{leaf}') WHERE position = 280"
    ))
    .await;
    let verdict = verify(&*store, TENANT, &Trust::default(), &mut |_, _| {}).await.unwrap();
    assert_eq!(tampered_at(&verdict), 257, "the first of the subtree that it stands in");
}

#[tokio::test]
async fn entries_beyond_the_head_are_noticed() {
    let file = File::new();
    let store = file.open().await;
    appended(store.append(file.appends(3)).await);
    let mut connection = connect(&file.path()).await;
    let saved: (Vec<u8>, Vec<u8>) =
        sqlx::query_as("SELECT frontier, root FROM log_head").fetch_one(&mut connection).await.unwrap();
    appended(store.append(file.appends(2)).await);
    sqlx::query("UPDATE log_head SET position = 3, frontier = ?1, root = ?2")
        .bind(saved.0)
        .bind(saved.1)
        .execute(&mut connection)
        .await
        .unwrap();
    let verdict = verify(&*store, TENANT, &Trust::default(), &mut |_, _| {}).await.unwrap();
    assert_eq!(tampered_at(&verdict), 4);
}

#[tokio::test]
async fn a_file_of_a_newer_layout_is_not_opened() {
    let file = File::new();
    file.open().await.close().await;
    file.sql("PRAGMA user_version = 3").await;
    let options = Options::new(Arc::new(new_year));
    let refused = SqliteStore::open(file.path().to_str().unwrap(), options).await.err();
    assert!(matches!(refused, Some(StoreError::Unavailable(what)) if what.contains("layout 3")));
}

#[tokio::test]
async fn a_file_of_the_first_layout_is_brought_forward() {
    let file = File::new();
    let store = file.open().await;
    appended(store.append(file.append(&["a"])).await);
    store.close().await;
    file.sql("ALTER TABLE log_head DROP COLUMN indexed; PRAGMA user_version = 1").await;
    let store = file.open().await;
    assert_eq!(conflict_at(&store.append(file.guarded("a")).await), 1);
    appended(store.append(file.append(&["a"])).await);
    assert_eq!(positions(&store, "a").await, [1, 2]);
    assert!(matches!(verify_all(&store).await, Verdict::Sound(report) if report.tags == 2));
}

/// Where a tag is found.
async fn positions(store: &SqliteStore, tag: &str) -> Vec<u64> {
    let found = store.read_matching(TENANT, &Query::tag(tag), 0, u64::MAX, 100).await.unwrap();
    found.iter().map(|entry| entry.position).collect()
}

async fn verify_all(store: &SqliteStore) -> Verdict {
    verify(store, TENANT, &Trust::default(), &mut |_, _| {}).await.unwrap()
}

/// How many rows the index of tags has.
async fn indexed(store: &SqliteStore) -> i64 {
    sqlx::query_scalar("SELECT count(*) FROM event_tag").fetch_one(store.read_pool()).await.unwrap()
}

#[tokio::test]
async fn tags_outside_of_the_index_survive_a_process_that_ends_without_a_word() {
    let file = File::new();
    let store = file.open().await;
    for tag in ["a", "b", "a"] {
        appended(store.append(file.append(&[tag])).await);
    }
    assert_eq!(indexed(&store).await, 0);
    let after_the_crash = file.open().await;
    assert_eq!(positions(&after_the_crash, "a").await, [1, 3]);
    assert_eq!(conflict_at(&after_the_crash.append(file.guarded("b")).await), 2);
    assert!(matches!(verify_all(&after_the_crash).await, Verdict::Sound(report) if report.tags == 3));
}

#[tokio::test]
async fn what_another_process_appends_is_found_by_its_tags_and_forbidden_by_conditions() {
    let file = File::new();
    let (one, other) = (file.open().await, file.open().await);
    for round in 0..3 {
        appended(one.append(file.append(&["a"])).await);
        appended(other.append(file.append(&["b"])).await);
        assert_eq!(conflict_at(&other.append(file.guarded("a")).await), 2 * round + 1);
        assert_eq!(conflict_at(&one.append(file.guarded("b")).await), 2 * round + 2);
    }
    assert_eq!((positions(&one, "b").await, positions(&other, "a").await), (vec![2, 4, 6], vec![1, 3, 5]));
    // The one that closes indexes everything, whichever process appended it; the other goes on.
    one.close().await;
    assert_eq!(indexed(&other).await, 6);
    appended(other.append(file.append(&["a"])).await);
    assert_eq!(positions(&other, "a").await, [1, 3, 5, 7]);
    assert_eq!(conflict_at(&other.append(file.guarded("a")).await), 7);
}

#[tokio::test]
async fn a_tag_is_found_in_the_index_and_outside_of_it_wherever_the_border_lies() {
    let file = File::new();
    let options = Options { unindexed: 5, ..Options::new(Arc::new(new_year)) };
    let store = SqliteStore::open(file.path().to_str().unwrap(), options).await.unwrap();
    for number in 1..=23 {
        appended(store.append(file.append(&[if number % 3 == 0 { "a" } else { "b" }])).await);
        let expected: Vec<u64> = (1..=number).filter(|n| n % 3 == 0).collect();
        assert_eq!(positions(&store, "a").await, expected);
        let first = store.read_matching(TENANT, &Query::tag("b"), 0, u64::MAX, 2).await.unwrap();
        assert_eq!(first.len(), usize::try_from(number.min(2)).unwrap());
        assert!(matches!(verify_all(&store).await, Verdict::Sound(report) if report.tags == number));
    }
    assert!((15..23).contains(&indexed(&store).await), "some are in the index, some are not");
}

#[tokio::test]
async fn a_sweep_goes_by_slices_and_the_index_ends_where_it_did_until_it_is_over() {
    let file = File::new();
    let open = || async {
        let options = Options { unindexed: 8, ..Options::new(Arc::new(new_year)) };
        SqliteStore::open(file.path().to_str().unwrap(), options).await.unwrap()
    };
    let end = async |store: &SqliteStore| -> i64 {
        sqlx::query_scalar("SELECT indexed FROM log_head").fetch_one(store.read_pool()).await.unwrap()
    };
    let store = open().await;
    let mut seen = Vec::new();
    for number in 1..=11 {
        appended(store.append(file.append(&["a"])).await);
        seen.push((indexed(&store).await, end(&store).await));
        assert_eq!(positions(&store, "a").await, Vec::from_iter(1..=number));
        assert_eq!(conflict_at(&store.append(file.guarded("a")).await), number);
        assert!(matches!(verify_all(&store).await, Verdict::Sound(report) if report.tags == number));
    }
    let before = [(0, 0); 8];
    assert_eq!(seen, [&before[..], &[(4, 0), (8, 8), (8, 8)]].concat());
    // A flush that nobody continues is started again by anyone who finds it.
    for _ in 0..6 {
        appended(store.append(file.append(&["a"])).await);
    }
    assert_eq!((indexed(&store).await, end(&store).await), (12, 8));
    let other = open().await;
    for _ in 0..3 {
        appended(other.append(file.append(&["a"])).await);
    }
    assert_eq!((indexed(&other).await, end(&other).await), (17, 17));
    assert_eq!(positions(&store, "a").await, Vec::from_iter(1..=20));
    assert_eq!(conflict_at(&store.append(file.guarded("a")).await), 20);
}

#[tokio::test]
async fn a_url_names_the_same_file_as_its_path() {
    let file = File::new();
    appended(file.open().await.append(file.append(&[])).await);
    for scheme in ["sqlite:", "sqlite://"] {
        let url = format!("{scheme}{}", file.path().display());
        let store = SqliteStore::open(&url, Options::new(Arc::new(new_year))).await.unwrap();
        assert_eq!(store.head(TENANT).await.unwrap().position, 1);
    }
}

#[tokio::test]
async fn the_readable_view_shows_instants_as_timestamps() {
    let file = File::new();
    let store = file.open().await;
    appended(store.append(file.append(&["a"])).await);
    let row: (i64, String, String, String) =
        sqlx::query_as("SELECT position, recorded_at, effective_at, actor FROM event_readable")
            .fetch_one(store.read_pool())
            .await
            .unwrap();
    let instant = "2026-01-01T00:00:00.000000Z".to_owned();
    assert_eq!(row, (1, instant.clone(), instant, "rep:li".to_owned()));
}

#[tokio::test]
async fn readers_cannot_write() {
    let file = File::new();
    let store = file.open().await;
    assert!(sqlx::query("DELETE FROM event").execute(store.read_pool()).await.is_err());
}

#[tokio::test]
async fn no_statement_of_the_append_walks_over_a_table() {
    let file = File::new();
    let store = file.open().await;
    let statements = [
        include_str!("receipts_known.sql"),
        include_str!("duplicate_ids.sql"),
        include_str!("keys_known.sql"),
        include_str!("conflicts_by_tag.sql"),
        include_str!("conflicts_by_type.sql"),
        include_str!("leaf_hashes.sql"),
        include_str!("position_at.sql"),
    ];
    let tables = ["event", "event_tag", "e", "t", "o", "r", "k", "middle"];
    for sql in statements {
        let plan: Vec<(i64, i64, i64, String)> =
            sqlx::query_as(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")))
                .bind(vec![0; 16])
                .bind("[]")
                .bind(0)
                .fetch_all(store.read_pool())
                .await
                .unwrap();
        for (_, _, _, step) in plan {
            let walked = step.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next());
            assert!(walked.is_none_or(|table| !tables.contains(&table)), "{step}\nin {sql}");
        }
    }
}

#[tokio::test]
async fn the_tags_of_a_log_are_read_in_the_order_of_their_table() {
    let file = File::new();
    let store = file.open().await;
    let sql = include_str!("tags_by_tag.sql");
    let plan: Vec<(i64, i64, i64, String)> =
        sqlx::query_as(AssertSqlSafe(format!("EXPLAIN QUERY PLAN {sql}")))
            .bind(vec![0; 16])
            .bind("")
            .bind(0)
            .bind(10)
            .fetch_all(store.read_pool())
            .await
            .unwrap();
    let steps: Vec<String> = plan.into_iter().map(|(_, _, _, step)| step).collect();
    assert!(
        matches!(&steps[..], [only] if only.starts_with("SEARCH event_tag USING PRIMARY KEY")),
        "{steps:?}"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_another_process_appended_to_the_file_is_news_of_its_tenant() {
    let file = File::new();
    let (one, other) = (file.open().await, file.open().await);
    let news = News::default();
    one.inform(&news);
    appended(other.append(file.append(&[])).await);
    assert_eq!(news.next().await, HashSet::from([TENANT]));
    assert_eq!(one.known_heads(), [(TENANT, 1)]);
    one.close().await;
    other.close().await;
}
