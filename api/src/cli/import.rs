//! `waymark import`: a history of status changes from CSV.
//!
//! Exit codes: 0 imported, 1 failed, 2 the command line is wrong, 3 the file has bad rows and nothing was imported.

use std::path::PathBuf;

use clap::Args;

use super::{Failure, output};
use crate::config::DatabaseArgs;
use crate::domain::pipeline::{Ending, Endings};
use crate::import::{self, BadRow, ImportError, Mapping, Phase, Progress, Report};
use crate::installation::Installation;

/// The file has bad rows.
const BAD_ROWS: u8 = 3;

/// Import a history of status changes from a CSV file.
#[derive(Debug, Args)]
pub(super) struct Import {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The tenant.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// The pipeline's key; a new key creates a pipeline from the file's statuses.
    #[arg(long)]
    pipeline: String,
    /// The file; gzip is recognised.
    #[arg(long)]
    csv: PathBuf,
    /// The column that identifies the customer.
    #[arg(long)]
    case: String,
    /// The column with the status.
    #[arg(long)]
    status: String,
    /// The column with the time of the change.
    #[arg(long)]
    time: String,
    /// The column with the person who made it.
    #[arg(long)]
    actor: Option<String>,
    /// Statuses of a new pipeline that mean won.
    #[arg(long, value_name = "STATUS", num_args = 1..)]
    won: Vec<String>,
    /// Statuses of a new pipeline that mean lost.
    #[arg(long, value_name = "STATUS", num_args = 1..)]
    lost: Vec<String>,
    /// Final statuses of a new pipeline. Those in neither --won nor --lost are classified by well-known names, as printed; all
    /// others are closed, which is not part of any win rate.
    #[arg(long = "final", value_name = "STATUS", num_args = 1..)]
    finals: Vec<String>,
    /// Skip invalid rows instead of refusing the file.
    #[arg(long)]
    skip_bad: bool,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

impl Import {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let file = std::fs::File::open(&self.csv)
            .map_err(|error| Failure::from(format!("{}: {error}", self.csv.display())))?;
        let installation = Installation::open(&self.database).await?;
        let tenant = installation.tenant(&self.tenant).await?;
        let caller = installation.system_caller(tenant, "system:import");
        let bar = output::bar();
        let shown = |progress: Progress| show(&bar, progress);
        let imported = import::run(&installation.app, &caller, file, &self.mapping(), &shown).await;
        let projected = match &imported {
            Ok(_) => {
                bar.set_message("projecting");
                installation.catch_up(tenant, output::moving(&bar)).await
            }
            Err(_) => Ok(()),
        };
        bar.finish_and_clear();
        installation.close().await?;
        projected?;
        self.print(&imported.map_err(failure)?)
    }

    fn mapping(&self) -> Mapping {
        Mapping {
            pipeline: self.pipeline.clone(),
            case: self.case.clone(),
            status: self.status.clone(),
            time: self.time.clone(),
            actor: self.actor.clone(),
            endings: Endings { won: self.won.clone(), lost: self.lost.clone(), finals: self.finals.clone() },
            skip_bad: self.skip_bad,
        }
    }

    fn print(&self, report: &Report) -> Result<(), Failure> {
        for guess in report.endings.iter().filter(|ending| ending.guessed) {
            output::remark(&guessed(guess));
        }
        if report.skipped > 0 {
            output::remark(&format!(
                "{} bad rows were left out{}",
                report.skipped,
                listed(&report.bad_rows, report.skipped)
            ));
        }
        if self.json {
            return Ok(output::json(report)?);
        }
        output::table(&[
            ("pipeline", report.pipeline.clone()),
            ("rows", report.rows.to_string()),
            ("customers", report.cases.to_string()),
            ("imported before", report.cases_already_imported.to_string()),
            ("events", report.events.to_string()),
            ("repeats", report.repeats.to_string()),
            ("skipped", report.skipped.to_string()),
            ("position", report.position.to_string()),
        ]);
        Ok(())
    }
}

/// What a final status was taken for.
fn guessed(ending: &Ending) -> String {
    let status = &ending.status;
    if ending.kind.ends_without_outcome() {
        return format!(
            "{status:?} is neither won nor lost by its name and counts in no win rate; name it with --won or --lost"
        );
    }
    let kind = ending.kind.as_str();
    format!("{status:?} was taken for {kind} by its name; name such statuses with --won and --lost")
}

fn show(bar: &indicatif::ProgressBar, progress: Progress) {
    bar.set_message(match progress.phase {
        Phase::Reading => "reading",
        Phase::Checking => "checking",
        Phase::Writing => "writing",
    });
    bar.set_length(progress.total);
    bar.set_position(progress.done);
}

fn failure(error: ImportError) -> Failure {
    let ImportError::BadRows { rows, total } = error else { return error.into() };
    let rows = listed(&rows, total);
    let message =
        format!("{total} bad rows; nothing was imported{rows}\nmend them, or leave them out with --skip-bad");
    Failure::with_code(BAD_ROWS, message)
}

/// A line a bad row (its line in the file, its column and what is wrong), and how many more there are.
fn listed(rows: &[BadRow], total: u64) -> String {
    let mut list = String::new();
    for row in rows {
        list.push_str(&format!("\n  line {}: {} {} ({})", row.line, row.field, row.message.en, row.code));
    }
    if total > rows.len() as u64 {
        list.push_str(&format!("\n  … and {} more", total - rows.len() as u64));
    }
    list
}
