#!/usr/bin/env bash
# SQLite 3.51.3 (in rusqlite 0.39.0) prepares a statement again each time that another value is bound to its `LIMIT ?`, so that
# a statement that a program keeps prepared is parsed and planned at every call. The planner looks at the value to learn how
# many rows are wanted, and whatever it looked at makes the plan void once it is bound again. None of these does so:
# - `LIMIT (SELECT ?)`;
# - a range instead of the limit;
# - the same statement on a connection with SQLITE_DBCONFIG_ENABLE_QPSG (or SQLite compiled with SQLITE_ENABLE_QPSG), by
#   which plans do not depend on bound values.
# It needs Rust and a C compiler, and compiles SQLite: a minute or two.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

mkdir src
cat >Cargo.toml <<'TOML'
[package]
name = "limits"
version = "0.1.0"
edition = "2024"

[dependencies]
libsqlite3-sys = "=0.37.0"
rusqlite = { version = "=0.39.0", features = ["bundled"] }
TOML
cat >src/main.rs <<'RUST'
use rusqlite::config::DbConfig;
use rusqlite::{Connection, StatementStatus, params};

fn prepared_again(stable: bool, sql: &str) -> rusqlite::Result<i32> {
    let connection = Connection::open_in_memory()?;
    connection.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, stable)?;
    connection.execute_batch("CREATE TABLE number (id INTEGER PRIMARY KEY)")?;
    for id in 1..=1_000 {
        connection.execute("INSERT INTO number VALUES (?1)", [id])?;
    }
    let mut statement = connection.prepare(sql)?;
    for after in 0..100 {
        let rows = statement.query_map(params![after, 10], |row| row.get::<_, i64>(0))?;
        assert_eq!(rows.count(), 10);
    }
    Ok(statement.get_status(StatementStatus::RePrepare))
}

fn main() -> rusqlite::Result<()> {
    let limit = "SELECT id FROM number WHERE id > ?1 ORDER BY id LIMIT ?2";
    let subquery = "SELECT id FROM number WHERE id > ?1 ORDER BY id LIMIT (SELECT ?2)";
    let range = "SELECT id FROM number WHERE id > ?1 AND id <= ?1 + ?2 ORDER BY id";
    println!("SQLite {}", rusqlite::version());
    println!("a limit: {} of 100", prepared_again(false, limit)?);
    println!("a limit in a subquery: {} of 100", prepared_again(false, subquery)?);
    println!("a range: {} of 100", prepared_again(false, range)?);
    println!("a limit, with stable plans: {} of 100", prepared_again(true, limit)?);
    Ok(())
}
RUST
cargo run --quiet >seen
cat seen
diff - seen <<'SEEN'
SQLite 3.51.3
a limit: 100 of 100
a limit in a subquery: 0 of 100
a range: 0 of 100
a limit, with stable plans: 0 of 100
SEEN
