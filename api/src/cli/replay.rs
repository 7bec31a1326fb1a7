//! `waymark replay`: a pipeline, its customers or the history of one as of an instant, by what was known at another.

use std::collections::BTreeMap;

use clap::{Args, ValueEnum};
use uuid::Uuid;
use waymark_eventstore::TenantId;

use super::Failure;
use super::moment::{MomentArgs, definition};
use super::output::{OutputArgs, counted, table_text};
use crate::config::DatabaseArgs;
use crate::domain::company::event::ExportStarted;
use crate::domain::instant;
use crate::domain::people::Disclosure;
use crate::installation::Installation;
use crate::operator::operator;
use crate::projections::board::{BoardQuery, BoardReport, CardOrder, CustomerFilter, CustomerList};
use crate::projections::dwell::{Clock, DwellQuery, DwellReport, Unit, Window};
use crate::projections::timeline::{TimelineQuery, TimelineReport, TimelineView};
use crate::projections::{AsOf, CohortFilter};

/// Up to where the restricted mean goes.
const THIRTY_DAYS: u64 = 30 * 24 * 60 * 60;

/// How many customers are read at a time.
const CUSTOMERS_PER_PAGE: u32 = 500;

/// Show a pipeline, its customers or a customer's history as of an instant, by what was known at another.
#[derive(Debug, Args)]
pub(super) struct Replay {
    #[command(flatten)]
    database: DatabaseArgs,
    /// The tenant.
    #[arg(long, default_value = "default")]
    tenant: String,
    /// The pipeline; of customers, only those with a journey in it.
    #[arg(long)]
    pipeline: Option<String>,
    /// The customer whose timeline is shown.
    #[arg(long)]
    customer: Option<Uuid>,
    #[command(flatten)]
    moment: MomentArgs,
    /// What is shown.
    #[arg(long, value_enum, default_value_t = Model::Board)]
    model: Model,
    #[command(flatten)]
    output: OutputArgs,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
enum Model {
    /// How many stand in each stage of the pipeline, and what they may be worth.
    Board,
    /// What happened to the customer, as far as was known. Recorded as an export.
    Timeline,
    /// How long stays in each stage of the pipeline last.
    Dwell,
    /// The customers as they stood. Recorded as an export.
    Customers,
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
            Model::Board => {
                let board = self.board(installation, tenant, at).await?;
                self.output.write(&board, &board.stages, || told_board(&board))
            }
            Model::Timeline => {
                let timeline = self.timeline(installation, tenant, at).await?;
                self.output.write(&timeline, &timeline.items, || told_timeline(&timeline))
            }
            Model::Dwell => {
                let dwell = self.dwell(installation, tenant, at).await?;
                self.output.write(&dwell, &dwell.stages, || told_dwell(&dwell))
            }
            Model::Customers => {
                let customers = self.customers(installation, tenant, at).await?;
                self.output.write(&customers, &customers.items, || told_customers(&customers))
            }
        }
    }

    fn of_a_pipeline(&self) -> Result<&str, Failure> {
        self.pipeline
            .as_deref()
            .ok_or_else(|| Failure::from("this model is of one pipeline: name it with --pipeline"))
    }

    async fn board(
        &self,
        installation: &Installation,
        tenant: TenantId,
        at: AsOf,
    ) -> Result<BoardReport, Failure> {
        let pipeline = definition(installation, tenant, self.of_a_pipeline()?, &at).await?.pipeline;
        let filter = CohortFilter::default();
        let query = BoardQuery {
            at,
            now: false,
            filter,
            stage: None,
            cursor: None,
            limit: 0,
            order: CardOrder::Entered,
        };
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
        let pipeline = definition(installation, tenant, self.of_a_pipeline()?, &at).await?;
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

    async fn timeline(
        &self,
        installation: &Installation,
        tenant: TenantId,
        at: AsOf,
    ) -> Result<TimelineReport, Failure> {
        let customer = self
            .customer
            .ok_or_else(|| Failure::from("a timeline is of one customer: name it with --customer"))?;
        let caller = installation.system_caller(tenant, &operator());
        let _ = installation.app.customer_state(&caller, customer).await?;
        let query = TimelineQuery {
            customer,
            at,
            view: TimelineView::default(),
            cursor: None,
            limit: usize::MAX,
            disclosure: Disclosure::Whole,
        };
        let report = installation.app.projections.timeline(tenant).await?.page(&query).await?;
        let of = [("customer", customer.to_string())];
        self.record(installation, tenant, (&at, report.items.len()), ("timeline", &of)).await?;
        Ok(report)
    }

    async fn customers(
        &self,
        installation: &Installation,
        tenant: TenantId,
        at: AsOf,
    ) -> Result<CustomerList, Failure> {
        let app = &installation.app;
        if let Some(key) = &self.pipeline {
            let _ = app.pipelines.find(tenant, key, None).await?;
        }
        let versions = app.pipelines.in_force(tenant, None).await?.versions;
        let name = |pipeline: &str, stage: &str| {
            let mut all = versions.get(pipeline)?.all().iter().rev();
            Some(all.find_map(|version| version.pipeline.stage(stage))?.name.en.clone())
        };
        let past = app.definitions_then(tenant, &at).await?;
        let rules = |owner: &_, journey: &str| past.rules(owner, journey);
        let mut board = app.projections.board(tenant).await?;
        let (filter, mut items, mut cursor) = (CustomerFilter::default(), Vec::new(), None::<String>);
        loop {
            let page = (cursor.as_deref(), CUSTOMERS_PER_PAGE);
            let (found, next, _) = board.customers_as_of(&filter, page, &at, &name, Some(&rules)).await?;
            items.extend(found.into_iter().map(|customer| customer.then).filter(|customer| {
                let is_there = |key: &String| customer.journeys.iter().any(|one| one.pipeline == *key);
                self.pipeline.as_ref().is_none_or(is_there)
            }));
            if next.is_none() {
                break;
            }
            cursor = next;
        }
        drop(board);
        let of: Vec<_> = self.pipeline.iter().map(|key| ("pipeline", key.clone())).collect();
        self.record(installation, tenant, (&at, items.len()), ("customers", &of)).await?;
        Ok(CustomerList::of_then(items, None, &at))
    }

    /// Records that what is known of people is carried away.
    async fn record(
        &self,
        installation: &Installation,
        tenant: TenantId,
        (at, rows): (&AsOf, usize),
        (kind, of): (&str, &[(&str, String)]),
    ) -> Result<(), Failure> {
        let app = &installation.app;
        let format = self.output.format().as_str();
        let times = [("effective_at", at.effective_at), ("known_at", at.known_at)];
        let times = times.map(|(name, at)| (name, instant::text(at)));
        let filters: BTreeMap<String, Option<String>> =
            of.iter().chain(&times).map(|(name, value)| ((*name).to_owned(), Some(value.clone()))).collect();
        let head = app.store.head(tenant).await?.position;
        let started = ExportStarted {
            kind: kind.to_owned(),
            format: format.to_owned(),
            filters,
            first_position: None,
            position: at.known_position.unwrap_or(head),
            rows: u64::try_from(rows).ok(),
            credential: None,
        };
        let caller = installation.system_caller(tenant, &operator());
        Ok(app.record_export(&caller, None, started).await?)
    }
}

fn told_board(report: &BoardReport) -> String {
    let mut rows = vec![
        ("effective at", instant::text(report.effective_at)),
        ("known at", instant::text(report.known_at)),
        ("customers", report.total.to_string()),
    ];
    rows.extend(report.stages.iter().map(|stage| {
        let amounts = stage.amounts.iter().map(|money| format!(", {} {}", money.amount, money.currency));
        (stage.stage.as_str(), format!("{}{}", stage.count, amounts.collect::<String>()))
    }));
    table_text(&rows)
}

fn told_dwell(report: &DwellReport) -> String {
    let days = |seconds: Option<f64>| {
        seconds.map_or_else(|| "not reached".to_owned(), |seconds| format!("{:.1} days", seconds / 86_400.0))
    };
    let mut rows = vec![
        ("effective at", instant::text(report.effective_at)),
        ("known at", instant::text(report.known_at)),
    ];
    rows.extend(report.stages.iter().map(|stage| {
        let median = days(stage.kaplan_meier.median);
        let stays = counted(stage.stays, "stay", "stays");
        (stage.stage.as_str(), format!("{stays}, {} open, median {median}", stage.open))
    }));
    table_text(&rows)
}

fn told_timeline(report: &TimelineReport) -> String {
    let lines: Vec<(String, String)> = report
        .items
        .iter()
        .map(|item| {
            let way = match (&item.stage_from, &item.stage_to) {
                (Some(from), Some(to)) => format!(" {from} → {to}"),
                (None, Some(to)) => format!(" → {to}"),
                _ => String::new(),
            };
            (instant::text(item.effective_at), format!("{}{way}, {}", item.event_type, item.actor))
        })
        .collect();
    let mut rows = vec![
        ("effective at", instant::text(report.effective_at)),
        ("known at", instant::text(report.known_at)),
    ];
    rows.extend(lines.iter().map(|(at, line)| (at.as_str(), line.clone())));
    table_text(&rows)
}

fn told_customers(list: &CustomerList) -> String {
    let lines: Vec<(String, String)> = list
        .items
        .iter()
        .map(|customer| {
            let journeys = customer.journeys.iter().map(|one| format!(", {} {}", one.pipeline, one.stage));
            let name = customer.name.as_deref().unwrap_or("(no name)");
            (customer.id.to_string(), format!("{name}{}", journeys.collect::<String>()))
        })
        .collect();
    let mut rows = vec![("customers", list.items.len().to_string())];
    rows.extend(lines.iter().map(|(id, line)| (id.as_str(), line.clone())));
    table_text(&rows)
}
