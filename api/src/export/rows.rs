//! Where the rows of each kind come from: pages of the log or of a read model, as the caller may see them.

use std::collections::{HashMap, HashSet, VecDeque};
use std::io::Read as _;

use chrono::{DateTime, Utc};
use futures::future::BoxFuture;
use serde_json::Value;
use tokio::task::JoinHandle;
use uuid::Uuid;
use waymark_projections::ProjectionError;
use waymark_projections::dwell::{Endings, ExportedMove, MoveCursor, Window};
use waymark_projections::stats::journeys::ended;

use super::customers::{CUSTOMER, Customers, customer_row};
use super::exporter::Exporter;
use super::table::{Cell, Column, ColumnType, TableWriter, column};
use super::{ExportError, ExportRequest, Kind, PIECE, PieceWriter};
use crate::app::{AppError, Viewer};

/// Moves read at a time.
const MOVES: u32 = 5_000;
/// Entries read at a time.
const ENTRIES: u32 = 1_000;
/// What the subject of a customer's event begins with.
const CUSTOMER_SUBJECT: &str = "customer/";

use ColumnType::{Boolean, Instant, Integer, Number, Text};

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

/// Exports tables by what writes their rows.
pub(super) struct TableExporter<W>(pub(super) W);

impl<W: TableWriter + 'static> Exporter for TableExporter<W> {
    fn write<'a>(
        self: Box<Self>,
        asked: &'a ExportRequest<'a>,
        outlet: &'a mut PieceWriter,
    ) -> BoxFuture<'a, Result<(), ExportError>> {
        Box::pin(table(asked, self.0, outlet))
    }
}

async fn table(
    asked: &ExportRequest<'_>,
    mut writer: impl TableWriter,
    outlet: &mut PieceWriter,
) -> Result<(), ExportError> {
    let columns: &[Column] = match asked.export.kind {
        Kind::Events => &EVENTS,
        Kind::Moves => &MOVE,
        Kind::Stays => &STAY,
        Kind::Customers => &CUSTOMER,
    };
    writer.begin(columns, &mut outlet.waiting).map_err(ExportError::Format)?;
    let mut pages = Pages::new(asked).await?;
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
    async fn new(asked: &'a ExportRequest<'a>) -> Result<Self, ExportError> {
        Ok(match asked.export.kind {
            Kind::Events => {
                let viewer = asked.app.viewer(asked.caller).await?;
                Self::Events(Entries { asked, viewer, after: 0 })
            }
            Kind::Moves => Self::Moves(Moves::new(asked).await?),
            Kind::Stays => Self::Stays(Stays::new(asked).await?),
            Kind::Customers => Self::Customers(Box::new(Customers::new(asked).await?)),
        })
    }

    async fn next(&mut self) -> Result<Option<Rows>, ExportError> {
        match self {
            Self::Events(entries) => entries.page().await,
            Self::Moves(moves) => {
                let Some((page, external_ids)) = moves.page().await? else { return Ok(None) };
                let row = |made: ExportedMove| {
                    let external_id = external_ids.get(&made.customer).cloned();
                    move_row(made, external_id)
                };
                Ok(Some(page.into_iter().map(row).collect()))
            }
            Self::Stays(stays) => {
                let Some(page) = stays.page().await? else { return Ok(None) };
                Ok(Some(page.into_iter().map(stay_row).collect()))
            }
            Self::Customers(customers) => {
                let Some(page) = customers.page().await? else { return Ok(None) };
                let pipeline = customers.pipeline();
                Ok(Some(page.iter().map(|customer| customer_row(customer, pipeline)).collect()))
            }
        }
    }
}

/// The entries of the log that a caller may read.
struct Entries<'a> {
    asked: &'a ExportRequest<'a>,
    viewer: Viewer<'a>,
    after: u64,
}

impl Entries<'_> {
    async fn page(&mut self) -> Result<Option<Rows>, ExportError> {
        let ExportRequest { app, caller, export, .. } = self.asked;
        let until = export.pin.position;
        if self.after >= until {
            return Ok(None);
        }
        let most = u32::try_from(until - self.after).unwrap_or(ENTRIES).min(ENTRIES);
        let entries = app.store.read(caller.tenant, self.after, most).await.map_err(AppError::from)?;
        let Some(last) = entries.last() else { return Ok(None) };
        self.after = last.position;
        let mut rows = Vec::with_capacity(entries.len());
        for entry in &entries {
            if let Some(document) = self.viewer.entry(entry).await?
                && self.is_wanted(&document)
            {
                rows.push(event_row(entry.position, &document));
            }
        }
        Ok(Some(rows))
    }

    /// Whether it is of a customer that passes the filter, and happened in the window.
    fn is_wanted(&self, document: &Value) -> bool {
        let ExportRequest { export, among, .. } = self.asked;
        let customer = || Uuid::try_parse(subject(document).strip_prefix(CUSTOMER_SUBJECT)?).ok();
        let passes = among.is_none() || customer().is_some_and(|customer| self.asked.holds(customer));
        let is_in_window =
            || instant(document, "time").is_some_and(|at| export.window.holds(at.timestamp_micros()));
        passes && (export.window == Window::default() || is_in_window())
    }
}

fn subject(document: &Value) -> &str {
    document.get("subject").and_then(Value::as_str).unwrap_or_default()
}

fn instant(document: &Value, name: &str) -> Option<DateTime<Utc>> {
    document.get(name)?.as_str()?.parse().ok()
}

fn event_row(position: u64, document: &Value) -> Vec<Cell> {
    let text = |name: &str| Cell::text(document.get(name).and_then(Value::as_str));
    let at = |name: &str| instant(document, name).map_or(Cell::Empty, Cell::instant);
    let whole = |name: &str| document.get(name).and_then(Value::as_i64).map_or(Cell::Empty, Cell::Integer);
    vec![
        Cell::count(position),
        text("id"),
        text("type"),
        whole("typeversion"),
        text("subject"),
        Cell::text(subject(document).strip_prefix(CUSTOMER_SUBJECT)),
        at("time"),
        at("recordedat"),
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
    asked: &'a ExportRequest<'a>,
    viewer: Viewer<'a>,
    /// The next page, which is read while the one before is written; none after the last.
    ahead: Option<JoinHandle<Result<Vec<ExportedMove>, ProjectionError>>>,
    window: Window,
}

type MovePage = (Vec<ExportedMove>, HashMap<Uuid, String>);

impl<'a> Moves<'a> {
    /// Those in the window that was asked for.
    pub(super) async fn new(asked: &'a ExportRequest<'a>) -> Result<Self, ExportError> {
        let viewer = asked.app.viewer(asked.caller).await?;
        let mut moves = Self { asked, viewer, ahead: None, window: asked.export.window };
        moves.read(MoveCursor::before(asked.export.pipeline.as_deref()));
        Ok(moves)
    }

    /// Begins to read a page from the rows that are in service now: what was known at a position is the same in all of them.
    fn read(&mut self, cursor: MoveCursor) {
        let ExportRequest { app, caller, export, .. } = self.asked;
        let (projections, tenant) = (app.projections.clone(), caller.tenant);
        let known = export.pin.position;
        self.ahead = Some(tokio::spawn(async move {
            projections.dwell(tenant).await?.moves_after(&cursor, known, MOVES).await
        }));
    }

    /// The next page; none after the last.
    pub(super) async fn page(&mut self) -> Result<Option<MovePage>, ExportError> {
        let Some(ahead) = self.ahead.take() else { return Ok(None) };
        let read = ahead.await.map_err(|error| ExportError::Format(error.to_string()))?;
        let mut page = read.map_err(AppError::from)?;
        let ExportRequest { app, caller, export, .. } = self.asked;
        let is_asked =
            |made: &ExportedMove| export.pipeline.as_ref().is_none_or(|pipeline| made.journey == *pipeline);
        if page.len() == MOVES as usize
            && let Some(last) = page.last().filter(|last| is_asked(last))
        {
            self.read(MoveCursor::after(last));
        }
        page.retain(is_asked);
        let until = export.pin.effective_at.timestamp_micros();
        page.retain(|made| made.at <= until && self.window.holds(made.at) && self.asked.holds(made.customer));
        if !self.viewer.sees_everything() {
            let mut customers: Vec<Uuid> = page.iter().map(|made| made.customer).collect();
            customers.dedup();
            self.viewer.retain_visible(&mut customers).await?;
            let seen: HashSet<Uuid> = customers.into_iter().collect();
            page.retain(|made| seen.contains(&made.customer));
        }
        let mut customers: Vec<Uuid> = page.iter().map(|made| made.customer).collect();
        customers.dedup();
        let mut board = app.projections.board(caller.tenant).await.map_err(AppError::from)?;
        let external_ids = board.external_ids(&customers).await.map_err(AppError::from)?;
        Ok(Some((page, external_ids)))
    }
}

fn move_row(made: ExportedMove, external_id: Option<String>) -> Vec<Cell> {
    vec![
        Cell::Id(made.customer),
        Cell::text(external_id),
        Cell::Text(made.journey),
        Cell::count(made.version),
        Cell::count(made.cycle),
        Cell::Text(made.stage),
        Cell::text(made.sub_status),
        Cell::Instant(made.at),
        Cell::Instant(made.recorded_at),
        Cell::Text(made.actor),
        Cell::Text(made.made_by),
        Cell::Text(made.kind),
        Cell::Boolean(made.repeats),
        Cell::Id(made.event),
        Cell::count(made.position),
    ]
}

/// A stay: from the move that began it to the one that ended it.
pub(super) struct Stay {
    pub(super) made: ExportedMove,
    pub(super) external_id: Option<String>,
    /// The how many-th stay of the journey in that stage.
    pub(super) visit: i64,
    pub(super) left_at: Option<i64>,
    pub(super) left_to: Option<String>,
    /// Until when it was observed, and why no longer.
    pub(super) observed_until: i64,
    pub(super) censored: Option<&'static str>,
}

impl Stay {
    /// How long it was observed.
    pub(super) fn seconds(&self) -> f64 {
        (self.observed_until - self.made.at).max(0) as f64 / 1_000_000.0
    }

    /// Whether it goes on.
    pub(super) fn is_open(&self) -> bool {
        self.left_at.is_none() && self.censored.is_none()
    }
}

/// The stays that follow from moves: each ends where the next one of its journey begins.
pub(super) struct Stays<'a> {
    moves: Moves<'a>,
    endings: Endings,
    waiting: VecDeque<(ExportedMove, Option<String>)>,
    visits: HashMap<String, i64>,
    journey: Option<(String, Uuid)>,
    ended: bool,
}

impl<'a> Stays<'a> {
    pub(super) async fn new(asked: &'a ExportRequest<'a>) -> Result<Self, ExportError> {
        // A stay with time in the window may begin before it and end after it.
        let moves = Moves { window: Window::default(), ..Moves::new(asked).await? };
        let mut snapshot = asked.app.projections.dwell(asked.caller.tenant).await.map_err(AppError::from)?;
        let endings = snapshot.endings(asked.export.pin.position).await.map_err(AppError::from)?;
        let (waiting, visits) = (VecDeque::new(), HashMap::new());
        Ok(Self { moves, endings, waiting, visits, journey: None, ended: false })
    }

    pub(super) async fn page(&mut self) -> Result<Option<Vec<Stay>>, ExportError> {
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
        let window = self.moves.asked.export.window;
        let mut stays = Vec::with_capacity(self.waiting.len());
        // The last one waits for what follows on the next page.
        while self.waiting.len() > 1 || (self.ended && !self.waiting.is_empty()) {
            let Some((made, external_id)) = self.waiting.pop_front() else { break };
            let stay = self.stay(made, external_id);
            if window.holds_some_of((stay.made.at, stay.observed_until)) {
                stays.push(stay);
            }
        }
        Ok(Some(stays))
    }

    fn stay(&mut self, made: ExportedMove, external_id: Option<String>) -> Stay {
        let journey = (made.journey.clone(), made.customer);
        if self.journey.as_ref() != Some(&journey) {
            self.visits.clear();
            self.journey = Some(journey);
        }
        let visit = self.visits.entry(made.stage.clone()).or_insert(0);
        *visit += 1;
        let next = self.waiting.front().map(|(next, _)| next);
        let next = next.filter(|next| next.journey == made.journey && next.customer == made.customer);
        let until = self.moves.asked.export.pin.effective_at.timestamp_micros();
        let end = match next {
            Some(_) => None,
            None => self.endings.get(&made.customer).and_then(|ends| ended(ends, until)),
        };
        let left_at = next.map(|next| next.at);
        Stay {
            external_id,
            visit: *visit,
            left_at,
            left_to: next.map(|next| next.stage.clone()),
            observed_until: left_at.or(end.map(|(at, _)| at)).unwrap_or(until),
            censored: end.map(|(_, end)| end.as_str()),
            made,
        }
    }
}

fn stay_row(stay: Stay) -> Vec<Cell> {
    let (seconds, is_open) = (stay.seconds(), stay.is_open());
    let Stay { made, external_id, visit, left_at, left_to, censored, .. } = stay;
    vec![
        Cell::Id(made.customer),
        Cell::text(external_id),
        Cell::Text(made.journey),
        Cell::count(made.version),
        Cell::count(made.cycle),
        Cell::Text(made.stage),
        Cell::text(made.sub_status),
        Cell::Integer(visit),
        Cell::Instant(made.at),
        left_at.map_or(Cell::Empty, Cell::Instant),
        Cell::Number(seconds),
        Cell::Boolean(is_open),
        Cell::text(left_to),
        Cell::text(censored),
        Cell::Text(made.actor),
        Cell::Id(made.event),
    ]
}
