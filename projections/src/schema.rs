//! The tables, made where they are missing, and made anew where they have columns of another time.
//!
//! Everything in them is a fold of the log. `tenant_id` stands first in every key and every predicate, so that
//! the same tables can be spread over many machines by tenant.

use crate::db::{Db, values};
use crate::error::Result;
use crate::model::{self, ReadModel};

/// The tables that every projector needs.
const OWN: &str = include_str!("schema.sql");

/// The oldest fold that filled a read model's tables, of any tenant: tables are the same for all.
const OLDEST: &str = "SELECT min(fold_version) FROM projection_checkpoint WHERE projection = $1";
/// What is known of how far tables had come that are no more. What an operator let be skipped stays skipped.
const FORGET: [&str; 3] = [
    "DELETE FROM projection_serving WHERE projection = $1",
    "DELETE FROM projection_checkpoint WHERE projection = $1",
    "DELETE FROM projection_parked WHERE projection = $1 AND skipped IS NULL",
];

/// Makes the tables that are missing.
pub(crate) async fn create(db: &Db) -> Result<()> {
    db.script(OWN).await?;
    for model in model::all() {
        make(db, &*model).await?;
    }
    Ok(())
}

/// Makes a read model's tables, in one transaction, after dropping those whose columns are of another time. What was
/// in them is folded anew from the log, as for a database that never had it. Tables that nothing was folded into yet
/// may be of any time, so they go as well.
async fn make(db: &Db, model: &dyn ReadModel) -> Result<()> {
    let mut session = db.write().await?;
    let oldest = session.row(OLDEST, &values![model.name()]).await?;
    let oldest = oldest.map_or(Ok(None), |row| row.opt_int(0))?;
    if oldest.is_none_or(|oldest| oldest < i64::from(model.shaped_in())) {
        for table in model.tables() {
            session.execute_made(format!("DROP TABLE IF EXISTS {}", table.name), &[]).await?;
        }
        for forget in FORGET {
            session.execute(forget, &values![model.name()]).await?;
        }
    }
    session.script(model.schema()).await?;
    session.commit().await
}
