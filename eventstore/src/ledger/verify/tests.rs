//! Anything that is changed behind the log's back is found, or is known to be harmless; nothing is found where nothing was
//! changed.
//!
//! The judge is independent of the verification: all rows of the log's tables, as SQLite quotes them. Where they differ from
//! those that were written, something has to be found; where they are equal, a file may be called sound.

mod counted;
mod on_postgres;

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::sync::atomic::{AtomicI64, Ordering};

use chrono::TimeDelta;
use serde_json::json;
use sqlx::sqlite::{SqliteConnectOptions, SqliteConnection};
use sqlx::{AssertSqlSafe, ConnectOptions, Connection, Row};
use tempfile::TempDir;
use uuid::Uuid;

use super::{BlindKeys, BlindTags, DataKeys, Receipts, SideCheck, Trust, Verdict, verify_with};
use crate::contract::{OTHER, TENANT, new_year, receipt};
use crate::ledger::{Checkpoint, FirstNote, LedgerStore, Signer};
use crate::vault::{DataKey, RootKey, Vault};
use crate::{Append, Clock, Draft, EventStore, Options, SqliteStore, StoreError, TenantId, Transferable};

const ROOT: RootKey = RootKey([7; 32]);
const ERASED: &str = "thing.erased";

/// The tables of the log with the columns of their keys.
const TABLES: [(&str, &str, &[&str]); 8] = [
    ("log_head", "tenant_id", &["position", "recorded_at", "frontier", "root", "erasures", "indexed"]),
    ("event", "tenant_id, position", &["id", "type", "recorded_at", "leaf_hash", "entry"]),
    ("event_tag", "tenant_id, tag, position", &["type", "blind_subject"]),
    ("receipt", "tenant_id, command_id", &["digest", "outcome", "first_position", "count", "recorded_at"]),
    ("data_key", "tenant_id, subject", &["key_id", "wrapped", "destroyed"]),
    ("tenant_key", "tenant_id", &["wrapped"]),
    ("tile", "tenant_id, level, tile_index", &["hashes"]),
    ("checkpoint", "tenant_id, size", &["note"]),
];

/// What may be changed unnoticed; docs/operations.md says why each does no harm. A receipt is compared as far as the log
/// tells of it: of a refusal it tells nothing.
const HARMLESS: [&str; 14] = [
    "receipt.tenant_id",
    "receipt.command_id",
    "receipt.digest",
    "receipt.outcome",
    "receipt.count lowered",
    "receipt.first_position of a refusal",
    "receipt.recorded_at of a refusal",
    "receipt row deleted",
    "receipt row added of a refusal",
    "data_key row added",
    "checkpoint.tenant_id",
    "checkpoint row deleted",
    "log_head.erasures raised",
    "log_head.indexed lowered",
];

fn is_harmless(what: &str) -> bool {
    // Whose tenant has no log: nobody reads it.
    what.contains("for another tenant") || HARMLESS.iter().any(|known| what.starts_with(known))
}

/// A generator of pseudo-random numbers (SplitMix64), so that a seed names a campaign.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    fn below(&mut self, bound: usize) -> usize {
        (self.next() % bound.max(1) as u64) as usize
    }

    fn of<T: Copy>(&mut self, list: &[T]) -> T {
        list[self.below(list.len())]
    }
}

fn signer(tenant: TenantId) -> Signer {
    Signer::new(&format!("waymark/{tenant}"), &[3; 32])
}

fn note(tenant: TenantId, size: u64, root: &[u8; 32]) -> String {
    signer(tenant).sign(&Checkpoint { origin: format!("waymark/{tenant}"), size, root: *root })
}

/// A clock that goes on by a millisecond whenever it is looked at.
fn clock() -> Clock {
    let looks = AtomicI64::new(0);
    Arc::new(move || new_year() + TimeDelta::milliseconds(looks.fetch_add(1, Ordering::Relaxed)))
}

fn options() -> Options {
    let first: FirstNote = Arc::new(note);
    Options { first_note: Some(first), read_connections: 1, ..Options::new(clock()) }
}

/// An event about a thing is found by the telephone in it.
struct Phones;

impl BlindKeys for Phones {
    fn keys(&self, _: &str, _: u32, data: &serde_json::Value) -> Result<Vec<(String, String)>, String> {
        let phone = data.pointer("/phone/$personal").and_then(serde_json::Value::as_str);
        Ok(phone.map(|phone| ("phone".to_owned(), phone.to_owned())).into_iter().collect())
    }

    fn also_about(&self, _: &str, _: Uuid, _: &serde_json::Value) -> Option<Uuid> {
        None
    }
}

/// Someone who writes to a log.
struct Author {
    store: Arc<dyn Transferable>,
    vault: Vault,
    chance: Chance,
    keys: Vec<(Uuid, DataKey)>,
}

impl Author {
    async fn open(file: &Path, seed: u64) -> Self {
        Self::over(SqliteStore::open(file.to_str().unwrap(), options()).await.unwrap(), seed)
    }

    fn over(store: Arc<dyn Transferable>, seed: u64) -> Self {
        let vault = Vault::new(store.clone(), ROOT);
        Self { store, vault, chance: Chance(seed), keys: Vec::new() }
    }

    fn id(&mut self) -> Uuid {
        Uuid::from_u128(u128::from(self.chance.next()) << 64 | u128::from(self.chance.next()))
    }

    fn draft(&mut self, event_type: &'static str, subject: Uuid, data: serde_json::Value) -> Draft {
        Draft {
            id: self.id(),
            event_type: event_type.into(),
            type_version: 1,
            subject: format!("thing/{subject}"),
            effective_at: new_year(),
            actor: "rep:li".to_owned(),
            via: None,
            origin: None,
            endpoint: None,
            causation_id: None,
            correlation_id: None,
            tags: vec![format!("thing:{subject}"), "things".to_owned()],
            blind_tags: Vec::new(),
            data,
        }
    }

    /// Appends an event of a new subject with a sealed telephone, found by it.
    async fn register(&mut self, tenant: TenantId, receipt_id: Option<&str>) {
        let (subject, key_id) = (self.id(), self.id());
        let random = [self.chance.below(256) as u8; 32];
        let (key, wrapped) = self.vault.data_key_for_new(tenant, subject, random, key_id).await.unwrap();
        let phone = format!("+86{}", self.chance.next());
        let mut draft = self.draft("thing.made", subject, json!({ "phone": { "$personal": phone } }));
        draft.blind_tags = vec![self.vault.blind_tag(tenant, "phone", &phone).await.unwrap()];
        self.vault.seal(tenant, subject, draft.id, &mut draft.data, &key);
        let receipt = receipt_id.and_then(|id| receipt(id, 1, "made"));
        let append = Append { new_keys: vec![wrapped], receipt, ..Append::new(tenant, vec![draft]) };
        self.store.append(append).await.unwrap();
        self.keys.push((subject, key));
    }

    /// Appends some events about a subject under one receipt.
    async fn tell(&mut self, tenant: TenantId, count: usize, receipt_id: Option<&str>) {
        let subject = self.keys.first().map_or(Uuid::nil(), |(subject, _)| *subject);
        let drafts =
            (0..count).map(|number| self.draft("thing.told", subject, json!({ "n": number }))).collect();
        let receipt = receipt_id.and_then(|id| receipt(id, 2, "told"));
        self.store.append(Append { receipt, ..Append::new(tenant, drafts) }).await.unwrap();
    }

    async fn erase(&mut self, tenant: TenantId) {
        let Some((subject, _)) = self.keys.pop() else { return };
        let draft = self.draft(ERASED, subject, json!({}));
        let append = Append { erase_subjects: vec![subject], ..Append::new(tenant, vec![draft]) };
        self.store.append(append).await.unwrap();
    }

    async fn sign(&mut self, tenant: TenantId) -> String {
        let head = self.store.head(tenant).await.unwrap();
        let note = note(tenant, head.position, &head.root);
        self.store.save_checkpoint(tenant, head.position, &note).await.unwrap();
        note
    }

    /// Writes everything that a log can have, in two of them; the note of the first that is kept outside.
    async fn fill(&mut self) -> String {
        self.tell(OTHER, 3, Some("other")).await;
        for number in 0..12 {
            self.register(TENANT, Some(&format!("register {number}"))).await;
        }
        self.tell(TENANT, 150, Some("many")).await;
        self.tell(TENANT, 0, Some("refused")).await;
        self.sign(TENANT).await;
        self.tell(TENANT, 100, None).await;
        self.erase(TENANT).await;
        let outside = self.sign(TENANT).await;
        self.tell(TENANT, 10, Some("after the last checkpoint")).await;
        outside
    }

    /// Writes what chance says; the note that was kept outside last.
    async fn write_at_random(&mut self, tenant: TenantId) -> Vec<String> {
        let mut outside = Vec::new();
        for step in 0..self.chance.below(7) {
            let receipt = (self.chance.below(2) == 0).then(|| format!("command {step}"));
            match self.chance.below(5) {
                0 | 1 => self.register(tenant, receipt.as_deref()).await,
                2 => {
                    let count = self.chance.of(&[0, 1, 2, 3, 260]);
                    self.tell(tenant, count, receipt.as_deref()).await;
                }
                3 => self.erase(tenant).await,
                _ => outside = vec![self.sign(tenant).await],
            }
        }
        outside
    }

    /// What the verification says of a log while it is written to.
    async fn verdict_meanwhile(
        &mut self,
        tenant: TenantId,
        outside: Vec<String>,
    ) -> Result<Verdict, StoreError> {
        let looking = verdict(self.store.clone(), tenant, outside);
        let writing = async {
            self.register(tenant, Some("meanwhile")).await;
            self.tell(tenant, 2, None).await;
            self.erase(tenant).await;
        };
        tokio::join!(looking, writing).0
    }
}

/// A log with everything that a log can have, closed.
struct Prepared {
    folder: TempDir,
    bytes: Vec<u8>,
    /// The note that is kept outside.
    outside: String,
    rows: Vec<String>,
}

impl Prepared {
    async fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("log.db");
        let mut author = Author::open(&file, 1).await;
        let outside = author.fill().await;
        author.store.close().await;
        checkpointed(&file).await;
        let bytes = std::fs::read(&file).unwrap();
        let rows = rows(&file).await.unwrap();
        Self { folder, bytes, outside, rows }
    }

    /// A copy to be changed.
    fn copy(&self) -> PathBuf {
        let file = self.folder.path().join("copy.db");
        for suffix in ["", "-wal", "-shm", "-journal"] {
            let _ = std::fs::remove_file(self.folder.path().join(format!("copy.db{suffix}")));
        }
        std::fs::write(&file, &self.bytes).unwrap();
        file
    }

    /// What the verification finds; none where it finds nothing.
    async fn found(&self, file: &Path) -> Option<String> {
        let store = match SqliteStore::inspect(file.to_str().unwrap(), options()).await {
            Ok(store) => store,
            Err(error) => return Some(error.to_string()),
        };
        let found = faults(store.clone(), store.integrity().await, &self.outside).await;
        store.close().await;
        found
    }
}

/// What is found in a database and in its logs; none where nothing is.
async fn faults(
    store: Arc<dyn Transferable>,
    integrity: Result<String, StoreError>,
    outside: &str,
) -> Option<String> {
    let mut found = integrity.map_or_else(|e| Some(e.to_string()), |said| (said != "ok").then_some(said));
    for tenant in [TENANT, OTHER] {
        let notes = (tenant == TENANT).then(|| outside.to_owned()).into_iter().collect();
        let verdict = verdict(store.clone(), tenant, notes).await;
        if !matches!(verdict, Ok(Verdict::Sound(_))) {
            found = Some(format!("{verdict:?}"));
        }
    }
    found
}

async fn verdict(
    store: Arc<dyn Transferable>,
    tenant: TenantId,
    notes: Vec<String>,
) -> Result<Verdict, StoreError> {
    let vault = Arc::new(Vault::new(store.clone(), ROOT));
    let mut sides: Vec<Box<dyn SideCheck>> = vec![
        Box::new(Receipts::new(store.clone())),
        Box::new(DataKeys::new(store.clone(), Some(ROOT), &[ERASED])),
        Box::new(BlindTags::new(store.clone(), Some((vault, Arc::new(Phones))))),
    ];
    let keys = vec![signer(tenant).verifier()];
    let trust = Trust { keys, notes, seed: [5; 32], signed_from_the_first: true, ..Trust::default() };
    verify_with(&*store, tenant, &trust, &mut sides, &mut |_, _| {}).await
}

async fn connect(file: &Path) -> SqliteConnection {
    SqliteConnectOptions::new().filename(file).connect().await.unwrap()
}

/// Brings everything into the file itself: a reader that closes a moment later keeps the last one that closed from doing it.
async fn checkpointed(file: &Path) {
    let mut connection = connect(file).await;
    while scalar::<i64>(&mut connection, "PRAGMA wal_checkpoint(TRUNCATE)").await != Some(0) {
        tokio::task::yield_now().await;
    }
    connection.close().await.unwrap();
}

/// All rows of the log's tables; an error where they cannot be read.
async fn rows(file: &Path) -> Result<Vec<String>, sqlx::Error> {
    let mut connection = SqliteConnectOptions::new().filename(file).connect().await?;
    let mut all = Vec::new();
    for (table, key, columns) in TABLES {
        let list: Vec<String> =
            key.split(", ").chain(columns.iter().copied()).map(|c| format!("quote({c})")).collect();
        let sql = format!("SELECT {} AS line FROM {table} NOT INDEXED ORDER BY {key}", list.join("||' '||"));
        for found in sqlx::query(AssertSqlSafe(sql)).fetch_all(&mut connection).await? {
            all.push(format!("{table} {}", found.try_get::<String, _>(0)?));
        }
    }
    connection.close().await?;
    Ok(all)
}

/// One change to one place, described; none where it came to nothing.
async fn edit(file: &Path, chance: &mut Chance) -> Option<String> {
    let (table, key, columns) = chance.of(&TABLES);
    let mut connection = connect(file).await;
    let count: i64 = scalar(&mut connection, &format!("SELECT count(*) FROM {table}")).await?;
    let row = chance.below(count as usize);
    let place = format!("({key}) = (SELECT {key} FROM {table} ORDER BY {key} LIMIT 1 OFFSET {row})");
    let keys: Vec<&str> = key.split(", ").collect();
    let all = [&keys[..], columns].concat();
    let (sql, what) = match chance.below(10) {
        0 => (format!("DELETE FROM {table} WHERE {place}"), format!("{table} row deleted")),
        1 => {
            // A copy of the row under another key.
            let other = chance.of(&keys);
            let select = all
                .iter()
                .map(|column| if *column == other { another(chance, column) } else { (*column).to_owned() });
            let select = select.collect::<Vec<_>>().join(", ");
            let sql = format!(
                "INSERT INTO {table} ({}) SELECT {select} FROM {table} WHERE {place}",
                all.join(", ")
            );
            let whose = if other == "tenant_id" { " for another tenant" } else { "" };
            (sql, format!("{table} row added{whose}"))
        }
        2 => {
            let column = chance.of(&all);
            let donor = chance.below(count as usize);
            let sql = format!(
                "UPDATE {table} SET {column} = (SELECT {column} FROM {table} ORDER BY {key} LIMIT 1 OFFSET {donor}) WHERE {place}"
            );
            (sql, format!("{table}.{column}"))
        }
        _ => {
            let column = chance.of(&all);
            let sql = format!("UPDATE {table} SET {column} = {} WHERE {place}", another(chance, column));
            (sql, format!("{table}.{column}"))
        }
    };
    let of_a_refusal = "SELECT count FROM receipt WHERE ";
    let is_refusal = table == "receipt"
        && scalar::<i64>(&mut connection, &format!("{of_a_refusal}{place}")).await == Some(0);
    let what = if is_refusal { format!("{what} of a refusal") } else { what };
    let counters = match table {
        "log_head" => Some("erasures || ' ' || indexed"),
        "receipt" => Some("count || ' ' || count"),
        _ => None,
    };
    let counters = counters.map(|counters| format!("SELECT {counters} FROM {table} WHERE {place}"));
    let before: Option<String> = match &counters {
        Some(counters) => scalar(&mut connection, counters).await,
        None => None,
    };
    let done = sqlx::raw_sql(AssertSqlSafe(sql))
        .execute(&mut connection)
        .await
        .ok()
        .map_or(0, |done| done.rows_affected());
    let after: Option<String> = match &counters {
        Some(counters) => scalar(&mut connection, counters).await,
        None => None,
    };
    connection.close().await.unwrap();
    (done > 0).then(|| directed(what, before.as_deref(), after.as_deref()))
}

/// Whether a counter went up or down is part of what was done.
fn directed(what: String, before: Option<&str>, after: Option<&str>) -> String {
    let number = |text: Option<&str>, place: usize| text?.split(' ').nth(place)?.parse::<i64>().ok();
    let place = match what.as_str() {
        "log_head.erasures" | "receipt.count" => 0,
        "log_head.indexed" => 1,
        _ => return what,
    };
    match (number(before, place), number(after, place)) {
        (Some(before), Some(after)) if after >= before => format!("{what} raised"),
        (Some(_), Some(after)) if after >= 0 => format!("{what} lowered"),
        _ => what,
    }
}

/// An expression that is another value than the column has.
fn another(chance: &mut Chance, column: &str) -> String {
    let number = chance.next() % 1_000;
    let changed = |at: u64| {
        // One byte of the value, whatever its type, is another one.
        format!(
            "CASE typeof({column}) WHEN 'integer' THEN {column} + {at} + 1
             WHEN 'blob' THEN unhex(substr(hex({column}), 1, 2 * ({at} % max(length({column}), 1)))
                 || printf('%02x', (instr('0123456789ABCDEF', substr(hex({column}) || '00', 1 + 2 * ({at} % max(length({column}), 1)), 1)) * 16 + 7) % 256)
                 || substr(hex({column}), 3 + 2 * ({at} % max(length({column}), 1))))
             WHEN 'text' THEN substr({column}, 1, {at} % max(length({column}), 1)) || '~' || substr({column}, 2 + {at} % max(length({column}), 1))
             ELSE x'00000000000000000000000000000007' END"
        )
    };
    match chance.below(7) {
        0 => format!(
            "CASE typeof({column}) WHEN 'integer' THEN -{column} - 1 WHEN 'blob' THEN substr({column}, 2) ELSE {column} || 'x' END"
        ),
        1 => format!(
            "CASE typeof({column}) WHEN 'integer' THEN {column} - 1 WHEN 'blob' THEN {column} || x'00' ELSE substr({column}, 2) END"
        ),
        2 => format!(
            "CASE typeof({column}) WHEN 'blob' THEN CAST({column} AS TEXT) WHEN 'text' THEN CAST({column} AS BLOB) ELSE 'many' END"
        ),
        3 => format!(
            "CASE typeof({column}) WHEN 'integer' THEN 0 WHEN 'blob' THEN zeroblob(length({column})) ELSE '' END"
        ),
        4 => "NULL".to_owned(),
        _ => changed(number),
    }
}

async fn scalar<T>(connection: &mut SqliteConnection, sql: &str) -> Option<T>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite> + Send + Unpin,
{
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_optional(connection).await.ok().flatten()
}

/// What the verification says of a log after this was done to it.
async fn after(sql: &str) -> Option<String> {
    let prepared = Prepared::new().await;
    let file = prepared.copy();
    let mut connection = connect(&file).await;
    let done = sqlx::raw_sql(AssertSqlSafe(sql.to_owned())).execute(&mut connection).await.unwrap();
    assert!(done.rows_affected() > 0, "nothing was changed by {sql}");
    connection.close().await.unwrap();
    prepared.found(&file).await
}

#[tokio::test]
async fn side_tables_are_compared_with_the_entries_in_both_directions() {
    let tenant = format!("tenant_id = x'{}'", TENANT.0.simple());
    let cases = [
        (
            format!("DELETE FROM event_tag WHERE {tenant} AND tag LIKE 'phone:%' AND position = 3"),
            "position: 3",
        ),
        (
            format!(
                "UPDATE event_tag SET tag = 'phone:x' WHERE {tenant} AND tag LIKE 'phone:%' AND position = 3"
            ),
            "position: 3",
        ),
        (
            format!("UPDATE event_tag SET type = 'x' WHERE {tenant} AND tag LIKE 'phone:%' AND position = 3"),
            "position: 3",
        ),
        (
            format!(
                "UPDATE event_tag SET blind_subject = zeroblob(16) WHERE {tenant} AND tag LIKE 'phone:%' AND position = 3"
            ),
            "position: 3",
        ),
        (
            format!(
                "UPDATE receipt SET recorded_at = recorded_at + 1 WHERE {tenant} AND command_id = 'register 4'"
            ),
            "position: 5",
        ),
        (
            format!("UPDATE receipt SET first_position = 5 WHERE {tenant} AND command_id = 'register 5'"),
            "position: 5",
        ),
        (
            format!("UPDATE receipt SET first_position = 9000 WHERE {tenant} AND command_id = 'many'"),
            "position: 9149",
        ),
        (
            format!("UPDATE data_key SET destroyed = 1, wrapped = x'' WHERE {tenant} AND destroyed = 0"),
            "position: 1,",
        ),
        (format!("DELETE FROM tenant_key WHERE {tenant}"), "position: 1,"),
        (
            format!("INSERT INTO tile SELECT tenant_id, 0, 1, hashes FROM tile WHERE {tenant}"),
            "tile 1 of level 0",
        ),
        (
            format!(
                "UPDATE checkpoint SET note = replace(note, substr(note, -12, 4), 'AAAA') WHERE {tenant} AND size = 1"
            ),
            "BadSignature",
        ),
        (format!("DELETE FROM checkpoint WHERE {tenant}"), "Unsigned"),
        (format!("UPDATE log_head SET indexed = position + 5 WHERE {tenant}"), "the index of tags is said"),
    ];
    for (sql, expected) in cases {
        let found = after(&sql).await.unwrap_or_default();
        assert!(found.contains(expected), "{found} after {sql}");
    }
}

#[tokio::test]
async fn an_entry_changed_together_with_its_hash_is_named_by_the_tile_or_else_by_its_subtree() {
    for (position, expected) in [(100, "position: 100,"), (270, "position: 264,")] {
        let prepared = Prepared::new().await;
        let file = prepared.copy();
        let store = SqliteStore::inspect(file.to_str().unwrap(), options()).await.unwrap();
        let record = store.records(TENANT, position - 1, 1).await.unwrap().remove(0);
        store.close().await;
        let forged = String::from_utf8(record.entry.bytes.to_vec()).unwrap().replace("rep:li", "rep:xi");
        let leaf = crate::ledger::leaf_hash(forged.as_bytes());
        let mut connection = connect(&file).await;
        sqlx::query("UPDATE event SET entry = ?1, leaf_hash = ?2 WHERE tenant_id = ?3 AND position = ?4")
            .bind(forged.into_bytes())
            .bind(leaf.to_vec())
            .bind(TENANT.0.as_bytes().to_vec())
            .bind(position.cast_signed())
            .execute(&mut connection)
            .await
            .unwrap();
        connection.close().await.unwrap();
        let found = prepared.found(&file).await.unwrap_or_default();
        assert!(found.contains("Tampered") && found.contains(expected), "{found} for {position}");
    }
}

/// How many edits a campaign makes: as many as usual, or as `WAYMARK_TEST_EDITS` says.
#[expect(clippy::disallowed_methods, reason = "a larger campaign is asked for from outside")]
fn edits(usual: usize) -> usize {
    std::env::var("WAYMARK_TEST_EDITS").ok().and_then(|text| text.parse().ok()).unwrap_or(usual)
}

#[tokio::test]
async fn the_campaign_knows_every_table_and_column_of_the_log() {
    let prepared = Prepared::new().await;
    let mut connection = connect(&prepared.copy()).await;
    let columns = "SELECT m.name || '.' || c.name FROM sqlite_master AS m JOIN pragma_table_info(m.name) AS c
         WHERE m.type = 'table' AND m.name NOT LIKE 'sqlite_%'";
    let there: Vec<String> = sqlx::query_scalar(columns).fetch_all(&mut connection).await.unwrap();
    connection.close().await.unwrap();
    assert_eq!(there.into_iter().collect::<BTreeSet<_>>(), columns_of_the_campaign());
}

#[test]
fn what_is_known_to_be_harmless_stands_in_the_manual() {
    let manual = include_str!("../../../../docs/operations.md");
    let (_, section) = manual.split_once("**What a change would not be noticed by").unwrap();
    let (section, _) = section.split_once("\nTamper-evident").unwrap();
    for harmless in HARMLESS {
        let name = harmless.split(' ').next().unwrap();
        assert!(section.contains(&format!("`{name}`")), "{harmless}");
    }
}

fn columns_of_the_campaign() -> BTreeSet<String> {
    let named = |(table, key, columns): &(&str, &str, &[&str])| {
        let all = key.split(", ").chain(columns.iter().copied());
        all.map(|column| format!("{table}.{column}")).collect::<Vec<_>>()
    };
    TABLES.iter().flat_map(named).collect()
}

#[tokio::test]
async fn every_edit_of_every_column_is_found_or_known_to_be_harmless() {
    let prepared = Prepared::new().await;
    assert_eq!(prepared.found(&prepared.copy()).await, None, "nothing was changed");
    let (mut chance, mut made, mut unnoticed) = (Chance(2), 0, Vec::new());
    let mut untouched = columns_of_the_campaign();
    while made < edits(1_000) || !untouched.is_empty() {
        let file = prepared.copy();
        let Some(what) = edit(&file, &mut chance).await else { continue };
        if rows(&file).await.is_ok_and(|rows| rows == prepared.rows) {
            continue;
        }
        made += 1;
        untouched.remove(what.split(' ').next().unwrap_or_default());
        if prepared.found(&file).await.is_none() && !is_harmless(&what) {
            unnoticed.push(what);
        }
    }
    assert!(unnoticed.is_empty(), "{} of {made} edits were not found: {unnoticed:?}", unnoticed.len());
}

#[tokio::test]
async fn damaged_pages_and_bytes_are_found_unless_every_row_is_as_it_was() {
    let prepared = Prepared::new().await;
    let mut chance = Chance(3);
    let mut unnoticed = Vec::new();
    for number in 0..edits(1_000) / 8 {
        let file = prepared.copy();
        let mut bytes = prepared.bytes.clone();
        let page = 4_096 * chance.below(bytes.len() / 4_096);
        let (from, length) = match number % 3 {
            0 => (page, 4_096),
            1 => (page + chance.below(4_000), 64),
            _ => (chance.below(bytes.len()), 1),
        };
        let until = (from + length).min(bytes.len());
        bytes[from..until].iter_mut().for_each(|byte| *byte = chance.next() as u8);
        std::fs::write(&file, &bytes).unwrap();
        if prepared.found(&file).await.is_none() && !rows(&file).await.is_ok_and(|rows| rows == prepared.rows)
        {
            unnoticed.push(from);
        }
    }
    assert!(unnoticed.is_empty(), "{unnoticed:?}");
}

#[tokio::test]
async fn no_log_that_was_only_written_to_is_called_anything_but_sound() {
    let folder = tempfile::tempdir().unwrap();
    for seed in 0..200 {
        let file = folder.path().join(format!("{seed}.db"));
        let mut author = Author::open(&file, 1_000 + seed).await;
        let outside = author.write_at_random(TENANT).await;
        // Beside a writer, and after it.
        let beside = author.verdict_meanwhile(TENANT, outside.clone()).await;
        assert!(matches!(beside, Ok(Verdict::Sound(_))), "seed {seed}: {beside:?}");
        author.store.close().await;
        let store = SqliteStore::inspect(file.to_str().unwrap(), options()).await.unwrap();
        let after = verdict(store.clone(), TENANT, outside).await;
        assert!(matches!(after, Ok(Verdict::Sound(_))), "seed {seed}: {after:?}");
        store.close().await;
        std::fs::remove_file(&file).unwrap();
    }
}
