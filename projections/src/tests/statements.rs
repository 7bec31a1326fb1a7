//! Every statement prepares on both engines, and names its tenant.

use std::path::{Path, PathBuf};

use sqlx::{AssertSqlSafe, Executor as _, SqlSafeStr as _};

use super::world::{TENANT, World};
use crate::Projections;
use crate::board::Board;
use crate::board::statements::filled;
use crate::db::{ColumnType, Dialect, Transaction, Value, tables_in};
use crate::models::read_model::ReadModel as _;
use crate::models::registry;
use crate::models::work::statements::{CONTACTS, CONTACTS_COUNTED};
use crate::storage::schema;
use crate::storage::table::Table;
use crate::storage::table::among;

/// The parts of tables that are written without the rest.
const PARTS: [&Table; 1] = [&crate::board::tables::VERSIONS];

fn statement_files(folder: &Path) -> Vec<PathBuf> {
    let mut files = Vec::new();
    for entry in std::fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        if path.is_dir() {
            files.extend(statement_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "sql")
            && !path.ends_with("schema.sql")
        {
            files.push(path);
        }
    }
    files
}

fn binds(sql: &str) -> Vec<Value> {
    let highest = sql.split('$').skip(1).filter_map(|rest| {
        let digits: String = rest.chars().take_while(char::is_ascii_digit).collect();
        digits.parse::<usize>().ok()
    });
    vec![Value::Null; highest.max().unwrap_or(0) + sql.matches('?').count()]
}

/// Every statement there is, by name.
fn statements(dialect: Dialect) -> Vec<(String, String)> {
    let mut statements: Vec<(String, String)> = Vec::new();
    for path in statement_files(&Path::new(env!("CARGO_MANIFEST_DIR")).join("src")) {
        let sql = filled(&std::fs::read_to_string(&path).unwrap());
        let before = binds(&sql).len();
        let sql = if sql.trim_end().ends_with(" IN") { among(sql.trim_end(), before, 10) } else { sql };
        statements.push((path.display().to_string(), sql));
    }
    assert!(statements.len() > 20);
    for table in registry::all().iter().flat_map(|model| model.tables().iter().copied()).chain(PARTS) {
        assert_eq!(table.columns[..2], ["tenant_id", "generation"], "{}", table.name);
        let write = match dialect {
            Dialect::Sqlite => table.write_of_tuples(3),
            Dialect::Postgres => table.write_of_lists(),
        };
        statements.push((table.name.to_owned(), write));
        statements.push((table.name.to_owned(), table.delete()));
        statements.push((table.name.to_owned(), table.in_both()));
        statements.push((table.name.to_owned(), table.difference()));
    }
    statements
}

async fn assert_all_prepare(projections: &Projections) {
    let dialect = projections.engine().db.dialect();
    for (name, sql) in statements(dialect) {
        let mut transaction = projections.engine().db.write(TENANT).await.unwrap();
        // Explained, a statement may have binds whose types PostgreSQL cannot tell.
        if let Transaction::Postgres(transaction) = &mut transaction {
            let sql = AssertSqlSafe(sql.clone()).into_sql_str();
            let prepared = transaction.connection().unwrap().prepare(sql).await;
            assert!(prepared.is_ok(), "{name}: {:?}", prepared.err());
        }
        let explained = transaction.fetch_dynamic(format!("EXPLAIN {sql}").into(), binds(&sql)).await;
        assert!(explained.is_ok(), "{name}: {:?}", explained.err());
    }
}

/// The columns that a schema gives a table, in order, with what they hold.
fn columns_in(schema: &str, table: &str) -> Vec<(String, ColumnType)> {
    let begins = format!("CREATE TABLE IF NOT EXISTS {table} (");
    let lines = schema.lines().skip_while(|line| *line != begins).skip(1);
    let columns = lines.take_while(|line| !line.starts_with(')')).filter_map(|line| {
        let mut words = line.split([' ', ',']).filter(|word| !word.is_empty());
        let (name, kind) = (words.next()?, words.next()?);
        let kind = match kind {
            "BLOB" => ColumnType::Id,
            "INTEGER" | "BIGINT" => ColumnType::Number,
            "TEXT" => ColumnType::Text,
            _ => return None,
        };
        Some((name.to_owned(), kind))
    });
    columns.collect()
}

#[test]
fn every_table_has_the_columns_of_its_schema_and_no_other() {
    for model in registry::all() {
        for table in model.tables() {
            let mut said = columns_in(model.schema(), table.name).split_off(2);
            let columns = table.columns[2..].iter().map(|name| (*name).to_owned());
            let mut declared: Vec<(String, ColumnType)> = columns.zip(table.types.iter().copied()).collect();
            said.sort_by(|one, other| one.0.cmp(&other.0));
            declared.sort_by(|one, other| one.0.cmp(&other.0));
            assert_eq!(declared, said, "{}", table.name);
        }
    }
    for part in PARTS {
        let said = columns_in(Board.schema(), part.name);
        for (name, of) in part.columns[2..].iter().zip(part.types) {
            assert!(said.contains(&((*name).to_owned(), *of)), "{}.{name}", part.name);
        }
    }
}

#[tokio::test]
async fn every_statement_prepares_on_sqlite() {
    let world = World::new();
    let path = world.path("p");
    assert_all_prepare(&Projections::open(&path, world.store.clone(), world.vault.clone()).await.unwrap())
        .await;
}

#[tokio::test]
async fn a_part_of_a_table_is_written_by_the_key() {
    let world = World::new();
    let projections =
        Projections::open(&world.path("p"), world.store.clone(), world.vault.clone()).await.unwrap();
    for part in PARTS {
        let mut transaction = projections.engine().db.read(TENANT).await.unwrap();
        let sql = part.write_of_tuples(100);
        let plan =
            transaction.fetch_dynamic(format!("EXPLAIN QUERY PLAN {sql}").into(), binds(&sql)).await.unwrap();
        let steps: Vec<String> = plan.iter().map(|row| row.text(3).unwrap()).collect();
        let by_the_key = steps.last().is_some_and(|step| step.starts_with("SEARCH t USING PRIMARY KEY"));
        assert!(by_the_key, "{}: {steps:?}", part.name);
    }
}

#[tokio::test]
async fn who_must_be_contacted_is_looked_for_and_counted_by_the_instants_and_not_among_everybody() {
    let world = World::new();
    let projections =
        Projections::open(&world.path("p"), world.store.clone(), world.vault.clone()).await.unwrap();
    for sql in [CONTACTS, CONTACTS_COUNTED] {
        let mut transaction = projections.engine().db.read(TENANT).await.unwrap();
        let plan =
            transaction.fetch_dynamic(format!("EXPLAIN QUERY PLAN {sql}").into(), binds(sql)).await.unwrap();
        let steps: Vec<String> = plan.iter().map(|row| row.text(3).unwrap()).collect();
        let customers: Vec<&String> = steps.iter().filter(|step| step.starts_with("SEARCH c ")).collect();
        assert_eq!(customers.len(), 2, "{steps:?}");
        for (step, index) in customers.iter().zip(["work_customer_next", "work_customer_touched"]) {
            assert!(step.contains(index) && step.contains("_at<?"), "{index}: {steps:?}");
        }
    }
}

#[tokio::test]
async fn every_statement_prepares_on_postgres() {
    let world = World::new();
    let Some(projections) = world.node("p", 1).await else { return };
    assert_all_prepare(&projections).await;
}

#[test]
fn every_statement_names_its_tenant() {
    for (name, sql) in statements(Dialect::Postgres) {
        // How far the read models of all tenants are is asked once, when a process starts or tenants come to it.
        let asks_for_tenants = name.ends_with("checkpoint/everywhere.sql");
        let names_tenant = asks_for_tenants || sql.contains("tenant_id = $1") || sql.contains("(tenant_id,");
        assert!(names_tenant, "{name} does not begin with its tenant");
    }
}

#[test]
fn the_tables_on_postgres_are_those_of_the_snapshot() {
    let said: Vec<String> = schema::scripts()
        .iter()
        .flat_map(|script| Dialect::Postgres.statements(script))
        .map(|statement| statement + ";\n")
        .collect();
    insta::assert_snapshot!(said.join("\n"));
    for table in schema::scripts().iter().flat_map(|script| tables_in(script)) {
        let made = said.iter().find(|statement| statement.contains(&format!("EXISTS {table} ("))).unwrap();
        let key = made.split("PRIMARY KEY (").nth(1).unwrap();
        assert!(key.starts_with("tenant_id,"), "the key of {table} does not begin with its tenant");
    }
}

#[test]
fn the_key_of_a_table_is_that_of_its_schema() {
    for model in registry::all() {
        for table in model.tables() {
            let begins = format!("CREATE TABLE IF NOT EXISTS {} (", table.name);
            let said = model.schema().split(&begins).nth(1).unwrap();
            let said = said.split("PRIMARY KEY (").nth(1).unwrap().split(')').next().unwrap();
            assert_eq!(table.columns[..table.key].join(", "), said, "{}", table.name);
        }
    }
}
