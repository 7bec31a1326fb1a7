//! `waymark backup`: one file with the whole log, as it stands at one moment, beside a running server.
//!
//! Exit codes: 0 the copy is there and whole, 1 there is none, 2 the database is none of files.

use std::path::{Path, PathBuf};

use clap::Args;
use serde_json::json;
use waymark_eventstore::segments::copy_segments;
use waymark_eventstore::{EventStore as _, Options, SqliteStore, backup};

use super::{Failure, output};
use crate::ambient::system_clock;
use crate::config::{Database, DatabaseArgs, KeyArgs, views_file};

/// The database has better means.
const MISUSED: u8 = 2;

/// Back up the log into a file while the service is running.
#[derive(Debug, Args)]
pub(super) struct Backup {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The backup file; an existing file is never overwritten.
    file: PathBuf,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

impl Backup {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let Database::Sqlite(log) = &self.database.database else {
            let what = "a PostgreSQL database is backed up by its own means: `pg_dump --exclude-schema='views_*'`, or \
                        physical backups with archived WAL; copy the folder of `waymark archive` after that, and keep a copy of the \
                        key file apart from them";
            return Err(Failure::with_code(MISUSED, what));
        };
        let path = log.to_str().ok_or("the database's path is not UTF-8")?;
        super::require(&self.database).await?;
        let archive = self.archive_of_copy();
        if archive.exists() {
            return Err(format!("{} is there already", archive.display()).into());
        }
        let heads = backup(path, &self.file).await?;
        let segments = self.copy_segments(&archive).await?;
        let entries: u64 = heads.iter().map(|(_, position)| position).sum();
        let (copy, keys) = (self.file.display(), self.database.key_file());
        let (keys, erasures) = (keys.display(), self.database.erasure_file());
        let check = format!("waymark verify --database sqlite:{copy} --keys {keys}");
        if self.json {
            let tenants: Vec<_> =
                heads.iter().map(|(tenant, position)| json!({"id": tenant, "entries": position})).collect();
            let not_copied =
                [keys.to_string(), views_file(log).display().to_string(), erasures.display().to_string()];
            let answer = json!({
                "file": copy.to_string(), "integrity": "ok", "entries": entries, "tenants": tenants,
                "segments": segments, "not_copied": not_copied, "check": check,
            });
            return Ok(output::json(&answer)?);
        }
        let restore = format!("stop the service, put {copy} where {path} was (without {path}-wal), start it");
        output::table(&[
            ("copy", copy.to_string()),
            ("integrity", "ok".to_owned()),
            ("tenants", heads.len().to_string()),
            ("entries", entries.to_string()),
            ("segments", format!("{segments} files, in {}", archive.display())),
            ("not copied", format!("the keys {keys}: keep a copy in another place")),
            ("", format!("the read models {}: they are rebuilt from the log", views_file(log).display())),
            ("", format!("the record of erasures {}: it goes on, whatever is restored", erasures.display())),
            ("check", check),
            ("restore", restore),
        ]);
        Ok(())
    }

    /// The folder that a database of the copy's name looks for its segments in.
    fn archive_of_copy(&self) -> PathBuf {
        let database = Database::Sqlite(self.file.clone());
        DatabaseArgs {
            database,
            keys: None,
            key_args: KeyArgs::default(),
            zoneinfo: None,
            archive: None,
            erasures: None,
        }
        .archive_folder()
    }

    /// Copies the files with what is not in the copy of the database, where there are any. Without them it is none.
    async fn copy_segments(&self, archive: &Path) -> Result<u64, Failure> {
        let options =
            Options { segments: Some(self.database.archive_folder()), ..Options::new(system_clock()) };
        let path = self.file.to_str().ok_or("the copy's path is not UTF-8")?;
        let copy = SqliteStore::inspect(path, options).await?;
        let copied = copy_segments(&*copy, archive).await;
        copy.close().await;
        match copied {
            Ok(segments) => Ok(segments),
            Err(error) => {
                std::fs::remove_file(&self.file)?;
                if archive.exists() {
                    std::fs::remove_dir_all(archive)?;
                }
                Err(format!("no copy was made: {error}").into())
            }
        }
    }
}
