//! `waymark replay`: a pipeline as it stood at an instant, by what was known at another.

use clap::{Args, ValueEnum};
use waymark_eventstore::TenantId;

use super::moment::{MomentArgs, definition};
use super::{Failure, output};
use crate::config::DatabaseArgs;
use crate::domain::instant;
use crate::installation::Installation;
use crate::projections::board::{BoardQuery, BoardReport};
use crate::projections::dwell::{Clock, DwellQuery, DwellReport, Unit, Window};
use crate::projections::{AsOf, CohortFilter};

/// Up to where the restricted mean goes.
const THIRTY_DAYS: u64 = 30 * 24 * 60 * 60;

/// Show a pipeline as it stood at an instant, by what was known at another.
#[derive(Debug, Args)]
pub(super) struct Replay {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The tenant.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// The pipeline.
    #[arg(long)]
    pipeline: String,
    #[command(flatten)]
    moment: MomentArgs,
    /// What is shown.
    #[arg(long, value_enum, default_value_t = Model::Board)]
    model: Model,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Model {
    /// How many stand in each stage, and what they may be worth.
    Board,
    /// How long stays in each stage last.
    Dwell,
}

impl Replay {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (installation, tenant) = super::existing(&self.database, &self.tenant).await?;
        let shown = self.replay(&installation, tenant).await;
        installation.close().await?;
        shown
    }

    async fn replay(&self, installation: &Installation, tenant: TenantId) -> Result<(), Failure> {
        let at = self.moment.at(installation, tenant).await?;
        match self.model {
            Model::Board => self.show_board(&self.board(installation, tenant, at).await?),
            Model::Dwell => self.show_dwell(&self.dwell(installation, tenant, at).await?),
        }
    }

    async fn board(
        &self,
        installation: &Installation,
        tenant: TenantId,
        at: AsOf,
    ) -> Result<BoardReport, Failure> {
        let pipeline = definition(installation, tenant, &self.pipeline).await?.pipeline;
        let filter = CohortFilter::default();
        let query =
            BoardQuery { at, now: false, filter, stage: None, cursor: None, limit: 0, by_value: false };
        let name = |stage: &str, sub_status: Option<&str>| {
            let stage = pipeline.stage(stage)?;
            match sub_status {
                None => Some(stage.name.en.clone()),
                Some(id) => stage.sub_status(id).map(|sub_status| sub_status.name.en.clone()),
            }
        };
        Ok(installation
            .app
            .projections
            .pipeline_board(tenant, &pipeline.key)
            .await?
            .cards(&pipeline, &query, &name)
            .await?)
    }

    async fn dwell(
        &self,
        installation: &Installation,
        tenant: TenantId,
        at: AsOf,
    ) -> Result<DwellReport, Failure> {
        let pipeline = definition(installation, tenant, &self.pipeline).await?;
        let query = DwellQuery {
            at,
            window: Window::default(),
            filter: CohortFilter::default(),
            unit: Unit::default(),
            clock: Clock::default(),
            calendar: None,
            zones: installation.app.zones.clone(),
            horizon_seconds: THIRTY_DAYS,
            curve: false,
            subjects: false,
        };
        let mut dwell = installation.app.projections.dwell(tenant).await?;
        Ok(dwell.dwell_times(&pipeline.pipeline, &pipeline.versions, &query).await?)
    }

    fn show_board(&self, report: &BoardReport) -> Result<(), Failure> {
        if self.json {
            return Ok(output::json(report)?);
        }
        let mut rows = vec![
            ("effective at", instant::text(report.effective_at)),
            ("known at", instant::text(report.known_at)),
            ("customers", report.total.to_string()),
        ];
        rows.extend(report.stages.iter().map(|stage| {
            let amounts = stage.amounts.iter().map(|money| format!(", {} {}", money.amount, money.currency));
            (stage.stage.as_str(), format!("{}{}", stage.count, amounts.collect::<String>()))
        }));
        output::table(&rows);
        Ok(())
    }

    fn show_dwell(&self, report: &DwellReport) -> Result<(), Failure> {
        if self.json {
            return Ok(output::json(report)?);
        }
        let days = |seconds: Option<f64>| {
            seconds
                .map_or_else(|| "not reached".to_owned(), |seconds| format!("{:.1} days", seconds / 86_400.0))
        };
        let mut rows = vec![
            ("effective at", instant::text(report.effective_at)),
            ("known at", instant::text(report.known_at)),
        ];
        rows.extend(report.stages.iter().map(|stage| {
            let median = days(stage.kaplan_meier.median);
            (stage.stage.as_str(), format!("{} stays, {} open, median {median}", stage.stays, stage.open))
        }));
        output::table(&rows);
        Ok(())
    }
}
