//! `waymark verify`: the whole log against its own proofs, and the read models against the log.
//!
//! Exit codes: 0 sound, 1 tampered, 2 forked, 3 bad signature, 4 incomplete.

use clap::Args;
use serde_json::json;
use waymark_eventstore::TenantId;
use waymark_eventstore::ledger::{self, Verdict};

use super::{Failure, output};
use crate::config::DatabaseArgs;
use crate::installation::Installation;

const TAMPERED: u8 = 1;
const FORKED: u8 = 2;
const BAD_SIGNATURE: u8 = 3;
const INCOMPLETE: u8 = 4;

/// Check the whole log against its own proofs.
#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The tenant.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Check the log alone, not the read models.
    #[arg(long)]
    log_only: bool,
    /// One JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

impl Verify {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let installation = Installation::inspect(&self.database).await?;
        let tenant = installation.tenant(&self.tenant).await?;
        let checked = self.check(&installation, tenant).await;
        installation.leave().await;
        checked
    }

    async fn check(&self, installation: &Installation, tenant: TenantId) -> Result<(), Failure> {
        let trust = installation.notary.trust(tenant)?;
        let bar = output::bar();
        bar.set_message("hashing");
        let mut progress = |done, total| {
            bar.set_length(total);
            bar.set_position(done);
        };
        let verdict = ledger::verify(&*installation.store, tenant, &trust, &mut progress).await?;
        bar.finish_and_clear();
        let report = sound(verdict)?;
        let rights = installation.compare_rights(tenant).await?;
        if let Some(first) = rights.discrepancies.first() {
            return Err(Failure::with_code(TAMPERED, format!("tampered: {first}")));
        }
        let read_models = if self.log_only { Vec::new() } else { read_models(installation, tenant).await? };
        let root = report.root.iter().map(|byte| format!("{byte:02x}")).collect::<String>();
        if self.json {
            let answer = json!({
                "verdict": "sound", "size": report.size, "root": root, "tiles": report.tiles,
                "tags": report.tags, "checkpoints": report.checkpoints, "read_models": read_models,
            });
            return Ok(output::json(&answer)?);
        }
        output::table(&[
            ("verdict", "sound".to_owned()),
            ("entries", report.size.to_string()),
            ("root", root),
            ("tiles", report.tiles.to_string()),
            ("tags", report.tags.to_string()),
            ("checkpoints", report.checkpoints.to_string()),
            ("read models", read_models.join(", ")),
        ]);
        Ok(())
    }
}

fn sound(verdict: Verdict) -> Result<ledger::Report, Failure> {
    match verdict {
        Verdict::Sound(report) => Ok(report),
        Verdict::Tampered { position, what } => Err(Failure::with_code(
            TAMPERED,
            format!("tampered: the first bad position is {position}: {what}"),
        )),
        Verdict::Forked { size, .. } => Err(Failure::with_code(
            FORKED,
            format!("forked: the log agrees with itself, but is not the one that was signed at size {size}"),
        )),
        Verdict::BadSignature(bad) => Err(Failure::with_code(BAD_SIGNATURE, format!("bad signature: {bad}"))),
        Verdict::Incomplete { signed, found } => Err(Failure::with_code(
            INCOMPLETE,
            format!("incomplete: {signed} entries were signed, {found} are there"),
        )),
    }
}

/// Folds every read model anew beside the one that serves, which stays as it is, and compares the two.
async fn read_models(installation: &Installation, tenant: TenantId) -> Result<Vec<String>, Failure> {
    let projections = &installation.app.projections;
    installation.catch_up(tenant, |_, _| {}).await?;
    let mut same = Vec::new();
    for name in projections.names() {
        let found = projections.compare(tenant, name, &|_, _| {}).await?;
        if let Some(table) = found.differing.first() {
            let keys = table.keys.join(" ");
            let what = format!(
                "tampered: the read model {name} is not what the log tells: {} rows of {} differ ({keys}); rebuild it",
                table.only_served.max(table.only_rebuilt),
                table.table
            );
            return Err(Failure::with_code(TAMPERED, what));
        }
        same.push(name.to_owned());
    }
    Ok(same)
}
