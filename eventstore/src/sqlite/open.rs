//! Opens the database file, and refuses one that would not keep what it acknowledges.

use std::path::Path;
use std::time::Duration;

use sqlx::sqlite::{
    SqliteConnectOptions, SqliteConnection, SqliteJournalMode, SqlitePool, SqlitePoolOptions,
    SqliteSynchronous,
};
use sqlx::{ConnectOptions, Connection};

use super::failure::{unavailable, unread};
use crate::{StoreError, traced};

/// The layout of the tables that this code reads and writes.
const SCHEMA_VERSION: i64 = 2;
const SCHEMA: &str = include_str!("schema.sql");
const MIGRATE_FROM_1: &str = include_str!("migrate_from_1.sql");
/// Another process may hold the write lock for the length of its commit; longer means something is wrong.
const BUSY_TIMEOUT: Duration = Duration::from_secs(10);
/// Page cache of the writing connection, in KiB (negative: KiB rather than pages). Small on purpose: a commit that split a
/// page looks through the whole cache, which with ten thousand pages cost a fifth of the writer's time; the system keeps
/// the file's pages anyway.
const WRITER_CACHE_KIB: &str = "-8192";
/// Page cache of each reading connection, which is emptied whenever somebody has written.
const READER_CACHE_KIB: &str = "-1024";
/// Pages of write-ahead log between checkpoints: fewer, larger checkpoints gain half on bulk appends.
const CHECKPOINT_PAGES: &str = "10000";

/// Rows that the driver's thread hands over at a time: fewer switches between threads.
const ROW_BUFFER: usize = 1_000;

/// The file behind a path or a `sqlite:` URL.
pub(super) fn file_of(path_or_url: &str) -> &Path {
    let path = path_or_url.strip_prefix("sqlite:").unwrap_or(path_or_url);
    Path::new(path.strip_prefix("//").unwrap_or(path))
}

/// The connection that appends. Creates the file and its tables where they are missing.
///
/// # Errors
/// [`StoreError::Unavailable`] when the file cannot be opened, was written by a newer version, or SQLite does
/// not confirm that a commit waits for the disk.
pub(super) async fn writer(file: &Path) -> Result<SqliteConnection, StoreError> {
    let options = common(file).create_if_missing(true).pragma("cache_size", WRITER_CACHE_KIB);
    let mut connection = options.connect().await.map_err(unavailable)?;
    assert_durable(&mut connection).await?;
    create_tables(&mut connection).await?;
    Ok(connection)
}

/// The connections that read.
pub(super) async fn readers(file: &Path, count: u32) -> Result<SqlitePool, StoreError> {
    let options = common(file).pragma("cache_size", READER_CACHE_KIB).pragma("query_only", "on");
    // Connections to a file need no renewing, and the pool's task for it, should it run while the pool is closed, can
    // count its connections below zero and never end.
    let pool = SqlitePoolOptions::new()
        .max_connections(count)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None);
    pool.connect_with(options).await.map_err(unavailable)
}

/// Whether a log, of any layout, is in a file.
pub(super) async fn is_there(file: &Path) -> Result<bool, StoreError> {
    if !file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0) {
        return Ok(false);
    }
    let mut connection = existing(file).connect().await.map_err(unread)?;
    let version: i64 =
        sqlx::query_scalar("PRAGMA user_version").fetch_one(&mut connection).await.map_err(unread)?;
    connection.close().await.map_err(unread)?;
    Ok(version > 0)
}

/// The connections that look at a file that is there and change nothing, not even how it keeps its journal.
///
/// # Errors
/// As [`super::SqliteStore::inspect`].
pub(super) async fn inspector(file: &Path, count: u32) -> Result<SqlitePool, StoreError> {
    if !file.metadata().is_ok_and(|metadata| metadata.is_file() && metadata.len() > 0) {
        return Err(StoreError::Absent(format!("there is no database at {}", file.display())));
    }
    let options = existing(file).pragma("query_only", "on").pragma("temp_store", "memory");
    let options = options.foreign_keys(true).row_buffer_size(ROW_BUFFER);
    let pool = SqlitePoolOptions::new()
        .max_connections(count)
        .test_before_acquire(false)
        .idle_timeout(None)
        .max_lifetime(None);
    let pool = pool.connect_with(options).await.map_err(unread)?;
    let version: i64 = sqlx::query_scalar("PRAGMA user_version").fetch_one(&pool).await.map_err(unread)?;
    match version {
        SCHEMA_VERSION => Ok(pool),
        0 => Err(StoreError::Absent(format!("{} is no database of this program", file.display()))),
        other => {
            let what = format!(
                "the file has layout {other}, this program reads {SCHEMA_VERSION}: `waymark migrate` \
                brings an older one up to date"
            );
            Err(StoreError::Unavailable(what))
        }
    }
}

/// A connection to a file that is there, without any write-ahead log of its own making.
pub(super) fn existing(file: &Path) -> SqliteConnectOptions {
    traced(SqliteConnectOptions::new().filename(file).busy_timeout(BUSY_TIMEOUT))
}

fn common(file: &Path) -> SqliteConnectOptions {
    let options = SqliteConnectOptions::new()
        .filename(file)
        .journal_mode(SqliteJournalMode::Wal)
        .synchronous(SqliteSynchronous::Full)
        .foreign_keys(true)
        .busy_timeout(BUSY_TIMEOUT)
        .pragma("secure_delete", "on")
        // What a statement might have to undo is kept in memory, not in a file beside the database.
        .pragma("temp_store", "memory")
        .pragma("wal_autocheckpoint", CHECKPOINT_PAGES)
        .row_buffer_size(ROW_BUFFER);
    traced(options)
}

/// Acknowledged means on disk: what SQLite says of itself counts, not what it was asked to do.
async fn assert_durable(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let journal: String = pragma(connection, "PRAGMA journal_mode").await?;
    let synchronous: i64 = pragma(connection, "PRAGMA synchronous").await?;
    if journal != "wal" || synchronous < 2 {
        let what =
            format!("journal_mode is {journal}, synchronous is {synchronous}: wal and 2 (full) are needed");
        return Err(StoreError::Unavailable(what));
    }
    Ok(())
}

async fn create_tables(connection: &mut SqliteConnection) -> Result<(), StoreError> {
    let version: i64 = pragma(connection, "PRAGMA user_version").await?;
    if version == SCHEMA_VERSION {
        return Ok(());
    }
    if version > SCHEMA_VERSION {
        let what = format!("the file has layout {version}, this program knows {SCHEMA_VERSION}");
        return Err(StoreError::Unavailable(what));
    }
    let mut transaction = connection.begin_with("BEGIN IMMEDIATE").await.map_err(unavailable)?;
    if version == 1 {
        sqlx::raw_sql(MIGRATE_FROM_1).execute(&mut *transaction).await.map_err(unavailable)?;
    }
    sqlx::raw_sql(SCHEMA).execute(&mut *transaction).await.map_err(unavailable)?;
    sqlx::raw_sql("PRAGMA user_version = 2").execute(&mut *transaction).await.map_err(unavailable)?;
    transaction.commit().await.map_err(unavailable)
}

async fn pragma<T>(connection: &mut SqliteConnection, sql: &'static str) -> Result<T, StoreError>
where
    T: for<'r> sqlx::Decode<'r, sqlx::Sqlite> + sqlx::Type<sqlx::Sqlite> + Send + Unpin,
{
    sqlx::query_scalar(sql).fetch_one(connection).await.map_err(unavailable)
}
