//! `waymark verify`: the whole log against everything stored and signed about it, and the read models against the log.
//!
//! It makes nothing, and needs no secret. With `--bundle` it checks an archive of evidence, without any database. Exit codes: 0 sound, 1 tampered, 2 forked, 3 bad signature, 4 incomplete, 5 could
//! not be checked, 6 a read model differs or cannot be read.

use std::path::PathBuf;

use clap::Args;
use serde_json::{Value, json};
use waymark_eventstore::ledger::{self, Report, Verdict};
use waymark_eventstore::{StoreError, TenantId};
use waymark_projections::ProjectionError;
use waymark_projections::runtime::{Comparison, Inspection, NotComparable};

use super::{ABSENT, Failure, output};
use crate::ambient::random_ids;
use crate::audit::hex;
use crate::config::DatabaseArgs;
use crate::restored::ErasuresFound;
use crate::verification::bundle::{self, Evidence, Flaw, FlawKind};
use crate::verification::{NotCompared, Verification};

const TAMPERED: u8 = 1;
const FORKED: u8 = 2;
const BAD_SIGNATURE: u8 = 3;
const INCOMPLETE: u8 = 4;
const NOT_CHECKED: u8 = ABSENT;
const READ_MODEL_DIFFERS: u8 = 6;

/// Verify the whole log against its own proofs, and the read models against the log. Changes nothing.
#[derive(Debug, Args)]
pub(super) struct Verify {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The tenant.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// The public key that checks the signatures, as text or as a file [default: that of the key file, or the file with
    /// `.pub` after the database's path; with PostgreSQL beside the keys].
    #[arg(long)]
    public_key: Option<String>,
    /// Check an archive of `GET /v1/audit/bundle` instead of a database. Needs --public-key, and nothing else.
    #[arg(long, value_name = "FILE", requires = "public_key")]
    bundle: Option<PathBuf>,
    /// Check the log alone, not the read models.
    #[arg(long)]
    log_only: bool,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

/// What was found, with its exit code.
struct Finding {
    code: u8,
    verdict: &'static str,
    what: String,
    position: Option<u64>,
    /// The file of an archive in which it is.
    file: Option<String>,
}

impl From<Flaw> for Finding {
    fn from(Flaw { kind, file, what, position }: Flaw) -> Self {
        let (code, verdict, word) = match kind {
            FlawKind::Tampered => (TAMPERED, "tampered", "tampered"),
            FlawKind::BadSignature => (BAD_SIGNATURE, "bad_signature", "bad signature"),
            FlawKind::Incomplete => (INCOMPLETE, "incomplete", "incomplete"),
            FlawKind::NotChecked => (NOT_CHECKED, "not_checked", "could not be checked"),
        };
        let place = file.as_ref().map(|file| format!("{file}: ")).unwrap_or_default();
        let at = position.map(|position| format!(" (position {position})")).unwrap_or_default();
        Self { position, file, ..Self::new(code, verdict, format!("{word}: {place}{what}{at}")) }
    }
}

impl Finding {
    fn new(code: u8, verdict: &'static str, what: impl Into<String>) -> Self {
        Self { code, verdict, what: what.into(), position: None, file: None }
    }

    fn not_checked(error: impl std::fmt::Display) -> Self {
        Self::new(NOT_CHECKED, "not_checked", format!("could not be checked: {error}"))
    }
}

impl Verify {
    pub(super) async fn run(self) -> Result<(), Failure> {
        if let (Some(archive), Some(public_key)) = (&self.bundle, &self.public_key) {
            return match bundle::check(archive, public_key) {
                Ok(evidence) => self.tell_evidence(&evidence),
                Err(flaw) => self.fail(flaw.into()),
            };
        }
        let verification = match Verification::open(&self.database).await {
            Ok(verification) => verification,
            Err(error) => return self.fail(Finding::not_checked(error)),
        };
        let checked = self.check(&verification).await;
        let not_compared = verification.not_compared();
        verification.close().await;
        match checked {
            Ok((sound, read_models)) => self.tell(&sound, &read_models, not_compared),
            Err(finding) => self.fail(finding),
        }
    }

    async fn check(&self, verification: &Verification) -> Result<(Sound, Vec<String>), Finding> {
        // First of all the engine's own check: what it finds explains what follows.
        let damage = verification.damage().await.unwrap_or_else(|error| Some(error.to_string()));
        let tenant = verification.tenant(&self.tenant).await.map_err(Finding::not_checked)?;
        let trust =
            verification.trust(tenant, self.public_key.as_deref()).await.map_err(Finding::not_checked)?;
        let bar = output::bar();
        bar.set_message("hashing");
        let mut progress = |done, total| {
            bar.set_length(total);
            bar.set_position(done);
        };
        let store = &*verification.store;
        let sides = || verification.side_checks();
        let verdict = ledger::verify_with(store, tenant, &trust, &mut sides(), &mut progress).await;
        let report = sound(verdict, damage.as_deref())?;
        let in_access = verification.trust_in_access(tenant, &trust).await;
        let mut reads = 0;
        if let Some(trust) = in_access.map_err(Finding::not_checked)? {
            let log = tenant.access_log();
            let verdict = ledger::verify_with(store, log, &trust, &mut sides(), &mut progress).await;
            reads = sound(verdict, damage.as_deref()).map_err(of_access_log)?.size;
        }
        bar.finish_and_clear();
        rights(verification, tenant).await?;
        let erasures = erasures(verification, tenant).await?;
        if let Some(damage) = damage {
            let what = format!(
                "tampered: the database finds itself damaged, though every entry of this tenant is as it was written: \
                 {damage}"
            );
            return Err(Finding::new(TAMPERED, "tampered", what));
        }
        let read_models = if self.log_only { Vec::new() } else { read_models(verification, tenant).await? };
        Ok((Sound { report, reads, erasures }, read_models))
    }

    fn tell(
        &self,
        Sound { report, reads, erasures }: &Sound,
        read_models: &[String],
        not_compared: Vec<NotCompared>,
    ) -> Result<(), Failure> {
        let root = hex(&report.root);
        if self.json {
            let mut answer = json!({
                "verdict": "sound", "size": report.size, "root": root, "tiles": report.tiles,
                "tags": report.tags, "checkpoints": report.checkpoints, "access_log": reads, "read_models": read_models,
                "not_compared": not_compared,
            });
            if let (Some(found), Value::Object(answer)) = (erasures, &mut answer) {
                let found = json!({
                    "recorded": found.recorded, "not_carried_out": found.not_carried_out,
                    "not_recorded": found.not_recorded,
                });
                answer.insert("erasures".to_owned(), found);
            }
            return Ok(output::json(&answer)?);
        }
        let mut table = vec![
            ("verdict", "sound".to_owned()),
            ("entries", report.size.to_string()),
            ("root", root),
            ("tiles", report.tiles.to_string()),
            ("tags", report.tags.to_string()),
            ("checkpoints", report.checkpoints.to_string()),
            ("access log", reads.to_string()),
            ("read models", read_models.join(", ")),
        ];
        if let Some(found) = erasures {
            table.push(("erasures", told(found)));
        }
        for NotCompared { what, why } in not_compared {
            table.push(("not compared", format!("{what} ({why})")));
        }
        output::table(&table);
        Ok(())
    }

    fn tell_evidence(&self, evidence: &Evidence) -> Result<(), Failure> {
        let Evidence { checkpoint, stretch: (first, last) } = evidence;
        let (root, entries) = (hex(&checkpoint.root), last - first + 1);
        if self.json {
            let answer = json!({
                "verdict": "sound", "origin": checkpoint.origin, "from": first, "to": last, "entries": entries,
                "size": checkpoint.size, "root": root,
            });
            return Ok(output::json(&answer)?);
        }
        output::table(&[
            ("verdict", "sound".to_owned()),
            ("log", checkpoint.origin.clone()),
            ("positions", format!("{first} to {last}")),
            ("entries", format!("{entries} of {}", checkpoint.size)),
            ("root", root),
        ]);
        Ok(())
    }

    fn fail(&self, finding: Finding) -> Result<(), Failure> {
        let Finding { code, verdict, what, position, file } = finding;
        if self.json {
            let mut answer = json!({ "verdict": verdict, "what": what });
            if let Value::Object(answer) = &mut answer {
                answer.extend(position.map(|position| ("position".to_owned(), position.into())));
                answer.extend(file.map(|file| ("file".to_owned(), file.into())));
            }
            output::json(&answer)?;
        }
        Err(Failure::with_code(code, what))
    }
}

/// What was found sound.
struct Sound {
    report: Report,
    /// How many entries the log of who read what has.
    reads: u64,
    /// The record of erasures; none without the key file.
    erasures: Option<ErasuresFound>,
}

fn of_access_log(finding: Finding) -> Finding {
    Finding { what: format!("in the access log: {}", finding.what), ..finding }
}

fn sound(verdict: Result<Verdict, StoreError>, damage: Option<&str>) -> Result<Report, Finding> {
    let because = damage.map(|damage| format!("; the database finds itself damaged: {damage}"));
    let because = because.unwrap_or_default();
    match verdict {
        Ok(Verdict::Sound(report)) => Ok(report),
        Ok(Verdict::Tampered { position, what }) => {
            let what = format!("tampered: the first bad position is {position}: {what}{because}");
            Err(Finding { position: Some(position), ..Finding::new(TAMPERED, "tampered", what) })
        }
        Ok(Verdict::Forked { size, .. }) => Err(Finding::new(
            FORKED,
            "forked",
            format!("forked: the log is consistent, but is not the one that was signed at size {size}"),
        )),
        Ok(Verdict::BadSignature(bad)) => {
            Err(Finding::new(BAD_SIGNATURE, "bad_signature", format!("bad signature: {bad}")))
        }
        Ok(Verdict::Incomplete { signed, found }) => Err(Finding::new(
            INCOMPLETE,
            "incomplete",
            format!("incomplete: {signed} entries were signed, {found} exist"),
        )),
        Ok(Verdict::Unsigned { size }) => Err(Finding::new(
            INCOMPLETE,
            "incomplete",
            format!(
                "incomplete: none of the checkpoints of this log of {size} entries is stored, though the first is stored \
                 with the first entry: they were deleted, or a copy was broken off"
            ),
        )),
        Err(error) => Err(Finding::not_checked(format!("{error}{because}"))),
    }
}

/// Compares the keys, members and receivers with what the log tells of them.
async fn rights(verification: &Verification, tenant: TenantId) -> Result<(), Finding> {
    let compared = verification.compare_rights(tenant).await.map_err(Finding::not_checked)?;
    let Some(first) = compared.discrepancies.first() else { return Ok(()) };
    let what = match first.position {
        Some(position) => format!("tampered: the first bad position is {position}: {first}"),
        None => format!("tampered: not recorded in the log: {first}"),
    };
    Err(Finding { position: first.position, ..Finding::new(TAMPERED, "tampered", what) })
}

/// Compares the record of erasures outside the database with the log.
async fn erasures(verification: &Verification, tenant: TenantId) -> Result<Option<ErasuresFound>, Finding> {
    let found = verification.erasures(tenant).await.map_err(Finding::not_checked)?;
    match found.as_ref().and_then(|found| found.state.fault.as_ref()) {
        Some(fault) if fault.is_tampered => {
            let what = format!("tampered: {fault}; the log is sound");
            Err(Finding::new(TAMPERED, "tampered", what))
        }
        _ => Ok(found),
    }
}

/// What there is to say of the record of erasures.
fn told(found: &ErasuresFound) -> String {
    if let Some(fault) = &found.state.fault {
        return format!("not compared: {fault}");
    }
    let mut told = format!("{} recorded outside", found.recorded);
    if found.not_carried_out > 0 {
        told += &format!(", {} of them not carried out: the next start does", found.not_carried_out);
    }
    if found.not_recorded > 0 {
        told += &format!(", {} of the log not recorded: the next `serve` does", found.not_recorded);
    }
    told
}

/// Folds every read model again beside the database, and compares it with the one that serves.
async fn read_models(verification: &Verification, tenant: TenantId) -> Result<Vec<String>, Finding> {
    let scratch = Scratch::new().map_err(Finding::not_checked)?;
    let unreadable = |error: ProjectionError| {
        let what = format!("a read model cannot be read ({error}); the log is sound; rebuild the read model");
        Finding::new(READ_MODEL_DIFFERS, "read_model_differs", what)
    };
    let Some(inspection) = verification.read_models(&scratch.0).await.map_err(unreadable)? else {
        return Ok(Vec::new());
    };
    let mut said = Vec::new();
    for name in Inspection::names() {
        let found = inspection.compare(tenant, name, &|_, _| {}).await;
        match found.map_err(unreadable).and_then(|found| compared(name, &found)) {
            Ok(what) => said.push(what),
            Err(finding) => {
                inspection.close().await;
                return Err(finding);
            }
        }
    }
    inspection.close().await;
    Ok(said)
}

/// What there is to say of a read model that does not differ.
fn compared(name: &str, found: &Comparison) -> Result<String, Finding> {
    if let Some(table) = found.differing.first() {
        let what = format!(
            "the read model {name} differs from the log: {} rows of {} differ ({}); the log is sound; rebuild the read model",
            table.only_served.max(table.only_rebuilt),
            table.table,
            table.keys.join(" ")
        );
        return Err(Finding::new(READ_MODEL_DIFFERS, "read_model_differs", what));
    }
    Ok(match found.not_applicable {
        None => name.to_owned(),
        Some(NotComparable::NothingServed) => format!("{name} (not compared: nothing is folded yet)"),
        Some(NotComparable::OtherVersion) => format!("{name} (not compared: of another version)"),
        Some(NotComparable::ServedIncomplete) => format!("{name} (not compared: events are set aside)"),
        Some(NotComparable::ErasureAhead) => {
            format!(
                "{name} (not compared: it has yet to fold an erasure, before which it tells what is gone)"
            )
        }
    })
}

/// A folder for what is folded again: personal texts stand in it in clear, so it is its owner's alone and goes at the end.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> std::io::Result<Self> {
        let name = format!("waymark-verify-{}", random_ids()().simple());
        let path = std::env::temp_dir().join(name);
        let mut builder = std::fs::DirBuilder::new();
        #[cfg(unix)]
        std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
        builder.create(&path)?;
        Ok(Self(path))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        if let Err(error) = std::fs::remove_dir_all(&self.0) {
            tracing::warn!(%error, folder = %self.0.display(), "what was folded to compare with was not removed");
        }
    }
}
