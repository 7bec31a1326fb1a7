//! Where the rows of each kind come from: pages of the log or of a read model, as the caller may see them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::Read as _;

use serde_json::Value;
use uuid::Uuid;
use waymark_domain::customer::event::ContactKind;
use waymark_projections::board::{CustomerFilter, CustomerReport};
use waymark_projections::dwell::{Endings, ExportedMove, MoveCursor};
use waymark_projections::stats::journeys::ended;

use super::table::{Cell, Column, ColumnType, TableWriter, column};
use super::{Export, ExportError, Kind, Outlet, PIECE};
use crate::app::{App, AppError, Caller, Viewer};
use crate::auth::disclosure::shown;

/// Moves read at a time.
const MOVES: u32 = 5_000;
/// Entries read at a time.
const ENTRIES: u32 = 1_000;
/// Customers read at a time.
const CUSTOMERS: u32 = 500;

use ColumnType::{Amount, Boolean, Instant, Integer, Number, Text};

const EVENTS: [Column; 14] = [
    column("position", Integer),
    column("id", Text),
    column("type", Text),
    column("type_version", Integer),
    column("subject", Text),
    column("customer", Text),
    column("effective_at", Instant),
    column("recorded_at", Instant),
    column("actor", Text),
    column("via", Text),
    column("origin", Text),
    column("causation_id", Text),
    column("correlation_id", Text),
    column("data", Text),
];
const MOVE: [Column; 15] = [
    column("customer", Text),
    column("external_id", Text),
    column("pipeline", Text),
    column("pipeline_version", Integer),
    column("cycle", Integer),
    column("stage", Text),
    column("sub_status", Text),
    column("effective_at", Instant),
    column("recorded_at", Instant),
    column("actor", Text),
    column("origin", Text),
    column("kind", Text),
    column("repeats", Boolean),
    column("event", Text),
    column("position", Integer),
];
const STAY: [Column; 16] = [
    column("customer", Text),
    column("external_id", Text),
    column("pipeline", Text),
    column("pipeline_version", Integer),
    column("cycle", Integer),
    column("stage", Text),
    column("sub_status", Text),
    column("visit", Integer),
    column("entered_at", Instant),
    column("left_at", Instant),
    column("seconds", Number),
    column("open", Boolean),
    column("left_to", Text),
    column("censored", Text),
    column("entered_by", Text),
    column("entered_event", Text),
];
const CUSTOMER: [Column; 23] = [
    column("customer", Text),
    column("external_id", Text),
    column("name", Text),
    column("phone", Text),
    column("email", Text),
    column("wechat", Text),
    column("owner_kind", Text),
    column("owner", Text),
    column("pipeline", Text),
    column("pipeline_version", Integer),
    column("cycle", Integer),
    column("stage", Text),
    column("sub_status", Text),
    column("entered_at", Instant),
    column("amount", Amount),
    column("currency", Text),
    column("tier", Text),
    column("source", Text),
    column("channel", Text),
    column("region", Text),
    column("industry", Text),
    column("tags", Text),
    column("fields", Text),
];

/// Writes a table.
pub(super) async fn table(
    app: &App,
    caller: &Caller,
    export: &Export,
    mut writer: Box<dyn TableWriter>,
    outlet: &mut Outlet,
) -> Result<(), ExportError> {
    let columns: &[Column] = match export.kind {
        Kind::Events => &EVENTS,
        Kind::Moves => &MOVE,
        Kind::Stays => &STAY,
        Kind::Customers => &CUSTOMER,
    };
    writer.begin(columns, &mut outlet.waiting).map_err(ExportError::Format)?;
    let mut pages = Pages::new(app, caller, export).await?;
    while let Some(page) = pages.next().await? {
        outlet.rows += page.len() as u64;
        for row in &page {
            writer.row(row, &mut outlet.waiting).map_err(ExportError::Format)?;
        }
        outlet.pass_on().await?;
    }
    writer.end(&mut outlet.waiting).map_err(ExportError::Format)?;
    if let Some(mut file) = writer.rest() {
        loop {
            let failed = |error: std::io::Error| ExportError::Format(error.to_string());
            let count = (&mut file).take(PIECE as u64).read_to_end(&mut outlet.waiting).map_err(failed)?;
            if count == 0 {
                break;
            }
            outlet.flush().await?;
        }
    }
    Ok(())
}

/// The rows of a kind, page by page.
enum Pages<'a> {
    Events(Entries<'a>),
    Moves(Moves<'a>),
    Stays(Stays<'a>),
    Customers(Box<Customers<'a>>),
}

type Rows = Vec<Vec<Cell>>;

impl<'a> Pages<'a> {
    async fn new(app: &'a App, caller: &'a Caller, export: &'a Export) -> Result<Self, ExportError> {
        Ok(match export.kind {
            Kind::Events => {
                let viewer = app.viewer(caller).await?;
                Self::Events(Entries { app, caller, viewer, after: 0, until: export.pin.position })
            }
            Kind::Moves => Self::Moves(Moves::new(app, caller, export).await?),
            Kind::Stays => Self::Stays(Stays::new(app, caller, export).await?),
            Kind::Customers => Self::Customers(Box::new(Customers::new(app, caller, export).await?)),
        })
    }

    async fn next(&mut self) -> Result<Option<Rows>, ExportError> {
        match self {
            Self::Events(entries) => entries.page().await,
            Self::Moves(moves) => {
                let Some((page, external_ids)) = moves.page().await? else { return Ok(None) };
                Ok(Some(page.iter().map(|made| move_row(made, external_ids.get(&made.customer))).collect()))
            }
            Self::Stays(stays) => stays.page().await,
            Self::Customers(customers) => {
                let page = customers.page().await?;
                Ok(page.map(|page| page.iter().map(customer_row).collect()))
            }
        }
    }
}

/// The entries of the log.
struct Entries<'a> {
    app: &'a App,
    caller: &'a Caller,
    viewer: Viewer<'a>,
    after: u64,
    until: u64,
}

impl Entries<'_> {
    async fn page(&mut self) -> Result<Option<Rows>, ExportError> {
        if self.after >= self.until {
            return Ok(None);
        }
        let most = u32::try_from(self.until - self.after).unwrap_or(ENTRIES).min(ENTRIES);
        let entries =
            self.app.store.read(self.caller.tenant, self.after, most).await.map_err(AppError::from)?;
        let Some(last) = entries.last() else { return Ok(None) };
        self.after = last.position;
        let mut rows = Vec::with_capacity(entries.len());
        for entry in &entries {
            if let Some(document) = self.viewer.entry(entry).await? {
                rows.push(event_row(entry.position, &document));
            }
        }
        Ok(Some(rows))
    }
}

fn event_row(position: u64, document: &Value) -> Vec<Cell> {
    let text = |name: &str| Cell::text(document.get(name).and_then(Value::as_str));
    let instant = |name: &str| {
        let read = document.get(name).and_then(Value::as_str).and_then(|text| text.parse().ok());
        read.map_or(Cell::Empty, Cell::instant)
    };
    let subject = document.get("subject").and_then(Value::as_str).unwrap_or_default();
    let whole = |name: &str| document.get(name).and_then(Value::as_i64).map_or(Cell::Empty, Cell::Integer);
    vec![
        Cell::count(position),
        text("id"),
        text("type"),
        whole("typeversion"),
        text("subject"),
        Cell::text(subject.strip_prefix("customer/")),
        instant("time"),
        instant("recordedat"),
        text("actor"),
        text("via"),
        text("origin"),
        text("causationid"),
        text("correlationid"),
        Cell::text(document.get("data").map(Value::to_string)),
    ]
}

/// The moves that a caller sees, with what their customers are called elsewhere.
pub(super) struct Moves<'a> {
    app: &'a App,
    caller: &'a Caller,
    export: &'a Export,
    viewer: Viewer<'a>,
    cursor: Option<MoveCursor>,
}

type MovePage = (Vec<ExportedMove>, HashMap<Uuid, String>);

impl<'a> Moves<'a> {
    pub(super) async fn new(
        app: &'a App,
        caller: &'a Caller,
        export: &'a Export,
    ) -> Result<Self, ExportError> {
        let cursor = Some(MoveCursor::before(export.pipeline.as_deref()));
        Ok(Self { app, caller, export, viewer: app.viewer(caller).await?, cursor })
    }

    /// The next page; none after the last. Each is read from the rows that are in service then: what was known at a position is
    /// the same in all of them.
    pub(super) async fn page(&mut self) -> Result<Option<MovePage>, ExportError> {
        let Some(cursor) = self.cursor.take() else { return Ok(None) };
        let (projections, tenant) = (&self.app.projections, self.caller.tenant);
        let known = self.export.pin.position;
        let mut snapshot = projections.dwell(tenant).await.map_err(AppError::from)?;
        let mut page = snapshot.moves_after(&cursor, known, MOVES).await.map_err(AppError::from)?;
        drop(snapshot);
        if page.len() == MOVES as usize {
            self.cursor = page.last().map(MoveCursor::after);
        }
        if let Some(pipeline) = &self.export.pipeline {
            let before = page.len();
            page.retain(|made| made.journey == *pipeline);
            if page.len() < before {
                self.cursor = None;
            }
        }
        let until = self.export.pin.effective_at.timestamp_micros();
        page.retain(|made| made.at <= until);
        if !self.viewer.sees_everything() {
            let mut customers: Vec<Uuid> = page.iter().map(|made| made.customer).collect();
            customers.dedup();
            self.viewer.retain_visible(&mut customers).await?;
            let seen: HashSet<Uuid> = customers.into_iter().collect();
            page.retain(|made| seen.contains(&made.customer));
        }
        let mut customers: Vec<Uuid> = page.iter().map(|made| made.customer).collect();
        customers.dedup();
        let mut board = projections.board(tenant).await.map_err(AppError::from)?;
        let external_ids = board.external_ids(&customers).await.map_err(AppError::from)?;
        Ok(Some((page, external_ids)))
    }
}

fn move_row(made: &ExportedMove, external_id: Option<&String>) -> Vec<Cell> {
    vec![
        Cell::Text(made.customer.to_string()),
        Cell::text(external_id.cloned()),
        Cell::Text(made.journey.clone()),
        Cell::count(made.version),
        Cell::count(made.cycle),
        Cell::Text(made.stage.clone()),
        Cell::text(made.sub_status.clone()),
        Cell::Instant(made.at),
        Cell::Instant(made.recorded_at),
        Cell::Text(made.actor.clone()),
        Cell::Text(made.made_by.clone()),
        Cell::Text(made.kind.clone()),
        Cell::Boolean(made.repeats),
        Cell::Text(made.event.to_string()),
        Cell::count(made.position),
    ]
}

/// The stays that follow from moves: each ends where the next one of its journey begins.
struct Stays<'a> {
    moves: Moves<'a>,
    endings: Endings,
    waiting: VecDeque<(ExportedMove, Option<String>)>,
    visits: HashMap<String, i64>,
    journey: Option<(String, Uuid)>,
    ended: bool,
}

impl<'a> Stays<'a> {
    async fn new(app: &'a App, caller: &'a Caller, export: &'a Export) -> Result<Self, ExportError> {
        let moves = Moves::new(app, caller, export).await?;
        let mut snapshot = app.projections.dwell(caller.tenant).await.map_err(AppError::from)?;
        let endings = snapshot.endings(export.pin.position).await.map_err(AppError::from)?;
        let (waiting, visits) = (VecDeque::new(), HashMap::new());
        Ok(Self { moves, endings, waiting, visits, journey: None, ended: false })
    }

    async fn page(&mut self) -> Result<Option<Rows>, ExportError> {
        if self.ended {
            return Ok(None);
        }
        match self.moves.page().await? {
            None => self.ended = true,
            Some((page, external_ids)) => {
                let entries = page.into_iter().filter(|made| !made.repeats);
                self.waiting.extend(entries.map(|made| {
                    let external_id = external_ids.get(&made.customer).cloned();
                    (made, external_id)
                }));
            }
        }
        let mut rows = Vec::with_capacity(self.waiting.len());
        // The last one waits for what follows on the next page.
        while self.waiting.len() > 1 || (self.ended && !self.waiting.is_empty()) {
            if let Some((made, external_id)) = self.waiting.pop_front() {
                rows.push(self.row(&made, external_id));
            }
        }
        Ok(Some(rows))
    }

    fn row(&mut self, made: &ExportedMove, external_id: Option<String>) -> Vec<Cell> {
        let journey = (made.journey.clone(), made.customer);
        if self.journey.as_ref() != Some(&journey) {
            self.visits.clear();
            self.journey = Some(journey);
        }
        let visit = self.visits.entry(made.stage.clone()).or_insert(0);
        *visit += 1;
        let next = self.waiting.front().map(|(next, _)| next);
        let next = next.filter(|next| next.journey == made.journey && next.customer == made.customer);
        let until = self.moves.export.pin.effective_at.timestamp_micros();
        let end = match next {
            Some(_) => None,
            None => self.endings.get(&made.customer).and_then(|ends| ended(ends, until)),
        };
        let left_at = next.map(|next| next.at);
        let stopped = left_at.or(end.map(|(at, _)| at)).unwrap_or(until);
        vec![
            Cell::Text(made.customer.to_string()),
            Cell::text(external_id),
            Cell::Text(made.journey.clone()),
            Cell::count(made.version),
            Cell::count(made.cycle),
            Cell::Text(made.stage.clone()),
            Cell::text(made.sub_status.clone()),
            Cell::Integer(*visit),
            Cell::Instant(made.at),
            left_at.map_or(Cell::Empty, Cell::Instant),
            Cell::Number((stopped - made.at).max(0) as f64 / 1_000_000.0),
            Cell::Boolean(next.is_none() && end.is_none()),
            Cell::text(next.map(|next| next.stage.clone())),
            Cell::text(end.map(|(_, end)| end.as_str())),
            Cell::Text(made.actor.clone()),
            Cell::Text(made.event.to_string()),
        ]
    }
}

/// The customers that a caller sees, as they stood.
pub(super) struct Customers<'a> {
    app: &'a App,
    caller: &'a Caller,
    export: &'a Export,
    viewer: Viewer<'a>,
    filter: CustomerFilter,
    cursor: Option<Option<String>>,
}

impl<'a> Customers<'a> {
    pub(super) async fn new(
        app: &'a App,
        caller: &'a Caller,
        export: &'a Export,
    ) -> Result<Self, ExportError> {
        let visibility = app.visibility(caller).await?;
        let filter = CustomerFilter { visibility, ..CustomerFilter::default() };
        let viewer = app.viewer(caller).await?;
        Ok(Self { app, caller, export, viewer, filter, cursor: Some(None) })
    }

    pub(super) async fn page(&mut self) -> Result<Option<Vec<CustomerReport>>, ExportError> {
        let Some(cursor) = self.cursor.take() else { return Ok(None) };
        let mut board = self.app.projections.board(self.caller.tenant).await.map_err(AppError::from)?;
        let names = |_: &str, _: &str| None;
        let (found, next, _) = board
            .customers_as_of(&self.filter, (cursor.as_deref(), CUSTOMERS), &self.export.as_of(), &names)
            .await
            .map_err(AppError::from)?;
        drop(board);
        self.cursor = next.map(Some);
        let mut page = Vec::with_capacity(found.len());
        for former in found {
            if self.viewer.is_visible(former.then.id).await? {
                let disclosure = self.viewer.disclosure(former.then.id).await?;
                page.push(shown(former.then, disclosure));
            }
        }
        Ok(Some(page))
    }
}

fn customer_row(customer: &CustomerReport) -> Vec<Cell> {
    let contacts = |kind: ContactKind| {
        let of_kind = customer.contacts.iter().filter(|contact| contact.kind == kind);
        let values: Vec<&str> = of_kind.map(|contact| contact.value.as_str()).collect();
        if values.is_empty() { Cell::Empty } else { Cell::Text(values.join("; ")) }
    };
    let journey = customer.journeys.iter().find(|journey| journey.primary);
    let amount = customer.amount.as_ref();
    let tags = customer.tags.join("; ");
    vec![
        Cell::Text(customer.id.to_string()),
        Cell::text(customer.external_id.clone()),
        Cell::text(customer.name.clone()),
        contacts(ContactKind::Phone),
        contacts(ContactKind::Email),
        contacts(ContactKind::Wechat),
        Cell::Text(customer.owner.kind.clone()),
        Cell::Text(customer.owner.id.clone()),
        Cell::text(journey.map(|journey| journey.pipeline.clone())),
        journey.map_or(Cell::Empty, |journey| Cell::count(journey.pipeline_version)),
        journey.map_or(Cell::Empty, |journey| Cell::count(journey.cycle)),
        Cell::text(journey.map(|journey| journey.stage.clone())),
        Cell::text(journey.and_then(|journey| journey.sub_status.clone())),
        journey.map_or(Cell::Empty, |journey| Cell::instant(journey.entered_at)),
        amount.and_then(|amount| amount.amount.parse().ok()).map_or(Cell::Empty, Cell::Amount),
        Cell::text(amount.map(|amount| amount.currency.clone())),
        Cell::text(customer.tier.clone()),
        Cell::text(customer.source.clone()),
        Cell::text(customer.channel.clone()),
        Cell::text(customer.region.clone()),
        Cell::text(customer.industry.clone()),
        if tags.is_empty() { Cell::Empty } else { Cell::Text(tags) },
        Cell::text(customer.fields.as_ref().and_then(|fields| serde_json::to_string(fields).ok())),
    ]
}
