//! `waymark forecast`: what will be won of the open deals.

use clap::Args;

use super::Failure;
use super::moment::{MomentArgs, definition, rates};
use super::output::{OutputArgs, table_text};
use crate::config::DatabaseArgs;
use crate::projections::CohortFilter;
use crate::projections::reports::forecast::{ClosePeriod, ForecastQuery, ForecastReport, SlipReport};

/// Forecast what will be won of the open deals.
#[derive(Debug, Args)]
pub(super) struct Forecast {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The tenant.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// The pipeline.
    #[arg(long)]
    pipeline: String,
    /// The horizons, in days.
    #[arg(long, value_delimiter = ',', default_values_t = [30, 90], value_parser = clap::value_parser!(u32).range(1..=3650))]
    horizon_days: Vec<u32>,
    #[command(flatten)]
    moment: MomentArgs,
    #[command(flatten)]
    output: OutputArgs,
}

impl Forecast {
    pub(super) async fn run(self) -> Result<(), Failure> {
        let (installation, tenant) = super::existing(&self.database, &self.tenant).await?;
        let report = async {
            let at = self.moment.at(&installation, tenant).await?;
            let pipeline = definition(&installation, tenant, &self.pipeline, &at).await?;
            let convert = rates(&installation, tenant, &at).await?;
            let filter = CohortFilter::default();
            let (horizons, close_by) = (self.horizon_days.clone(), ClosePeriod::default());
            let query = ForecastQuery { at, filter, horizons, convert, close_by };
            let mut reports = installation.app.projections.reports(tenant).await?;
            Ok::<_, Failure>(reports.forecast(&pipeline, &query).await?)
        };
        let report = report.await;
        installation.close().await?;
        self.show(&report?)
    }

    fn show(&self, report: &ForecastReport) -> Result<(), Failure> {
        self.output.write(report, &report.horizons, || told(report))
    }
}

/// The forecast as people read it.
fn told(report: &ForecastReport) -> String {
    let mut text = String::new();
    for horizon in &report.horizons {
        let deals = &horizon.deals;
        let mut rows = vec![(
            "deals",
            format!(
                "{:.1} (80%: {} to {}, 95%: {} to {})",
                deals.expected, deals.low, deals.high, deals.low_95, deals.high_95
            ),
        )];
        rows.extend(horizon.amounts.iter().map(|money| {
            (money.currency.as_str(), format!("{} (80%: {} to {})", money.expected, money.low, money.high))
        }));
        rows.extend(horizon.by_stage.iter().filter(|stage| stage.open > 0).map(|stage| {
            let chance = 100.0 * stage.win_probability;
            let line = format!("{} open, {chance:.1}% each, {:.1} expected", stage.open, stage.expected);
            (stage.stage.as_str(), line)
        }));
        text.push_str(&format!("within {} days, by {}\n", horizon.days, horizon.until.date_naive()));
        text.push_str(&table_text(&rows));
    }
    let rows: Vec<(&str, String)> = report
        .by_expected_close
        .iter()
        .map(|period| {
            let name = period.period.as_deref().unwrap_or("no day");
            let expected = match (period.expected, period.overdue) {
                (Some(expected), _) => format!(", {expected:.1} expected"),
                (None, true) => ", overdue".to_owned(),
                (None, false) => String::new(),
            };
            let slipped = match period.slips {
                SlipReport { deals: 0, .. } => String::new(),
                SlipReport { deals, pushed_days, .. } => {
                    format!(", {deals} put off, {pushed_days} days in all")
                }
            };
            (name, format!("{} open{expected}{slipped}", period.open))
        })
        .collect();
    if !rows.is_empty() {
        text.push_str("by expected close\n");
        text.push_str(&table_text(&rows));
    }
    text
}
