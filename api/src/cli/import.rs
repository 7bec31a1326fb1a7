//! `waymark import`: a history of status changes, or customers, from a file.
//!
//! Exit codes: 0 imported, 1 failed, 2 the command line is wrong, 3 the file has bad rows and nothing was imported.

use std::collections::BTreeMap;
use std::path::PathBuf;

use chrono_tz::Tz;
use clap::Args;

use super::{Failure, output};
use crate::app::Caller;
use crate::config::DatabaseArgs;
use crate::domain::pipeline::{Ending, Endings};
use crate::import::{
    self, BadRow, Detail, Detected, Format, ImportError, Mapping, Phase, Problems, Progress, Report, Sample,
    TimeRules,
};
use crate::installation::Installation;

/// The file has bad rows.
const BAD_ROWS: u8 = 3;

/// Import a history of status changes, or customers, from a file: CSV or .xlsx, plain or gzip.
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
    /// The file. Separators, encoding and gzip are recognised, and so is a workbook.
    #[arg(long, visible_alias = "file")]
    csv: PathBuf,
    /// The column that identifies the customer.
    #[arg(long)]
    case: String,
    /// The column with the status.
    #[arg(long)]
    status: Option<String>,
    /// The column with the time of the change.
    #[arg(long)]
    time: Option<String>,
    /// Of a file with a row for each customer: a column with the time at which it entered a status, and that status.
    #[arg(long, value_name = "COLUMN:STATUS", value_parser = column_and_status)]
    entered: Vec<(String, String)>,
    /// Rows are customers without a history: they enter the stage of the column --status, or the first one, now.
    #[arg(long, conflicts_with_all = ["time", "entered"])]
    customers: bool,
    /// The column with the person who made it. Without --owner, who made the latest change is the customer's owner.
    #[arg(long)]
    actor: Option<String>,
    #[command(flatten)]
    details: DetailArgs,
    /// A custom field and its column.
    #[arg(long = "field", value_name = "KEY=COLUMN", value_parser = key_and_column)]
    fields: Vec<(String, String)>,
    /// Statuses of a new pipeline that mean won. Without it, those of usual names do, such as 成交 or Closed Won, unless --final
    /// is given; --won '' takes none by its name.
    #[arg(long, value_name = "STATUS", num_args = 1..)]
    won: Option<Vec<String>>,
    /// Statuses of a new pipeline that mean lost, likewise.
    #[arg(long, value_name = "STATUS", num_args = 1..)]
    lost: Option<Vec<String>>,
    /// Final statuses of a new pipeline. Those in neither --won nor --lost are classified by well-known names, as printed; all
    /// others are closed, which is not part of any win rate.
    #[arg(long = "final", value_name = "STATUS", num_args = 1..)]
    finals: Vec<String>,
    /// Skip invalid rows instead of refusing the file. Mend them and import the file again: what is new is added.
    #[arg(long)]
    skip_bad: bool,
    /// Whether customers that are registered already get what is new in the file. By default those do that an import
    /// registered.
    #[arg(long, num_args = 0..=1, default_missing_value = "true")]
    update: Option<bool>,
    /// Write nothing: print what would be imported.
    #[arg(long)]
    preview: bool,
    /// The encoding, where the file does not tell it, such as gb18030 or latin1.
    #[arg(long)]
    encoding: Option<String>,
    /// The sheet of a workbook; the first one without it.
    #[arg(long)]
    sheet: Option<String>,
    /// The time zone of times without an offset; that of the pipeline's default pool without it.
    #[arg(long)]
    zone: Option<Tz>,
    /// How times are written, such as %d/%m/%Y. Needed where day and month could be either way round.
    #[arg(long, value_name = "FORMAT")]
    time_format: Option<String>,
    /// Print one JSON document instead of a table.
    #[arg(long)]
    json: bool,
}

/// The columns with what else is known of the customers.
#[derive(Debug, Args)]
struct DetailArgs {
    /// The column with the customer's name.
    #[arg(long, value_name = "COLUMN")]
    name: Option<String>,
    /// The column with its telephones.
    #[arg(long, value_name = "COLUMN")]
    phone: Option<String>,
    /// The column with its e-mail addresses.
    #[arg(long, value_name = "COLUMN")]
    email: Option<String>,
    /// The column with what the deal may be worth.
    #[arg(long, value_name = "COLUMN")]
    amount: Option<String>,
    /// The column with the currency of --amount, or one currency for all rows, such as CNY.
    #[arg(long, value_name = "COLUMN|CODE")]
    currency: Option<String>,
    /// The column with the customer's owner: a rep, or pool:KEY.
    #[arg(long, value_name = "COLUMN")]
    owner: Option<String>,
    /// The column with the source.
    #[arg(long, value_name = "COLUMN")]
    source: Option<String>,
    /// The column with the channel.
    #[arg(long, value_name = "COLUMN")]
    channel: Option<String>,
    /// The column with tags.
    #[arg(long, value_name = "COLUMN")]
    tag: Option<String>,
    /// The column with the external id, where that is not --case.
    #[arg(long, value_name = "COLUMN")]
    external_id: Option<String>,
}

impl DetailArgs {
    fn columns(&self) -> BTreeMap<Detail, String> {
        let columns = [
            (Detail::Name, &self.name),
            (Detail::Phone, &self.phone),
            (Detail::Email, &self.email),
            (Detail::Amount, &self.amount),
            (Detail::Currency, &self.currency),
            (Detail::Owner, &self.owner),
            (Detail::Source, &self.source),
            (Detail::Channel, &self.channel),
            (Detail::Tag, &self.tag),
            (Detail::ExternalId, &self.external_id),
        ];
        columns.into_iter().filter_map(|(detail, column)| Some((detail, column.clone()?))).collect()
    }
}

fn column_and_status(text: &str) -> Result<(String, String), &'static str> {
    let (column, status) = text.rsplit_once(':').ok_or("must be COLUMN:STATUS")?;
    Ok((column.trim().to_owned(), status.trim().to_owned()))
}

/// The statuses that were named; an empty text names none.
fn named(statuses: &[String]) -> Vec<String> {
    statuses.iter().filter(|status| !status.trim().is_empty()).cloned().collect()
}

fn key_and_column(text: &str) -> Result<(String, String), &'static str> {
    let (key, column) = text.split_once('=').ok_or("must be KEY=COLUMN")?;
    Ok((key.trim().to_owned(), column.trim().to_owned()))
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
        // A next version of the pipeline asks the read models who is in which stage.
        installation.catch_up(tenant, output::moving(&bar)).await?;
        let imported = self.import(&installation, &caller, file, &shown).await;
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

    async fn import(
        &self,
        installation: &Installation,
        caller: &Caller,
        file: std::fs::File,
        progress: &(dyn Fn(Progress) + Send + Sync),
    ) -> Result<Report, ImportError> {
        let app = &installation.app;
        let zone = match self.zone {
            Some(zone) => zone,
            None => app.import_zone(caller.tenant, &self.pipeline).await?,
        };
        let mapping = Mapping {
            pipeline: self.pipeline.clone(),
            case: self.case.clone(),
            status: self.status.clone(),
            time: self.time.clone(),
            entered: self.entered.clone(),
            actor: self.actor.clone(),
            details: self.details.columns(),
            fields: self.fields.clone(),
            endings: Endings::told(
                self.won.as_deref().map(named),
                self.lost.as_deref().map(named),
                self.finals.clone(),
            ),
            skip_bad: self.skip_bad,
            update: self.update,
            preview: self.preview,
            without_history: self.customers,
            format: Format {
                encoding: self.encoding.as_deref().map(Format::encoding).transpose()?,
                sheet: self.sheet.clone(),
                time: TimeRules {
                    zone,
                    format: self.time_format.clone().map(Format::time_format).transpose()?,
                    zones: app.zones.clone(),
                },
            },
        };
        import::run(app, caller, (app.ids)(), file, &mapping, progress).await
    }

    fn print(&self, report: &Report) -> Result<(), Failure> {
        for guess in report.endings.iter().filter(|ending| ending.guessed) {
            output::remark(&guessed(guess));
        }
        if report.skipped > 0 {
            output::remark(&format!(
                "{} left out{}{}",
                output::counted(report.skipped, "bad row was", "bad rows were"),
                summed(&report.problems),
                listed(&report.bad_rows, report.skipped)
            ));
        }
        if self.json {
            return Ok(output::json(report)?);
        }
        if report.preview {
            output::remark("a preview: nothing was written; the figures tell what would be");
            for row in &report.samples {
                output::remark(&sample(row));
            }
        }
        output::table(&[
            ("pipeline", report.pipeline.clone()),
            ("import", report.import.to_string()),
            ("file", described(&report.detected, &report.zone)),
            ("rows", report.rows.to_string()),
            ("taken", report.taken.to_string()),
            ("known", report.known.to_string()),
            ("customers", report.cases.to_string()),
            ("updated", report.cases_updated.to_string()),
            ("imported before", report.cases_already_imported.to_string()),
            ("events", report.events.to_string()),
            ("repeats", report.repeats.to_string()),
            ("skipped", report.skipped.to_string()),
            ("position", report.position.to_string()),
        ]);
        Ok(())
    }
}

/// What a status that ends was taken for by its name.
fn guessed(ending: &Ending) -> String {
    let status = &ending.status;
    if ending.kind.ends_without_outcome() {
        return format!(
            "{status:?} is neither won nor lost by its name and counts in no win rate; name it with --won or --lost"
        );
    }
    let kind = ending.kind.as_str();
    format!(
        "{status:?} was taken for {kind} by its name; where it is not, name such statuses with --won and --lost (--won '' takes none by its name)"
    )
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
    let ImportError::BadRows { rows, problems, total } = error else { return error.into() };
    let (sums, rows) = (summed(&problems), listed(&rows, total));
    let bad = output::counted(total, "bad row", "bad rows");
    let message =
        format!("{bad}; nothing was imported{sums}{rows}\nmend them, or leave them out with --skip-bad");
    Failure::with_code(BAD_ROWS, message)
}

/// A row as it would be.
fn sample(row: &Sample) -> String {
    let amount = row.amount.as_ref().map(|amount| format!("{} {}", amount.currency, amount.amount));
    let known = [row.name.clone(), row.owner.clone(), amount].into_iter().flatten();
    let known: Vec<String> = known.filter(|text| *text != row.case).collect();
    let beside = if known.is_empty() { String::new() } else { format!(" [{}]", known.join(", ")) };
    let at = row.effective_at.format("%F %T UTC");
    let by = if row.actor.is_empty() { String::new() } else { format!(" by {}", row.actor) };
    format!("  row {}: {}{beside} {} at {at}{by} ({})", row.row, row.case, row.stage, row.outcome)
}

/// What a file turned out to be.
fn described(detected: &Detected, zone: &str) -> String {
    let separator = match detected.separator.as_deref() {
        Some("\t") => Some("tabs".to_owned()),
        Some(separator) => Some(format!("separated by {separator}")),
        None => None,
    };
    let sheet = detected.sheet.as_ref().map(|sheet| match &detected.other_sheets[..] {
        [] => format!("sheet {sheet}"),
        others => format!("sheet {sheet} (not read: {})", others.join(", ")),
    });
    let gzip = detected.gzip.then(|| "gzip".to_owned());
    let parts = [Some(detected.format.clone()), gzip, detected.encoding.clone(), separator, sheet];
    let parts: Vec<String> = parts.into_iter().flatten().chain([format!("times in {zone}")]).collect();
    parts.join(", ")
}

/// A line a kind of bad rows: how many, and how to mend them.
fn summed(problems: &[Problems]) -> String {
    let mut list = String::new();
    for sum in problems {
        list.push_str(&format!(
            "\n  {} × {} {}, first in row {}: {} {}",
            sum.count, sum.field, sum.code, sum.first_row, sum.message.en, sum.how_to_fix.en
        ));
    }
    list
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
