//! `waymark pipeline`: checks a definition, and publishes it.
//!
//! Exit codes: 0 usable (or published), 1 the file, the database or the log could not be used, 2 the definition or its
//! publication is refused, 3 only with `--strict`: usable, but unwise.

use std::path::{Path, PathBuf};

use clap::{Args, Subcommand};
use serde_json::{Value, json};
use waymark_domain::Pipeline;
use waymark_domain::pipeline::version::StageMapping;
use waymark_domain::refusal::Violation;
use waymark_eventstore::TenantId;

use super::{Failure, output};
use crate::app::{AppError, CommandMeta, Migrator, NewVersion, Preview};
use crate::config::DatabaseArgs;
use crate::http::Instant;
use crate::installation::Installation;
use crate::operator::operator;

const REFUSED: u8 = 2;
const UNWISE: u8 = 3;

/// Check and publish pipelines.
#[derive(Debug, Args)]
pub(super) struct PipelineArgs {
    #[command(subcommand)]
    command: PipelineCommand,
}

#[derive(Debug, Subcommand)]
enum PipelineCommand {
    /// Check a definition for errors and warnings.
    Lint(Lint),
    /// Publish a definition as a new pipeline or as the next version.
    Publish(Publish),
}

#[derive(Debug, Args)]
struct Lint {
    /// Accepted as in every sub-command, and not used.
    #[command(flatten)]
    _database: DatabaseArgs,
    /// The definition, in JSON.
    file: PathBuf,
    /// Treat warnings as errors.
    #[arg(long)]
    strict: bool,
    /// Print one JSON document instead of lines.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Args)]
struct Publish {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The definition, in JSON.
    file: PathBuf,
    /// The tenant.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// The pipeline's key.
    #[arg(long)]
    key: String,
    /// The stage mapping in JSON: a list of {from, kind, to}.
    #[arg(long)]
    map: Option<PathBuf>,
    /// When it takes effect (RFC 3339); immediately when absent.
    #[arg(long)]
    effective_from: Option<String>,
    /// Dry run: report which customers would be affected and what would break.
    #[arg(long)]
    dry_run: bool,
    /// Print one JSON document instead of lines.
    #[arg(long)]
    json: bool,
}

impl PipelineArgs {
    pub(super) async fn run(self) -> Result<(), Failure> {
        match self.command {
            PipelineCommand::Lint(lint) => lint.run(),
            PipelineCommand::Publish(publish) => publish.run().await,
        }
    }
}

impl Lint {
    fn run(self) -> Result<(), Failure> {
        let definition = read(&self.file)?;
        let (errors, warnings) = match Pipeline::parse("lint", 1, &definition) {
            Ok(pipeline) => (Vec::new(), pipeline.warnings()),
            Err(refusal) => (refusal.violations, Vec::new()),
        };
        if self.json {
            output::json(&json!({ "errors": errors, "warnings": warnings }))?;
        } else {
            say("error", &errors);
            say("warning", &warnings);
        }
        if !errors.is_empty() {
            return Err(refused(&errors));
        }
        if self.strict && !warnings.is_empty() {
            let what = format!("{} is usable, but unwise in {} ways", self.file.display(), warnings.len());
            return Err(Failure::with_code(UNWISE, what));
        }
        if !self.json && warnings.is_empty() {
            output::say("no problems found");
        }
        Ok(())
    }
}

impl Publish {
    async fn run(self) -> Result<(), Failure> {
        let (installation, tenant) = super::existing(&self.database, &self.tenant).await?;
        let published = self.publish(&installation, tenant).await;
        installation.close().await?;
        published
    }

    async fn publish(&self, installation: &Installation, tenant: TenantId) -> Result<(), Failure> {
        let new = self.new_version()?;
        let caller = installation.system_caller(tenant, &operator());
        installation.catch_up(tenant, |_, _| {}).await?;
        let app = &installation.app;
        let known = app.pipelines.latest(tenant).await?.contains_key(&self.key);
        if self.dry_run {
            let preview = if known {
                app.preview_version(&caller, &self.key, &new).await?
            } else {
                first(&self.key, &new)
            };
            return self.say_preview(&preview);
        }
        let meta = CommandMeta::default();
        let done = if known {
            app.publish_version(&caller, &meta, &self.key, &new).await
        } else {
            let preview = first(&self.key, &new);
            let Some(pipeline) = preview.pipeline else { return Err(self.refuse(&preview.violations)?) };
            app.publish_pipeline(&caller, &meta, pipeline).await
        };
        let answer = match done {
            Ok(answer) => answer,
            Err(AppError::Refused(refusal)) => return Err(self.refuse(&refusal.violations)?),
            Err(error) => return Err(error.into()),
        };
        // Where no server runs, nobody else would bring the customers to their places.
        installation.catch_up(tenant, |_, _| {}).await?;
        Migrator::new(app.clone()).look(tenant).await?;
        if self.json {
            let said = json!({ "key": self.key, "version": answer.version, "position": answer.position });
            return Ok(output::json(&said)?);
        }
        output::say(&format!("{} version {} is published", self.key, answer.version));
        Ok(())
    }

    fn new_version(&self) -> Result<NewVersion, Failure> {
        let map = match &self.map {
            None => Vec::new(),
            Some(file) => {
                StageMapping::parse_all(&read(file)?).map_err(|refusal| refused(&refusal.violations))?
            }
        };
        let effective_from = match &self.effective_from {
            None => None,
            Some(text) => {
                let instant = Instant::parse(text).map(|instant| instant.0);
                Some(instant.ok_or_else(|| format!("{text:?} is no instant as in RFC 3339"))?)
            }
        };
        Ok(NewVersion { definition: read(&self.file)?, effective_from, map, team: None })
    }

    fn say_preview(&self, preview: &Preview) -> Result<(), Failure> {
        let affected = preview.affected.iter().map(|stage| {
            json!({
                "stage": stage.stage, "standing": stage.occupants.standing, "passed": stage.occupants.passed,
                "kind": stage.kind, "to": stage.to, "sample": stage.occupants.sample,
            })
        });
        if self.json {
            let affected: Vec<Value> = affected.collect();
            output::json(&json!({
                "dry_run": true, "violations": preview.violations, "warnings": preview.warnings, "affected": affected,
            }))?;
        } else {
            for stage in affected {
                output::say(&format!("{stage}"));
            }
            say("warning", &preview.warnings);
            say("error", &preview.violations);
        }
        if preview.violations.is_empty() { Ok(()) } else { Err(refused(&preview.violations)) }
    }

    /// Says why it is refused, and gives the failure to end with.
    fn refuse(&self, violations: &[Violation]) -> Result<Failure, serde_json::Error> {
        if self.json {
            output::json(&json!({ "violations": violations }))?;
        } else {
            say("error", violations);
        }
        Ok(refused(violations))
    }
}

/// What publishing the first version would come to.
fn first(key: &str, new: &NewVersion) -> Preview {
    // Parsing checks the key as well.
    let (pipeline, violations) = match Pipeline::parse(key, 1, &new.definition) {
        Ok(pipeline) => (Some(pipeline), Vec::new()),
        Err(refusal) => (None, refusal.violations),
    };
    let warnings = pipeline.as_ref().map(Pipeline::warnings).unwrap_or_default();
    Preview { pipeline, base: 0, violations, warnings, unchanged: false, affected: Vec::new() }
}

fn read(file: &Path) -> Result<Value, Failure> {
    let text = std::fs::read_to_string(file)
        .map_err(|error| format!("{} cannot be read: {error}", file.display()))?;
    Ok(serde_json::from_str(&text).map_err(|error| format!("{} is not JSON: {error}", file.display()))?)
}

fn say(grade: &str, violations: &[Violation]) {
    for Violation { code, field, message, how_to_fix, .. } in violations {
        output::say(&format!("{grade} {code} at {field}: {} {}", message.en, how_to_fix.en));
        output::say(&format!("    {}{}", message.zh, how_to_fix.zh));
    }
}

fn refused(violations: &[Violation]) -> Failure {
    Failure::with_code(
        REFUSED,
        match violations.len() {
            1 => "refused for 1 reason".to_owned(),
            count => format!("refused for {count} reasons"),
        },
    )
}
