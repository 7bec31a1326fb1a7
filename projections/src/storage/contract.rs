//! What every engine promises to the read models, one named rule a test. Each rule runs on each engine.
//!
//! An engine plugs in at [`crate::db`]: a variant of `Db`, `Transaction` and `Row`, and its dialect. Once it is among
//! [`Bench`]'s engines, this suite says whether it keeps what the folds and queries rely on.

use std::sync::Arc;

use tempfile::TempDir;
use uuid::Uuid;
use waymark_eventstore::TenantId;

use super::checkpoint::{self, New, ProjectionId, ProjectionLease};
use super::columns::{Json, TableRow, table};
use super::schema;
use super::table::{Table, fetch_by_keys};
use crate::db::{Commit, Db, Row, Value, values};
use crate::error::ProjectionError;
use crate::tests::database::Database;

const TENANT: TenantId = TenantId(Uuid::from_u128(0xa));
const OTHER: TenantId = TenantId(Uuid::from_u128(0xb));

/// A table with a column of each type, beside those of the read models.
const SCHEMA: &str = "CREATE TABLE IF NOT EXISTS sample (
    tenant_id BLOB NOT NULL,
    generation INTEGER NOT NULL,
    word TEXT NOT NULL,
    number INTEGER NOT NULL,
    big INTEGER,
    flag INTEGER NOT NULL,
    other BLOB,
    note TEXT,
    PRIMARY KEY (tenant_id, generation, word, number)
) WITHOUT ROWID;
";

table! {
    /// A column of each type.
    SAMPLES = "sample", Upsert, Sample {
        key { word: String, number: i64 }
        columns {
            big: Option<u64>,
            flag: bool,
            other: Option<Uuid>,
            note: Option<Json>,
        }
    }
}

table! {
    /// The flag alone.
    FLAGS = "sample", Update, Flag {
        key { word: String, number: i64 }
        columns { flag: bool }
    }
}

table! {
    /// Rows whose keys are new.
    NEW_SAMPLES = "sample", Insert, NewSample {
        key { word: String, number: i64 }
        columns { flag: bool }
    }
}

/// A database under test.
struct Bench {
    db: Db,
    /// What the database stands in, gone when dropped.
    _home: Home,
}

enum Home {
    Folder { _folder: TempDir },
    Server { _database: Database },
}

impl Bench {
    async fn sqlite() -> Self {
        let folder = TempDir::new().unwrap();
        let db = Db::sqlite(&folder.path().join("views"), Commit::Lazy).await.unwrap();
        Self { db, _home: Home::Folder { _folder: folder } }.prepared().await
    }

    /// None without a server.
    async fn postgres() -> Option<Self> {
        let database = Database::new().await?;
        let db = Db::postgres(&database.url, "contract", Commit::Lazy, 4).await.unwrap();
        Some(Self { db, _home: Home::Server { _database: database } }.prepared().await)
    }

    async fn prepared(self) -> Self {
        let scripts: Vec<&'static str> = schema::scripts().into_iter().chain([SCHEMA]).collect();
        self.db.prepare(&scripts).await.unwrap();
        self
    }

    /// A lease of a generation of a tenant, which rows are written under.
    async fn lease(&self, tenant: TenantId) -> ProjectionLease {
        let id = ProjectionId { tenant, projection: "board" };
        let new = New { fold_version: 1, node: None, head: 0 };
        checkpoint::new_generation(&self.db, id, new).await.unwrap()
    }

    async fn write(&self, lease: &ProjectionLease, table: &Table, rows: Vec<Value>) {
        let mut transaction = self.db.write(lease.id.tenant).await.unwrap();
        table.write(&mut transaction, lease, rows).await.unwrap();
        transaction.commit().await.unwrap();
    }

    async fn samples(&self, lease: &ProjectionLease) -> Vec<Sample> {
        let sql = "SELECT * FROM sample WHERE tenant_id = $1 AND generation = $2 ORDER BY word, number";
        let values = values![lease.id.tenant.0, lease.generation];
        let mut transaction = self.db.read(lease.id.tenant).await.unwrap();
        transaction.rows(sql, &values).await.unwrap().iter().map(|row| Sample::read(row).unwrap()).collect()
    }
}

fn sample(word: &str, number: i64) -> Sample {
    Sample { word: word.to_owned(), number, big: None, flag: false, other: None, note: None }
}

fn pushed<R: TableRow>(rows: impl IntoIterator<Item = R>) -> Vec<Value> {
    let mut values = Vec::new();
    rows.into_iter().for_each(|row| row.push(&mut values));
    values
}

/// Names rules as tests of each engine.
macro_rules! contract {
    ($($rule:ident),+ $(,)?) => {
        mod sqlite {
            $(#[tokio::test]
            async fn $rule() { super::$rule(super::Bench::sqlite().await).await; })+
        }
        mod postgres {
            $(#[tokio::test]
            async fn $rule() {
                if let Some(bench) = super::Bench::postgres().await {
                    super::$rule(bench).await;
                }
            })+
        }
    };
}

contract! {
    every_type_of_column_is_read_as_it_was_written,
    texts_are_ordered_by_their_bytes,
    a_row_with_a_known_key_replaces_the_one_before,
    a_part_of_a_row_changes_no_other_column_and_makes_no_row,
    a_new_row_with_a_known_key_is_an_error,
    what_is_not_committed_is_gone,
    a_snapshot_does_not_see_what_is_committed_after_it_was_opened,
    rows_of_another_tenant_or_generation_are_not_touched,
    a_long_list_of_keys_finds_each_row_once,
    a_checkpoint_moves_only_from_where_its_lease_knows_it,
    two_generations_are_compared_row_by_row,
    a_dump_is_the_same_text_whatever_the_order_of_writing,
}

async fn every_type_of_column_is_read_as_it_was_written(bench: Bench) {
    let lease = bench.lease(TENANT).await;
    let full = Sample {
        big: Some(u64::MAX >> 1),
        flag: true,
        other: Some(Uuid::from_u128(u128::MAX)),
        note: Some(Json::of(&["报价", "a'b\"c", "\n"]).unwrap()),
        ..sample("每", i64::MIN)
    };
    let written = [full, sample("z", i64::MAX)];
    bench.write(&lease, &SAMPLES, pushed(written.clone())).await;
    let mut read = bench.samples(&lease).await;
    read.reverse();
    assert_eq!(read, written);
}

async fn texts_are_ordered_by_their_bytes(bench: Bench) {
    let lease = bench.lease(TENANT).await;
    let words = ["", "A", "Z", "_", "a", "ab", "é", "报", "\u{1f600}"];
    bench.write(&lease, &SAMPLES, pushed(words.iter().rev().map(|word| sample(word, 1)))).await;
    let read: Vec<String> = bench.samples(&lease).await.into_iter().map(|sample| sample.word).collect();
    assert_eq!(read, words);
}

async fn a_row_with_a_known_key_replaces_the_one_before(bench: Bench) {
    let lease = bench.lease(TENANT).await;
    let before = Sample { big: Some(7), other: Some(Uuid::from_u128(1)), ..sample("a", 1) };
    bench.write(&lease, &SAMPLES, pushed([before])).await;
    let after = Sample { flag: true, ..sample("a", 1) };
    bench.write(&lease, &SAMPLES, pushed([after.clone()])).await;
    assert_eq!(bench.samples(&lease).await, [after]);
}

async fn a_part_of_a_row_changes_no_other_column_and_makes_no_row(bench: Bench) {
    let lease = bench.lease(TENANT).await;
    let before = Sample { big: Some(7), ..sample("a", 1) };
    bench.write(&lease, &SAMPLES, pushed([before.clone()])).await;
    let flag = Flag { word: "a".to_owned(), number: 1, flag: true };
    bench.write(&lease, &FLAGS, pushed([flag])).await;
    assert_eq!(bench.samples(&lease).await, [Sample { flag: true, ..before.clone() }]);
    let mut transaction = bench.db.write(TENANT).await.unwrap();
    let unknown = Flag { word: "b".to_owned(), number: 1, flag: true };
    // PostgreSQL counts what was written and says that it was less; SQLite writes nothing.
    FLAGS.write(&mut transaction, &lease, pushed([unknown])).await.ok();
    drop(transaction);
    assert_eq!(bench.samples(&lease).await.len(), 1);
}

async fn a_new_row_with_a_known_key_is_an_error(bench: Bench) {
    let lease = bench.lease(TENANT).await;
    let new = || NewSample { word: "a".to_owned(), number: 1, flag: false };
    bench.write(&lease, &NEW_SAMPLES, pushed([new()])).await;
    let mut transaction = bench.db.write(TENANT).await.unwrap();
    let written = NEW_SAMPLES.write(&mut transaction, &lease, pushed([new()])).await;
    assert!(matches!(written, Err(ProjectionError::Database(_))), "{written:?}");
}

async fn what_is_not_committed_is_gone(bench: Bench) {
    let lease = bench.lease(TENANT).await;
    let mut transaction = bench.db.write(TENANT).await.unwrap();
    SAMPLES.write(&mut transaction, &lease, pushed([sample("a", 1)])).await.unwrap();
    drop(transaction);
    assert_eq!(bench.samples(&lease).await, []);
}

async fn a_snapshot_does_not_see_what_is_committed_after_it_was_opened(bench: Bench) {
    let lease = bench.lease(TENANT).await;
    let count = "SELECT count(*) AS samples FROM sample WHERE tenant_id = $1";
    let counted = |row: Option<Row>| row.unwrap().int("samples").unwrap();
    let mut snapshot = bench.db.read(TENANT).await.unwrap();
    assert_eq!(counted(snapshot.row(count, &values![TENANT.0]).await.unwrap()), 0);
    bench.write(&lease, &SAMPLES, pushed([sample("a", 1)])).await;
    assert_eq!(counted(snapshot.row(count, &values![TENANT.0]).await.unwrap()), 0, "the snapshot moved");
    drop(snapshot);
    assert_eq!(bench.samples(&lease).await.len(), 1);
}

async fn rows_of_another_tenant_or_generation_are_not_touched(bench: Bench) {
    let (one, next, other) = (bench.lease(TENANT).await, bench.lease(TENANT).await, bench.lease(OTHER).await);
    for lease in [&one, &next, &other] {
        bench.write(lease, &SAMPLES, pushed([sample("a", 1)])).await;
    }
    bench.write(&one, &SAMPLES, pushed([Sample { flag: true, ..sample("a", 1) }])).await;
    assert_eq!(bench.samples(&next).await, [sample("a", 1)]);
    assert_eq!(bench.samples(&other).await, [sample("a", 1)]);
    let mut transaction = bench.db.write(TENANT).await.unwrap();
    let delete: Arc<str> = SAMPLES.delete().into();
    transaction.execute_dynamic(delete, values![TENANT.0, one.generation]).await.unwrap();
    transaction.commit().await.unwrap();
    let left = [&one, &next, &other].map(|lease| bench.samples(lease));
    assert_eq!(futures::future::join_all(left).await.iter().map(Vec::len).collect::<Vec<_>>(), [0, 1, 1]);
}

async fn a_long_list_of_keys_finds_each_row_once(bench: Bench) {
    let lease = bench.lease(TENANT).await;
    bench.write(&lease, &SAMPLES, pushed((0..250).map(|number| sample("a", number)))).await;
    let sql = "SELECT number FROM sample WHERE tenant_id = $1 AND generation = $2 AND number IN";
    for wanted in [0, 1, 9, 10, 11, 100, 101, 250] {
        let keys: Vec<Value> = (0..wanted).map(Value::from).collect();
        let mut transaction = bench.db.read(TENANT).await.unwrap();
        let head = values![TENANT.0, lease.generation];
        let found = fetch_by_keys(&mut transaction, sql, &head, &keys).await.unwrap();
        let mut found: Vec<i64> = found.iter().map(|row| row.int("number").unwrap()).collect();
        found.sort_unstable();
        assert_eq!(found, (0..wanted).collect::<Vec<i64>>());
    }
}

async fn a_checkpoint_moves_only_from_where_its_lease_knows_it(bench: Bench) {
    let lease = bench.lease(TENANT).await;
    let to = ProjectionLease { position: 5, ..lease };
    let advance = async |from: ProjectionLease, to: ProjectionLease| {
        let mut transaction = bench.db.write(TENANT).await.unwrap();
        from.advance(&mut transaction, &to).await?;
        transaction.commit().await
    };
    advance(lease, to).await.unwrap();
    assert!(matches!(advance(lease, to).await, Err(ProjectionError::Fenced)), "it has moved on");
    let stale = ProjectionLease { epoch: to.epoch + 1, ..to };
    assert!(matches!(advance(stale, to).await, Err(ProjectionError::Fenced)), "another holds it");
    advance(to, ProjectionLease { position: 6, ..to }).await.unwrap();
}

async fn two_generations_are_compared_row_by_row(bench: Bench) {
    let (served, rebuilt) = (bench.lease(TENANT).await, bench.lease(TENANT).await);
    let same = |number| Sample { note: Some(Json::of("x").unwrap()), ..sample("a", number) };
    bench.write(&served, &SAMPLES, pushed((0..40).map(same))).await;
    bench.write(&rebuilt, &SAMPLES, pushed((0..40).map(same))).await;
    let generations = (served.generation, rebuilt.generation);
    let compare = async || {
        let mut transaction = bench.db.write(TENANT).await.unwrap();
        SAMPLES.compare(&mut transaction, TENANT, generations).await.unwrap()
    };
    assert!(compare().await.is_same());
    bench.write(&served, &SAMPLES, pushed([sample("a", 3), sample("b", 1)])).await;
    let found = compare().await;
    assert_eq!((found.only_served, found.only_rebuilt), (2, 1), "one changed, one too many");
    assert_eq!((found.rows_served, found.rows_rebuilt), (41, 40));
}

async fn a_dump_is_the_same_text_whatever_the_order_of_writing(bench: Bench) {
    let (one, other) = (bench.lease(TENANT).await, bench.lease(TENANT).await);
    let rows = || (0..12).map(|number| Sample { big: Some(3), ..sample("o'n", number) });
    bench.write(&one, &SAMPLES, pushed(rows())).await;
    bench.write(&other, &SAMPLES, pushed(rows().rev())).await;
    let dump = async |lease: &ProjectionLease| {
        let mut transaction = bench.db.read(TENANT).await.unwrap();
        SAMPLES.dump(&mut transaction, TENANT, lease.generation).await.unwrap()
    };
    let lines = dump(&one).await;
    assert_eq!(lines, dump(&other).await);
    assert_eq!(lines[0], "sample 'o''n' 0 3 0 NULL NULL");
}
