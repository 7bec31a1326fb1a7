//! Exports for other tools.

use std::time::Duration;

use axum::Json;
use axum::body::Body;
use axum::extract::State;
use axum::http::{HeaderMap, HeaderName, HeaderValue, header};
use axum::response::{IntoResponse, Response};
use futures::stream;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use super::AppState;
use super::download::{Download, FileOf};
use super::filter::{CustomerFilterParams, TimeWindowParams};
use crate::app::Caller;
use crate::auth::Authority;
use crate::domain::Label;
use crate::domain::instant::text;
use crate::eventstore::Position;
use crate::export::{Export, ExportError, Format, Kind, Manifest, Pin, manifest, start};
use crate::http::{Instant, Key, Query};
use crate::problem::Problem;
use crate::problem::document::ProblemDocument;
use crate::projections::CohortFilter;
use crate::projections::dwell::Window;

/// The position that an export is pinned to.
const KNOWN_POSITION: HeaderName = HeaderName::from_static("waymark-known-position");
/// How long an export waits for the read models that it reads.
const WAIT: Duration = Duration::from_secs(30);

pub(super) fn router() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(export))
}

/// What is exported, and how.
#[derive(Debug, Clone, Deserialize, IntoParams)]
#[into_params(parameter_in = Query)]
struct ExportParams {
    /// `csv`, `ndjson`, `parquet`, `xlsx`, `xes` or `ocel-json`.
    #[param(example = "csv")]
    format: Option<String>,
    /// Only moves and stays in this pipeline, and the customers in it.
    pipeline: Option<String>,
    /// Whether CSV begins with a byte order mark, by which Excel recognises UTF-8.
    #[serde(default)]
    bom: bool,
    /// Whether texts of CSV that a spreadsheet would take for a formula get an apostrophe before them.
    #[serde(default)]
    escape_formulas: bool,
    /// Whether to describe the export instead of sending it.
    #[serde(default)]
    manifest: bool,
    /// The last position that counts; the end of the log when absent. The response names it in `Waymark-Known-Position`.
    known_position: Option<Position>,
    /// Only what was recorded by this instant, instead of `known_position`.
    known_at: Option<Instant>,
    /// The effective (business) time of the export: what happened later is left out, and stays that are open then last until
    /// then. The time at which the last position was recorded when absent.
    effective_at: Option<Instant>,
}

/// Export everything in a format that other tools read
///
/// `events` are the entries of the log, `moves` every change of status with what corrections have made of it, `stays` what
/// follows from them, `customers` the customers as they stood. `xes` (IEEE 1849-2016) and `ocel-json` (OCEL 2.0) are event logs
/// of the process, in which an event is the entering of a stage: by each move (of `events`, too), with each stay, or where
/// customers stand. Filters are those of the analytics: rows of the customers that pass at the instant asked about, of moves
/// and events those in the half-open window, of stays those with time in it. Streamed, as the caller may see it: what is masked
/// elsewhere is masked here. Pinned to a position: the same `known_position` (and `effective_at`) gives the same bytes, unless
/// a person was erased or a mask lifted since. Instants have six fraction digits and `Z`; telephones and codes are text. With
/// `manifest` the response describes the export: rows, bytes, SHA-256, and the root of the tree over the log. Each download is
/// an event (`export.started`), which no export up to the same position holds.
#[utoipa::path(
    get, path = "/v1/exports/{kind}", tag = "log",
    params(("kind" = String, Path, description = "`events`, `moves`, `stays` or `customers`."), ExportParams, TimeWindowParams, CustomerFilterParams),
    responses(
        (status = 200, description = "The export, or its manifest.", content(
            (Manifest = "application/json"),
            (String = "text/csv"), (serde_json::Value = "application/x-ndjson"), (String = "application/xml"),
            (String = "application/vnd.ocel+json"),
            (String = "application/vnd.apache.parquet"),
            (String = "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet"),
        ), headers(
            ("Waymark-Known-Position" = u64, description = "The position that the export is pinned to."),
        )),
        (status = 404, description = "There is no such kind of export, or no such pipeline.", body = ProblemDocument),
    )
)]
async fn export(
    State(state): State<AppState>,
    Authority(caller): Authority,
    download: Download,
    Key(kind): Key,
    Query(params, window, who, ..): Query<ExportParams, TimeWindowParams, CustomerFilterParams>,
) -> Result<Response, Problem> {
    let kind = Kind::parse(&kind).ok_or_else(|| Problem::not_found("export", &kind))?;
    let window = window.window()?;
    let filters = params.filters(&window, &who);
    let export = params.export(&state, &caller, kind, window).await?;
    let at = export.as_of();
    let export = Export { filter: who.filter(&state, &caller, &at).await?, ..export };
    let position = export.pin.position;
    for projection in ["board", "dwell"] {
        state.app.projections.wait_for(caller.tenant, projection, position, WAIT).await?;
    }
    let mut headers = HeaderMap::new();
    headers.insert(KNOWN_POSITION, HeaderValue::from(position));
    if params.manifest {
        let manifest = manifest(&state.app, &state.checkpoint_signer, &caller, export).await?;
        return Ok((headers, Json(manifest)).into_response());
    }
    let of = FileOf {
        kind: export.kind.as_str(),
        format: export.format.as_str(),
        filters,
        stretch: (1, position),
        rows: None,
    };
    download.record(&state, &caller, of).await?;
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(export.format.media_type()));
    let disposition = format!("attachment; filename=\"{}\"", export.file_name());
    if let Ok(disposition) = HeaderValue::try_from(disposition) {
        headers.insert(header::CONTENT_DISPOSITION, disposition);
    }
    let (pieces, _) = start(state.app.clone(), caller, export);
    let pieces = stream::unfold(pieces, |mut pieces| async move {
        let piece = pieces.recv().await?;
        if let Err(error) = &piece {
            // The answer has begun: breaking it off is all that tells that it is not whole.
            tracing::error!(%error, "an export broke off");
        }
        Some((piece, pieces))
    });
    Ok((headers, Body::from_stream(pieces)).into_response())
}

impl ExportParams {
    /// What was asked for, as the record of the download has it.
    fn filters(&self, window: &Window, who: &CustomerFilterParams) -> Vec<(String, Option<String>)> {
        let given = [
            ("pipeline", self.pipeline.clone()),
            ("from", window.from.map(text)),
            ("to", window.to.map(text)),
            ("known_at", self.known_at.map(|Instant(at)| text(at))),
            ("effective_at", self.effective_at.map(|Instant(at)| text(at))),
        ];
        let given = given.into_iter().filter(|(_, value)| value.is_some());
        let given = given.map(|(name, value)| (name.to_owned(), value));
        // What a custom field holds may be a person's name.
        let of_customers = who.pairs().into_iter().map(|(name, value)| {
            let shown = Some(value).filter(|_| !name.starts_with("field:"));
            (name, shown)
        });
        given.chain(of_customers).collect()
    }

    async fn export(
        &self,
        state: &AppState,
        caller: &Caller,
        kind: Kind,
        window: Window,
    ) -> Result<Export, Problem> {
        let format = self.format.as_deref().unwrap_or("csv");
        let format = Format::parse(format).ok_or_else(|| {
            let words = Format::ALL.map(Format::as_str);
            let words = words.join(", ");
            Problem::invalid_value(
                "format",
                Label::new(format!("应为：{words}。"), format!("Must be one of {words}.")),
            )
        })?;
        if let Some(key) = &self.pipeline {
            state.app.pipelines.find(caller.tenant, key, None).await?;
        }
        let pin = self.pin(state, caller).await?;
        let export = Export {
            kind,
            format,
            pipeline: self.pipeline.clone(),
            filter: CohortFilter::default(),
            window,
            bom: self.bom,
            escape_formulas: self.escape_formulas,
            pin,
        };
        export.check().map_err(|(field, message)| Problem::invalid_value(field, message))?;
        Ok(export)
    }

    async fn pin(&self, state: &AppState, caller: &Caller) -> Result<Pin, Problem> {
        let store = &state.app.store;
        let head = store.head(caller.tenant).await?.position;
        let position = match (self.known_position, self.known_at) {
            (None, None) => head,
            (Some(position), None) if position > head => {
                let message = Label::new(
                    "事件日志尚未到达该序号。",
                    "The event log has not reached this position yet.",
                );
                return Err(Problem::invalid_value("known_position", message));
            }
            (Some(position), None) => position,
            (None, Some(known_at)) => store.position_at(caller.tenant, known_at.0).await?,
            (Some(_), Some(_)) => {
                let message = Label::new(
                    "known_at 与 known_position 只能给出一个。",
                    "Specify either known_at or known_position, not both.",
                );
                return Err(Problem::invalid_value("known_position", message));
            }
        };
        let pin = Pin::at(&state.app, caller, position).await?;
        Ok(Pin { effective_at: self.effective_at.map_or(pin.effective_at, |at| at.0), ..pin })
    }
}

impl From<ExportError> for Problem {
    fn from(error: ExportError) -> Self {
        match error {
            ExportError::App(error) => error.into(),
            ExportError::Signer(error) => error.into(),
            ExportError::Format(why) => {
                let message = Label::new(
                    format!("内容无法写成该格式（{why}）。"),
                    format!("The content does not fit into the format: {why}."),
                );
                Self::invalid_value("format", message)
            }
            ExportError::Gone => Self::internal(error.to_string()),
        }
    }
}
