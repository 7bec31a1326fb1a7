//! The tables, made where they are missing.
//!
//! Everything in them is a fold of the log. `tenant_id` stands first in every key and every predicate, so that
//! the same tables can be spread over many machines by tenant.

use crate::db::{Commit, Db, Derived, tables_in};
use crate::error::Result;
use crate::models::registry;

/// The layout of all tables together. It counts up whenever a column is added or changed: a file of another layout is
/// emptied, and everything folded from the log again.
const LAYOUT: i64 = 17;

/// What the names of the schemas on PostgreSQL begin with.
const PREFIX: &str = "views_";

/// The tables that every projector needs.
const OWN: &str = include_str!("schema.sql");

/// The views for people who write SQL.
const VIEWS: &str = include_str!("views/schema.sql");

/// The schema that the tables stand in on PostgreSQL. Every layout has its own: programs of two layouts run beside each
/// other while one takes the other's place, each on its own tables.
pub(crate) fn name() -> String {
    format!("{PREFIX}{LAYOUT}")
}

/// The tables on PostgreSQL, with their schema.
#[must_use]
pub fn tables() -> Vec<String> {
    let scripts = scripts();
    let tables = scripts.iter().flat_map(|script| tables_in(script));
    tables.map(|table| format!("{}.{table}", name())).collect()
}

/// Makes this program's tables in a PostgreSQL database. The URL is their owner's.
///
/// # Errors
/// [`crate::ProjectionError::Database`] when they cannot be made.
pub async fn migrate(url: &str) -> Result<()> {
    let db = Db::postgres(url, &name(), Commit::Lazy, 1).await?;
    create(&db).await?;
    db.close().await;
    Ok(())
}

/// Gives an ordinary role what it needs of the tables, one tenant at a time. The URL is their owner's.
///
/// # Errors
/// [`crate::ProjectionError::Database`] when the database refuses.
pub async fn secure(url: &str, role: &str) -> Result<()> {
    let db = Db::postgres(url, &name(), Commit::Lazy, 1).await?;
    db.secure(role, &scripts()).await?;
    db.close().await;
    Ok(())
}

/// Drops the tables of programs of other layouts, and answers in which schemas they stood. None of those programs may
/// run any more.
///
/// # Errors
/// [`crate::ProjectionError::Database`] when the database refuses.
pub async fn contract(url: &str) -> Result<Vec<String>> {
    let db = Db::postgres(url, &name(), Commit::Lazy, 1).await?;
    let dropped = match &db {
        Db::Postgres(schema) => schema.drop_others(PREFIX).await,
        Db::Sqlite(_) => Ok(Vec::new()),
    };
    db.close().await;
    dropped
}

/// The tables as they stand in a file of their own.
pub(crate) fn derived() -> Derived {
    Derived { layout: LAYOUT, scripts: scripts() }
}

/// Makes the tables that are missing.
pub(crate) async fn create(db: &Db) -> Result<()> {
    db.prepare(&scripts()).await
}

/// What makes the tables, in SQLite's words.
pub(crate) fn scripts() -> Vec<&'static str> {
    let models = registry::all();
    std::iter::once(OWN).chain(models.iter().map(|model| model.schema())).chain([VIEWS]).collect()
}
