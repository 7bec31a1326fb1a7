//! `waymark backup`: one file with the whole log, as it stands at one moment, beside a running server.
//!
//! Exit codes: 0 the copy is there and whole, 1 there is none, 2 the database is none of files.

use std::path::PathBuf;

use clap::Args;
use serde_json::json;
use waymark_eventstore::backup;

use super::{Failure, output};
use crate::config::{Database, DatabaseArgs, views_file};

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
                        physical backups with archived WAL; keep a copy of the key file apart from them";
            return Err(Failure::with_code(MISUSED, what));
        };
        let path = log.to_str().ok_or("the database's path is not UTF-8")?;
        super::require(&self.database).await?;
        let heads = backup(path, &self.file).await?;
        let entries: u64 = heads.iter().map(|(_, position)| position).sum();
        let (copy, keys) = (self.file.display(), self.database.key_file());
        let keys = keys.display();
        let check = format!("waymark verify --database sqlite:{copy} --keys {keys}");
        if self.json {
            let tenants: Vec<_> =
                heads.iter().map(|(tenant, position)| json!({"id": tenant, "entries": position})).collect();
            let not_copied = [keys.to_string(), views_file(log).display().to_string()];
            let answer = json!({
                "file": copy.to_string(), "integrity": "ok", "entries": entries, "tenants": tenants,
                "not_copied": not_copied, "check": check,
            });
            return Ok(output::json(&answer)?);
        }
        let restore = format!("stop the service, put {copy} where {path} was (without {path}-wal), start it");
        output::table(&[
            ("copy", copy.to_string()),
            ("integrity", "ok".to_owned()),
            ("tenants", heads.len().to_string()),
            ("entries", entries.to_string()),
            ("not copied", format!("the keys {keys}: keep a copy in another place")),
            ("", format!("the read models {}: they are rebuilt from the log", views_file(log).display())),
            ("check", check),
            ("restore", restore),
        ]);
        Ok(())
    }
}
