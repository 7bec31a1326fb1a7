//! The tables, made where they are missing.
//!
//! Everything in them is a fold of the log. `tenant_id` stands first in every key and every predicate, so that
//! the same tables can be spread over many machines by tenant.

use crate::db::Db;
use crate::error::Result;
use crate::model;

/// The layout of all tables together. It counts up whenever a column is added or changed: a file of another layout is
/// emptied, and everything folded anew.
const LAYOUT: i64 = 1;

/// The tables that every projector needs.
const OWN: &str = include_str!("schema.sql");

/// Makes the tables that are missing.
pub(crate) async fn create(db: &Db) -> Result<()> {
    if db.layout().await? != LAYOUT {
        db.empty(LAYOUT).await?;
    }
    db.script(OWN).await?;
    for model in model::all() {
        db.script(model.schema()).await?;
    }
    Ok(())
}
