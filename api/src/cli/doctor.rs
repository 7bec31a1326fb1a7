//! `waymark doctor`: checks the installation for problems.

use chrono::SecondsFormat;
use clap::Args;
use serde::Serialize;

use super::{Failure, citus, output};
use crate::ambient::system_clock;
use crate::auth::token::Tokens;
use crate::config::{AuthArgs, Database, DatabaseArgs};
use crate::domain::Zones;
use crate::eventstore::TenantId;
use crate::eventstore::segments::check_segments;
use crate::installation::Installation;
use crate::outbound::Lag;
use crate::restored::ErasuresFound;

/// Check the installation for problems.
#[derive(Debug, Args)]
pub(super) struct Doctor {
    #[command(flatten)]
    database: DatabaseArgs,
    #[command(flatten)]
    auth: AuthArgs,
    /// The tenant.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

/// One thing looked at.
#[derive(Debug, Serialize)]
struct Finding {
    what: &'static str,
    ok: bool,
    detail: String,
}

impl Doctor {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let mut findings = vec![self.key_file()];
        findings.extend(self.tokens());
        super::require(&self.database).await?;
        match Installation::inspect(&self.database).await {
            Err(error) => findings.push(Finding { what: "database", ok: false, detail: error.to_string() }),
            Ok(installation) => {
                let looked = self.look(&installation, &mut findings).await;
                installation.leave().await;
                looked?;
            }
        }
        self.print(&findings)?;
        let ill = findings.iter().filter(|finding| !finding.ok).count();
        if ill > 0 { Err(format!("{ill} things need attention").into()) } else { Ok(()) }
    }

    async fn look(&self, installation: &Installation, findings: &mut Vec<Finding>) -> Result<(), Failure> {
        let tenant = super::known(installation, &self.tenant).await?;
        // Opening asserts write-ahead logging and synchronous = FULL.
        findings.push(Finding {
            what: "database",
            ok: true,
            detail: format!("{}, every commit waits for the disk", self.database.database),
        });
        findings.extend(self.servers().await);
        findings.push(time_zones(&installation.app.zones));
        let integrity = installation.store.integrity().await?;
        findings.push(Finding { what: "integrity", ok: integrity == "ok", detail: integrity });
        findings.push(match installation.checkpoint_signer.refuse_rollback().await {
            Ok(()) => Finding {
                what: "checkpoint",
                ok: true,
                detail: "the log contains everything that was signed".to_owned(),
            },
            Err(error) => Finding { what: "checkpoint", ok: false, detail: error.to_string() },
        });
        findings.push(match installation.checkpoint_signer.can_sign(tenant).await {
            Ok(()) => Finding {
                what: "signing",
                ok: true,
                detail: "the key that signs the log is in the key file".to_owned(),
            },
            Err(error) => Finding { what: "signing", ok: false, detail: error.to_string() },
        });
        findings.extend(segments(installation, tenant).await?);
        findings.push(erasures(installation, tenant).await?);
        findings.push(rights(installation, tenant).await?);
        findings.push(match installation.clock_watch().is_believed().await? {
            true => Finding { what: "clock", ok: true, detail: "believed".to_owned() },
            false => Finding {
                what: "clock",
                ok: false,
                detail: "more than a day ahead of when the service was last alive: automations pause until it is back, or \
                         somebody agrees with `waymark clock --agree`"
                    .to_owned(),
            },
        });
        findings.extend(consumers(installation, tenant).await?);
        for model in installation.app.projections.status(tenant).await? {
            let ok = model.serves && model.paused.is_none() && model.parked == 0;
            let detail = match model.paused {
                _ if !model.serves => {
                    format!(
                        "{}: answers nothing: folded up to {} of {}",
                        model.name, model.position, model.head
                    )
                }
                Some(why) => format!("{}: stopped: {why}", model.name),
                None => format!("{}: {} behind, {} parked", model.name, model.lag, model.parked),
            };
            findings.push(Finding { what: "read model", ok, detail });
        }
        Ok(())
    }

    /// The servers of a distributed database; none where it is one.
    async fn servers(&self) -> Option<Finding> {
        let Database::Postgres(url) = &self.database.database else { return None };
        let (ok, detail) = match citus::servers(url).await {
            Ok(None) => return None,
            Ok(Some(found)) if found.faults.is_empty() => (
                true,
                format!(
                    "{}: on each every commit waits for the disk, and every table is spread over them",
                    found.count
                ),
            ),
            Ok(Some(found)) => (false, found.faults.join("; ")),
            Err(Failure { message, .. }) => (false, message),
        };
        Some(Finding { what: "servers", ok, detail })
    }

    fn key_file(&self) -> Finding {
        if self.database.key_args.key_text.is_some() {
            let detail =
                "in the environment (WAYMARK_KEY_TEXT); keep a copy apart from the database".to_owned();
            return Finding { what: "keys", ok: true, detail };
        }
        let path = self.database.key_file();
        let shown = path.display();
        let (ok, detail) = match path.metadata() {
            Err(error) => (false, format!("{shown}: {error}")),
            Ok(metadata) if readable_by_others(&metadata) => {
                (false, format!("{shown} can be read by others: chmod 600"))
            }
            Ok(_) => (true, format!("{shown}; keep a copy apart from the database")),
        };
        Finding { what: "keys", ok, detail }
    }

    /// The keys of tokens, by id; none where no tokens are taken.
    fn tokens(&self) -> Option<Finding> {
        let opened = match self.auth.tokens() {
            Ok(None) => return None,
            Ok(Some(settings)) => Tokens::open(settings, system_clock()()),
            Err(why) => Err(why),
        };
        Some(match opened {
            Ok(tokens) => {
                Finding { what: "tokens", ok: true, detail: format!("keys: {}", tokens.describe()) }
            }
            Err(why) => Finding { what: "tokens", ok: false, detail: why },
        })
    }

    fn print(&self, findings: &[Finding]) -> Result<(), Failure> {
        if self.json {
            return Ok(output::json(&findings)?);
        }
        for finding in findings {
            let mark = if finding.ok { "ok " } else { "ill" };
            output::say(&format!("{mark} {:10} {}", finding.what, finding.detail));
        }
        Ok(())
    }
}

/// Which version of the time zone database figures are reckoned by.
fn time_zones(zones: &Zones) -> Finding {
    let detail = match zones.renewed() {
        0 => format!("tzdb {}, compiled in", zones.version()),
        read => format!("tzdb {}, {read} zones read from files", zones.version()),
    };
    Finding { what: "time zones", ok: true, detail }
}

/// The copies of keys, members and receivers beside what the log says of them.
async fn rights(installation: &Installation, tenant: TenantId) -> Result<Finding, Failure> {
    let compared = installation.compare_rights(tenant).await?;
    let (what, ok) = ("rights", compared.discrepancies.is_empty());
    let detail = match compared.discrepancies.first() {
        Some(first) => {
            format!(
                "{} rows are not as the log says, which alone counts; first {first}",
                compared.discrepancies.len()
            )
        }
        None if compared.unrecorded => "not in the log yet; the first `serve` records them".to_owned(),
        None => format!("{} keys, members and receivers are as the log says", compared.rows),
    };
    Ok(Finding { what, ok, detail })
}

/// The files with the oldest entries, each read whole; none where every entry is in the database.
async fn segments(installation: &Installation, tenant: TenantId) -> Result<Option<Finding>, Failure> {
    let (segments, faults) = check_segments(&*installation.store, tenant).await?;
    let (what, ok) = ("segments", faults.is_empty());
    let detail = match faults.first() {
        None => format!("{segments} files hold what the log's tree says"),
        Some(first) => format!(
            "{} of {segments} files cannot be read: restore them from a backup; from position {} on: {first}",
            faults.len(),
            first.position
        ),
    };
    Ok((segments > 0).then_some(Finding { what, ok, detail }))
}

/// The record of erasures outside the database, beside what the log tells of them.
async fn erasures(installation: &Installation, tenant: TenantId) -> Result<Finding, Failure> {
    let (file, found) = installation.erasures(tenant).await?;
    let ErasuresFound { state, recorded, not_carried_out, not_recorded } = found;
    let (ok, detail) = match (state.fault, state.begun_at) {
        (Some(fault), _) => (
            false,
            format!(
                "{fault}: put it back from a copy, or nobody can be erased; with none left, move it away and restart"
            ),
        ),
        _ if not_carried_out > 0 => (
            false,
            format!(
                "{not_carried_out} that are recorded in {file} are not in the database: it was restored; the next start carries them out"
            ),
        ),
        _ if not_recorded > 0 => (
            false,
            format!(
                "{not_recorded} that the log tells of are not in {file}: put it back if it was lost; the next `serve` adds them"
            ),
        ),
        (None, Some(begun)) => {
            let begun = begun.to_rfc3339_opts(SecondsFormat::Secs, true);
            (
                true,
                format!("{recorded} since {begun}, in {file}; keep it where no backup is restored over it"),
            )
        }
        (None, None) => (true, format!("none; {file} is begun by the first `serve`")),
    };
    Ok(Finding { what: "erasures", ok, detail })
}

/// How far the consumers of the log are behind; none where there are none.
async fn consumers(installation: &Installation, tenant: TenantId) -> Result<Option<Finding>, Failure> {
    let behind = installation.consumers().furthest_behind(tenant).await?;
    Ok(behind.map(|(number, Lag { events, seconds })| Finding {
        what: "consumers",
        ok: true,
        detail: format!("{number}; the furthest behind by {events} events and {seconds} seconds"),
    }))
}

#[cfg(unix)]
fn readable_by_others(metadata: &std::fs::Metadata) -> bool {
    use std::os::unix::fs::PermissionsExt as _;
    metadata.permissions().mode() & 0o077 != 0
}

#[cfg(not(unix))]
fn readable_by_others(_: &std::fs::Metadata) -> bool {
    false
}
