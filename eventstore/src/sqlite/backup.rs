//! Copies the log into another file while it is being written to.

use std::fs::{File, OpenOptions};
use std::path::Path;

use sqlx::sqlite::{SqliteConnection, SqliteRow};
use sqlx::{ConnectOptions, Connection, Row};

use super::failure::unavailable;
use super::{open, row};
use crate::{Position, StoreError, TenantId};

/// Each log's head beside what is there: a copy in which they differ is none.
const STRUCTURE: &str = include_str!("structure.sql");

/// Copies the log in this file (a path or a `sqlite:` URL) into another one as of one moment, even while it is
/// written to, and checks the copy. Returns where each tenant's log ends in it. What is not a whole copy does not
/// stay.
///
/// # Errors
/// [`StoreError::Unavailable`] when the copy is there already, or a file cannot be read or written;
/// [`StoreError::Damaged`] when the copy is not whole, which means that the log itself is not.
pub async fn backup(path_or_url: &str, copy: &Path) -> Result<Vec<(TenantId, Position)>, StoreError> {
    let log = open::file_of(path_or_url);
    let mut source = open::existing(log).connect().await.map_err(unavailable)?;
    // The name is taken before anything is written: of two that copy to one place, one is refused.
    let claimed = OpenOptions::new().write(true).create_new(true).open(copy);
    claimed.map_err(|error| unavailable(format!("{}: {error}", copy.display())))?;
    let copied = copy_and_check(&mut source, copy).await;
    if copied.is_err()
        && let Err(error) = std::fs::remove_file(copy)
    {
        tracing::warn!(%error, copy = %copy.display(), "what is no copy could not be removed");
    }
    source.close().await.map_err(unavailable)?;
    copied
}

async fn copy_and_check(
    source: &mut SqliteConnection,
    copy: &Path,
) -> Result<Vec<(TenantId, Position)>, StoreError> {
    let path = copy.to_str().ok_or_else(|| unavailable("the copy's path is not UTF-8"))?;
    sqlx::query("VACUUM INTO ?1").bind(path).execute(source).await.map_err(unavailable)?;
    let heads = check(copy).await?;
    sync(copy).map_err(unavailable)?;
    Ok(heads)
}

/// Asks SQLite whether the copy is whole, and each log whether it has as many entries as its head says.
async fn check(copy: &Path) -> Result<Vec<(TenantId, Position)>, StoreError> {
    let mut connection = open::existing(copy).read_only(true).connect().await.map_err(unavailable)?;
    let integrity: String = sqlx::query_scalar("PRAGMA integrity_check(1)")
        .fetch_one(&mut connection)
        .await
        .map_err(unavailable)?;
    if integrity != "ok" {
        return Err(StoreError::Damaged { position: 0, what: format!("the copy: {integrity}") });
    }
    let rows = sqlx::query(STRUCTURE).fetch_all(&mut connection).await.map_err(unavailable)?;
    let heads = rows.iter().map(whole).collect();
    connection.close().await.map_err(unavailable)?;
    heads
}

fn whole(found: &SqliteRow) -> Result<(TenantId, Position), StoreError> {
    let tenant = TenantId(row::uuid(found, "tenant_id")?);
    let position = row::natural(found, "position")?;
    let last: Option<i64> = found.try_get("last").map_err(unavailable)?;
    let (last, entries) = (last.unwrap_or_default().cast_unsigned(), row::natural(found, "entries")?);
    if last != position || entries != position {
        let what = format!("tenant {tenant}: the head is at {position}, {entries} entries end at {last}");
        return Err(StoreError::Damaged { position, what });
    }
    Ok((tenant, position))
}

/// The copy is on disk, and so is its name.
fn sync(copy: &Path) -> std::io::Result<()> {
    File::open(copy)?.sync_all()?;
    let folder = copy.parent().filter(|folder| !folder.as_os_str().is_empty());
    File::open(folder.unwrap_or_else(|| Path::new(".")))?.sync_all()
}
