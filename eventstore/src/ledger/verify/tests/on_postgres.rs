//! The campaign of edits and the clean logs on PostgreSQL. Tables, columns and their types are read from the database: there is
//! no list in which one could be missing.

use std::collections::BTreeSet;
use std::sync::Arc;

use sqlx::postgres::{PgConnection, Postgres};
use sqlx::{AssertSqlSafe, Row};
use uuid::Uuid;

use super::{Author, Chance, clock, directed, edits, faults, is_harmless, note, verdict};
use crate::ledger::{FirstNote, Verdict};
use crate::postgres::Options;
use crate::postgres::tests::{Database, Kind};
use crate::{PostgresStore, TenantId};

/// How many edits are usually made at least: each takes connections of its own, and two logs to be verified.
const EDITS: usize = 400;
const COLUMNS: &str = "SELECT c.table_name::text, c.column_name::text, c.data_type::text
     FROM information_schema.columns AS c JOIN information_schema.tables AS t USING (table_schema, table_name)
     WHERE c.table_schema = 'public' AND t.table_type = 'BASE TABLE'
     ORDER BY c.table_name, c.ordinal_position";
const KEYS: &str = "SELECT i.indrelid::regclass::text, a.attname::text
     FROM pg_index AS i JOIN pg_attribute AS a ON a.attrelid = i.indrelid AND a.attnum = ANY (i.indkey)
     WHERE i.indisprimary AND i.indrelid::regclass::text = ANY ($1)
     ORDER BY array_position(i.indkey, a.attnum)";

fn options() -> Options {
    let first: FirstNote = Arc::new(note);
    Options { first_note: Some(first), shards: 1, read_connections: 2, hints: false, ..Options::new(clock()) }
}

struct Table {
    name: String,
    key: Vec<String>,
    /// With their types.
    columns: Vec<(String, String)>,
}

/// A database with everything that a log can have, a copy of each table, and a connection that edits.
struct Edited {
    database: Database,
    connection: PgConnection,
    tables: Vec<Table>,
    /// The note that is kept outside.
    outside: String,
}

impl Edited {
    async fn new() -> Option<Self> {
        let database = Database::create(Kind::Plain).await?;
        let store = PostgresStore::open(&database.url(), options()).await.unwrap();
        let mut author = Author::over(store, 1);
        let outside = author.fill().await;
        author.store.close().await;
        let mut connection = database.connect().await;
        sqlx::raw_sql("SET synchronous_commit = off").execute(&mut connection).await.unwrap();
        let tables = tables(&mut connection).await;
        database.sql("DROP SCHEMA IF EXISTS kept CASCADE; CREATE SCHEMA kept").await;
        for Table { name, .. } in &tables {
            database.sql(&format!("CREATE TABLE kept.{name} AS TABLE {name}")).await;
        }
        Some(Self { database, connection, tables, outside })
    }

    /// One change to one place: of which table, and described; none where it came to nothing.
    async fn edit(&mut self, chance: &mut Chance) -> Option<(usize, String)> {
        let number = chance.below(self.tables.len());
        let Self { connection, tables, .. } = self;
        let Table { name, key, columns } = &tables[number];
        let keys = key.join(", ");
        let count: i64 = scalar(connection, &format!("SELECT count(*) FROM {name}")).await?;
        let row = |row: usize| format!("SELECT {keys} FROM {name} ORDER BY {keys} LIMIT 1 OFFSET {row}");
        let place = format!("({keys}) = ({})", row(chance.below(count as usize)));
        let (column, kind) = &columns[chance.below(columns.len())];
        let (sql, what) = match chance.below(10) {
            0 => (format!("DELETE FROM {name} WHERE {place}"), format!("{name} row deleted")),
            1 => {
                // A copy of the row under another key.
                let other = &key[chance.below(key.len())];
                let written = columns.iter().map(|(column, kind)| match column == other {
                    true => another(chance, column, kind),
                    false => column.clone(),
                });
                let written = written.collect::<Vec<_>>().join(", ");
                let whose = if other == "tenant_id" { " for another tenant" } else { "" };
                let sql = format!("INSERT INTO {name} SELECT {written} FROM {name} WHERE {place}");
                (sql, format!("{name} row added{whose}"))
            }
            2 => {
                let donor = row(chance.below(count as usize));
                let taken = format!("SELECT {column} FROM {name} WHERE ({keys}) = ({donor})");
                let sql = format!("UPDATE {name} SET {column} = ({taken}) WHERE {place}");
                (sql, format!("{name}.{column}"))
            }
            _ => {
                let other = another(chance, column, kind);
                let sql = format!("UPDATE {name} SET {column} = {other} WHERE {place}");
                (sql, format!("{name}.{column}"))
            }
        };
        let is_refusal = name == "receipt"
            && scalar::<i64>(connection, &format!("SELECT count FROM receipt WHERE {place}")).await
                == Some(0);
        let what = if is_refusal { format!("{what} of a refusal") } else { what };
        let counter = match name.as_str() {
            "log_head" => "erasures::text",
            "receipt" => "count::text",
            _ => "''",
        };
        let counter = format!("SELECT {counter} FROM {name} WHERE {place}");
        let before: Option<String> = scalar(connection, &counter).await;
        let done = sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut *connection).await.ok()?;
        let after: Option<String> = scalar(connection, &counter).await;
        (done.rows_affected() > 0).then(|| (number, directed(what, before.as_deref(), after.as_deref())))
    }

    /// Whether a table has other rows than were written.
    async fn differs(&mut self, table: usize) -> bool {
        let name = &self.tables[table].name;
        let (now, then) = (format!("TABLE {name}"), format!("TABLE kept.{name}"));
        let odd = format!("(({now}) EXCEPT ALL ({then})) UNION ALL (({then}) EXCEPT ALL ({now}))");
        scalar::<i64>(&mut self.connection, &format!("SELECT count(*) FROM ({odd}) AS odd")).await != Some(0)
    }

    async fn restore(&mut self, table: usize) {
        let Table { name, key, .. } = &self.tables[table];
        let keys = key.join(", ");
        let sql = format!(
            "DELETE FROM {name} WHERE ({keys}) IN (SELECT {keys} FROM (TABLE {name} EXCEPT TABLE kept.{name}) AS odd);
             INSERT INTO {name} (TABLE kept.{name} EXCEPT TABLE {name})"
        );
        sqlx::raw_sql(AssertSqlSafe(sql)).execute(&mut self.connection).await.unwrap();
    }

    /// What the verification finds; none where it finds nothing.
    async fn found(&self) -> Option<String> {
        let store = match PostgresStore::inspect(&self.database.url(), options()).await {
            Ok(store) => store,
            Err(error) => return Some(error.to_string()),
        };
        let found = faults(store.clone(), store.integrity().await, &self.outside).await;
        store.read_pool().close().await;
        found
    }
}

async fn tables(connection: &mut PgConnection) -> Vec<Table> {
    let mut tables: Vec<Table> = Vec::new();
    for row in sqlx::query(COLUMNS).fetch_all(&mut *connection).await.unwrap() {
        let (name, column): (String, (String, String)) = (row.get(0), (row.get(1), row.get(2)));
        match tables.last_mut().filter(|table| table.name == name) {
            Some(table) => table.columns.push(column),
            None => tables.push(Table { name, key: Vec::new(), columns: vec![column] }),
        }
    }
    let names: Vec<String> = tables.iter().map(|table| table.name.clone()).collect();
    for row in sqlx::query(KEYS).bind(names).fetch_all(connection).await.unwrap() {
        let (name, column): (String, String) = (row.get(0), row.get(1));
        tables.iter_mut().filter(|table| table.name == name).for_each(|table| table.key.push(column.clone()));
    }
    tables
}

async fn scalar<T>(connection: &mut PgConnection, sql: &str) -> Option<T>
where
    T: for<'r> sqlx::Decode<'r, Postgres> + sqlx::Type<Postgres> + Send + Unpin,
{
    sqlx::query_scalar(AssertSqlSafe(sql.to_owned())).fetch_optional(connection).await.ok().flatten()
}

/// An expression that is another value than the column has.
fn another(chance: &mut Chance, column: &str, kind: &str) -> String {
    let number = chance.next() % 1_000;
    let at = format!("{number} % greatest(length({column}), 1)");
    let choices = match kind {
        "uuid" => vec![
            format!("'{}'::uuid", Uuid::from_u64_pair(chance.next(), chance.next())),
            "'00000000-0000-0000-0000-000000000000'::uuid".to_owned(),
        ],
        "bigint" => vec![
            format!("{column} + {number} + 1"),
            format!("{column} - 1"),
            format!("-{column} - 1"),
            "0".to_owned(),
        ],
        "boolean" => vec![format!("NOT {column}")],
        "text" => vec![
            format!("overlay({column} PLACING '~' FROM {at} + 1)"),
            format!("{column} || 'x'"),
            format!("substr({column}, 2)"),
            "''".to_owned(),
        ],
        "bytea" => vec![
            format!("set_byte({column}, {at}, (get_byte({column}, {at}) + 7) % 256)"),
            format!("{column} || '\\x00'::bytea"),
            format!("substr({column}, 2)"),
            format!("decode(repeat('00', length({column})), 'hex')"),
        ],
        other => panic!("nobody knows how to edit {column}, which is {other}"),
    };
    match chance.below(7) {
        0 => "NULL".to_owned(),
        // One byte, or one place, rather than the whole.
        1..=3 => choices[0].clone(),
        _ => choices[chance.below(choices.len())].clone(),
    }
}

#[tokio::test]
async fn every_edit_of_every_column_on_postgres_is_found_or_known_to_be_harmless() {
    let Some(mut edited) = Edited::new().await else { return };
    assert_eq!(edited.found().await, None, "nothing was changed");
    let named = |table: &Table| {
        table.columns.iter().map(|(column, _)| format!("{}.{column}", table.name)).collect::<Vec<_>>()
    };
    let mut untouched: BTreeSet<String> = edited.tables.iter().flat_map(named).collect();
    assert!(untouched.len() > 35, "{untouched:?}");
    let (mut chance, mut made, mut unnoticed) = (Chance(4), 0, Vec::new());
    while made < edits(EDITS) || !untouched.is_empty() {
        let Some((table, what)) = edited.edit(&mut chance).await else { continue };
        if edited.differs(table).await {
            made += 1;
            untouched.remove(what.split(' ').next().unwrap_or_default());
            if edited.found().await.is_none() && !is_harmless(&what) {
                unnoticed.push(what);
            }
        }
        edited.restore(table).await;
    }
    edited.database.sql("DROP SCHEMA kept CASCADE").await;
    assert!(unnoticed.is_empty(), "{} of {made} edits were not found: {unnoticed:?}", unnoticed.len());
}

#[tokio::test]
async fn no_log_on_postgres_that_was_only_written_to_is_called_anything_but_sound() {
    let Some(database) = Database::create(Kind::Plain).await else { return };
    let store = PostgresStore::open(&database.url(), options()).await.unwrap();
    let other = PostgresStore::inspect(&database.url(), options()).await.unwrap();
    for seed in 0..200 {
        let tenant = TenantId(Uuid::from_u128(1_000 + u128::from(seed)));
        let mut author = Author::over(store.clone(), 1_000 + seed);
        let outside = author.write_at_random(tenant).await;
        // Beside a writer, and after it from another process.
        let beside = author.verdict_meanwhile(tenant, outside.clone()).await;
        assert!(matches!(beside, Ok(Verdict::Sound(_))), "seed {seed}: {beside:?}");
        let after = verdict(other.clone(), tenant, outside).await;
        assert!(matches!(after, Ok(Verdict::Sound(_))), "seed {seed}: {after:?}");
    }
    assert_eq!(other.integrity().await.unwrap(), "ok");
}
