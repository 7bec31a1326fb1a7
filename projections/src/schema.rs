//! The tables, made where they are missing.
//!
//! Everything in them is a fold of the log. `tenant_id` stands first in every key and every predicate, so that
//! the same tables can be spread over many machines by tenant.

use crate::db::Db;
use crate::error::Result;
use crate::model;

/// The tables that every projector needs.
const OWN: &str = include_str!("schema.sql");

/// A column that a table of an earlier program lacks.
struct Added {
    table: &'static str,
    has_column: &'static str,
    add: &'static str,
}

/// What was added to tables since they were first made, oldest first. The rows of an earlier fold serve with the
/// default until they are folded anew.
const ADDED: &[Added] = &[Added {
    table: "SELECT 1 FROM dwell_move WHERE 1 = 0",
    has_column: "SELECT version FROM dwell_move WHERE 1 = 0",
    add: "ALTER TABLE dwell_move ADD COLUMN version INTEGER NOT NULL DEFAULT 1",
}];

async fn expand(db: &Db) -> Result<()> {
    for added in ADDED {
        let there = db.read().await?.rows(added.table, &[]).await.is_ok();
        let whole = db.read().await?.rows(added.has_column, &[]).await.is_ok();
        if there && !whole {
            db.script(added.add).await?;
        }
    }
    Ok(())
}

/// Makes the tables that are missing, and the columns that tables of an earlier program lack.
pub(crate) async fn create(db: &Db) -> Result<()> {
    expand(db).await?;
    db.script(OWN).await?;
    for model in model::all() {
        db.script(model.schema()).await?;
    }
    Ok(())
}
