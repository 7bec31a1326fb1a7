//! The tables, made where they are missing.
//!
//! Everything in them is a fold of the log. `tenant_id` stands first in every key and every predicate, so that
//! the same tables can be spread over many machines by tenant.

use crate::db::Db;
use crate::error::Result;
use crate::model;

/// The layout of all tables together. It counts up whenever a column is added or changed: a file of another layout is
/// emptied, and everything folded anew.
const LAYOUT: i64 = 2;

/// What the names of the schemas on PostgreSQL begin with.
const PREFIX: &str = "views_";

/// The tables that every projector needs.
const OWN: &str = include_str!("schema.sql");

/// The schema that the tables stand in on PostgreSQL. Every layout has its own: programs of two layouts run beside each
/// other while one takes the other's place, each on its own tables.
pub(crate) fn name() -> String {
    format!("{PREFIX}{LAYOUT}")
}

/// Makes the tables that are missing.
pub(crate) async fn create(db: &Db) -> Result<()> {
    if let Db::Sqlite(file) = db
        && file.layout().await? != LAYOUT
    {
        file.empty(LAYOUT).await?;
    }
    db.prepare(&scripts()).await
}

/// What makes the tables, in SQLite's words.
pub(crate) fn scripts() -> Vec<&'static str> {
    let models = model::all();
    std::iter::once(OWN).chain(models.iter().map(|model| model.schema())).collect()
}
