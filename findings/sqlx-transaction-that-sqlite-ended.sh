#!/usr/bin/env bash
# sqlx 0.9.0 counts how deep a connection stands in transactions, and does not look at what SQLite says. After a statement
# that makes SQLite roll back by itself (here `INSERT OR ROLLBACK`; a full disk does the same) the count of that connection
# stays one too high for as long as the pool keeps it, however the transaction is ended:
# - the rollback fails ("no transaction is active"), and the connection goes back to the pool;
# - `begin_with` refuses on it from then on ("non-zero transaction depth");
# - `begin` works, by a savepoint where no transaction is;
# - a statement on the transaction after the failed one takes effect at once.
# It needs Rust and a C compiler, and compiles the driver: a minute or two.
set -euo pipefail
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

mkdir src
cat >Cargo.toml <<'EOF'
[package]
name = "depth"
version = "0.1.0"
edition = "2024"

[dependencies]
sqlx = { version = "=0.9.0", default-features = false, features = ["runtime-tokio", "sqlite"] }
tokio = { version = "1", features = ["rt", "macros"] }
EOF
cat >src/main.rs <<'EOF'
use sqlx::sqlite::SqlitePoolOptions;

async fn after(end: &str) -> Result<(), sqlx::Error> {
    let pool = SqlitePoolOptions::new().max_connections(1).connect("sqlite::memory:").await?;
    sqlx::query("CREATE TABLE kept (id INTEGER PRIMARY KEY)").execute(&pool).await?;
    let mut transaction = pool.begin().await?;
    sqlx::query("INSERT INTO kept VALUES (1)").execute(&mut *transaction).await?;
    sqlx::query("INSERT OR ROLLBACK INTO kept VALUES (1)").execute(&mut *transaction).await.unwrap_err();
    let ended = match end {
        "rollback" => transaction.rollback().await.unwrap_err().to_string(),
        "commit" => transaction.commit().await.unwrap_err().to_string(),
        "one more row" => {
            sqlx::query("INSERT INTO kept VALUES (2)").execute(&mut *transaction).await?;
            transaction.rollback().await.unwrap_err().to_string()
        }
        _ => {
            drop(transaction);
            "dropped".to_owned()
        }
    };
    pool.begin().await?.commit().await?;
    let refused = pool.begin_with("BEGIN IMMEDIATE").await.unwrap_err();
    let rows: i64 = sqlx::query_scalar("SELECT count(*) FROM kept").fetch_one(&pool).await?;
    println!("{end}: {ended}; begin works; begin_with: {refused}; rows: {rows}");
    Ok(())
}

#[tokio::main(flavor = "current_thread")]
async fn main() {
    for end in ["rollback", "commit", "drop", "one more row"] {
        after(end).await.unwrap();
    }
}
EOF
cargo run -q >seen.txt
cat seen.txt
[ "$(grep -c 'begin_with: attempted to call begin_with at non-zero transaction depth; rows: 0' seen.txt)" -eq 3 ]
grep -q '^one more row: .*rows: 1$' seen.txt
