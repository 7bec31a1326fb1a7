//! Bare rows in a SQLite file.

use std::collections::HashMap;
use std::path::Path;
use std::str::FromStr;
use std::time::Instant;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteJournalMode, SqlitePoolOptions, SqliteRow, SqliteSynchronous,
};
use sqlx::{AssertSqlSafe, QueryBuilder, Row, Sqlite, SqlitePool, TypeInfo, ValueRef};
use uuid::Uuid;

/// Rows of one VALUES list.
const ROWS_PER_STATEMENT: usize = 100;

/// One connection with the promises that the service makes too: WAL, and synchronous=FULL.
pub(super) async fn connect(file: &Path) -> SqlitePool {
    let options = SqliteConnectOptions::from_str(&format!("sqlite:{}", file.display()))
        .expect("a path is a database")
        .create_if_missing(true)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .pragma("wal_autocheckpoint", "10000");
    let pool =
        SqlitePoolOptions::new().max_connections(1).test_before_acquire(false).connect_with(options).await;
    pool.expect("the database opens")
}

pub(super) async fn make_table(pool: &SqlitePool) {
    let table = "CREATE TABLE IF NOT EXISTS bare (position INTEGER PRIMARY KEY, entry BLOB NOT NULL)";
    sqlx::query(table).execute(pool).await.expect("a table");
}

/// One transaction, on disk when it returns, for one row.
pub(super) async fn append_alone(pool: &SqlitePool, entry: &[u8]) {
    let mut transaction = pool.begin().await.expect("a transaction");
    let insert = sqlx::query("INSERT INTO bare (entry) VALUES ($1)").bind(entry);
    insert.execute(&mut *transaction).await.expect("a row");
    transaction.commit().await.expect("on disk");
}

/// Rows in one transaction by VALUES lists.
pub(super) async fn append_many(pool: &SqlitePool, entries: &[Vec<u8>]) {
    let mut transaction = pool.begin().await.expect("a transaction");
    for rows in entries.chunks(ROWS_PER_STATEMENT) {
        let mut insert = QueryBuilder::<Sqlite>::new("INSERT INTO bare (entry) ");
        insert.push_values(rows, |mut row, entry| {
            row.push_bind(entry.as_slice());
        });
        insert.build().execute(&mut *transaction).await.expect("rows");
    }
    transaction.commit().await.expect("on disk");
}

/// A value of a column.
enum Cell {
    Null,
    Integer(i64),
    Real(f64),
    Text(String),
    Blob(Vec<u8>),
}

pub(super) async fn positions(pool: &SqlitePool, table: &str, models: i64) -> HashMap<Uuid, u64> {
    let select =
        format!("SELECT tenant_id, min(position) FROM {table} GROUP BY tenant_id HAVING count(*) = {models}");
    let rows: Vec<(Vec<u8>, i64)> =
        sqlx::query_as(AssertSqlSafe(select)).fetch_all(pool).await.expect("positions can be read");
    let tenant = |id: Vec<u8>| Uuid::from_slice(&id).expect("an id has sixteen bytes");
    rows.into_iter().map(|(id, position)| (tenant(id), position.cast_unsigned())).collect()
}

/// Into the same table of a fresh file.
pub(super) async fn copy_table(from: &Path, table: &str, into: &Path) -> (usize, f64) {
    let source = connect(from).await;
    let rows = rows(&source, table).await;
    let target = connect(into).await;
    let schema: String = sqlx::query_scalar("SELECT sql FROM sqlite_master WHERE name = $1")
        .bind(table)
        .fetch_one(&source)
        .await
        .expect("the table's statement");
    sqlx::query(AssertSqlSafe(schema)).execute(&target).await.expect("the same table");
    let started = Instant::now();
    let mut transaction = target.begin().await.expect("a transaction");
    for rows in rows.chunks(ROWS_PER_STATEMENT) {
        let mut insert = QueryBuilder::<Sqlite>::new(format!("INSERT INTO {table} "));
        insert.push_values(rows, |mut list, row| {
            for cell in row {
                match cell {
                    Cell::Null => list.push_bind(None::<i64>),
                    Cell::Integer(value) => list.push_bind(*value),
                    Cell::Real(value) => list.push_bind(*value),
                    Cell::Text(value) => list.push_bind(value.as_str()),
                    Cell::Blob(value) => list.push_bind(value.as_slice()),
                };
            }
        });
        insert.build().execute(&mut *transaction).await.expect("rows");
    }
    transaction.commit().await.expect("on disk");
    (rows.len(), started.elapsed().as_secs_f64())
}

async fn rows(pool: &SqlitePool, table: &str) -> Vec<Vec<Cell>> {
    let select = AssertSqlSafe(format!("SELECT * FROM {table}"));
    let rows = sqlx::query(select).fetch_all(pool).await.expect("the table can be read");
    rows.iter().map(|row| (0..row.len()).map(|column| cell(row, column)).collect()).collect()
}

fn cell(row: &SqliteRow, column: usize) -> Cell {
    let raw = row.try_get_raw(column).expect("the column is there");
    match raw.type_info().name() {
        "NULL" => Cell::Null,
        "INTEGER" | "BOOLEAN" => Cell::Integer(row.get(column)),
        "REAL" => Cell::Real(row.get(column)),
        "TEXT" => Cell::Text(row.get(column)),
        _ => Cell::Blob(row.get(column)),
    }
}
