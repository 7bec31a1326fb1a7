//! The tables of receivers, of what is on its way to them, and of how far consumers have acknowledged the log.
//!
//! Whom a tenant tells is an event of its log; here stands what is needed to do it, secrets among it, which must be possible
//! to forget, and the outcome of each message, which is no history of a customer. Secrets are sealed under the tenant's
//! key, so that a copy of the database alone signs nothing.

#[cfg(test)]
mod aborted;
mod acknowledged;
mod delivered;
mod error;
mod messages;
mod receivers;
mod rows;

use std::path::Path;

use crate::eventstore::TenantId;
use crate::projections::db::{Commit, Db, Value, tables_in};

pub use acknowledged::Acknowledged;
pub use error::OutboundError;
use error::Result;
pub use messages::{Outcome, Queued};

/// The tables, in SQLite's words.
const SCHEMA: &str = include_str!("schema.sql");
/// The schema that the tables stand in on PostgreSQL.
const OUTBOUND_SCHEMA: &str = "outbound";
/// Connections to PostgreSQL: a message is a few short statements around an attempt that takes far longer.
const CONNECTIONS: u32 = 4;

/// Switches a receiver off: because somebody says so, or because of what it answered to a message.
const DISABLE: &str = include_str!("store/disable.sql");

/// The tables on PostgreSQL, with their schema.
#[must_use]
pub fn tables() -> Vec<String> {
    tables_in(SCHEMA).into_iter().map(|table| format!("{OUTBOUND_SCHEMA}.{table}")).collect()
}

/// Gives an ordinary role what it needs of the tables, one tenant at a time. The URL is the owner's.
///
/// # Errors
/// When the database refuses.
pub async fn secure(url: &str, role: &str) -> Result<()> {
    let db = Db::postgres(url, OUTBOUND_SCHEMA, Commit::Durable, 1).await?;
    db.secure(role, &[SCHEMA]).await?;
    db.close().await;
    Ok(())
}

/// Receivers and messages of one database.
pub struct OutboundStore {
    db: Db,
}

impl OutboundStore {
    /// Opens the tables in a SQLite file, making them where they are missing.
    ///
    /// # Errors
    /// When the file cannot be opened or written.
    pub async fn open(file: &Path) -> Result<Self> {
        let db = Db::sqlite(file, Commit::Durable).await?;
        db.prepare(&[SCHEMA]).await?;
        Ok(Self { db })
    }

    /// The tables of a SQLite file that is there, to look at them: nothing is made.
    ///
    /// # Errors
    /// When the file is not there, or cannot be opened.
    pub async fn inspect(file: &Path) -> Result<Self> {
        Ok(Self { db: Db::inspect(file).await? })
    }

    /// The tables of a PostgreSQL database that is there, to look at them: nothing is made.
    ///
    /// # Errors
    /// When nobody answers at the URL.
    pub async fn inspect_at(url: &str) -> Result<Self> {
        Ok(Self { db: Db::postgres(url, OUTBOUND_SCHEMA, Commit::Durable, 1).await? })
    }

    /// Opens the tables in a schema of their own of a PostgreSQL database, making them where they are missing.
    ///
    /// # Errors
    /// When nobody answers at the URL, or the tables cannot be made.
    pub async fn connect(url: &str) -> Result<Self> {
        let db = Db::postgres(url, OUTBOUND_SCHEMA, Commit::Durable, CONNECTIONS).await?;
        db.prepare(&[SCHEMA]).await?;
        Ok(Self { db })
    }

    /// Closes the connections.
    pub async fn close(&self) {
        self.db.close().await;
    }

    async fn write(&self, tenant: TenantId, sql: &'static str, values: &[Value]) -> Result<u64> {
        let mut session = self.db.write(tenant).await?;
        let changed = session.execute(sql, values).await?;
        session.commit().await?;
        Ok(changed)
    }
}
