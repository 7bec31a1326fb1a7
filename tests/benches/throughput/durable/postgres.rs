//! Bare rows in PostgreSQL, whose commits wait for the disk unless the server is told otherwise.

use std::collections::HashMap;
use std::time::Instant;

use sqlx::postgres::{PgPoolOptions, PgRow};
use sqlx::{AssertSqlSafe, PgPool, Postgres, Row, query::Query};
use uuid::Uuid;

/// Writers that take turns at one row need no more.
const CONNECTIONS: u32 = 16;
/// Rows of one statement at most.
const ROWS_PER_STATEMENT: usize = 1_000;
const TENANT: Uuid = Uuid::from_u128(1);

const TABLES: &str = "
    DROP TABLE IF EXISTS bare, bare_head;
    CREATE TABLE bare_head (tenant_id uuid PRIMARY KEY, position bigint NOT NULL) WITH (fillfactor = 50);
    CREATE TABLE bare (tenant_id uuid, position bigint, entry bytea NOT NULL, PRIMARY KEY (tenant_id, position));
    INSERT INTO bare_head VALUES ('00000000-0000-0000-0000-000000000001', 0)";
const LOCK_HEAD: &str = "SELECT position FROM bare_head WHERE tenant_id = $1 FOR UPDATE";
const INSERT: &str = "INSERT INTO bare (tenant_id, position, entry) VALUES ($1, $2, $3)";
const PUT_HEAD: &str = "UPDATE bare_head SET position = $2 WHERE tenant_id = $1";
const INSERT_MANY: &str = "INSERT INTO bare (tenant_id, position, entry) \
    SELECT $1, r.position, r.entry FROM unnest($2::bigint [], $3::bytea []) AS r (position, entry)";

pub(super) async fn connect(url: &str) -> PgPool {
    let options = PgPoolOptions::new().max_connections(CONNECTIONS).test_before_acquire(false);
    options.connect(url).await.expect("a server")
}

pub(super) async fn make_table(pool: &PgPool) {
    sqlx::raw_sql(TABLES).execute(pool).await.expect("tables");
}

pub(super) async fn append_alone(pool: &PgPool, entry: &[u8]) -> Result<(), sqlx::Error> {
    let mut transaction = pool.begin().await?;
    let last: i64 = sqlx::query_scalar(LOCK_HEAD).bind(TENANT).fetch_one(&mut *transaction).await?;
    sqlx::query(INSERT).bind(TENANT).bind(last + 1).bind(entry).execute(&mut *transaction).await?;
    sqlx::query(PUT_HEAD).bind(TENANT).bind(last + 1).execute(&mut *transaction).await?;
    transaction.commit().await
}

pub(super) async fn append_many(pool: &PgPool, after: i64, entries: &[Vec<u8>]) -> Result<(), sqlx::Error> {
    let starts = (after..).step_by(ROWS_PER_STATEMENT);
    let mut chunks = starts.zip(entries.chunks(ROWS_PER_STATEMENT));
    if entries.len() <= ROWS_PER_STATEMENT {
        // A statement alone is its own transaction, one round trip to the server.
        let Some((after, rows)) = chunks.next() else { return Ok(()) };
        insert_many(after, rows).execute(pool).await?;
        return Ok(());
    }
    let mut transaction = pool.begin().await?;
    for (after, rows) in chunks {
        insert_many(after, rows).execute(&mut *transaction).await?;
    }
    transaction.commit().await
}

fn insert_many(after: i64, rows: &[Vec<u8>]) -> Query<'_, Postgres, sqlx::postgres::PgArguments> {
    let positions: Vec<i64> = (after + 1..).take(rows.len()).collect();
    let rows: Vec<&[u8]> = rows.iter().map(Vec::as_slice).collect();
    sqlx::query(INSERT_MANY).bind(TENANT).bind(positions).bind(rows)
}

pub(super) async fn positions(pool: &PgPool, table: &str, models: i64) -> HashMap<Uuid, u64> {
    let select =
        format!("SELECT tenant_id, min(position) FROM {table} GROUP BY tenant_id HAVING count(*) = {models}");
    let rows: Vec<(Uuid, i64)> =
        sqlx::query_as(AssertSqlSafe(select)).fetch_all(pool).await.expect("positions can be read");
    rows.into_iter().map(|(tenant, position)| (tenant, position.cast_unsigned())).collect()
}

/// A column of a table, as the statements of the copy say it.
struct Column {
    name: String,
    kind: String,
}

/// The copy has the columns and the primary key of the table, and its rows are sent by the client as lists of texts.
pub(super) async fn copy_table(url: &str, table: &str) -> (usize, f64) {
    let pool = connect(url).await;
    let columns = columns(&pool, table).await;
    let rows = texts(&pool, table, &columns).await;
    make_copy(&pool, table).await;
    let insert = insert_texts(&columns);
    let started = Instant::now();
    let mut transaction = pool.begin().await.expect("a transaction");
    for rows in rows.chunks(ROWS_PER_STATEMENT) {
        let mut query = sqlx::query(AssertSqlSafe(insert.clone()));
        for column in 0..columns.len() {
            query = query.bind(rows.iter().map(|row| row[column].as_deref()).collect::<Vec<_>>());
        }
        query.execute(&mut *transaction).await.expect("rows");
    }
    transaction.commit().await.expect("on disk");
    (rows.len(), started.elapsed().as_secs_f64())
}

async fn columns(pool: &PgPool, table: &str) -> Vec<Column> {
    let select = "SELECT attname::text, format_type(atttypid, atttypmod) FROM pg_catalog.pg_attribute \
        WHERE attrelid = $1::regclass AND attnum > 0 AND NOT attisdropped ORDER BY attnum";
    let columns: Vec<(String, String)> =
        sqlx::query_as(select).bind(table).fetch_all(pool).await.expect("the table is known");
    columns.into_iter().map(|(name, kind)| Column { name, kind }).collect()
}

async fn texts(pool: &PgPool, table: &str, columns: &[Column]) -> Vec<Vec<Option<String>>> {
    let list: Vec<String> = columns.iter().map(|column| format!("{}::text", column.name)).collect();
    let select = AssertSqlSafe(format!("SELECT {} FROM {table}", list.join(", ")));
    let rows = sqlx::query(select).fetch_all(pool).await.expect("the table can be read");
    let text = |row: &PgRow| (0..columns.len()).map(|column| row.get(column)).collect();
    rows.iter().map(text).collect()
}

async fn make_copy(pool: &PgPool, table: &str) {
    let key = "SELECT pg_get_constraintdef(oid) FROM pg_catalog.pg_constraint \
        WHERE conrelid = $1::regclass AND contype = 'p'";
    let key: String =
        sqlx::query_scalar(key).bind(table).fetch_one(pool).await.expect("it has a primary key");
    let make = format!("CREATE TABLE bare_copy (LIKE {table} INCLUDING DEFAULTS, {key})");
    sqlx::raw_sql(AssertSqlSafe(make)).execute(pool).await.expect("the same table");
}

fn insert_texts(columns: &[Column]) -> String {
    let numbered = || columns.iter().enumerate();
    let values: Vec<String> =
        numbered().map(|(number, column)| format!("r.c{number}::{}", column.kind)).collect();
    let lists: Vec<String> = (1..=columns.len()).map(|bind| format!("${bind}::text []")).collect();
    let names: Vec<String> = (0..columns.len()).map(|number| format!("c{number}")).collect();
    let (values, lists, names) = (values.join(", "), lists.join(", "), names.join(", "));
    format!("INSERT INTO bare_copy SELECT {values} FROM unnest({lists}) AS r ({names})")
}
