//! `waymark export`: everything recorded, in a format that other tools read.

use std::collections::BTreeMap;
use std::io::Write;
use std::path::PathBuf;
use std::time::Duration;

use chrono::{DateTime, Utc};
use clap::builder::PossibleValuesParser;
use clap::{ArgGroup, Args};
use serde_json::json;

use super::moment::instant;
use super::{Failure, output};
use crate::config::DatabaseArgs;
use crate::domain::company::event::ExportStarted;
use crate::domain::instant::text;
use crate::eventstore::Position;
use crate::export::{self, Format, Kind, Pin};
use crate::installation::Installation;
use crate::operator::operator;
use crate::projections::CohortFilter;
use crate::projections::dwell::Window;

/// How long to wait for the read models, which this command brings up to date itself.
const WAIT: Duration = Duration::from_secs(60);

/// Export events, moves, stays or customers.
#[derive(Debug, Args)]
#[command(group(ArgGroup::new("beside").args(["output", "manifest"])))]
pub(super) struct Export {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The tenant.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// What: events, moves, stays or customers.
    #[arg(value_parser = PossibleValuesParser::new(Kind::ALL.map(|(word, _)| word)))]
    what: String,
    /// The format. In xes and ocel-json an event is the entering of a stage.
    #[arg(long, default_value = "csv", value_parser = PossibleValuesParser::new(Format::ALL.map(Format::as_str)))]
    format: String,
    /// The file to write; standard output without it.
    #[arg(long, short)]
    output: Option<PathBuf>,
    /// Only moves and stays in this pipeline, and the customers in it.
    #[arg(long)]
    pipeline: Option<String>,
    /// Only what happened from this instant on, and stays that ended after it.
    #[arg(long, value_parser = instant)]
    from: Option<DateTime<Utc>>,
    /// Only what happened before this instant.
    #[arg(long, value_parser = instant)]
    to: Option<DateTime<Utc>>,
    /// The business instant asked about, in RFC 3339 with an offset; when the last position was recorded without it.
    #[arg(long, value_parser = instant)]
    effective_at: Option<DateTime<Utc>>,
    /// The last position that counts; the end of the log without it.
    #[arg(long)]
    known_position: Option<Position>,
    /// Only what was recorded by this instant, instead of the position.
    #[arg(long, value_parser = instant, conflicts_with = "known_position")]
    known_at: Option<DateTime<Utc>>,
    /// Begin CSV with a byte order mark, by which Excel recognises UTF-8.
    #[arg(long)]
    bom: bool,
    /// Make texts of CSV harmless that a spreadsheet would take for a formula.
    #[arg(long)]
    escape_formulas: bool,
    /// Print what the export is, with its SHA-256 and the root of the log's tree, instead of writing it.
    #[arg(long, conflicts_with = "output")]
    manifest: bool,
    /// Print what was written as JSON. The export itself then goes to a file, or `manifest` says what it would be.
    #[arg(long, requires = "beside")]
    json: bool,
}

impl Export {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (installation, tenant) = super::existing(&self.database, &self.tenant).await?;
        let bar = output::bar();
        bar.set_message("projecting");
        let exported = match installation.catch_up(tenant, output::moving(&bar)).await {
            Ok(()) => self.export(&installation, tenant, &bar).await,
            Err(error) => Err(error.into()),
        };
        bar.finish_and_clear();
        installation.close().await?;
        exported
    }

    async fn export(
        &self,
        installation: &Installation,
        tenant: crate::eventstore::TenantId,
        bar: &indicatif::ProgressBar,
    ) -> Result<(), Failure> {
        let app = &installation.app;
        let caller = installation.system_caller(tenant, &operator());
        let head = app.store.head(tenant).await?.position;
        let position = match self.known_at {
            Some(known_at) => app.store.position_at(tenant, known_at).await?,
            None => self.known_position.unwrap_or(head),
        };
        if position > head {
            return Err(format!("position {position} is beyond the end of the log, {head}").into());
        }
        for projection in ["board", "dwell"] {
            app.projections.wait_for(tenant, projection, position, WAIT).await?;
        }
        let (Some(kind), Some(format)) = (Kind::parse(&self.what), Format::parse(&self.format)) else {
            return Err("unknown kind or format".into());
        };
        if let Some(key) = &self.pipeline {
            app.pipelines.find(tenant, key, None).await?;
        }
        let pin = Pin::at(app, &caller, position).await?;
        let pin = Pin { effective_at: self.effective_at.unwrap_or(pin.effective_at), ..pin };
        let export = export::Export {
            kind,
            format,
            pipeline: self.pipeline.clone(),
            filter: CohortFilter::default(),
            window: Window { from: self.from, to: self.to },
            bom: self.bom,
            escape_formulas: self.escape_formulas,
            pin,
        };
        export.check().map_err(|(_, label)| Failure::from(label.en))?;
        if self.manifest {
            let signer = &installation.checkpoint_signer;
            return Ok(output::json(&export::manifest(app, signer, &caller, export).await?)?);
        }
        let started = ExportStarted {
            kind: self.what.clone(),
            format: self.format.clone(),
            filters: self.filters(),
            first_position: None,
            position,
            rows: None,
            credential: None,
        };
        app.record_export(&caller, None, started).await?;
        let mut target: Box<dyn Write> = match &self.output {
            Some(path) => {
                let file = std::fs::File::create(path);
                Box::new(file.map_err(|error| Failure::from(format!("{}: {error}", path.display())))?)
            }
            None => Box::new(std::io::stdout()),
        };
        bar.set_message("exporting");
        let (mut pieces, rows) = export::start(app.clone(), caller, export);
        while let Some(piece) = pieces.recv().await {
            let piece = piece?;
            target.write_all(&piece)?;
            bar.inc(piece.len() as u64);
        }
        target.flush()?;
        let rows = rows.await?;
        if self.json {
            let written = json!({
                "tenant": self.tenant, "what": self.what, "format": self.format, "output": self.output,
                "rows": rows, "position": position
            });
            return Ok(output::json(&written)?);
        }
        output::remark(&format!("{} as known at position {position}", output::counted(rows, "row", "rows")));
        Ok(())
    }

    /// What was asked for, as the record of the download has it.
    fn filters(&self) -> BTreeMap<String, Option<String>> {
        let given = [
            ("pipeline", self.pipeline.clone()),
            ("from", self.from.map(text)),
            ("to", self.to.map(text)),
            ("effective_at", self.effective_at.map(text)),
            ("known_at", self.known_at.map(text)),
        ];
        let given = given.into_iter().filter(|(_, value)| value.is_some());
        given.map(|(name, value)| (name.to_owned(), value)).collect()
    }
}
