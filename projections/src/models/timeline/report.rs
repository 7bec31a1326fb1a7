//! A customer's timeline as it is served.

use chrono::{DateTime, Utc};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use uuid::Uuid;
use waymark_domain::customer::also_about;
use waymark_domain::people::Disclosure;
use waymark_domain::tags;
use waymark_eventstore::vault::{Opening, Vault};
use waymark_eventstore::{EventStore, Position, Query};

use super::row::Line;
use super::snapshot::TimelineSnapshot;
use super::statements::KNOWN;
use crate::db::values;
use crate::error::{ProjectionError, Result};
use crate::log::history::instant;
use crate::models::snapshot::Snapshot;
use crate::query::AsOf;
use crate::stats::Micros;

/// Entries read at a time.
const ENTRIES_PER_PAGE: u32 = 500;

/// Which view of the history is given.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum TimelineView {
    /// What happened, as far as is known: corrected moves as corrected, without voided ones and corrections.
    #[default]
    Effective,
    /// What was recorded, in the order of recording.
    Recorded,
    /// Everything in the order in which it happened, with what superseded what.
    Both,
}

/// What is asked.
#[derive(Debug, Clone)]
pub struct TimelineQuery {
    /// The customer.
    pub customer: Uuid,
    /// The two times.
    pub at: AsOf,
    /// Which story.
    pub view: TimelineView,
    /// Where to begin: a `next_cursor` of an earlier answer.
    pub cursor: Option<String>,
    /// How many items at most.
    pub limit: usize,
    /// How much the reader reads of the customer, by whose it is now; personal fields stay sealed where that is nothing.
    pub disclosure: Disclosure,
}

/// An event of a customer.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TimelineItem {
    /// Its place in the log.
    pub position: Position,
    /// The event's id.
    pub id: Uuid,
    /// The customer in whose stream it stands: the one asked about, or one that was merged into it.
    pub origin: Uuid,
    /// The event type.
    #[serde(rename = "type")]
    pub event_type: String,
    /// When it happened; in the views effective and both, as corrected.
    pub effective_at: DateTime<Utc>,
    /// When we learned it.
    pub recorded_at: DateTime<Utc>,
    /// Who recorded it.
    pub actor: String,
    /// The journey that it bears on.
    pub journey: Option<String>,
    /// The stage left.
    pub stage_from: Option<String>,
    /// The stage entered; in the views effective and both, as corrected.
    pub stage_to: Option<String>,
    /// What was written down with it.
    pub note: Option<String>,
    /// The event that it corrects.
    pub corrects: Option<Uuid>,
    /// The correction because of which it no longer says what holds.
    pub superseded_by: Option<Uuid>,
    /// The event's content, readable where it may be read.
    #[schema(value_type = Object)]
    pub data: serde_json::Value,
}

/// A page of a customer's timeline.
#[derive(Debug, Clone, PartialEq, Serialize, ToSchema)]
pub struct TimelineReport {
    /// The business instant asked about.
    pub effective_at: DateTime<Utc>,
    /// The instant of knowledge asked about.
    pub known_at: DateTime<Utc>,
    /// How far the read model had come.
    pub position: Position,
    /// Which story.
    pub view: TimelineView,
    /// The events, newest last.
    pub items: Vec<TimelineItem>,
    /// The cursor of the next page; null on the last page.
    pub next_cursor: Option<String>,
}

impl TimelineSnapshot {
    /// A page of a customer's timeline.
    ///
    /// # Errors
    /// [`ProjectionError::BadCursor`], or when the log or the database fails.
    pub async fn page(&mut self, query: &TimelineQuery) -> Result<TimelineReport> {
        let snapshot = &mut self.0;
        let sources = snapshot.sources.clone();
        let (store, vault) = (&*sources.store, &*sources.vault);
        let lines = streams(snapshot, query).await?;
        let told = told(lines, query);
        let begin = match &query.cursor {
            Some(cursor) => {
                let after = read_cursor(cursor)?;
                told.partition_point(|(_, line)| place(line, query.view) <= after)
            }
            None => 0,
        };
        let shown = &told[begin..told.len().min(begin.saturating_add(query.limit))];
        let more = begin + shown.len() < told.len();
        let next = shown.last().filter(|_| more).map(|(_, last)| place(last, query.view));
        let AsOf { effective_at, known_at, .. } = query.at;
        Ok(TimelineReport {
            effective_at,
            known_at,
            position: snapshot.position,
            view: query.view,
            items: items(snapshot, store, vault, query, shown).await?,
            next_cursor: next.map(|(at, position)| format!("{at}.{position}")),
        })
    }
}

/// A line, and the customer in whose stream it stands.
type StreamLine = (Uuid, Line);

/// The lines of a customer, and of those that were merged into it by the instant asked about, and into those.
async fn streams(snapshot: &mut Snapshot, query: &TimelineQuery) -> Result<Vec<StreamLine>> {
    let (tenant, generation, known) = (snapshot.tenant.0, snapshot.generation, snapshot.known(&query.at));
    let (mut all, mut open, mut seen) = (Vec::new(), vec![query.customer], vec![query.customer]);
    while let Some(origin) = open.pop() {
        let rows = snapshot.transaction.rows(KNOWN, &values![tenant, generation, origin, known]).await?;
        let lines = rows.iter().map(Line::read).collect::<Result<Vec<_>>>()?;
        for absorbed in absorbed(&lines, query.at.micros()) {
            if !seen.contains(&absorbed) {
                seen.push(absorbed);
                open.push(absorbed);
            }
        }
        all.extend(lines.into_iter().map(|line| (origin, line)));
    }
    Ok(all)
}

/// Whom a customer's lines, in the order of positions, say to be merged into it at an instant.
fn absorbed(lines: &[Line], until: Micros) -> Vec<Uuid> {
    let mut absorbed = Vec::new();
    for line in lines.iter().filter(|line| line.effective_at <= until) {
        match (line.event_type.as_str(), line.other) {
            ("customer.absorbed", Some(other)) => absorbed.push(other),
            ("customer.unmerged", Some(other)) => absorbed.retain(|one| *one != other),
            _ => {}
        }
    }
    absorbed
}

/// The lines of a view, in its order.
fn told(mut lines: Vec<StreamLine>, query: &TimelineQuery) -> Vec<StreamLine> {
    let effective = query.view == TimelineView::Effective;
    lines.retain(|(_, line)| {
        place(line, TimelineView::Both).0 <= query.at.micros()
            && !(effective && (line.standing.voided || line.is_correction()))
    });
    lines.sort_by_key(|(_, line)| place(line, query.view));
    if effective {
        connect(&mut lines);
    }
    lines
}

/// In the effective story each move leaves the stage that the move before it entered, whatever was thought when
/// it was recorded.
fn connect(lines: &mut [StreamLine]) {
    let mut held: Vec<((Uuid, String), String)> = Vec::new();
    // A migration says what the label was; the stay has the new one in this story already.
    for (origin, line) in lines.iter_mut().filter(|(_, line)| !line.is_migration()) {
        let (Some(journey), Some(stage)) = (line.journey.clone(), line.stage().map(str::to_owned)) else {
            continue;
        };
        let journey = (*origin, journey);
        match held.iter_mut().find(|(of, _)| *of == journey) {
            Some((_, before)) => line.stage_from = Some(std::mem::replace(before, stage)),
            None => {
                line.stage_from = None;
                held.push((journey, stage));
            }
        }
    }
}

/// Where a line stands in a view.
fn place(line: &Line, view: TimelineView) -> (Micros, Position) {
    match view {
        TimelineView::Recorded => (line.recorded_at, line.position),
        TimelineView::Effective | TimelineView::Both => (line.at(), line.position),
    }
}

fn read_cursor(cursor: &str) -> Result<(Micros, Position)> {
    let (at, position) = cursor.split_once('.').ok_or(ProjectionError::BadCursor)?;
    let at = at.parse().map_err(|_| ProjectionError::BadCursor)?;
    Ok((at, position.parse().map_err(|_| ProjectionError::BadCursor)?))
}

async fn items(
    snapshot: &Snapshot,
    store: &dyn EventStore,
    vault: &Vault,
    query: &TimelineQuery,
    shown: &[StreamLine],
) -> Result<Vec<TimelineItem>> {
    let mut data = contents(snapshot, store, shown).await?;
    if query.disclosure.opens() {
        let mut openings: Vec<Opening<'_>> =
            data.iter_mut().zip(shown).map(|(data, told)| opening(told, data)).collect();
        vault.open_all(snapshot.tenant, &mut openings).await?;
        data.iter_mut().for_each(|data| query.disclosure.apply(data));
    }
    let recorded = query.view == TimelineView::Recorded;
    let item = |((origin, line), mut data): (&StreamLine, serde_json::Value)| {
        uncover(&mut data);
        TimelineItem {
            position: line.position,
            id: line.event,
            origin: *origin,
            event_type: line.event_type.clone(),
            effective_at: instant(if recorded { line.effective_at } else { line.at() }),
            recorded_at: instant(line.recorded_at),
            actor: line.actor.clone(),
            journey: line.journey.clone(),
            stage_from: line.stage_from.clone(),
            stage_to: if recorded { line.stage_to.clone() } else { line.stage().map(str::to_owned) },
            note: note(&line.event_type, &data),
            corrects: line.corrects,
            superseded_by: line.standing.superseded_by,
            data,
        }
    };
    Ok(shown.iter().zip(data).map(item).collect())
}

fn opening<'a>((origin, line): &StreamLine, data: &'a mut serde_json::Value) -> Opening<'a> {
    let also = also_about(&line.event_type, *origin, data);
    Opening { subject: *origin, also, event_id: line.event, data }
}

/// The contents of the events shown, from the log: personal text is kept nowhere else.
async fn contents(
    snapshot: &Snapshot,
    store: &dyn EventStore,
    shown: &[StreamLine],
) -> Result<Vec<serde_json::Value>> {
    let mut contents = vec![serde_json::Value::Null; shown.len()];
    let mut wanted: Vec<(Position, usize)> =
        shown.iter().enumerate().map(|(index, (_, line))| (line.position, index)).collect();
    wanted.sort_unstable();
    let (Some(first), Some(last)) = (wanted.first(), wanted.last()) else { return Ok(contents) };
    let (mut after, until) = (first.0 - 1, last.0);
    let mut origins: Vec<Uuid> = shown.iter().map(|(origin, _)| *origin).collect();
    origins.sort_unstable();
    origins.dedup();
    let query = origins.into_iter().map(|origin| Query::tag(tags::customer(origin)));
    let query = query.fold(Query::default(), Query::or);
    while after < until {
        let page = store.read_matching(snapshot.tenant, &query, after, until, ENTRIES_PER_PAGE).await?;
        for entry in &page {
            let Ok(found) = wanted.binary_search_by_key(&entry.position, |(position, _)| *position) else {
                continue;
            };
            let damaged = |error: serde_json::Error| ProjectionError::Paused {
                position: entry.position,
                cause: error.to_string(),
            };
            let envelope = entry.envelope().map_err(damaged)?;
            contents[wanted[found].1] = serde_json::from_str(envelope.data.get()).map_err(damaged)?;
        }
        after = page
            .last()
            .filter(|_| page.len() == ENTRIES_PER_PAGE as usize)
            .map_or(until, |last| last.position);
    }
    Ok(contents)
}

/// Replaces each `{"$personal": value}` by the value.
fn uncover(data: &mut serde_json::Value) {
    match data {
        serde_json::Value::Object(map) => match map.remove("$personal") {
            Some(value) => *data = value,
            None => map.values_mut().for_each(uncover),
        },
        serde_json::Value::Array(values) => values.iter_mut().for_each(uncover),
        _ => {}
    }
}

/// What was written down with an event, whichever field of it holds that.
fn note(event_type: &str, data: &serde_json::Value) -> Option<String> {
    let field = |name: &str| data.get(name).and_then(serde_json::Value::as_str).map(str::to_owned);
    // The reason of a move is a code; everywhere else it is words.
    let words = if event_type == "customer.moved" { "reason_text" } else { "reason" };
    ["note", "text", "summary", words].into_iter().find_map(field)
}
