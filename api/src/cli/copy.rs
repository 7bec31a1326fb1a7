//! `waymark copy`: moves tenants from one database to another, of either engine; run again, it goes on.
//!
//! Exit codes: 0 everything arrived and was compared, 1 failed, 2 the command line is wrong, 3 the target holds something
//! else, 4 what arrived is not what was sent (or the source was written to meanwhile), 5 there is no source.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use waymark_eventstore::TenantId;

use super::{Failure, output};
use crate::config::{Database, DatabaseArgs, KeyArgs};
use crate::installation::Installation;
use crate::transfer::{TenantTransfer, TransferError, TransferReport};

const MISUSED: u8 = 2;
const OCCUPIED: u8 = 3;
const DIFFERS: u8 = 4;

/// Transfer tenants to another database, of either engine.
#[derive(Debug, Args)]
pub(super) struct Copy {
    /// The source database. Stop everything that writes to it first.
    #[arg(long)]
    from: Database,
    /// The target database.
    #[arg(long)]
    to: Database,
    /// The key file, shared by both [default: that of the source].
    #[arg(long, env = "WAYMARK_KEYS")]
    keys: Option<PathBuf>,
    /// Who keeps what is in it.
    #[command(flatten)]
    key_args: KeyArgs,
    /// The folder with what `waymark archive` took out of the source; in the target all entries are in the database [default:
    /// as of `serve` on the source].
    #[arg(long, env = "WAYMARK_ARCHIVE")]
    archive: Option<PathBuf>,
    /// The tenant; all when absent.
    #[arg(long)]
    tenant: Option<String>,
    /// The number of entries per transaction.
    #[arg(long, default_value_t = 500, value_parser = clap::value_parser!(u32).range(1..=10_000))]
    page: u32,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

impl Copy {
    pub(super) async fn run(self) -> Result<(), Failure> {
        if self.from == self.to {
            return Err(Failure::with_code(MISUSED, "--from and --to are one database"));
        }
        let from = DatabaseArgs {
            database: self.from.clone(),
            keys: self.keys.clone(),
            key_args: self.key_args.clone(),
            zoneinfo: None,
            archive: self.archive.clone(),
            erasures: None,
        };
        let keys = from.key_file();
        super::require(&from).await?;
        if self.key_args.key_text.is_none() && !keys.exists() {
            let what =
                format!("key file {} not found: specify the source's key file with --keys", keys.display());
            return Err(Failure::with_code(MISUSED, what));
        }
        let to = DatabaseArgs {
            database: self.to.clone(),
            keys: Some(keys.clone()),
            key_args: self.key_args.clone(),
            zoneinfo: None,
            archive: None,
            erasures: None,
        };
        let source = Installation::inspect(&from).await?;
        let target = match Installation::inspect(&to).await {
            Ok(target) => target,
            Err(error) => {
                source.leave().await;
                return Err(error.into());
            }
        };
        let copied = self.copy(&source, &target).await;
        source.leave().await;
        match copied {
            // The target's heads are signed, also outside it.
            Ok(answer) => {
                target.close().await?;
                self.tell(&answer, &keys)
            }
            Err(failure) => {
                target.leave().await;
                Err(failure)
            }
        }
    }

    async fn copy(
        &self,
        from: &Installation,
        to: &Installation,
    ) -> Result<Vec<(String, TransferReport)>, Failure> {
        let bar = output::bar();
        let mut answer = Vec::new();
        for (name, tenant) in self.tenants(from).await? {
            bar.set_message(name.clone());
            let (record, found) = from.erasures(tenant).await?;
            if found.not_carried_out > 0 {
                let count = found.not_carried_out;
                let what = format!(
                    "{count} erasures that are recorded in {record} are not in the database: start the service on it first"
                );
                return Err(what.into());
            }
            let one = TenantTransfer { from, to, name: &name, tenant, page: self.page };
            let report = one.run(&output::moving(&bar)).await;
            let report = report.inspect_err(|_| bar.finish_and_clear()).map_err(failure)?;
            answer.push((name, report));
        }
        bar.finish_and_clear();
        Ok(answer)
    }

    async fn tenants(&self, from: &Installation) -> Result<Vec<(String, TenantId)>, Failure> {
        let mut tenants = from.admin().tenants().await?;
        if let Some(name) = &self.tenant {
            tenants.retain(|(known, _)| known == name);
            if tenants.is_empty() {
                return Err(Failure::with_code(MISUSED, format!("the source has no tenant {name}")));
            }
        }
        Ok(tenants)
    }

    fn tell(&self, tenants: &[(String, TransferReport)], keys: &std::path::Path) -> Result<(), Failure> {
        if self.json {
            let tenants: Vec<Value> = tenants.iter().map(|(name, report)| document(name, report)).collect();
            return Ok(output::json(&json!({"to": self.to.to_string(), "tenants": tenants}))?);
        }
        for (name, report) in tenants {
            output::table(&[
                ("tenant", name.clone()),
                ("entries", format!("{}, of them {} were there before", report.entries, report.known)),
                ("root", hex(&report.root)),
                ("receipts", report.receipts.to_string()),
                ("keys", report.keys.to_string()),
                ("blind tags", report.blind_tags.to_string()),
                ("checkpoints", report.checkpoints.to_string()),
                ("callers", report.callers.to_string()),
                (
                    "access log",
                    report
                        .access_entries
                        .map_or_else(|| "each keeps its own".to_owned(), |all| all.to_string()),
                ),
                ("read models", "the same rows".to_owned()),
            ]);
        }
        let own = DatabaseArgs {
            database: self.to.clone(),
            keys: None,
            key_args: KeyArgs::default(),
            zoneinfo: None,
            archive: None,
            erasures: None,
        }
        .key_file();
        let (keys, own) = (keys.display(), own.display());
        output::remark(&format!(
            "serve {} with the same keys: --keys {keys}, or copy them to {own}",
            self.to
        ));
        Ok(())
    }
}

fn document(name: &str, report: &TransferReport) -> Value {
    json!({
        "name": name, "entries": report.entries, "known_before": report.known, "root": hex(&report.root),
        "receipts": report.receipts, "keys": report.keys, "blind_tags": report.blind_tags,
        "checkpoints": report.checkpoints, "callers": report.callers,
        "access_entries": report.access_entries,
    })
}

fn failure(error: TransferError) -> Failure {
    match error {
        TransferError::Occupied(_) => Failure::with_code(OCCUPIED, error.to_string()),
        TransferError::Differs(_) => Failure::with_code(DIFFERS, error.to_string()),
        error => error.into(),
    }
}

fn hex(root: &[u8; 32]) -> String {
    root.iter().map(|byte| format!("{byte:02x}")).collect()
}
