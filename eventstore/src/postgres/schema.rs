//! Makes the tables, checks their layout, and gives an ordinary role what it needs.

use sqlx::error::DatabaseError;
use sqlx::postgres::PgConnection;
use sqlx::{AssertSqlSafe, Connection};

use super::connect::Server;
use super::failure::unavailable;
use super::tenant_scope::{Durability, SYSTEM, WriteTxSettings};
use crate::StoreError;

/// The layout of the tables that this code reads and writes.
const LAYOUT: i64 = 1;
/// Each is sent by itself: an index is made in a statement of its own, and data never together with tables.
pub(super) const MIGRATIONS: [&str; 5] = [
    include_str!("migrations/0001_tables.sql"),
    include_str!("migrations/0002_event_by_type.sql"),
    include_str!("migrations/0003_event_tag_by_blind_subject.sql"),
    include_str!("migrations/0004_event_readable.sql"),
    include_str!("migrations/0005_layout.sql"),
];
const SECURED_ROLES: &str = include_str!("secured_roles.sql");
const GRANTS: &str = include_str!("grants.sql");
/// Whether the tables may be spread over other servers.
const DISTRIBUTED: &str = "SELECT EXISTS (SELECT 1 FROM pg_catalog.pg_extension WHERE extname = 'citus')";
const LAYOUT_KNOWN: &str = include_str!("layout.sql");
/// Processes that start together make the tables one after the other. Any number would do; this one spells "waymark".
const MIGRATION_LOCK: i64 = 0x0077_6179_6d61_726b;

/// What a store needs to know of the database it works in.
pub(super) struct ServerFeatures {
    pub(super) writing: WriteTxSettings,
    /// Whether row-level security holds for the role that asks.
    pub(super) row_security: bool,
}

/// Makes the log's tables in the database that a URL names, or brings them to this program's layout. Does nothing
/// where they are; any number of processes may do it at once.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database cannot be reached, the role may not make tables, or they have a newer
/// layout.
pub async fn migrate(url: &str) -> Result<(), StoreError> {
    let mut connection = Server::new(url)?.connect().await.map_err(unavailable)?;
    create_tables(&mut connection).await?;
    connection.close().await.map_err(unavailable)
}

/// Lets an ordinary role, which owns nothing, read and append to the log, and sets up row-level security, so that it
/// sees the rows of one tenant at a time. The URL is the owner's. A store that was open meanwhile has to be reopened.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database cannot be reached or refuses.
pub async fn secure(url: &str, role: &str) -> Result<(), StoreError> {
    let mut connection = Server::new(url)?.connect().await.map_err(unavailable)?;
    let name = format!("\"{}\"", role.replace('"', "\"\""));
    let mut transaction = connection.begin().await.map_err(unavailable)?;
    // One by one: a cluster takes no policy among other statements (https://github.com/citusdata/citus/issues/6608).
    for grant in GRANTS.split(";\n") {
        let grant = grant.replace(":\"role\"", &name);
        sqlx::raw_sql(AssertSqlSafe(grant)).execute(&mut *transaction).await.map_err(unavailable)?;
    }
    transaction.commit().await.map_err(unavailable)?;
    connection.close().await.map_err(unavailable)
}

/// The roles that [`secure`] was called for; none for anyone but the owner, who alone can call it again.
///
/// # Errors
/// [`StoreError::Unavailable`] when the database cannot be reached.
pub async fn secured_roles(url: &str) -> Result<Vec<String>, StoreError> {
    let mut connection = Server::new(url)?.connect().await.map_err(unavailable)?;
    let roles = sqlx::query_scalar(SECURED_ROLES).fetch_all(&mut connection).await.map_err(unavailable)?;
    connection.close().await.map_err(unavailable)?;
    Ok(roles)
}

/// Makes the tables where they are missing, and refuses a database that would not keep what it acknowledges.
pub(super) async fn prepare(server: &Server) -> Result<ServerFeatures, StoreError> {
    let mut connection = server.connect().await.map_err(unavailable)?;
    let durability = assert_durable(&mut connection).await?;
    create_tables(&mut connection).await?;
    let row_security = row_security(&mut connection).await?;
    let distributed =
        sqlx::query_scalar(DISTRIBUTED).fetch_one(&mut connection).await.map_err(unavailable)?;
    connection.close().await.map_err(unavailable)?;
    Ok(ServerFeatures { writing: WriteTxSettings::new(durability, distributed), row_security })
}

/// Looks at a database that is there, and creates nothing. Returns whether row-level security applies to this role.
///
/// # Errors
/// As [`super::PostgresStore::inspect`].
pub(super) async fn inspect(server: &Server) -> Result<bool, StoreError> {
    let mut connection = existing(server).await?;
    if !is_current(&mut connection).await? {
        let what = "the log has an older layout: `waymark migrate` brings it up to date".to_owned();
        return Err(StoreError::Unavailable(what));
    }
    let row_security = row_security(&mut connection).await?;
    connection.close().await.map_err(unavailable)?;
    Ok(row_security)
}

/// A connection to a database that is there and has a log, of whichever layout.
///
/// # Errors
/// [`StoreError::Absent`] when it is not there or has none.
pub(super) async fn existing(server: &Server) -> Result<PgConnection, StoreError> {
    /// `invalid_catalog_name`: there is no such database.
    const NO_DATABASE: &str = "3D000";
    let absent = |error: sqlx::Error| match error.as_database_error().and_then(DatabaseError::code).as_deref()
    {
        Some(NO_DATABASE) => StoreError::Absent(error.to_string()),
        _ => unavailable(error),
    };
    let mut connection = server.connect().await.map_err(absent)?;
    if has_log(&mut connection).await? {
        return Ok(connection);
    }
    Err(StoreError::Absent("there is no log in the database".to_owned()))
}

async fn has_log(connection: &mut PgConnection) -> Result<bool, StoreError> {
    let there = sqlx::query_scalar("SELECT to_regclass('log_layout') IS NOT NULL");
    there.fetch_one(connection).await.map_err(unavailable)
}

async fn row_security(connection: &mut PgConnection) -> Result<bool, StoreError> {
    let active = sqlx::query_scalar("SELECT row_security_active('event')");
    active.fetch_one(connection).await.map_err(unavailable)
}

/// Acknowledged means on disk: what the server says of itself counts.
async fn assert_durable(connection: &mut PgConnection) -> Result<Durability, StoreError> {
    if setting(connection, "SHOW synchronous_commit").await? == "remote_apply" {
        return Ok(Durability::Replicas);
    }
    sqlx::raw_sql("SET synchronous_commit = 'on'").execute(&mut *connection).await.map_err(unavailable)?;
    let synchronous = setting(connection, "SHOW synchronous_commit").await?;
    let fsync = setting(connection, "SHOW fsync").await?;
    if synchronous != "on" || fsync != "on" {
        let what = format!("synchronous_commit is {synchronous}, fsync is {fsync}: both have to be on");
        return Err(StoreError::Unavailable(what));
    }
    Ok(Durability::Disk)
}

async fn setting(connection: &mut PgConnection, show: &'static str) -> Result<String, StoreError> {
    sqlx::query_scalar(show).fetch_one(connection).await.map_err(unavailable)
}

async fn create_tables(connection: &mut PgConnection) -> Result<(), StoreError> {
    if is_current(connection).await? {
        return Ok(());
    }
    lock(connection, "SELECT pg_advisory_lock($1)").await?;
    let made = make_tables(connection).await;
    lock(connection, "SELECT pg_advisory_unlock($1)").await?;
    made
}

/// Each migration may have been done before: by another process, or by one that did not reach the end.
async fn make_tables(connection: &mut PgConnection) -> Result<(), StoreError> {
    if is_current(connection).await? {
        return Ok(());
    }
    for migration in MIGRATIONS {
        sqlx::raw_sql(migration).execute(&mut *connection).await.map_err(unavailable)?;
    }
    Ok(())
}

/// Whether the tables are there, in this program's layout.
async fn is_current(connection: &mut PgConnection) -> Result<bool, StoreError> {
    if !has_log(connection).await? {
        return Ok(false);
    }
    let found = sqlx::query_scalar(LAYOUT_KNOWN).bind(SYSTEM.0).fetch_optional(connection).await;
    let layout: Option<i64> = found.map_err(unavailable)?;
    if layout.is_some_and(|layout| layout > LAYOUT) {
        let layout = layout.unwrap_or_default();
        let what = format!("the database has layout {layout}, this program knows {LAYOUT}");
        return Err(StoreError::Unavailable(what));
    }
    Ok(layout == Some(LAYOUT))
}

async fn lock(connection: &mut PgConnection, sql: &'static str) -> Result<(), StoreError> {
    sqlx::query(sql).bind(MIGRATION_LOCK).execute(connection).await.map_err(unavailable)?;
    Ok(())
}
