//! Tamperings by chance: every table of the log's database, the bytes of every file that belongs to a log, the rows of the read
//! models. `waymark verify` finds each of them, or docs/operations.md says that it would not and why it does no harm, or the
//! edit came to nothing.
//!
//! `WAYMARK_TAMPERINGS` sets how many (1,000 unless told), `WAYMARK_TAMPERING_SEED` the seed of the first (1 unless told). A seed
//! is all that it takes to do one again.

use std::collections::{BTreeMap, BTreeSet};
use std::io::Read as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use flate2::read::GzDecoder;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use reqwest::Method;
use serde_json::Value;
use sqlx::{AssertSqlSafe, Connection, Row, SqliteConnection};
use tokio::task::JoinSet;
use waymark_tests::{Installation, Ran, setting};

use super::{
    Column, SOUND, SQLITE_COLUMNS, another, columns_of, everything, fold_in, said_to_be_harmless, tables,
    texts,
};

/// How many are examined at a time.
const AT_ONCE: usize = 3;
const DATABASE: &str = "waymark.db";
const KEYS: &str = "waymark.db.keys";
const PUBLIC: &str = "waymark.db.pub";
const CHECKPOINT: &str = "waymark.db.checkpoint";
const BUNDLE: &str = "evidence.tar.gz";

/// The rows of each table, without the columns that may be changed unnoticed.
type Content = BTreeMap<String, BTreeSet<String>>;

/// A log with everything that belongs to it, closed.
struct Original {
    files: Vec<(PathBuf, Vec<u8>)>,
    columns: Vec<Column>,
    view_columns: Vec<Column>,
    content: Content,
    view_content: Content,
    harmless: BTreeSet<String>,
}

/// One edit.
#[derive(Debug)]
enum Tampering {
    /// A statement on the log's database.
    Log(String),
    /// The same on the read models.
    Views(String),
    /// Other bytes of a file, and what was done to them.
    File(PathBuf, Vec<u8>, String),
}

fn place() -> &'static Path {
    // In memory where that is a folder: nothing of a copy has to last.
    let memory = Path::new("/dev/shm");
    if memory.is_dir() { memory } else { Path::new("/tmp") }
}

/// The files in a folder and those below it, by their paths within it.
fn files_in(folder: &Path, within: &Path, found: &mut Vec<(PathBuf, Vec<u8>)>) {
    for entry in std::fs::read_dir(folder.join(within)).expect("it is a folder").flatten() {
        let path = within.join(entry.file_name());
        if entry.path().is_dir() {
            files_in(folder, &path, found);
        } else {
            found.push((path, std::fs::read(entry.path()).expect("it can be read")));
        }
    }
}

impl Original {
    async fn new() -> Self {
        let installation = Installation::on_sqlite();
        everything(&installation).await;
        let server = installation.serve();
        let auditor = server.with_key(&installation.key("auditor:gu", &["auditor"]));
        let bundle = auditor.call(Method::GET, "/v1/audit/bundle?from=3&to=40").stream().await;
        let bundle = bundle.expect("an answer").bytes().await.expect("a bundle");
        assert_eq!(server.stop(), 0);
        std::fs::write(installation.directory().join(BUNDLE), bundle).expect("it can be written");
        let _ = installation.run(&["archive", "--older-than", "0s"]).succeeded();
        let _ = installation.run(&["rebuild"]).succeeded();
        assert_eq!(installation.verify().0, SOUND);
        fold_in(&installation).await;
        let mut files = Vec::new();
        files_in(installation.directory(), Path::new(""), &mut files);
        files.retain(|(name, _)| !name.to_string_lossy().ends_with("-shm") && !name.ends_with("lock"));
        assert!(
            files.iter().any(|(name, _)| name.starts_with("waymark.db.archive")),
            "no segments: {files:?}"
        );
        let columns = columns_of(texts(&installation, SQLITE_COLUMNS, "").await);
        let views = format!("sqlite:{}", installation.views_file().display());
        let mut open = SqliteConnection::connect(&views).await.expect("the read models open");
        let view_columns = sqlx::query_scalar(SQLITE_COLUMNS).fetch_all(&mut open).await.expect("columns");
        open.close().await.expect("the read models close");
        // What the program keeps of how its folding goes is none of what is folded.
        let mut view_columns = columns_of(view_columns);
        view_columns.retain(|column| !column.table.starts_with("projection_"));
        let harmless = said_to_be_harmless();
        let database = installation.database();
        let content = content(&database, &columns, &harmless).await.expect("it can be read");
        let view_content = self::content(&views, &view_columns, &harmless).await.expect("it can be read");
        Self { files, columns, view_columns, content, view_content, harmless }
    }

    fn copy(&self) -> Installation {
        let copy = Installation::within(place());
        for (name, bytes) in &self.files {
            let path = copy.directory().join(name);
            std::fs::create_dir_all(path.parent().expect("a folder")).expect("it can be made");
            std::fs::write(path, bytes).expect("it can be written");
        }
        copy
    }

    fn file(&self, name: &str) -> &[u8] {
        let found = self.files.iter().find(|(path, _)| path == Path::new(name));
        &found.unwrap_or_else(|| panic!("{name} is missing")).1
    }

    /// What this seed does.
    fn tampering(&self, chance: &mut StdRng) -> Tampering {
        match chance.random_range(0..100) {
            0..58 => Tampering::Log(edit(chance, &self.columns, &self.content)),
            58..61 => Tampering::Views(edit(chance, &self.view_columns, &self.view_content)),
            _ => {
                let mut names =
                    vec![DATABASE, KEYS, PUBLIC, CHECKPOINT, BUNDLE].into_iter().map(PathBuf::from);
                let segments = self.files.iter().map(|(name, _)| name.clone());
                let segments: Vec<_> =
                    segments.filter(|name| name.starts_with("waymark.db.archive")).collect();
                let name = match chance.random_range(0..11) {
                    0..5 => PathBuf::from(DATABASE),
                    5..7 => segments[chance.random_range(0..segments.len())].clone(),
                    other => names.nth(other - 6).expect("there are five"),
                };
                let (bytes, what) = other_bytes(chance, self.file(name.to_str().expect("UTF-8")));
                Tampering::File(name, bytes, what)
            }
        }
    }

    /// What went unnoticed of the tampering with this seed; none where it was found, or came to nothing.
    async fn unnoticed(&self, seed: u64) -> Option<String> {
        let mut chance = StdRng::seed_from_u64(seed);
        // An edit that the database does not take is no tampering: the next one is tried.
        loop {
            let tampering = self.tampering(&mut chance);
            let copy = self.copy();
            match &tampering {
                Tampering::Log(statement) if !is_done(&copy.database(), statement).await => continue,
                Tampering::Views(statement) if !is_done(&views(&copy), statement).await => continue,
                Tampering::Log(_) | Tampering::Views(_) => {}
                Tampering::File(name, bytes, _) => {
                    if bytes == self.file(name.to_str().expect("UTF-8")) {
                        continue;
                    }
                    std::fs::write(copy.directory().join(name), bytes).expect("it can be written");
                }
            }
            let ran = examined(&copy, &tampering, String::from_utf8_lossy(self.file(PUBLIC)).trim()).await;
            assert!((SOUND..=6).contains(&ran.code), "seed {seed}: {tampering:?}: {}", ran.said());
            if ran.code != SOUND || self.is_the_same(&copy, &tampering).await {
                return None;
            }
            return Some(match tampering {
                Tampering::File(name, _, what) => format!("seed {seed}: {}: {what}", name.display()),
                Tampering::Log(statement) | Tampering::Views(statement) => {
                    format!("seed {seed}: {statement}")
                }
            });
        }
    }

    /// Whether everything that counts is as it was.
    async fn is_the_same(&self, copy: &Installation, tampering: &Tampering) -> bool {
        match tampering {
            Tampering::Views(_) => {
                let now = content(&views(copy), &self.view_columns, &self.harmless).await;
                now.is_some_and(|now| now == self.view_content)
            }
            Tampering::File(name, bytes, _) if name == Path::new(BUNDLE) => {
                unpacked(bytes).is_some_and(|files| Some(files) == unpacked(self.file(BUNDLE)))
            }
            Tampering::File(name, bytes, _) if name == Path::new(KEYS) => {
                let read = |bytes: &[u8]| serde_json::from_slice::<Value>(bytes).ok();
                read(bytes) == read(self.file(KEYS))
            }
            // The signed note beside segments is for those who have the files alone.
            Tampering::File(name, ..) if name.ends_with("checkpoint") => {
                self.harmless.contains("waymark.db.archive/<tenant>/checkpoint")
            }
            Tampering::File(name, ..) if name != Path::new(DATABASE) => false,
            Tampering::Log(_) | Tampering::File(..) => {
                let Some(now) = content(&copy.database(), &self.columns, &self.harmless).await else {
                    return false;
                };
                self.content.iter().all(|(table, before)| {
                    let now = &now[table];
                    // Rows may be gone where that is said to do no harm; none may be another, or come.
                    now == before || (self.harmless.contains(table) && now.is_subset(before))
                })
            }
        }
    }
}

fn views(copy: &Installation) -> String {
    format!("sqlite:{}", copy.views_file().display())
}

/// What `verify` says of a copy.
async fn examined(copy: &Installation, tampering: &Tampering, public: &str) -> Ran {
    let arguments = match tampering {
        Tampering::Views(_) => vec!["verify"],
        Tampering::File(name, ..) if name == Path::new(BUNDLE) => {
            return copy.program(&["verify", "--bundle", BUNDLE, "--public-key", public]);
        }
        Tampering::File(name, ..) if name == Path::new(PUBLIC) => {
            std::fs::remove_file(copy.directory().join(KEYS)).expect("it is there");
            vec!["verify", "--log-only"]
        }
        Tampering::Log(_) | Tampering::File(..) => vec!["verify", "--log-only"],
    };
    copy.run(&arguments)
}

/// An edit of a row, or of two.
fn edit(chance: &mut StdRng, columns: &[Column], content: &Content) -> String {
    let filled: Vec<&str> = tables(columns).into_iter().filter(|table| !content[*table].is_empty()).collect();
    let table = filled[chance.random_range(0..filled.len())];
    let rows = content[table].len();
    let of_table: Vec<&Column> = columns.iter().filter(|column| column.table == table).collect();
    let key: Vec<&str> =
        of_table.iter().filter(|column| column.in_key).map(|column| column.name.as_str()).collect();
    let key = if key.is_empty() { vec!["rowid"] } else { key }.join(", ");
    let mut row = || {
        let number = chance.random_range(0..rows);
        format!("({key}) = (SELECT {key} FROM {table} ORDER BY {key} LIMIT 1 OFFSET {number})")
    };
    let (one, other) = (row(), row());
    // Rows of another generation of a read model are nobody's.
    let editable: Vec<&Column> =
        of_table.iter().copied().filter(|column| column.name != "generation").collect();
    let column = editable[chance.random_range(0..editable.len())];
    let name = &column.name;
    let set = |value: &str| format!("UPDATE {table} SET {name} = {value} WHERE {one}");
    match chance.random_range(0..7) {
        0 => format!("DELETE FROM {table} WHERE {one}"),
        1 => set(&another(column)),
        2 => set("NULL"),
        3 => set(&format!("(SELECT {name} FROM {table} WHERE {other})")),
        4 => {
            let (place, byte) = (chance.random_range(0..40), chance.random_range(0..=255_u8));
            let after = place + 2;
            set(&format!(
                "CASE typeof({name}) WHEN 'blob' \
                 THEN CAST(substr({name}, 1, {place}) || x'{byte:02x}' || substr({name}, {after}) AS BLOB) \
                 WHEN 'text' THEN substr({name}, 1, {place}) || char({byte}) || substr({name}, {after}) \
                 ELSE {name} + {byte} - 100 END"
            ))
        }
        5 => {
            let (names, values): (Vec<_>, Vec<_>) = of_table
                .iter()
                .map(|each| {
                    let is_new = each.in_key && !["tenant_id", "generation"].contains(&each.name.as_str());
                    (each.name.as_str(), if is_new { another(each) } else { each.name.clone() })
                })
                .unzip();
            let (names, values) = (names.join(", "), values.join(", "));
            format!("INSERT INTO {table} ({names}) SELECT {values} FROM {table} WHERE {one}")
        }
        _ => format!(
            "UPDATE {table} SET {name} = CASE WHEN {one} THEN (SELECT {name} FROM {table} WHERE {other}) \
             ELSE (SELECT {name} FROM {table} WHERE {one}) END WHERE {one} OR {other}"
        ),
    }
}

/// Other bytes than these, and what was done to them.
fn other_bytes(chance: &mut StdRng, bytes: &[u8]) -> (Vec<u8>, String) {
    const PAGE: usize = 4_096;
    let mut other = bytes.to_vec();
    let at = chance.random_range(0..bytes.len());
    let what = match chance.random_range(0..6) {
        0 => {
            other[at] ^= 1 << chance.random_range(0..8);
            format!("a bit of byte {at} turned")
        }
        1 => {
            other[at] = chance.random();
            format!("byte {at} is {}", other[at])
        }
        2 => {
            let end = bytes.len().min(at + chance.random_range(1..600));
            other[at..end].fill_with(|| chance.random());
            format!("bytes {at} to {end} by chance")
        }
        3 => {
            other.truncate(at);
            format!("cut after {at} bytes")
        }
        4 if bytes.len() >= 2 * PAGE => {
            let pages = bytes.len() / PAGE;
            let (one, another) = (chance.random_range(0..pages), chance.random_range(0..pages));
            for offset in 0..PAGE {
                other.swap(one * PAGE + offset, another * PAGE + offset);
            }
            format!("pages {one} and {another} exchanged")
        }
        4 => {
            other.extend(std::iter::repeat_with(|| chance.random::<u8>()).take(7));
            "seven bytes appended".to_owned()
        }
        _ => {
            let end = bytes.len().min(at + chance.random_range(1..600));
            other[at..end].fill(0);
            format!("bytes {at} to {end} emptied")
        }
    };
    (other, what)
}

async fn is_done(database: &str, statement: &str) -> bool {
    let mut database = SqliteConnection::connect(database).await.expect("the database opens");
    sqlx::query("PRAGMA foreign_keys = OFF").execute(&mut database).await.expect("the switch is there");
    let done = sqlx::raw_sql(AssertSqlSafe(statement.to_owned())).execute(&mut database).await;
    database.close().await.expect("the database closes");
    done.is_ok_and(|done| done.rows_affected() > 0)
}

/// What is in the tables; none where they cannot be read.
async fn content(database: &str, columns: &[Column], harmless: &BTreeSet<String>) -> Option<Content> {
    let mut open = SqliteConnection::connect(database).await.ok()?;
    let mut content = Content::new();
    for table in tables(columns) {
        let is_said = |name: &str| harmless.contains(&format!("{table}.{name}"));
        let values: Vec<String> = (columns.iter())
            .filter(|column| column.table == table && !is_said(&column.name))
            .map(|column| format!("quote({})", column.name))
            .collect();
        let rows = if harmless.contains(&format!("{table}.*")) || values.is_empty() {
            format!("SELECT count(*) || '' FROM {table} WHERE 0")
        } else {
            format!("SELECT {} FROM {table}", values.join(" || ',' || "))
        };
        let rows = sqlx::query(AssertSqlSafe(rows)).fetch_all(&mut open).await.ok()?;
        let rows = rows.iter().map(|row| row.try_get::<String, _>(0)).collect::<Result<_, _>>().ok()?;
        content.insert(table.to_owned(), rows);
    }
    open.close().await.ok()?;
    Some(content)
}

/// The files of an archive; none where it is none.
fn unpacked(archive: &[u8]) -> Option<Vec<(PathBuf, Vec<u8>)>> {
    let mut archive = tar::Archive::new(GzDecoder::new(archive));
    let mut files = Vec::new();
    for entry in archive.entries().ok()? {
        let mut entry = entry.ok()?;
        let mut bytes = Vec::new();
        entry.read_to_end(&mut bytes).ok()?;
        files.push((entry.path().ok()?.into_owned(), bytes));
    }
    Some(files)
}

fn number(name: &str, otherwise: u64) -> u64 {
    setting(name).map_or(otherwise, |text| text.parse().expect("a number"))
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tampering_by_chance_is_found_or_said_to_be_harmless_or_came_to_nothing() {
    if setting("WAYMARK_TEST_ENGINE").is_some_and(|engine| engine == "postgres") {
        // The files are those of SQLite; that its tables have the same checks is shown by the test of each column.
        return;
    }
    let original = Arc::new(Original::new().await);
    let (count, first) = (number("WAYMARK_TAMPERINGS", 1_000), number("WAYMARK_TAMPERING_SEED", 1));
    let (mut running, mut unnoticed) = (JoinSet::new(), Vec::new());
    for seed in first..first + count {
        if running.len() >= AT_ONCE {
            unnoticed.extend(running.join_next().await.and_then(Result::unwrap));
        }
        let original = Arc::clone(&original);
        running.spawn(async move { original.unnoticed(seed).await });
        if (seed - first + 1).is_multiple_of(10_000) {
            println!("{} tamperings, {} unnoticed", seed - first + 1, unnoticed.len());
        }
    }
    unnoticed.extend(running.join_all().await.into_iter().flatten());
    assert!(unnoticed.is_empty(), "{} of {count}:\n{}", unnoticed.len(), unnoticed.join("\n"));
}
