//! Power cuts: a process appends, what it writes is recorded, and the log is opened from what a disk would have kept of it at any
//! moment. Whatever was acknowledged until then is there, and the log is whole.
//!
//! `WAYMARK_POWER_CUTS` sets how many (1,000 unless told), `WAYMARK_POWER_SEED` the first seed (1 unless told). A record is made
//! for each thousand of them.

#![cfg(target_os = "linux")]

mod disk;
mod segments;

use std::collections::BTreeMap;
use std::fs::{File, OpenOptions};
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;

use tempfile::TempDir;
use tokio::task::JoinSet;
use uuid::Uuid;

use self::disk::{Chance, Disk, Operation, Step};
use super::{Options, SqliteStore, open};
use crate::contract::{Bench, OTHER, TENANT, new_year, receipt};
use crate::ledger::{LedgerStore as _, Trust, Verdict, verify};
use crate::postgres::tests::setting;
use crate::vault::{RewrappedKey, WrappedKey};
use crate::{Append, Entry, EventStore as _, Outcome, Position, TenantId};

/// Cuts for each record.
const CUTS: u64 = 1_000;
/// Images that are opened at a time.
const AT_ONCE: usize = 3;
/// In the folder of the log: what was acknowledged, a line each, in the order in which it was.
const ACKNOWLEDGED: &str = "acknowledged";
const LOG: &str = "log.db";
/// The setting by which a process is told where to append, and how.
const FOLDER: &str = "RECORDER_FOLDER";
const SEED: &str = "RECORDER_SEED";
const CARELESS: &str = "RECORDER_CARELESS";
const APPENDING: &str = "sqlite::power_cuts::a_process_appends_and_notes_what_was_acknowledged";

/// Where images are made: in memory where that is a folder, since nothing of them has to last.
fn folder() -> TempDir {
    let memory = Path::new("/dev/shm");
    let place = if memory.is_dir() { memory.to_owned() } else { std::env::temp_dir() };
    tempfile::tempdir_in(place).unwrap()
}

fn options() -> Options {
    // Few, so that tags are put into the index again and again.
    Options { unindexed: 30, read_connections: 1, ..Options::new(Arc::new(new_year)) }
}

async fn opened(folder: &Path, is_careless: bool) -> Arc<SqliteStore> {
    let file = folder.join(LOG);
    let mut connection = open::writer(&file).await.unwrap();
    if is_careless {
        sqlx::query("PRAGMA synchronous = NORMAL").execute(&mut connection).await.unwrap();
    }
    SqliteStore::start(file, connection, options()).await.unwrap()
}

/// What a process notes as soon as it knows it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Noted {
    /// An append up to this position, with the receipt of the command with this number.
    Appended(Position, u64),
    /// The subject with this number is erased.
    Erased(u64),
    /// A checkpoint of this size is stored.
    Signed(u64),
    /// The key is changed for this many times.
    Changed(u64),
}

struct Notebook(File);

impl Notebook {
    fn write(&self, tenant: TenantId, noted: Noted) {
        let (kind, first, second) = match noted {
            Noted::Appended(position, command) => ('a', position, command),
            Noted::Erased(subject) => ('e', subject, 0),
            Noted::Signed(size) => ('s', size, 0),
            Noted::Changed(times) => ('k', times, 0),
        };
        (&self.0).write_all(format!("{kind} {} {first} {second}\n", tenant.0).as_bytes()).unwrap();
    }

    fn read(line: &str) -> (TenantId, Noted) {
        let words: Vec<&str> = line.split(' ').collect();
        let [kind, tenant, first, second] = words[..] else { panic!("a note is no {line}") };
        let (first, second) = (first.parse().unwrap(), second.parse().unwrap());
        let noted = match kind {
            "a" => Noted::Appended(first, second),
            "e" => Noted::Erased(first),
            "k" => Noted::Changed(first),
            _ => Noted::Signed(first),
        };
        (TenantId(Uuid::parse_str(tenant).unwrap()), noted)
    }
}

fn subject(number: u64) -> Uuid {
    Uuid::from_u128(u128::from(number) + 1_000)
}

/// The subject whose key is changed again and again, and how it is stored after N changes.
const CHANGING: Uuid = Uuid::from_u128(7);

fn stored(changes: u8) -> Vec<u8> {
    vec![changes; 60]
}

fn command(number: u64) -> String {
    format!("command-{number}")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "a part of the other tests, which run it in a process of its own"]
async fn a_process_appends_and_notes_what_was_acknowledged() {
    let folder = PathBuf::from(setting(FOLDER).expect("it is told where"));
    let mut chance = Chance(setting(SEED).unwrap().parse().unwrap());
    let is_careless = setting(CARELESS).is_some();
    let drafts = Arc::new(Bench::memory());
    let file = OpenOptions::new().create(true).append(true).open(folder.join(ACKNOWLEDGED)).unwrap();
    let notebook = Arc::new(Notebook(file));
    let mut store = opened(&folder, is_careless).await;
    let key = WrappedKey { key_id: CHANGING, subject: CHANGING, wrapped: stored(0), destroyed: false };
    let first = Append { new_keys: vec![key], ..Append::new(TENANT, vec![drafts.event("e", &["a"])]) };
    store.append(first).await.unwrap();
    let (mut number, mut changes) = (0, 0);
    for _ in 0..60 {
        let tenant = [TENANT, OTHER][chance.below(2) as usize];
        match chance.below(10) {
            0 => {
                store.close().await;
                store = opened(&folder, is_careless).await;
            }
            1 => {
                let subjects = vec![subject(chance.below(number + 1))];
                let event = drafts.event("erased", &["a"]);
                let append = Append { erase_subjects: subjects.clone(), ..Append::new(tenant, vec![event]) };
                store.append(append).await.unwrap();
                notebook.write(tenant, Noted::Erased((subjects[0].as_u128() - 1_000) as u64));
            }
            2 => {
                let size = store.head(tenant).await.unwrap().position;
                store.save_checkpoint(tenant, size, "a note").await.unwrap();
                notebook.write(tenant, Noted::Signed(size));
            }
            3 => {
                sqlx::query("PRAGMA wal_checkpoint(PASSIVE)").execute(store.read_pool()).await.unwrap();
            }
            4 => {
                let (from, to) = (stored(changes), stored(changes + 1));
                let key = RewrappedKey { subject: CHANGING, stored: from, wrapped: to };
                let event = drafts.event("changed", &["a"]);
                let append = Append { changed_keys: vec![key], ..Append::new(TENANT, vec![event]) };
                store.append(append).await.unwrap();
                changes += 1;
                notebook.write(TENANT, Noted::Changed(changes.into()));
            }
            _ => {
                let mut together = JoinSet::new();
                for _ in 0..=chance.below(5) {
                    number += 1;
                    let (number, count) = (number, chance.below(12));
                    let key = WrappedKey {
                        key_id: subject(number),
                        subject: subject(number),
                        wrapped: vec![1; 60],
                        destroyed: false,
                    };
                    let append = Append {
                        receipt: receipt(&command(number), 1, "done"),
                        new_keys: vec![key],
                        ..Append::new(tenant, (0..count).map(|_| drafts.event("e", &["a", "b"])).collect())
                    };
                    let (store, notebook) = (Arc::clone(&store), Arc::clone(&notebook));
                    together.spawn(async move {
                        let Outcome::Appended(appended) = store.append(append).await.unwrap() else {
                            panic!("each command comes once")
                        };
                        notebook.write(tenant, Noted::Appended(appended.last_position(), number));
                    });
                }
                together.join_all().await;
            }
        }
    }
    // No close: the power is cut while it runs.
    std::process::exit(0);
}

/// What a test did with the files of a folder that is made for it, in a process of its own.
fn steps_of(
    test: &str,
    place: &Path,
    settings: impl IntoIterator<Item = (&'static str, String)>,
) -> Vec<Step> {
    let folder = place.parent().unwrap();
    let (recorder, record) = (folder.join("recorder.so"), folder.join("record"));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("src/sqlite/power_cuts/recorder.c");
    let mut compile = Command::new("cc");
    compile.args(["-O1", "-shared", "-fPIC", "-o"]).arg(&recorder).arg(source).arg("-ldl");
    assert!(compile.status().expect("a C compiler").success());
    std::fs::create_dir(place).unwrap();
    let mut process = Command::new(std::env::current_exe().unwrap());
    process.args(["--exact", "--ignored", "--quiet", test]);
    process.env("LD_PRELOAD", &recorder).env("RECORDER_FILE", &record).env(FOLDER, place);
    let ran = process.envs(settings).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stdout));
    disk::steps(&std::fs::read(record).unwrap())
}

/// What a process did, and the log that it left.
struct Recorded {
    steps: Vec<Step>,
    entries: BTreeMap<TenantId, Vec<Entry>>,
}

impl Recorded {
    async fn of(seed: u64, is_careless: bool) -> Self {
        let folder = folder();
        let place = folder.path().join("log");
        let seed = (SEED, seed.to_string());
        let careless = is_careless.then(|| (CARELESS, "1".to_owned()));
        let steps = steps_of(APPENDING, &place, [seed].into_iter().chain(careless));
        let steps = steps.into_iter().filter(|step| !step.file.ends_with("-shm")).collect();
        let store = opened(&place, false).await;
        let mut entries = BTreeMap::new();
        for tenant in [TENANT, OTHER] {
            entries.insert(tenant, store.read(tenant, 0, u32::MAX).await.unwrap());
        }
        store.close().await;
        Self { steps, entries }
    }

    /// Cuts the power this often, at moments of chance. What is wrong after any of them, each with the seed of its cut.
    async fn cut(self, seed: u64, cuts: u64) -> Vec<String> {
        let mut chance = Chance(seed);
        let mut moments: Vec<(u64, u64)> =
            (0..cuts).map(|_| (chance.below(self.steps.len() as u64 + 1), chance.draw())).collect();
        moments.sort_unstable();
        let (mut disk, mut noted, mut faults) = (Disk::default(), Vec::new(), Vec::new());
        let (mut done, mut running) = (0, JoinSet::new());
        let entries = Arc::new(self.entries);
        for (moment, seed) in moments {
            for step in &self.steps[done..moment as usize] {
                match &step.operation {
                    Operation::Write { bytes, .. } if step.file == ACKNOWLEDGED => {
                        noted.push(Notebook::read(std::str::from_utf8(bytes).unwrap().trim()));
                    }
                    _ => disk.carry_out(step),
                }
            }
            done = moment as usize;
            let image = folder();
            for (name, bytes) in disk.after_cut(&mut Chance(seed)) {
                std::fs::write(image.path().join(name), bytes).unwrap();
            }
            if running.len() >= AT_ONCE {
                faults.extend(running.join_next().await.and_then(Result::unwrap));
            }
            let (entries, noted) = (Arc::clone(&entries), noted.clone());
            running.spawn(async move {
                let fault = fault(image.path(), &entries, &noted).await;
                fault.map(|fault| format!("{fault}, cut after step {moment} with seed {seed}"))
            });
        }
        faults.extend(running.join_all().await.into_iter().flatten());
        faults
    }
}

/// What is wrong with the log in a folder.
async fn fault(
    folder: &Path,
    entries: &BTreeMap<TenantId, Vec<Entry>>,
    noted: &[(TenantId, Noted)],
) -> Option<String> {
    let path = folder.join(LOG);
    let store = match SqliteStore::open(path.to_str().unwrap(), options()).await {
        Ok(store) => store,
        Err(error) => return Some(format!("it does not open: {error}")),
    };
    let mut faults = Vec::new();
    for (tenant, expected) in entries {
        let found = store.read(*tenant, 0, u32::MAX).await.unwrap();
        if !expected.starts_with(&found) {
            faults.push("an entry is another".to_owned());
        }
        match verify(&*store, *tenant, &Trust::default(), &mut |_, _| {}).await {
            Ok(Verdict::Sound(report)) if report.size == found.len() as u64 => {}
            other => faults.push(format!("not sound: {other:?}")),
        }
    }
    // A key is stored in another form with the event that tells of it, or neither is there.
    let told = store.read(TENANT, 0, u32::MAX).await.unwrap();
    let changes = told.iter().filter(|entry| entry.envelope().unwrap().event_type == "changed").count();
    match store.data_key(TENANT, CHANGING).await.unwrap() {
        Some(key) if key.wrapped != stored(changes as u8) => {
            faults.push(format!("{changes} changes of a key are told, and it is {:?}", key.wrapped.first()));
        }
        None if !told.is_empty() => faults.push("a key is gone".to_owned()),
        _ => {}
    }
    for (tenant, noted) in noted {
        let is_kept = match noted {
            Noted::Appended(position, number) => {
                store.head(*tenant).await.unwrap().position >= *position
                    && store.receipt(*tenant, &command(*number)).await.unwrap().is_some()
                    && store.data_key(*tenant, subject(*number)).await.unwrap().is_some()
            }
            Noted::Erased(number) => {
                let key = store.data_key(*tenant, subject(*number)).await.unwrap();
                key.is_none_or(|key| key.destroyed)
            }
            Noted::Changed(times) => changes as u64 >= *times,
            Noted::Signed(size) => {
                let stored = store.checkpoints(*tenant).await.unwrap();
                stored.iter().any(|(stored, _)| stored >= size)
            }
        };
        if !is_kept {
            faults.push(format!("lost, though acknowledged: {noted:?}"));
            break;
        }
    }
    if faults.is_empty() {
        let event = Bench::memory().event("after", &["a"]);
        let event = crate::Draft { id: Uuid::from_u128(u128::MAX), ..event };
        if let Err(error) = store.append(Append::new(TENANT, vec![event])).await {
            faults.push(format!("it takes nothing more: {error}"));
        }
    }
    store.close().await;
    faults.into_iter().next()
}

fn number(name: &str, otherwise: u64) -> u64 {
    setting(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_was_acknowledged_survives_a_power_cut_at_any_moment() {
    let (cuts, seed) = (number("WAYMARK_POWER_CUTS", CUTS), number("WAYMARK_POWER_SEED", 1));
    let mut done = 0;
    while done < cuts {
        let seed = seed + done / CUTS;
        let now = CUTS.min(cuts - done);
        let faults = Recorded::of(seed, false).await.cut(seed, now).await;
        assert!(faults.is_empty(), "record {seed}: {} of {now} cuts: {}", faults.len(), faults[0]);
        done += now;
        println!("{done} power cuts, the last record of seed {seed}");
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_log_that_does_not_wait_for_the_disk_is_found_out_by_power_cuts() {
    let faults = Recorded::of(1, true).await.cut(1, 200).await;
    assert!(faults.iter().any(|fault| fault.starts_with("lost, though acknowledged")), "{faults:?}");
    // SQLite keeps the file whole even then: what it loses is the end.
    assert!(faults.iter().all(|fault| fault.starts_with("lost, though acknowledged")), "{faults:?}");
}
