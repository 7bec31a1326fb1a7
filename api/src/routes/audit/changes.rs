//! Reviewing what was changed.

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::header;
use axum::response::{IntoResponse, Response};
use futures::stream::try_unfold;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use uuid::Uuid;

use super::DocumentLine;
use crate::app::{AppError, Caller};
use crate::audit::{self, Change, FindingPage, OriginKind, Search};
use crate::auth::Authority;
use crate::domain::instant::text;
use crate::domain::{Label, Language};
use crate::eventstore::Position;
use crate::http::answer::List;
use crate::http::language::RequestedLanguage;
use crate::http::{Instant, Page, Query};
use crate::problem::Problem;
use crate::projections::ProjectionError;
use crate::routes::download::{Download, FileOf};
use crate::routes::{AppState, known};

/// How many changes a stream holds at a time.
const AT_A_TIME: usize = 500;

/// Which changes.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
pub(super) struct ChangeParams {
    /// Who did it.
    #[param(example = "rep:li")]
    actor: Option<String>,
    /// The credential that acted for somebody else.
    #[param(example = "key:0190b2a4-0000-7000-8000-000000000000")]
    via: Option<String>,
    /// Only these types, separated by commas.
    #[param(example = "customer.moved,customer.owner_changed")]
    r#type: Option<String>,
    /// Only events of this customer.
    customer: Option<Uuid>,
    /// Made or set off by this rule.
    rule: Option<String>,
    /// Where it came from.
    #[param(inline)]
    origin: Option<OriginKind>,
    /// From this network address; of commands at the command line, from this host.
    #[param(example = "203.0.113.9")]
    address: Option<String>,
    /// It happened at this instant or later.
    from: Option<Instant>,
    /// It happened before this instant.
    to: Option<Instant>,
    /// It was recorded at this instant or later.
    recorded_from: Option<Instant>,
    /// It was recorded before this instant.
    recorded_to: Option<Instant>,
    /// A text in it, whatever the case: in what people wrote, and in any other value.
    q: Option<String>,
    /// `json` for a page; the others are everything at once, streamed: `csv`, `ndjson` (the CloudEvents documents as the
    /// caller reads them) or `ocsf` (OCSF 1.9, a record a line).
    #[param(inline)]
    format: Option<Format>,
}

/// How changes are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
enum Format {
    Json,
    Csv,
    Ndjson,
    Ocsf,
}

impl Format {
    fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::Csv => "csv",
            Self::Ndjson => "ndjson",
            Self::Ocsf => "ocsf",
        }
    }
}

impl ChangeParams {
    /// Records that a file of this is about to be sent. Answers below which position it tells: what is recorded now is no part
    /// of it.
    async fn recorded(
        &self,
        download: Download,
        state: &AppState,
        caller: &Caller,
        format: Format,
        below: Option<Position>,
    ) -> Result<Option<Position>, Problem> {
        let end = state.app.store.head(caller.tenant).await?.position + 1;
        let below = below.map_or(end, |below| below.min(end)).max(1);
        let (kind, format, stretch) = ("changes", format.name(), (1, below - 1));
        let of = FileOf { kind, format, filters: self.filters(), stretch, rows: None };
        download.record(state, caller, of).await?;
        Ok(Some(below))
    }

    /// What was asked for, as the record of the download has it.
    fn filters(&self) -> Vec<(String, Option<String>)> {
        let at = |instant: Option<Instant>| instant.map(|Instant(at)| text(at));
        let harmless = [
            ("actor", self.actor.clone()),
            ("via", self.via.clone()),
            ("type", self.r#type.clone()),
            ("customer", self.customer.map(|id| id.to_string())),
            ("rule", self.rule.clone()),
            ("origin", self.origin.map(|origin| origin.as_str().to_owned())),
            ("from", at(self.from)),
            ("to", at(self.to)),
            ("recorded_from", at(self.recorded_from)),
            ("recorded_to", at(self.recorded_to)),
        ];
        let personal = [("address", self.address.is_some()), ("q", self.q.is_some())];
        let personal = personal.into_iter().filter(|(_, given)| *given).map(|(name, _)| (name, None));
        let given = harmless.into_iter().filter(|(_, value)| value.is_some()).chain(personal);
        given.map(|(name, value)| (name.to_owned(), value)).collect()
    }

    fn search(&self, language: Language) -> Result<Search, Problem> {
        let types = known::types(self.r#type.as_deref())?;
        let at = |instant: Option<Instant>| instant.map(|Instant(at)| at);
        ordered("to", at(self.from), at(self.to))?;
        ordered("recorded_to", at(self.recorded_from), at(self.recorded_to))?;
        Ok(Search {
            actor: self.actor.clone(),
            via: self.via.clone(),
            types,
            customer: self.customer,
            rule: self.rule.clone(),
            origin: self.origin,
            address: self.address.clone(),
            from: at(self.from),
            to: at(self.to),
            recorded_from: at(self.recorded_from),
            recorded_to: at(self.recorded_to),
            text: self.q.as_deref().map(str::to_lowercase),
            language,
        })
    }
}

/// Review changes
///
/// Every change, the newest first: who made it, when, why, from what to what, by which rule and version, who approved it, and
/// what corrected it since. What a rule said is in the language of `Accept-Language`. Administrative acts (members, roles, keys, webhooks, robots, settings) are changes like all others.
/// A page may have fewer items than requested before the end: the next one starts at `next_cursor`, until that is null. Personal
/// fields are readable until the person is erased.
#[utoipa::path(
    get, path = "/v1/audit/changes", tag = "audit",
    params(ChangeParams, Page),
    responses((status = 200, description = "A page, or everything as a file.", content(
        (List<Change> = "application/json"), (String = "text/csv"), (DocumentLine = "application/x-ndjson"),
    )))
)]
pub(super) async fn changes(
    State(state): State<AppState>,
    Authority(caller): Authority,
    download: Download,
    RequestedLanguage(language): RequestedLanguage,
    Query(params, page, ..): Query<ChangeParams, Page>,
) -> Result<Response, Problem> {
    let (search, limit) = (params.search(language)?, page.limit()?);
    let below = page.cursor().map(position).transpose()?;
    match params.format.unwrap_or(Format::Json) {
        Format::Json => {
            let found =
                audit::page(&state.app, &state.histories, &caller, &search, below, limit as usize).await?;
            let items = found.findings.into_iter().map(|finding| finding.change).collect();
            let next_cursor = found.next.map(|next| next.to_string());
            Ok(Json(List { items, next_cursor }).into_response())
        }
        format => {
            let below = params.recorded(download, &state, &caller, format, below).await?;
            Ok(streamed(state, caller, search, below, format))
        }
    }
}

pub(super) fn position(cursor: &str) -> Result<Position, Problem> {
    let position = cursor.parse().ok().filter(|position| i64::try_from(*position).is_ok());
    position.ok_or_else(|| ProjectionError::BadCursor.into())
}

/// Insists that a window does not end before it begins.
pub(super) fn ordered<T: PartialOrd>(field: &str, from: Option<T>, to: Option<T>) -> Result<(), Problem> {
    match (from, to) {
        (Some(from), Some(to)) if to < from => {
            let message =
                Label::new("结束时间不能早于开始时间。", "The end must not be before the beginning.");
            Err(Problem::invalid_value(field, message))
        }
        _ => Ok(()),
    }
}

/// Export changes
///
/// The changes of `GET /v1/audit/changes` as a file: all that are found, streamed, as `ndjson` (CloudEvents) unless `format` says
/// `csv` or `ocsf`.
#[utoipa::path(
    get, path = "/v1/audit/export", tag = "audit",
    params(ChangeParams),
    responses((status = 200, description = "The file.", content(
        (DocumentLine = "application/x-ndjson"), (String = "text/csv"),
    )))
)]
pub(super) async fn export(
    State(state): State<AppState>,
    Authority(caller): Authority,
    download: Download,
    RequestedLanguage(language): RequestedLanguage,
    Query(params, ..): Query<ChangeParams>,
) -> Result<Response, Problem> {
    let format = match params.format {
        None | Some(Format::Json) => Format::Ndjson,
        Some(format) => format,
    };
    let search = params.search(language)?;
    let below = params.recorded(download, &state, &caller, format, None).await?;
    Ok(streamed(state, caller, search, below, format))
}

/// Everything that is found, written as it is found: one page of it is in memory at a time.
fn streamed(
    state: AppState,
    caller: Caller,
    search: Search,
    below: Option<Position>,
    format: Format,
) -> Response {
    let (media_type, name) = match format {
        Format::Csv => ("text/csv; charset=utf-8", "changes.csv"),
        _ => ("application/x-ndjson", "changes.ndjson"),
    };
    let head = if format == Format::Csv { audit::header() } else { Vec::new() };
    let origin = crate::checkpoint_signer::origin(caller.tenant);
    let begin = Some((below, head));
    let pages = try_unfold(begin, move |at| {
        let (state, caller, search, origin) = (state.clone(), caller.clone(), search.clone(), origin.clone());
        async move {
            let Some((below, mut chunk)) = at else { return Ok::<_, AppError>(None) };
            let found = audit::page(&state.app, &state.histories, &caller, &search, below, AT_A_TIME).await?;
            write(&found, format, &origin, &mut chunk);
            Ok(Some((chunk, found.next.map(|next| (Some(next), Vec::new())))))
        }
    });
    let disposition = format!("attachment; filename=\"{name}\"");
    let headers = [(header::CONTENT_TYPE, media_type.to_owned()), (header::CONTENT_DISPOSITION, disposition)];
    (headers, Body::from_stream(pages)).into_response()
}

fn write(found: &FindingPage, format: Format, origin: &str, chunk: &mut Vec<u8>) {
    for finding in &found.findings {
        match format {
            Format::Csv => chunk.extend(audit::row(&finding.change)),
            Format::Ocsf => line(&audit::record(&finding.change, origin, &finding.leaf), chunk),
            Format::Json | Format::Ndjson => line(&finding.document, chunk),
        }
    }
}

fn line(document: &serde_json::Value, chunk: &mut Vec<u8>) {
    chunk.extend_from_slice(document.to_string().as_bytes());
    chunk.push(b'\n');
}
